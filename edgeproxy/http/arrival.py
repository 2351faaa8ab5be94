"""The receiving side of a connection, whichever end of it we are."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol, IProtocol
from twisted.internet.protocol import Protocol
from zope.interface import directlyProvides

from edgeproxy.http.turn import Turn


class Arrival(Protocol):
    """Keeps what arrives until its *turn* is handled, and may give the connection away.

    Whoever derives from it has `_received`, calls `handle` before it believes that the
    connection is lost, and `_hand_over` when another protocol is to go on.
    """

    transport: Any

    def __init__(self, turn: Turn | None) -> None:
        self._turn = turn
        self._arrived = b""
        self._successor: IProtocol | None = None

    def dataReceived(self, data: bytes) -> None:
        if self._turn is None or self._successor is not None:
            self._received(data)
        elif self._arrived:
            self._arrived += data
        else:
            self._arrived = data
            self._turn.arrived(self)

    @property
    def has_news(self) -> bool:
        """Whether something has arrived that is not handled yet."""
        return bool(self._arrived)

    def handle(self) -> None:
        """Handle what has arrived in this turn."""
        if self._arrived:
            data, self._arrived = self._arrived, b""
            self._received(data)

    def _received(self, data: bytes) -> None:
        raise AssertionError("a connection is a server's or a client's")

    def _hand_over(self, protocol: IProtocol, rest: bytes) -> None:
        """Give the connection to *protocol*, and *rest*, which has arrived already."""
        self._successor = protocol
        if IHalfCloseableProtocol.providedBy(protocol):
            directlyProvides(self, IHalfCloseableProtocol)
            self.readConnectionLost = protocol.readConnectionLost
            self.writeConnectionLost = protocol.writeConnectionLost
        protocol.makeConnection(self.transport)
        if rest:
            protocol.dataReceived(rest)
