"""Response heads onto the wire."""

from __future__ import annotations

from email.utils import formatdate

from twisted.web.http import RESPONSES

from edgeproxy.http.errors import ProtocolError
from edgeproxy.http.grammar import FIELD_TEXT, TOKEN
from edgeproxy.http.head import Fields

# Header names as they are usually written; grown by `canonical`, up to a bound since
# names may come from outside.
CANONICAL: dict[bytes | str, bytes] = {}
_CANONICAL_BOUND = 1000
_SPECIAL = {
    b"content-md5": b"Content-MD5",
    b"dnt": b"DNT",
    b"etag": b"ETag",
    b"p3p": b"P3P",
    b"te": b"TE",
    b"www-authenticate": b"WWW-Authenticate",
    b"x-xss-protection": b"X-XSS-Protection",
}

# Status lines by status and reason; those that resources make up join, up to a bound.
_STATUS_LINES: dict[tuple[int, bytes | None], bytes] = {}
_STATUS_LINES_BOUND = 1000


def canonical(name: bytes | str) -> bytes:
    """Return the header *name* as it is usually written; ValueError if it is none."""
    known = CANONICAL.get(name)
    if known is not None:
        return known
    raw = name.encode("latin-1") if isinstance(name, str) else name
    if not TOKEN.fullmatch(raw):
        raise ValueError("header name is not a token (RFC 9110 section 5.1)")
    lower = raw.lower()
    written = _SPECIAL.get(lower) or b"-".join(
        part.capitalize() for part in lower.split(b"-")
    )
    if len(CANONICAL) < _CANONICAL_BOUND:
        CANONICAL[name] = written
    return written


def field_value(value: bytes | str) -> bytes:
    """Return *value* as bytes, line breaks turned into spaces as stock does."""
    raw = value.encode("utf-8") if isinstance(value, str) else value
    if b"\r" in raw or b"\n" in raw:
        raw = b" ".join(raw.splitlines())
    return raw


# RFC 6585 is newer than Twisted's table.
_PHRASES = {
    428: b"Precondition Required",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    **RESPONSES,
}


def response_head(
    status: int, reason: bytes | None, fields: Fields, date: bytes
) -> bytes:
    """Return the head of a response with *fields* as they stand.

    *date* is added unless a Date is among them, as when they come from upstream.

    *reason* None means the usual one. Whatever would break out of its line raises
    ValueError: no caller may be talked into writing a second response.
    """
    if not fields:
        fields = [(b"Date", date)]
    first = _STATUS_LINES.get((status, reason)) or _status_line(status, reason)
    head = b"%b%b\r\n\r\n" % (first, b"\r\n".join(map(b": ".join, fields)))
    if b"\0" in head:
        raise ValueError("NUL in a header field")
    lines = len(fields) + 2
    if b"\ndate:" not in head.lower():
        head = b"%bDate: %b\r\n\r\n" % (head[:-2], date)
        lines += 1
    if head.count(b"\n") != lines or head.count(b"\r") != lines:
        raise ValueError("line break in a header field")
    return head


def response_start(status: int, reason: bytes, fields: Fields) -> bytes:
    """Return the head of a response but for its framing and the empty line."""
    assert any(name.lower() == b"date" for name, _ in fields)
    return response_head(status, reason, fields, b"")[:-2]


def _status_line(status: int, reason: bytes | None) -> bytes:
    phrase = _PHRASES.get(status, b"") if reason is None else reason
    if not FIELD_TEXT.fullmatch(phrase):
        raise ValueError("control character in the reason phrase")
    line = b"HTTP/1.1 %d %b\r\n" % (status, phrase)
    if len(_STATUS_LINES) < _STATUS_LINES_BOUND:
        _STATUS_LINES[status, reason] = line
    return line


def refusal(error: ProtocolError, date: bytes) -> bytes:
    """Return the whole answer to a request that is not HTTP; the connection closes."""
    return response_head(
        error.status,
        None,
        [(b"Content-Length", b"0"), (b"Connection", b"close")],
        date,
    )


def http_date(now: float) -> bytes:
    """Return *now*, in seconds since 1970, as RFC 9110 section 5.6.7 has it."""
    return formatdate(now, usegmt=True).encode("ascii")
