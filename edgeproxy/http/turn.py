"""One turn of the reactor: everything is read first, then handled, then sent.

A reactor calls for each socket in turn: read it, handle what came, send the answer.
Between two stretches of our code lie system calls, and after each the code starts on
cold caches: that is up to half of what a small request costs. Taken together, the same
work is done in three stretches. See docs/decisions/0016-one-turn-at-a-time.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger


class Connection(Protocol):
    """A protocol that takes part: its `dataReceived` calls `Turn.arrived`."""

    transport: Any

    def handle(self) -> None:
        """Handle what has arrived since the turn began."""


class Turn:
    """Gathers what arrives on connections, and has it handled together.

    While *handling* is true, what is written may wait in *outgoing*: its entries are
    called, once, when all has been handled. Twisted makes calls that are due before it
    polls again, so nothing waits for longer than the reading of the other sockets.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._arrived: list[Connection] = []
        self.handling = False
        self.outgoing: list[Callable[[], None]] = []

    def arrived(self, connection: Connection) -> None:
        """Have *connection* handle what it has received, soon and once."""
        if not self._arrived:
            self._clock.callLater(0, self._run)
        self._arrived.append(connection)

    def _run(self) -> None:
        arrived, self._arrived = self._arrived, []
        self.handling = True
        for connection in arrived:
            try:
                connection.handle()
            except Exception:
                # As Twisted does with what `dataReceived` raises.
                self._log.failure("a connection failed")
                connection.transport.abortConnection()
        self.handling = False
        outgoing, self.outgoing = self.outgoing, []
        for send in outgoing:
            try:
                send()
            except Exception:
                self._log.failure("what was written could not be sent")
