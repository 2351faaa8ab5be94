"""Connections in memory, for tests that need no socket."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from edgeproxy.http.server.channel import Channel
from edgeproxy.http.server.site import Site


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
    if site.turn is not None:
        turn_at_once(channel, site.reactor)
    return channel, wire


def turn_at_once(protocol: Any, clock: Any) -> None:
    """Let a turn of the reactor end with each piece that *protocol* receives."""
    receive = protocol.dataReceived

    def receive_and_turn(data: bytes) -> None:
        receive(data)
        clock.advance(0)

    protocol.dataReceived = receive_and_turn


def in_turns(namespace: dict[str, Any], base: type) -> None:
    """Have the tests in *namespace* that derive from *base* run in turns as well."""
    for name, case in list(namespace.items()):
        if isinstance(case, type) and issubclass(case, base) and case is not base:
            more = {"turned": True, "__module__": case.__module__}
            namespace[f"{name}InTurns"] = type(f"{name}InTurns", (case,), more)


@implementer(IStreamClientEndpoint)
class Upstream:
    """An endpoint to nowhere: tests see what is sent and say what comes back.

    *wires* has a transport per connection made and *protocols* what is behind each.
    While *refuse* is an exception, connecting fails with it; while *hold* is true, it
    takes until `let`.
    """

    def __init__(self) -> None:
        self.wires: list[Wire] = []
        self.protocols: list[Any] = []
        self.refuse: Exception | None = None
        self.hold = False
        self.held: list[tuple[Deferred[Any], Any]] = []
        self.cancelled = 0

    def connect(self, factory: Any) -> Deferred[Any]:
        if self.refuse is not None:
            return fail(self.refuse)
        done: Deferred[Any] = Deferred(self._cancel)
        if self.hold:
            self.held.append((done, factory))
        else:
            self._connected(done, factory)
        return done

    def _cancel(self, done: Deferred[Any]) -> None:
        self.cancelled += 1
        self.held = [entry for entry in self.held if entry[0] is not done]

    def _connected(self, done: Deferred[Any], factory: Any) -> None:
        wire = Wire()
        protocol = factory.buildProtocol(None)
        self.wires.append(wire)
        self.protocols.append(protocol)
        protocol.makeConnection(wire)
        if protocol.pool.turn is not None:
            turn_at_once(protocol, protocol.pool._reactor)
        done.callback(protocol)

    def let(self) -> None:
        """Let the connection come about that has waited longest."""
        self._connected(*self.held.pop(0))

    def say(self, data: bytes, which: int = -1) -> None:
        """Send *data* to the client on connection *which*."""
        self.protocols[which].dataReceived(data)

    def lose(self, which: int = -1, reason: Exception | None = None) -> None:
        """End connection *which*."""
        self.protocols[which].connectionLost(Failure(reason or ConnectionDone()))
