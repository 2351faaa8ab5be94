"""The request half of a client's connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.python.failure import Failure

from edgeproxy.http.arrival import Arrival
from edgeproxy.http.client.exchange import Exchange
from edgeproxy.http.client.failures import RequestFailed
from edgeproxy.http.client.liveness import watch
from edgeproxy.http.client.sender import Sender
from edgeproxy.http.immediate import AT_ONCE, Flush, Write, turned
from edgeproxy.http.reader import ResponseReader

if TYPE_CHECKING:
    from edgeproxy.http.client.pool import Pool


class Outlet(Arrival):
    """What a `connection.Connection` does to get a request out.

    *since* is the pool's time of the last sign of progress, *started* that of the
    exchange.
    """

    transport: Any
    _write: Write
    _flush: Flush

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool.turn)
        self.pool: Any = pool
        self.generation = pool.generation
        self.exchange: Exchange | None = None
        self.since = self.started = pool.now
        self._reader = ResponseReader(pool.limits, pool.heads)
        self._sender: Sender | None = None
        self._sent = True
        self._silent = True
        self._choked = False
        self._error: BaseException | None = None

    def connectionMade(self) -> None:
        self._write, self._flush = turned(self.transport, self.pool.turn)
        try:
            self.transport.setTcpNoDelay(True)
        except AttributeError:
            pass  # not TCP: a UNIX socket, or a test's
        watch(self.transport)

    def send(self, exchange: Exchange) -> None:
        """Send the request and await its response."""
        self.exchange = exchange
        exchange.connection = self
        self._silent = True
        self._reader.method = exchange.method
        self.since = self.started = self.pool.now
        body = exchange.body
        if body is None:
            self._write(exchange.head)
        elif isinstance(body, bytes) and not exchange.expects:
            if len(body) < AT_ONCE:
                self._write(exchange.head + body)
            else:
                self._write(exchange.head)
                self._write(body)
        else:
            self._sent = False
            self._write(exchange.head)
            if not exchange.expects:
                self.go_on()

    def go_on(self) -> None:
        """Send the body: 100 (Continue) has come, or was not asked for."""
        exchange = self.exchange
        if exchange is None or self._sent or self._sender is not None:
            return
        if isinstance(exchange.body, bytes):
            self._write(exchange.body)
            self._sent = True
            return
        assert exchange.body is not None and exchange.length is not None
        self._sender = Sender(self, exchange.body, exchange.length)
        self._sender.start()

    def send_body(self, data: bytes) -> None:
        """Send a piece of the request's body, framed."""
        self.since = self.pool.now
        self._write(data)

    def body_sent(self, end: bytes) -> None:
        """Know that the body is complete; *end* is what ends it on the wire."""
        self._sent = True
        self._sender = None
        self.since = self.pool.now
        if end:
            self._write(end)

    def body_failed(self, reason: Failure) -> None:
        """Know that the body cannot be completed: no server may take it for whole."""
        self._sender = None
        self.abort(reason.value)

    def choked(self, full: bool) -> None:
        """Know that the server does not read, or does again."""
        self._choked = full
        self.since = self.pool.now

    def abort(self, error: BaseException | None = None) -> None:
        """Drop the connection; *error* is what the exchange fails with."""
        if self._error is None:
            self._error = error or RequestFailed("aborted", sent=True)
        self.pool.gone(self)
        self.transport.abortConnection()
