"""Field sections: what request heads and response heads have in common.

A complete head is taken in by `parse_fields` with one compiled expression. Only when
that refuses, or when a head is still incomplete, `HeadCheck` walks it line by line to
say what is wrong. The walk goes by position: whatever the first faulty line is, that is
the error, however the bytes were split on their way.
"""

from __future__ import annotations

from collections.abc import Callable

from edgeproxy.http.errors import ProtocolError
from edgeproxy.http.grammar import FIELD_LINE, FIELD_TEXT, TOKEN
from edgeproxy.http.limits import Limits

Fields = list[tuple[bytes, bytes]]

# Length of a message body where it is not a number of bytes (RFC 9112 section 6.3).
CHUNKED = -1
UNTIL_CLOSE = -2

# A body beyond 10^18 - 1 bytes is a mistake or an attack, and eighteen digits fit
# every integer type that the next hop may use.
LENGTH_DIGITS = 18


def parse_fields(buffer: bytes, start: int, end: int) -> Fields | None:
    """Return the field lines in *buffer* from *start* up to *end*; None if any is bad.

    Names keep their case and values lose the whitespace around them. Every match of
    the expression begins at a line's start and holds exactly one LF, so as many
    matches as LFs means that nothing was left out.
    """
    fields: Fields = FIELD_LINE.findall(buffer, start, end)
    if len(fields) != buffer.count(b"\n", start, end):
        return None
    if buffer.find(b" \r\n", start, end) > 0 or buffer.find(b"\t\r\n", start, end) > 0:
        return [(name, value.rstrip(b" \t")) for name, value in fields]
    return fields


def body_length(fields: Fields, index: dict[bytes, bytes], status: int) -> int | None:
    """Return the length that the fields announce: bytes, CHUNKED, or None for neither.

    *status* is what the error carries when the two disagree or one is not what RFC
    9112 section 6 has: 400 for a request, 502 for a response.
    """
    coding = index.get(b"transfer-encoding")
    length = index.get(b"content-length")
    if coding is None and length is None:
        return None
    if len(index) != len(fields):
        for name in (b"transfer-encoding", b"content-length"):
            if sum(1 for other, _ in fields if other.lower() == name) > 1:
                raise ProtocolError(status, "9112 6.3", "repeated framing field")
    if coding is None:
        assert length is not None
        if not length.isdigit() or len(length) > LENGTH_DIGITS:
            raise ProtocolError(status, "9110 8.6", "Content-Length is not a size")
        return int(length)
    if length is not None:
        raise ProtocolError(
            status, "9112 6.3", "Content-Length beside Transfer-Encoding"
        )
    codings = [part.strip(b" \t").lower() for part in coding.split(b",")]
    if codings[-1] != b"chunked" or codings.count(b"chunked") > 1:
        raise ProtocolError(status, "9112 6.3", "Transfer-Encoding is not chunked")
    if len(codings) > 1:
        unknown = 501 if status == 400 else status
        raise ProtocolError(unknown, "9112 6.1", "transfer coding besides chunked")
    return CHUNKED


def connection_options(value: bytes) -> list[bytes]:
    """Return the options of a Connection field in lower case (RFC 9110 7.6.1)."""
    return [option.strip(b" \t").lower() for option in value.split(b",")]


class HeadCheck:
    """Finds the first faulty line of a head, also of one that has only begun.

    *begun* says whether it has looked at the head at all; few heads are looked at.
    *start_line* raises `ProtocolError` for a bad first line; *status* is for bad field
    lines, *too_long* and *too_big* for the limits.
    """

    __slots__ = (
        "_fields",
        "_first",
        "_limits",
        "_lines",
        "_offset",
        "_start_line",
        "_status",
        "_too_big",
        "_too_long",
        "begun",
    )

    def __init__(
        self,
        limits: Limits,
        first: frozenset[int],
        start_line: Callable[[bytes], None],
        status: int,
        too_long: int,
        too_big: int,
    ) -> None:
        self._limits = limits
        self._first = first
        self._start_line = start_line
        self._status = status
        self._too_long = too_long
        self._too_big = too_big
        self.reset()

    def reset(self) -> None:
        """Be ready for the next head."""
        self.begun = False
        self._offset = 0
        self._fields = 0
        self._lines = 0

    def walk(self, buffer: bytes, start: int) -> None:
        """Check what has arrived of the head that begins at *start* in *buffer*.

        Lines that passed once are not looked at again before `reset`.
        """
        self.begun = True
        at = start + self._offset
        if not self._lines and at < len(buffer) and buffer[at] not in self._first:
            raise ProtocolError(self._status, "9112 2.1", "not a start line")
        while True:
            newline = buffer.find(b"\n", at)
            end = len(buffer) if newline < 0 else newline + 1
            if not self._lines:
                if end - at > self._limits.start_line:
                    raise ProtocolError(self._too_long, "9112 3", "start line too long")
            elif end - start - self._fields > self._limits.header_bytes:
                raise ProtocolError(self._too_big, "9110 5.4", "header too big")
            if newline < 0:
                return
            if buffer[at:end] == b"\r\n" and self._lines:
                return
            self._line(buffer[at:end])
            self._lines += 1
            at = end
            self._offset = at - start
            if self._lines == 1:
                self._fields = self._offset

    def _line(self, line: bytes) -> None:
        if not line.endswith(b"\r\n"):
            raise ProtocolError(self._status, "9112 2.2", "line ends in a bare LF")
        line = line[:-2]
        if not self._lines:
            self._start_line(line)
            return
        if self._lines > self._limits.header_count:
            raise ProtocolError(self._too_big, "9110 5.4", "too many fields")
        check_field_line(line, self._status)


def check_field_line(line: bytes, status: int) -> None:
    """Raise what is wrong with *line*, given without its CRLF (RFC 9112 section 5)."""
    if line[:1] in (b" ", b"\t"):
        raise ProtocolError(status, "9112 5.2", "folded line")
    name, colon, value = line.partition(b":")
    if not colon:
        raise ProtocolError(status, "9112 5", "field line without a colon")
    if name[-1:] in (b" ", b"\t"):
        raise ProtocolError(status, "9112 5.1", "space before the colon")
    if not TOKEN.fullmatch(name):
        raise ProtocolError(status, "9110 5.1", "field name is not a token")
    if b"\r" in value:
        raise ProtocolError(status, "9112 2.2", "bare CR in a field value")
    if not FIELD_TEXT.fullmatch(value):
        raise ProtocolError(status, "9110 5.5", "control character in a field value")
