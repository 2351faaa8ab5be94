"""One connection of the client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from edgeproxy.http.body import Body
from edgeproxy.http.client.failures import ConnectionFailed, TimedOut
from edgeproxy.http.client.outlet import Outlet
from edgeproxy.http.client.response import Response
from edgeproxy.http.errors import ProtocolError
from edgeproxy.http.reader import END
from edgeproxy.http.responsehead import ResponseHead

if TYPE_CHECKING:
    from edgeproxy.http.client.pool import Pool


class Connection(Outlet):
    """Carries one exchange at a time, for its `pool.Pool`.

    *since* is the pool's time of the last sign of progress, *started* that of the
    exchange; *counted* says whether it takes one of the pool's places.
    """

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.response: Response | None = None
        self.used = False
        self.counted = False
        self._reading = True
        self._pumping = False

    # From the transport

    def _received(self, data: bytes) -> None:
        if self._successor is not None:
            self._successor.dataReceived(data)
            return
        if self.exchange is None:
            # Nobody asked: an error sent on idling, or an answer too many.
            self.pool.gone(self)
            self._flush()
            self.transport.loseConnection()
            return
        if self._error is not None:
            return
        self.since = self.pool.now
        self._silent = False
        reader = self._reader
        reader.feed(data)
        if self._sent and (answer := reader.answer()) is not None:
            # A small response of which nothing is new but the body.
            exchange = self.exchange
            self.response = response = Response(*answer, self)
            self._finished()
            exchange.respond(response)
        else:
            self._pump()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.handle()
        self.pool.gone(self)
        if self._successor is not None:
            self._successor.connectionLost(reason)
            return
        exchange, self.exchange = self.exchange, None
        response, self.response = self.response, None
        if self._sender is not None:
            self._sender.stop()
        if exchange is None:
            return
        if response is not None and exchange.caller is None:
            self._cut_short(response.body, reason)
        elif self._error is not None:
            exchange.fail(self._error)
        elif self.used and self._silent and exchange.repeatable and not exchange.fresh:
            exchange.connection = None
            exchange.fresh = True
            self.pool.again(exchange)
        else:
            exchange.fail(ConnectionFailed(reason.value, sent=True))

    def _cut_short(self, body: Body, reason: Failure) -> None:
        """End the body, well if its end was to be the connection's."""
        if self._error is None and reason.check(ConnectionDone):
            try:
                while (event := self._reader.next()) is not None:
                    if event is END:
                        body.end(self._reader.trailers)
                        return
                    assert isinstance(event, bytes)
                    body.push(event)
                if self._reader.eof() is END:
                    body.end([])
                    return
            except ProtocolError as error:
                self._error = error
        body.fail(Failure(self._error or ConnectionFailed(reason.value, sent=True)))

    # The response

    def _pump(self) -> None:
        """Take events while somebody wants them."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self.exchange is not None and self._successor is None:
                if self.response is None:
                    head = self._reader.next()
                    if head is None:
                        break
                    assert isinstance(head, ResponseHead)
                    self._head(head)
                elif not self.response.body.wants or not self._body(self.response.body):
                    break
        except ProtocolError as error:
            self.abort(error)
        finally:
            self._pumping = False
        response = self.response
        if (
            response is not None
            and self._reading
            and not response.body.wants
            and self._error is None
        ):
            self._reading = False
            self.transport.pauseProducing()

    def _head(self, head: ResponseHead) -> None:
        exchange = self.exchange
        assert exchange is not None
        if head.status < 200 and head.status != 101:
            if head.status == 100:
                self.go_on()
            return
        if not self._sent and self._sender is not None:
            self._sender.stop()
            self._sender = None
        if head.status == 101 and not exchange.upgrades:
            raise ProtocolError(502, "9110 15.2.2", "protocol switched unasked")
        if head.status == 101 or (exchange.method == b"CONNECT" and head.status < 300):
            self.response = Response(head, Body(self, 0), self)
            self.pool.uncount(self)
            exchange.respond(self.response)
            return
        data = self._reader.whole()
        if data is not None:
            # The usual case: a small response that arrived in one piece.
            self.response = response = Response(head, data, self)
            self._finished()
            exchange.respond(response)
            return
        body = Body(self, head.length if head.length >= 0 else None)
        self.response = response = Response(head, body, self)
        # What came along with the head is taken now; often that is everything.
        malformed = None
        try:
            while not body.complete and self._body(body):
                pass
        except ProtocolError as error:
            malformed = error
        exchange.respond(response)
        if malformed is not None:
            raise malformed

    def _body(self, body: Body) -> bool:
        """Take one event for *body*; return whether there was one."""
        event = self._reader.next()
        if event is None:
            return False
        if event is END:
            self._finished()
            body.end(self._reader.trailers)
        else:
            assert isinstance(event, bytes)
            body.push(event)
        return True

    def _finished(self) -> None:
        response, self.response = self.response, None
        self.exchange = None
        assert response is not None
        if (
            response.head.keep_alive
            and self._sent
            and self._reader.between
            and self.generation == self.pool.generation
        ):
            self.used = True
            if not self._reading:
                self._resume_reading()
            self.pool.release(self)
        else:
            self.pool.gone(self)
            self._flush()
            # Over TLS the server's closing is waited for, and has to be read.
            self._resume_reading()
            self.transport.loseConnection()

    # From the body

    def body_wanted(self) -> None:
        """Do nothing: the server sends without being asked."""

    def body_resumed(self) -> None:
        """Read on: from what is held first, then from the server."""
        self.since = self.pool.now
        self._pump()
        if self.response is not None and self.response.body.wants:
            self._resume_reading()

    def body_stopped(self) -> None:
        """Drop the connection: the rest of the body is not wanted."""
        self.abort()

    def _resume_reading(self) -> None:
        if not self._reading:
            self._reading = True
            self.transport.resumeProducing()

    # Endings

    def overdue(self, now: float) -> None:
        """End what has taken too long; the pool asks once per sweep."""
        exchange, response, waited = self.exchange, self.response, now - self.since
        if exchange is None:
            return
        if response is None:
            if not self._sent and self._sender is None and waited > self.pool.patience:
                self.go_on()
            elif self._sent and waited > exchange.head_timeout:
                self.abort(TimedOut("head", sent=True))
            elif not self._sent and self._choked and waited > exchange.silence:
                self.abort(TimedOut("body", sent=True))
        elif response.body.wants:
            if waited > exchange.silence:
                self.abort(TimedOut("body", sent=True))
        elif not response.body.delivered and waited > self.pool.settings.unread:
            self.abort(TimedOut("unread", sent=True))

    def detach(self, response: Response, protocol: IProtocol) -> None:
        """Hand the connection over to *protocol*, with what followed the head."""
        if response is not self.response:
            raise RuntimeError("the connection has gone on")
        self.pool.gone(self)
        self.exchange = self.response = None
        self._flush()
        self._hand_over(protocol, self._reader.rest())
        self._resume_reading()
