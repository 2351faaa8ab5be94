"""Connections in memory, for tests that need no socket."""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import StringTransport

from edgeproxy.http.channel import Channel
from edgeproxy.http.server import Site


class Wire(StringTransport):
    """A `StringTransport` that has what TCP transports have besides.

    *writes* are the single writes; *closing* becomes true when the writing side is
    closed in either way, *aborted* when the connection is dropped.
    """

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closing = False
        self.aborted = False
        self.no_delay = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        super().write(data)

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def loseConnection(self) -> None:
        self.closing = True
        super().loseConnection()

    def loseWriteConnection(self) -> None:
        self.closing = True

    def abortConnection(self) -> None:
        self.closing = self.aborted = True
        super().abortConnection()

    @property
    def paused(self) -> bool:
        """Whether reading from the peer has stopped."""
        return self.producerState == "paused"

    def take(self) -> bytes:
        """Return what was written since the last time."""
        data: bytes = self.value()
        self.clear()
        self.writes.clear()
        return data


def connect(site: Site) -> tuple[Channel, Any]:
    """Return a new connection to *site* and the transport to watch."""
    channel = site.buildProtocol(None)
    wire = Wire()
    channel.makeConnection(wire)
    return channel, wire
