"""One request and the wait for its response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer

from edgeproxy.http.client.prepared import Prepared
from edgeproxy.http.client.response import Response
from edgeproxy.http.head import CHUNKED

if TYPE_CHECKING:
    from edgeproxy.http.client.outlet import Outlet
    from edgeproxy.http.client.pool import Pool


class Caller(Protocol):
    """Whoever waits for a response; one of these is called, once."""

    def responded(self, response: Response) -> None:
        """Take the response; its body may be here or still to come."""

    def failed(self, reason: Failure) -> None:
        """Know that there will be none."""


class Exchange:
    """A request as bytes, and whom to tell of the response.

    *extra* are further lines of its head, as `prepared.field_line` makes them.
    *length* is the body's: bytes, CHUNKED, or None for no body. *fresh* asks for a
    connection that was never used, as a second attempt does.
    """

    __slots__ = (
        "body",
        "caller",
        "connection",
        "expects",
        "fresh",
        "head",
        "head_timeout",
        "length",
        "method",
        "pool",
        "prepared",
        "silence",
        "since",
    )

    def __init__(
        self,
        pool: Pool,
        prepared: Prepared,
        body: bytes | IBodyProducer | None,
        caller: Caller,
        head_timeout: float,
        silence: float,
        extra: bytes,
    ) -> None:
        self.pool = pool
        self.prepared = prepared
        self.method = prepared.method
        self.body = body
        self.caller: Caller | None = caller
        self.head_timeout = head_timeout
        self.silence = silence
        self.fresh = False
        self.since = pool.now
        self.connection: Outlet | None = None
        self.length: int | None = None
        self.expects = False
        if body is None:
            end = b"Content-Length: 0\r\n\r\n" if prepared.means_body else b"\r\n"
        else:
            self.expects = prepared.expects
            if isinstance(body, bytes):
                self.length = len(body)
            else:
                known = body.length
                self.length = CHUNKED if known is UNKNOWN_LENGTH else int(known)
            if self.length == CHUNKED:
                end = b"Transfer-Encoding: chunked\r\n\r\n"
            else:
                end = b"Content-Length: %d\r\n\r\n" % self.length
        self.head = b"%b%b%b" % (prepared.start, extra, end)

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does what sending it once does."""
        return self.prepared.idempotent and (
            self.body is None or isinstance(self.body, bytes)
        )

    @property
    def upgrades(self) -> bool:
        """Whether the server was asked to go on in another protocol."""
        return self.prepared.upgrades

    def respond(self, response: Response) -> None:
        """Tell the caller."""
        caller, self.caller = self.caller, None
        if caller is not None:
            caller.responded(response)

    def fail(self, reason: BaseException) -> None:
        """Tell the caller that there is no response, and why."""
        caller, self.caller = self.caller, None
        if caller is not None:
            caller.failed(Failure(reason))

    def cancel(self) -> None:
        """Want no response any more; the caller hears nothing."""
        self.caller = None
        if self.connection is not None:
            self.connection.abort()
        else:
            self.pool.forget(self)


class Waiting:
    """A caller that is a Deferred."""

    exchange: Exchange

    def __init__(self) -> None:
        self.done: Deferred[Response] = Deferred(lambda done: self.exchange.cancel())
        self.responded = self.done.callback
        self.failed = self.done.errback
