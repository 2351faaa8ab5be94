"""Request heads, parsed in one pass (RFC 9112 section 3)."""

from __future__ import annotations

from typing import Any

from edgeproxy.http.errors import ProtocolError
from edgeproxy.http.grammar import (
    ABSOLUTE_FORM,
    AUTHORITY_FORM,
    HOST,
    HTTP_VERSION,
    REQUEST_LINE,
    REQUEST_TARGET,
    TOKEN,
)
from edgeproxy.http.head import (
    CHUNKED,
    Fields,
    HeadCheck,
    body_length,
    connection_options,
    parse_fields,
)
from edgeproxy.http.limits import Limits

FIRST = frozenset(byte for byte in range(256) if TOKEN.match(bytes([byte])))


# Values of Host that have been checked: the same few come again and again.
_HOSTS: set[bytes] = set()
_HOSTS_BOUND = 1000

_CONNECTION = {b"keep-alive": [b"keep-alive"], b"close": [b"close"]}


class RequestHead:
    """What a request says before its body.

    *target* is what was sent. *uri* is what it means here: origin-form, ``*`` or, for
    CONNECT, the authority. An absolute-form target is taken apart (RFC 9112 section
    3.2.2): its authority replaces the value of Host in *fields*, so nobody after us can
    read two different hosts out of one request.

    *fields* are in wire order with their case; *index* has the last value of each name
    in lower case. *length* is in bytes, or CHUNKED. *minor* is 0 or 1. *path* is the
    *uri* without its query, *summary* the method and path as text, for logs.

    Nothing of it is ever changed, since requests may share it (`memo.HeadMemo`).
    *follows* is for what somebody has concluded from it: (who, conclusion), or None.
    """

    __slots__ = (
        "expect_continue",
        "fields",
        "follows",
        "index",
        "keep_alive",
        "length",
        "method",
        "minor",
        "path",
        "summary",
        "target",
        "uri",
    )

    def __init__(
        self, method: bytes, target: bytes, minor: int, fields: Fields
    ) -> None:
        self.method = method
        self.target = self.uri = target
        self.minor = minor
        self.fields = fields
        self.index = index = {name.lower(): value for name, value in fields}
        host = index.get(b"host")
        if host is None:
            if minor:
                raise ProtocolError(400, "9112 3.2", "no Host")
        elif host not in _HOSTS or len(index) != len(fields):
            self._check_host(host)
        if target[0] != 0x2F:  # "/": origin-form needs no further look
            self._other_form()
        elif method == b"CONNECT":
            raise ProtocolError(400, "9112 3.2.3", "CONNECT without an authority")
        uri = self.uri
        self.path = uri.partition(b"?")[0] if b"?" in uri else uri
        self.summary = f"{method.decode()} {self.path.decode()}"
        self.follows: tuple[object, Any] | None = None
        self.expect_continue = False
        if b"content-length" in index or b"transfer-encoding" in index:
            self.length = body_length(fields, index, 400) or 0
            if self.length == CHUNKED and not minor:
                raise ProtocolError(400, "9112 6.1", "Transfer-Encoding in HTTP/1.0")
        else:
            self.length = 0
        if b"expect" in index and minor:
            if index[b"expect"].lower() != b"100-continue":
                raise ProtocolError(417, "9110 10.1.1", "unknown expectation")
            self.expect_continue = self.length != 0
        connection = index.get(b"connection")
        if connection is None:
            self.keep_alive = minor == 1
        else:
            options = self._options(connection)
            self.keep_alive = b"close" not in options and (
                minor == 1 or b"keep-alive" in options
            )

    def _options(self, connection: bytes) -> list[bytes]:
        if len(self.index) != len(self.fields):
            connection = b",".join(
                value for name, value in self.fields if name.lower() == b"connection"
            )
        return _CONNECTION.get(connection) or connection_options(connection)

    def _check_host(self, host: bytes) -> None:
        match = HOST.fullmatch(host)
        if match is None or int(match[1] or 0) > 65535:
            raise ProtocolError(400, "9112 3.2", "Host is not a host")
        if (
            len(self.index) != len(self.fields)
            and sum(1 for name, _ in self.fields if name.lower() == b"host") > 1
        ):
            raise ProtocolError(400, "9112 3.2", "more than one Host")
        if len(_HOSTS) < _HOSTS_BOUND:
            _HOSTS.add(host)

    def _other_form(self) -> None:
        method, target = self.method, self.target
        if method == b"CONNECT":
            match = AUTHORITY_FORM.fullmatch(target)
            if match is None or not 0 < int(match[1]) < 65536:
                raise ProtocolError(400, "9112 3.2.3", "CONNECT without an authority")
        elif target == b"*":
            if method != b"OPTIONS":
                raise ProtocolError(400, "9112 3.2.4", "asterisk is for OPTIONS only")
        else:
            match = ABSOLUTE_FORM.fullmatch(target)
            host = HOST.fullmatch(match[1]) if match else None
            if match is None or host is None or int(host[1] or 0) > 65535:
                raise ProtocolError(400, "9112 3.2", "target has none of the forms")
            rest: bytes = match[2] or b""
            if not rest and method == b"OPTIONS":
                self.uri = b"*"
            else:
                self.uri = rest if rest.startswith(b"/") else b"/" + rest
            self._set_host(match[1])

    def _set_host(self, authority: bytes) -> None:
        self.index[b"host"] = authority
        kept = [(n, v) for n, v in self.fields if n.lower() != b"host"]
        self.fields = [(b"Host", authority), *kept]

    def serialise(self) -> bytes:
        """Return the head as it goes over the wire, *target* byte for byte."""
        lines = b"".join([b"%b: %b\r\n" % field for field in self.fields])
        return b"%b %b HTTP/1.%d\r\n%b\r\n" % (
            self.method,
            self.target,
            self.minor,
            lines,
        )


