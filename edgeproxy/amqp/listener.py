"""The AMQP 1.0 listener: moves bytes between a transport, SASL and the engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IAddress, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from edgeproxy.amqp.connection import AMQPConnection
from edgeproxy.amqp.link import IAddressSpace
from edgeproxy.amqp.logins import for_cred
from edgeproxy.amqp.sasl import (
    AUTH_FAILED,
    OK,
    SaslCredentials,
    SaslError,
    SaslServer,
)
from edgeproxy.tls.peer import common_name_of

# Seconds in which a peer must have logged in and opened its connection, TLS handshake
# included.
LOGIN_TIMEOUT = 10.0

# Seconds between two looks at whether a peer is still there, at most.
TICK = 15.0

# Seconds that a peer has to leave when the service stops. On one site a round trip
# takes milliseconds.
GOODBYE = 0.5

# Seconds in which a peer must have read the last that it is told.
CLOSE_TIMEOUT = 5.0

# Bytes of answers that are kept for a peer that does not read.
MOST_UNREAD = 1 << 23


@implementer(IPushProducer)
class AMQPListenerProtocol(Protocol):
    """One peer: the SASL layer first, then the connection."""

    factory: AMQPListenerFactory
    transport: Any = None
    _log = Logger()

    def __init__(self, clock: IReactorTime, now: Callable[[], float]) -> None:
        self._clock = clock
        self._now = now
        self._sasl: SaslServer | None = None
        self._common_name: str | None = None
        self._closing = False
        self._login: Deferred[Any] | None = None
        self._connection: AMQPConnection | None = None
        self._opening = True
        self._unread = 0
        self._flush: Any = None
        self._timer: Any = None

    def connectionMade(self) -> None:
        """Wait for the peer's protocol header."""
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self.factory.peers.add(self)
        peer = self.transport.getPeer()
        self._peer = f"{getattr(peer, 'host', peer)}:{getattr(peer, 'port', '')}"
        self._timer = self._clock.callLater(
            LOGIN_TIMEOUT, self.transport.abortConnection
        )

    def dataReceived(self, data: bytes) -> None:
        """Hand *data* to the layer whose turn it is."""
        if self._connection is not None:
            self._connection.receive(data)
            self._write_output()
            if self._opening and self._connection.opened and not self._closing:
                # Before that, proton says that nothing will ever be due.
                self._opening = False
                self._timer.cancel()
                self._tick()
        elif not self._closing:
            if self._sasl is None:
                # Not before: only now is a TLS handshake known to be over.
                self._common_name = common_name_of(self.transport)
                self._sasl = SaslServer(self._mechanisms())
            self._negotiate(self._sasl, data)

    def _mechanisms(self) -> list[str]:
        """Return what is offered; EXTERNAL only to whoever has a certificate."""
        return [
            name
            for name in self.factory.mechanisms
            if name != "EXTERNAL" or self._common_name is not None
        ]

    def _negotiate(self, sasl: SaslServer, data: bytes) -> None:
        if self._login is not None:
            sasl.hold(data)
            return
        try:
            reply, credentials = sasl.receive(data)
        except SaslError as error:
            self.transport.write(error.args[0])
            self._close()
            return
        if reply:
            self.transport.write(reply)
        if credentials is not None:
            self.transport.pauseProducing()
            self._login = maybeDeferred(self._log_in, credentials)
            self._login.addCallbacks(
                self._logged_in, self._refused, (sasl,), {}, (sasl,)
            )

    def _log_in(self, credentials: SaslCredentials) -> Deferred[Any]:
        return self.factory.login(for_cred(credentials, self._common_name))

    def _refused(self, failure: Failure, sasl: SaslServer) -> None:
        self._log.warn(
            "AMQP login from {peer} refused: {reason}",
            peer=self._peer,
            reason=failure.getErrorMessage(),
        )
        if self not in self.factory.peers:
            return  # it left meanwhile
        self.transport.write(sasl.outcome(AUTH_FAILED))
        self.transport.resumeProducing()
        self._close()

    def _close(self) -> None:
        """Close the connection once the peer has read everything, or is too slow."""
        if self._closing:
            return
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.callLater(
            CLOSE_TIMEOUT, self.transport.abortConnection
        )
        # TLS would wait for the producer to have its say.
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def _logged_in(self, avatar: object, sasl: SaslServer) -> None:
        if self not in self.factory.peers:
            return  # it left meanwhile
        self.transport.write(sasl.outcome(OK))
        self._sasl = None
        self._connection = AMQPConnection(
            avatar, self.factory.space, self._peer, self._flush_soon
        )
        self.transport.resumeProducing()
        rest = sasl.rest()
        if rest:
            self.dataReceived(rest)

    def _flush_soon(self) -> None:
        """Write on the next turn, so that many messages share one segment."""
        if self._flush is None:
            self._flush = self._clock.callLater(0, self._flush_now)

    def _flush_now(self) -> None:
        self._flush = None
        self._write_output()

    def _write_output(self) -> None:
        if self._connection is not None and self.transport is not None:
            data = self._connection.output()
            if data:
                flowing = self._connection.flowing
                self._unread = 0 if flowing else self._unread + len(data)
                self.transport.write(data)
                if self._unread > MOST_UNREAD:
                    self._log.warn(
                        "AMQP peer {peer} does not read its answers", peer=self._peer
                    )
                    self.transport.abortConnection()
                    return
            if self._connection.finished:
                self._close()
            elif self._connection.deaf:
                self._log.warn("AMQP peer {peer} cannot be read", peer=self._peer)
                self._close()

    def _tick(self) -> None:
        self._timer = None
        if self._connection is not None and not self._closing:
            deadline = self._connection.tick(self._now())
            self._write_output()
            if deadline is not None and not self._closing:
                # Proton looks only then whether there was anything since the last time.
                delay = min(max(0.0, deadline - self._now()), TICK)
                self._timer = self._clock.callLater(delay, self._tick)

    def shut_down(self) -> None:
        """Say goodbye; a peer that does not leave by itself soon is cut off.

        Closing at once would do for AMQP, but proton's clients, told that they are
        forced to leave, wait for a connection that breaks: for one that ends in good
        order they wait a minute.
        """
        if self._connection is None:
            self._close()
            return
        self._opening = False
        self._connection.shut_down()
        self._write_output()
        if not self._closing:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._clock.callLater(GOODBYE, self.transport.abortConnection)

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Let go of everything that hangs on this peer."""
        self.factory.gone(self)
        for call in (self._timer, self._flush):
            if call is not None and call.active():
                call.cancel()
        self._timer = self._flush = self._sasl = None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.lost()

    def pauseProducing(self) -> None:
        """Offer no credit while the peer does not read."""
        if self._connection is not None:
            self._connection.flowing = False

    def resumeProducing(self) -> None:
        """Offer credit again."""
        if self._connection is not None:
            self._connection.resume()

    def stopProducing(self) -> None:
        """Do nothing: `connectionLost` follows."""


class AMQPListenerFactory(ServerFactory):
    """Listens for consumers; *login* turns credentials into an avatar.

    *mechanisms* are the SASL mechanisms to offer, such as ``["PLAIN"]``; EXTERNAL is
    for those who come with a client certificate. *now* gives monotonic seconds.
    """

    noisy = False

    def __init__(
        self,
        login: Any,
        space: IAddressSpace,
        mechanisms: list[str],
        clock: Any,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.login = login
        self.space = space
        self.mechanisms = mechanisms
        self.peers: set[AMQPListenerProtocol] = set()
        self._drained: list[Deferred[None]] = []
        self._clock = clock
        self._now = now

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Return the protocol for a new peer."""
        protocol = AMQPListenerProtocol(self._clock, self._now)
        protocol.factory = self
        return protocol

    def drain(self, timeout: float) -> Deferred[None]:
        """Say goodbye to every peer; fires when all are gone, or after *timeout* s."""
        if not self.peers:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._drained.append(done)
        call = self._clock.callLater(timeout, self._abort)
        for peer in list(self.peers):
            peer.shut_down()
        return done.addCallback(lambda _: call.cancel() if call.active() else None)

    def _abort(self) -> None:
        for peer in list(self.peers):
            peer.transport.abortConnection()

    def gone(self, peer: AMQPListenerProtocol) -> None:
        """Know that *peer* is gone."""
        self.peers.discard(peer)
        if not self.peers:
            drained, self._drained = self._drained, []
            for done in drained:
                done.callback(None)
