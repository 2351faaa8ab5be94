"""Two connections that have become one: bytes pass as they are, both ways."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import (
    IDelayedCall,
    IHalfCloseableProtocol,
    IPushProducer,
    IReactorTime,
    ISSLTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from edgeproxy.http.client.response import Response
from edgeproxy.http.head import Fields

# Seconds of silence after which one that has half closed hears no more.
LINGER = 30.0

# Seconds for a peer to take some of what is held for it (as `site.Deadlines`).
STALLED = 300.0


def join(request: Any, response: Response, fields: Fields) -> None:
    """Answer *request* with the 101 that is *response*, and tunnel from there on.

    *fields* are end-to-end; those of the upgrade itself are added. What the protocol
    has agreed on (RFC 6455, section 4) is between the two ends, and so are its frames,
    close codes and pings.
    """
    upgrade = response.get(b"upgrade") or b"websocket"
    fields = [(b"Connection", b"Upgrade"), (b"Upgrade", upgrade), *fields]
    request.start(response.status, response.reason, fields, None)
    if request.channel is None:
        response.abort()
        return
    clock = request.site.reactor
    client, upstream = TunnelEnd(clock), TunnelEnd(clock)
    client.other, upstream.other = upstream, client
    request.detach(client)
    response.detach(upstream)


@implementer(IHalfCloseableProtocol, IPushProducer)
class TunnelEnd(Protocol):
    """One end; what it receives leaves by the *other*.

    Each end is the producer of the other's transport, so that neither is read faster
    than the other takes it. A peer that takes nothing for `STALLED` is given up: the
    sockets of who is paused tell nothing, not even that the peer is gone.
    """

    transport: Any = None
    other: TunnelEnd

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._early: list[bytes] = []
        self._linger: IDelayedCall | None = None
        self._stalled: IDelayedCall | None = None
        self._closing = False

    def connectionMade(self) -> None:
        try:
            # A peer that vanishes without a word is noticed in the end.
            self.transport.setTcpKeepAlive(True)
        except AttributeError:
            pass  # not TCP: a test's
        if self.other.transport is not None:
            self.transport.registerProducer(self.other, True)
            self.other.transport.registerProducer(self, True)
            early, self.other._early = self.other._early, []
            for data in early:
                self.transport.write(data)

    def dataReceived(self, data: bytes) -> None:
        if self._closing:
            return  # there is nobody to hear it
        if self.other.transport is None:
            self._early.append(data)  # the other end is being handed over
            return
        self.other.transport.write(data)
        if self._linger is not None and self._linger.active():
            self._linger.reset(LINGER)

    def pauseProducing(self) -> None:
        """Read no further: the other's peer does not keep up."""
        if self.transport is not None and not self._closing:
            self.transport.pauseProducing()
            self.other._has_to_read()

    def resumeProducing(self) -> None:
        """Read on."""
        self.other._has_read()
        if self.transport is not None:
            self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """Close: the other's connection is lost."""
        self.close()

    def _has_to_read(self) -> None:
        if self._stalled is None and self.transport is not None:
            transport = self.transport
            self._stalled = self._clock.callLater(STALLED, transport.abortConnection)

    def _has_read(self) -> None:
        stalled, self._stalled = self._stalled, None
        if stalled is not None and stalled.active():
            stalled.cancel()

    def readConnectionLost(self) -> None:
        """Pass on that this peer will say no more; the other may go on."""
        other = self.other
        if other.transport is not None and not ISSLTransport.providedBy(
            other.transport
        ):
            # TLS has no half-closed state that servers agree on.
            other.transport.loseWriteConnection()
        # A peer that has closed for good looks the same: what the other side still has
        # to say is waited for, but not for ever.
        other._linger = self._clock.callLater(LINGER, other.close)

    def writeConnectionLost(self) -> None:
        """Do nothing: it was this end that closed."""

    def close(self) -> None:
        """Close this end once everything written has been sent."""
        if self.transport is None or self._closing:
            return
        self._closing = True
        self.transport.unregisterProducer()
        # Over TLS the peer's closing is waited for, and has to be read.
        self.transport.resumeProducing()
        self.transport.loseConnection()
        self._has_to_read()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._has_read()
        for end in (self, self.other):
            if end._linger is not None and end._linger.active():
                end._linger.cancel()
        self.transport = None
        self.other.close()
