"""What a connection of the server does whatever it carries: write, pause, close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import (
    IAddress,
    IProducer,
    IProtocol,
    IPushProducer,
    ISSLTransport,
)
from zope.interface import implementer

from edgeproxy.http.arrival import Arrival
from edgeproxy.http.immediate import Flush, Write, turned
from edgeproxy.http.server.lazy import lazy
from edgeproxy.http.server.pull import PullAdapter

if TYPE_CHECKING:
    from edgeproxy.http.server.site import Site

# What the connection is doing, which decides its deadline (`site.Deadlines`).
IDLE, HEAD, BODY, BUSY, STALLED, CLOSING = range(6)


# How much of pipelined requests is held while one is being answered. Enough to go on
# at once, little enough for a thousand connections.
READ_AHEAD = 16384


@implementer(IProtocol, IPushProducer)
class Wire(Arrival):
    """The transport's side of a `channel.Channel`.

    It is the producer that the transport pauses when the peer does not read, and hands
    that on to whoever produces the response.
    """

    transport: Any
    write: Write
    _flush: Flush

    # What resources know the peer of this connection by: theirs to set.
    known_as: Any = None

    def __init__(self, site: Site) -> None:
        super().__init__(site.turn)
        self.site = self.factory = site
        self.phase = IDLE
        self.since = site.now
        self._producer: Any = None
        self._closing = False
        self._reading = True
        self._choked = False

    def connectionMade(self) -> None:
        # An attribute rather than a method: it is called for every response.
        self.write, self._flush = turned(self.transport, self.site.turn)
        try:
            self.transport.setTcpNoDelay(True)
        except AttributeError:
            pass  # not TCP: a UNIX socket, or a test's
        self.transport.registerProducer(self, True)

    # From the transport, whose producer we are

    def pauseProducing(self) -> None:
        self._choked = True
        if self.phase == BUSY:
            self.phase, self.since = STALLED, self.site.now
        if self._producer is not None:
            self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        self._choked = False
        if self.phase == STALLED:
            self.phase = BUSY
        if self._producer is not None:
            self._producer.resumeProducing()

    def stopProducing(self) -> None:
        """Do nothing: `connectionLost` follows."""

    # What a Request asks its channel

    def writeSequence(self, pieces: list[bytes]) -> None:
        """Send *pieces* in one go."""
        self.write(b"".join(pieces))

    @lazy
    def peer(self) -> IAddress:
        """The peer's address, made once per connection."""
        return self.transport.getPeer()

    @lazy
    def peer_host(self) -> str:
        """The peer's IP address as text; "-" where it has none."""
        return getattr(self.peer, "host", "-")

    def getPeer(self) -> IAddress:
        return self.peer

    def getHost(self) -> IAddress:
        return self.transport.getHost()

    def isSecure(self) -> bool:
        return ISSLTransport.providedBy(self.transport)

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Let *producer* be paused while the peer does not read."""
        if self._producer is not None:
            raise RuntimeError("there is a producer already")
        self._producer = (
            producer if streaming else PullAdapter(producer, self.site.reactor)  # type: ignore[arg-type]
        )
        if self._choked:
            self._producer.pauseProducing()
        elif not streaming:
            self._producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """Pause nobody any more."""
        producer, self._producer = self._producer, None
        if isinstance(producer, PullAdapter):
            producer.release()

    def _pause_reading(self) -> None:
        self._reading = False
        self.transport.pauseProducing()

    def _resume_reading(self) -> None:
        if not self._reading:
            self._reading = True
            self.transport.resumeProducing()

    # Closing

    def loseConnection(self) -> None:
        """Close once everything written has been sent.

        A peer may read the rest of a response as slowly as it may read the others.
        """
        self._close(linger=False)
        self.phase = STALLED

    def _close(self, linger: bool) -> None:
        """Close; with *linger* read on for a while, or the peer loses our last words.

        A socket closed with unread input resets the connection, and the reset may
        overtake the response (RFC 9112 section 9.6).
        """
        self._closing = True
        self.phase, self.since = CLOSING, self.site.now
        self._flush()
        self.transport.unregisterProducer()
        half_close = getattr(self.transport, "loseWriteConnection", None)
        if linger and half_close is not None:
            self._resume_reading()
            half_close()
        else:
            self.transport.loseConnection()

    def abort(self) -> None:
        """Drop the connection, and with it whatever was not sent."""
        self._closing = True
        self.phase, self.since = CLOSING, self.site.now
        self.transport.abortConnection()
