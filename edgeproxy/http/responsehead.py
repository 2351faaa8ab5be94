"""Response heads, parsed in one pass (RFC 9112 section 4)."""

from __future__ import annotations

from typing import Any

from edgeproxy.http.errors import ProtocolError
from edgeproxy.http.grammar import FIELD_TEXT, HTTP_VERSION, STATUS_LINE
from edgeproxy.http.head import (
    CHUNKED,
    LENGTH_DIGITS,
    UNTIL_CLOSE,
    Fields,
    HeadCheck,
    body_length,
    connection_options,
    parse_fields,
)
from edgeproxy.http.limits import Limits

FIRST = frozenset(b"H")


class ResponseHead:
    """What a response says before its body.

    *method* is the one of the request it answers, which decides whether a body
    follows (RFC 9112 section 6.3). *length* is in bytes, CHUNKED or UNTIL_CLOSE;
    *announced* is the Content-Length even where no body follows, as after HEAD; None
    without one.

    Nothing of it is ever changed, and *follows* is as in `requesthead.RequestHead`.
    """

    __slots__ = (
        "announced",
        "fields",
        "follows",
        "index",
        "keep_alive",
        "length",
        "minor",
        "reason",
        "status",
    )

    def __init__(
        self, method: bytes, minor: int, status: int, reason: bytes, fields: Fields
    ) -> None:
        self.follows: tuple[object, Any] | None = None
        self.minor = minor
        self.status = status
        self.reason = reason
        self.fields = fields
        self.index = index = {name.lower(): value for name, value in fields}
        given = index.get(b"content-length")
        length: int | None
        if (
            given is not None
            and len(given) <= LENGTH_DIGITS
            and given.isdigit()
            and len(index) == len(fields)
            and b"transfer-encoding" not in index
        ):
            length = int(given)  # the usual case; `body_length` knows the others
        else:
            length = body_length(fields, index, 502)
            if length == CHUNKED and not minor:
                raise ProtocolError(502, "9112 6.1", "Transfer-Encoding in HTTP/1.0")
        self.announced = None if length == CHUNKED else length
        if method == b"HEAD" or status < 200 or status in (204, 304):
            length = 0
        elif length is None:
            length = UNTIL_CLOSE
        self.length = length
        connection = index.get(b"connection")
        if connection is None:
            self.keep_alive = minor == 1 and length != UNTIL_CLOSE
        else:
            if len(index) != len(fields):
                connection = b",".join(
                    value for name, value in fields if name.lower() == b"connection"
                )
            options = connection_options(connection)
            self.keep_alive = (
                length != UNTIL_CLOSE
                and b"close" not in options
                and (minor == 1 or b"keep-alive" in options)
            )

    def serialise(self) -> bytes:
        """Return the head as it goes over the wire."""
        lines = b"".join([b"%b: %b\r\n" % field for field in self.fields])
        return b"HTTP/1.%d %d %b\r\n%b\r\n" % (
            self.minor,
            self.status,
            self.reason,
            lines,
        )


def parse_response_head(
    buffer: bytes, start: int, limits: Limits, check: HeadCheck, method: bytes
) -> tuple[ResponseHead, int] | None:
    """Return the head at *start* in *buffer* and its end, or None while incomplete.

    Raises `ProtocolError` as `requesthead.parse_request_head` does.
    """
    end = buffer.find(b"\r\n\r\n", start)
    match = STATUS_LINE.match(buffer, start) if end >= 0 else None
    if match is not None:
        after = match.end()
        if (
            after - start <= limits.start_line
            and end + 4 - after <= limits.header_bytes
            and (fields := parse_fields(buffer, after, end + 2)) is not None
            and len(fields) <= limits.header_count
        ):
            minor, status, reason = match.groups()
            return (
                ResponseHead(
                    method,
                    1 if minor == b"1" else 0,
                    int(status),
                    reason or b"",
                    fields,
                ),
                end + 4,
            )
    check.walk(buffer, start)
    if end >= 0:
        raise ProtocolError(502, "9112 2", "malformed head")
    return None


def check_status_line(line: bytes) -> None:
    """Raise what is wrong with *line*, given without its CRLF (RFC 9112 section 4)."""
    version, _, rest = line.partition(b" ")
    status, _, reason = rest.partition(b" ")
    if not HTTP_VERSION.fullmatch(version):
        raise ProtocolError(502, "9112 2.3", "HTTP version is malformed")
    if version not in (b"HTTP/1.0", b"HTTP/1.1"):
        raise ProtocolError(502, "9112 2.3", "HTTP version is not 1.0 or 1.1")
    if len(status) != 3 or not status.isdigit() or not b"100" <= status < b"600":
        raise ProtocolError(502, "9112 4", "status code is malformed")
    if not FIELD_TEXT.fullmatch(reason):
        raise ProtocolError(502, "9112 4", "control character in the reason phrase")


def response_check(limits: Limits) -> HeadCheck:
    """Return a `HeadCheck` for responses."""
    return HeadCheck(limits, FIRST, check_status_line, 502, 502, 502)
