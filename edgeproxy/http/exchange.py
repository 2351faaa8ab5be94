"""One request and the wait for its response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer

from edgeproxy.http.grammar import REQUEST_TARGET, TOKEN
from edgeproxy.http.head import CHUNKED, Fields
from edgeproxy.http.response import Response

if TYPE_CHECKING:
    from edgeproxy.http.outlet import Outlet
    from edgeproxy.http.pool import Pool

# RFC 9110 section 9.2.2
IDEMPOTENT = frozenset((b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE"))

# RFC 9110 section 8.6: with these the server expects a length even if it is 0.
_MEANS_BODY = frozenset((b"POST", b"PUT", b"PATCH"))

# Framing is derived from the body; what the caller's fields say of it is left out.
_FRAMING = frozenset((b"content-length", b"transfer-encoding"))


class Caller(Protocol):
    """Whoever waits for a response; one of these is called, once."""

    def responded(self, response: Response) -> None:
        """Take the response; its body may be here or still to come."""

    def failed(self, reason: Failure) -> None:
        """Know that there will be none."""


class Exchange:
    """A request as bytes, and whom to tell of the response.

    *length* is the body's: bytes, CHUNKED, or None for no body. *fresh* asks for a
    connection that was never used, as a second attempt does.
    """

    __slots__ = (
        "body",
        "caller",
        "connection",
        "expects",
        "fields",
        "fresh",
        "head",
        "head_timeout",
        "length",
        "method",
        "pool",
        "silence",
        "since",
    )

    def __init__(
        self,
        pool: Pool,
        method: bytes,
        target: bytes,
        fields: Fields,
        body: bytes | IBodyProducer | None,
        head_timeout: float,
        silence: float,
        caller: Caller,
    ) -> None:
        self.pool = pool
        self.method = method
        self.fields = fields
        self.body = body
        self.head_timeout = head_timeout
        self.silence = silence
        self.fresh = False
        self.since = pool.now
        self.connection: Outlet | None = None
        self._compose(pool.authority, method, target, fields, body)
        self.caller: Caller | None = caller

    def _compose(
        self,
        authority: bytes,
        method: bytes,
        target: bytes,
        fields: Fields,
        body: bytes | IBodyProducer | None,
    ) -> None:
        if (
            method not in IDEMPOTENT
            and method not in _MEANS_BODY
            and not TOKEN.fullmatch(method)
        ) or not REQUEST_TARGET.fullmatch(target):
            raise ValueError("method or target is malformed (RFC 9112 section 3)")
        given = [*map(b": ".join, fields)]
        # Looked for in one piece: a name is what follows a line break. A line break
        # within a field is found below.
        names = b"\n%b" % b"\n".join(given).lower()
        if b"\ncontent-length:" in names or b"\ntransfer-encoding:" in names:
            given = [
                b": ".join(field)
                for field in fields
                if field[0].lower() not in _FRAMING
            ]
        lines = [b"%b %b HTTP/1.1" % (method, target)]
        if b"\nhost:" not in names:
            lines.append(b"Host: " + authority)
        lines += given
        self.length: int | None = None
        if isinstance(body, bytes):
            self.length = len(body)
        elif body is not None:
            known = body.length
            self.length = CHUNKED if known is UNKNOWN_LENGTH else int(known)
        if self.length == CHUNKED:
            lines.append(b"Transfer-Encoding: chunked")
        elif self.length is not None or method in _MEANS_BODY:
            lines.append(b"Content-Length: %d" % (self.length or 0))
        self.expects = b"\nexpect:" in names and self.length is not None
        lines.append(b"\r\n")
        head = b"\r\n".join(lines)
        # Nobody talks us into writing a second request, or a field that was not given.
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
            raise ValueError("line break in a header field (RFC 9112 section 2.2)")
        self.head = head

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does what sending it once does.

        X-HTTP-METHOD makes anything of a request, so it is taken at its worst.
        """
        return (
            self.method in IDEMPOTENT
            and (self.body is None or isinstance(self.body, bytes))
            and not any(n.lower().startswith(b"x-http-method") for n, _ in self.fields)
        )

    @property
    def upgrades(self) -> bool:
        """Whether the server was asked to go on in another protocol."""
        return any(name.lower() == b"upgrade" for name, _ in self.fields)

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
