"""Requests before they have a body: what can be said of them once and for all."""

from __future__ import annotations

from edgeproxy.http.grammar import FIELD_TEXT, REQUEST_TARGET, TOKEN
from edgeproxy.http.head import Fields

# RFC 9110 section 9.2.2
IDEMPOTENT = frozenset((b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE"))

# RFC 9110 section 8.6: with these the server expects a length even if it is 0.
_MEANS_BODY = frozenset((b"POST", b"PUT", b"PATCH"))

# Framing is derived from the body; what the caller's fields say of it is left out.
_FRAMING = frozenset((b"content-length", b"transfer-encoding"))


class Prepared:
    """A request's head but for what its body adds, checked and serialised.

    *start* is its lines in order, each with its CRLF; the empty line is not among them.
    *idempotent* tells whether sending it twice does what sending it once does:
    X-HTTP-METHOD makes anything of a request, so it is taken at its worst. *expects*:
    it has an Expect field, *upgrades*: it asks to go on in another protocol,
    *means_body*: without one it has to say so.

    Raises ValueError for what cannot be written.
    """

    __slots__ = (
        "expects",
        "idempotent",
        "means_body",
        "method",
        "start",
        "upgrades",
    )

    def __init__(
        self, authority: bytes, method: bytes, target: bytes, fields: Fields
    ) -> None:
        if not TOKEN.fullmatch(method) or not REQUEST_TARGET.fullmatch(target):
            raise ValueError("method or target is malformed (RFC 9112 section 3)")
        self.method = method
        lines = [b"%b %b HTTP/1.1" % (method, target)]
        lines += [b": ".join(f) for f in fields if f[0].lower() not in _FRAMING]
        # A name is what follows a line break. A line break within a field is found
        # below.
        names = b"\n%b" % b"\n".join(lines[1:]).lower()
        if b"\nhost:" not in names:
            lines.insert(1, b"Host: " + authority)
        lines.append(b"")
        self.start = start = b"\r\n".join(lines)
        # Nobody talks us into writing a second request, or a field that was not given.
        breaks = len(lines) - 1
        if start.count(b"\n") != breaks or start.count(b"\r") != breaks:
            raise ValueError("line break in a header field (RFC 9112 section 2.2)")
        self.expects = b"\nexpect:" in names
        self.upgrades = b"\nupgrade:" in names
        self.idempotent = method in IDEMPOTENT and b"\nx-http-method" not in names
        self.means_body = method in _MEANS_BODY


def field_line(name: bytes, value: bytes) -> bytes:
    """Return a field as a line that may follow `Prepared.start`; or ValueError."""
    if not TOKEN.fullmatch(name) or not FIELD_TEXT.fullmatch(value):
        raise ValueError("header field is malformed (RFC 9112 section 5)")
    return b"%b: %b\r\n" % (name, value)