def parse_request_head(
    buffer: bytes, start: int, limits: Limits, check: HeadCheck
) -> tuple[RequestHead, int] | None:
    """Return the head at *start* in *buffer* and its end, or None while incomplete.

    *check* is asked what is wrong with a head that is not well formed; it raises
    `ProtocolError`, as do contradictions between the fields.
    """
    end = buffer.find(b"\r\n\r\n", start)
    match = REQUEST_LINE.match(buffer, start) if end >= 0 else None
    if match is not None:
        after = match.end()
        if (
            after - start <= limits.start_line
            and end + 4 - after <= limits.header_bytes
            and (fields := parse_fields(buffer, after, end + 2)) is not None
            and len(fields) <= limits.header_count
        ):
            method, target, minor = match.groups()
            head = RequestHead(method, target, 1 if minor == b"1" else 0, fields)
            return head, end + 4
    check.walk(buffer, start)
    if end >= 0:
        raise ProtocolError(400, "9112 2", "malformed head")
    return None


def check_request_line(line: bytes) -> None:
    """Raise what is wrong with *line*, given without its CRLF (RFC 9112 section 3)."""
    parts = line.split(b" ")
    if len(parts) == 2 and TOKEN.fullmatch(parts[0]):
        raise ProtocolError(400, "9112 3", "HTTP/0.9")
    if len(parts) != 3:
        raise ProtocolError(400, "9112 3", "request line is not three words")
    method, target, version = parts
    if not TOKEN.fullmatch(method):
        raise ProtocolError(400, "9110 9.1", "method is not a token")
    if not REQUEST_TARGET.fullmatch(target):
        raise ProtocolError(400, "9112 3.2", "character not allowed in a target")
    if not HTTP_VERSION.fullmatch(version):
        raise ProtocolError(400, "9112 2.3", "HTTP version is malformed")
    if version not in (b"HTTP/1.0", b"HTTP/1.1"):
        raise ProtocolError(505, "9112 2.3", "HTTP version is not 1.0 or 1.1")


def request_check(limits: Limits) -> HeadCheck:
    """Return a `HeadCheck` for requests."""
    return HeadCheck(limits, FIRST, check_request_line, 400, 414, 431)
