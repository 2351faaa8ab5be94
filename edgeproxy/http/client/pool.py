"""Connections to one origin, shared by all requests to it."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from twisted.web.iweb import IBodyProducer

from edgeproxy.http.client.connection import Connection
from edgeproxy.http.client.exchange import Caller, Exchange, Waiting
from edgeproxy.http.client.failures import ConnectionFailed, Overloaded, TimedOut
from edgeproxy.http.client.origin import Origin
from edgeproxy.http.client.prepared import Prepared
from edgeproxy.http.client.response import Response
from edgeproxy.http.client.settings import PoolSettings
from edgeproxy.http.head import Fields
from edgeproxy.http.limits import Limits
from edgeproxy.http.memo import HeadMemo
from edgeproxy.http.responsehead import ResponseHead
from edgeproxy.http.turn import Turn

# Seconds between two looks at all deadlines, and so the grain of time here.
SWEEP = 1.0


class Pool:
    """Sends requests to *origin* over connections that are kept and reused.

    *endpoint* connects; TLS is the endpoint's. The last connection used is the next
    one to be, so that what is not needed falls idle and is closed.

    *generation* is counted up by `renew`; connections of an older one end with what
    they carry. With a *turn*, responses are handled together with what else has
    arrived; without, each as it comes.
    """

    def __init__(
        self,
        origin: Origin,
        endpoint: IStreamClientEndpoint,
        reactor: IReactorTime,
        settings: PoolSettings | None = None,
        limits: Limits | None = None,
        turn: Turn | None = None,
    ) -> None:
        self.origin = origin
        self.authority = origin.authority
        self.settings = settings or PoolSettings()
        self.limits = limits or Limits()
        self.turn = turn
        self.heads: HeadMemo[ResponseHead] = HeadMemo()
        self.patience = self.settings.patience
        self.generation = 0
        self.now = 0.0
        self._endpoint = endpoint
        self._reactor = reactor
        self._factory = Factory.forProtocol(lambda: Connection(self))  # type: ignore[arg-type]
        self._factory.noisy = False
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._queue: deque[Exchange] = deque()
        self._attempts: dict[Deferred[Connection], tuple[float, Exchange | None]] = {}
        self._places = 0
        self._call: IDelayedCall | None = None

    # For callers

    def request(
        self,
        method: bytes,
        target: bytes,
        fields: Fields,
        body: bytes | IBodyProducer | None = None,
        *,
        head_timeout: float | None = None,
        silence: float | None = None,
    ) -> Deferred[Response]:
        """Send a request; the result is its final response, body still to be read.

        *target* goes out byte for byte, *fields* in their order and case, with Host in
        front when they have none. Framing follows from *body*; what *fields* say of it
        is left out. Nothing else is added. *head_timeout* and *silence* stand in for
        those of the settings; ``float("inf")`` is never.

        Fails with `RequestFailed` or `ProtocolError`. Cancelling aborts. Raises
        ValueError for what cannot be written.
        """
        waiting = Waiting()
        prepared = Prepared(self.authority, method, target, fields)
        waiting.exchange = self.send(
            prepared, body, waiting, head_timeout=head_timeout, silence=silence
        )
        return waiting.done

    def send(
        self,
        prepared: Prepared,
        body: bytes | IBodyProducer | None,
        caller: Caller,
        *,
        extra: bytes = b"",
        head_timeout: float | None = None,
        silence: float | None = None,
    ) -> Exchange:
        """Send a request as `request` does, for a *caller* that needs no Deferred.

        The caller may be called before this returns. The result's `cancel` aborts.
        *extra* are lines for the head's end (`prepared.field_line`).
        """
        exchange = Exchange(
            self,
            prepared,
            body,
            caller,
            self.settings.head if head_timeout is None else head_timeout,
            self.settings.silence if silence is None else silence,
            extra,
        )
        while self._idle and self._idle[-1].has_news:
            # Unasked: it would be taken for the response. Closed when it is handled.
            self._idle.pop()
        if self._idle:
            self._carry(self._idle.pop(), exchange)
        elif len(self._queue) >= self.settings.queue:
            exchange.fail(Overloaded("too many requests are waiting", sent=False))
        else:
            self._queue.append(exchange)
            self._open()
        return exchange

    def renew(self) -> None:
        """Let no further request use the connections of now, as after a reload."""
        self.generation += 1
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.transport.loseConnection()

    def close(self) -> None:
        """Abort everything; waiting requests fail."""
        self.renew()
        while self._queue:
            self._queue.popleft().fail(Overloaded("closed", sent=False))
        for attempt in list(self._attempts):
            attempt.cancel()
        for connection in list(self._busy):
            connection.abort()
        self._rest()

    @property
    def open_connections(self) -> int:
        """How many connections there are, idle ones too."""
        return len(self._idle) + len(self._busy) + len(self._attempts)

    @property
    def waiting(self) -> int:
        """How many requests wait for a connection."""
        return len(self._queue)

    # From exchanges and connections

    def again(self, exchange: Exchange) -> None:
        """Send *exchange* a second time, on a connection of its own."""
        if exchange.caller is not None:
            exchange.since = self.now
            self._connect(exchange)

    def forget(self, exchange: Exchange) -> None:
        """Know that nobody waits for *exchange* any more."""
        try:
            self._queue.remove(exchange)
        except ValueError:
            pass  # its connection is being opened and will find something else to do

    def release(self, connection: Connection) -> None:
        """Take back *connection*, which has done its work."""
        if connection.counted:
            connection.counted = False
            self._places -= 1
        self._busy.discard(connection)
        if self._queue:
            self._carry(connection, self._queue.popleft())
        elif (
            len(self._idle) + len(self._busy) + len(self._attempts)
            < self.settings.connections
        ):
            connection.since = self.now
            self._idle.append(connection)
        else:
            connection.transport.loseConnection()

    def gone(self, connection: Connection) -> None:
        """Know that *connection* can carry no more requests."""
        if connection in self._busy:
            self.uncount(connection)
            self._busy.discard(connection)
        elif connection in self._idle:
            self._idle.remove(connection)
        self._open()
        self._rest()

    def uncount(self, connection: Connection) -> None:
        """Give the place of *connection* to another."""
        if connection.counted:
            connection.counted = False
            self._places -= 1

    # Within

    def _carry(self, connection: Connection, exchange: Exchange) -> None:
        self._busy.add(connection)
        if not connection.counted:
            connection.counted = True
            self._places += 1
        if self._call is None:
            self._call = self._reactor.callLater(SWEEP, self._sweep)
        connection.send(exchange)

    def _open(self) -> None:
        """Open connections for what waits, as many as may be."""
        while (
            len(self._queue) > sum(not bound for _, bound in self._attempts.values())
            and self._places + len(self._attempts) < self.settings.connections
            and self.open_connections < self.settings.most
        ):
            self._connect(None)

    def _connect(self, exchange: Exchange | None) -> None:
        if self._call is None:
            self._call = self._reactor.callLater(SWEEP, self._sweep)
        attempt: Deferred[Connection] = self._endpoint.connect(self._factory)  # type: ignore[assignment]
        self._attempts[attempt] = (self.now, exchange)

        def connected(connection: Connection) -> None:
            del self._attempts[attempt]
            self._opened(connection, exchange)

        def failed(reason: Failure) -> None:
            started, _ = self._attempts.pop(attempt)
            late = self.now - started > self.settings.connect
            self._refused(reason, late, exchange)

        attempt.addCallbacks(connected, failed)

    def _opened(self, connection: Connection, exchange: Exchange | None) -> None:
        if exchange is None and self._queue:
            exchange = self._queue.popleft()
        if exchange is not None and exchange.caller is not None:
            self._carry(connection, exchange)
        else:
            self.release(connection)

    def _refused(self, reason: Failure, late: bool, bound: Exchange | None) -> None:
        exchange = bound or (self._queue.popleft() if self._queue else None)
        if exchange is not None:
            if late:
                exchange.fail(TimedOut("connect", sent=False))
            else:
                exchange.fail(ConnectionFailed(reason.value, sent=False))
        self._open()
        self._rest()

    def _rest(self) -> None:
        """Stop the clock when there is nothing to watch."""
        if self._call is not None and not (self._queue or self.open_connections):
            self._call.cancel()
            self._call = None

    def _sweep(self) -> None:
        self.now += SWEEP
        self._call = self._reactor.callLater(SWEEP, self._sweep)
        now, settings = self.now, self.settings
        # A stamp is up to one sweep older than what it stamps: never end early.
        for connection in [c for c in self._idle if now - c.since > settings.idle]:
            self._idle.remove(connection)
            connection.transport.loseConnection()
        for connection in list(self._busy):
            if connection.counted and now - connection.started > self.patience:
                self.uncount(connection)
            connection.overdue(now)
        for attempt, (started, _) in list(self._attempts.items()):
            if now - started > settings.connect:
                attempt.cancel()
        while self._queue and now - self._queue[0].since > settings.queue_timeout:
            self._queue.popleft().fail(TimedOut("queue", sent=False))
        self._open()
        self._rest()
