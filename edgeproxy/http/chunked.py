"""The chunked transfer coding, read (RFC 9112 section 7.1)."""

from __future__ import annotations

from edgeproxy.http.errors import ProtocolError
from edgeproxy.http.grammar import CHUNK_LINE
from edgeproxy.http.head import Fields, check_field_line, parse_fields
from edgeproxy.http.limits import Limits

# What the decoder waits for next.
_FIRST_SIZE, _DATA, _SIZE, _TRAILERS, _DONE = range(5)


class ChunkedDecoder:
    """Takes chunks out of a buffer that somebody else holds.

    *status* is what its errors carry: 400 on the server's side, 502 on the client's.
    Extensions are checked and dropped; *trailers* is complete once *done*.
    """

    __slots__ = ("_left", "_limits", "_state", "_status", "_walked", "trailers")

    def __init__(self, limits: Limits, status: int) -> None:
        self._limits = limits
        self._status = status
        self._state = _FIRST_SIZE
        self._left = 0
        self._walked = 0
        self.trailers: Fields = []

    @property
    def done(self) -> bool:
        """Whether the last chunk and its trailers have been read."""
        return self._state == _DONE

    def next(self, buffer: bytes, at: int) -> tuple[bytes, int]:
        """Return some data from *at* on, and where to go on; no data: need more."""
        if self._state == _DATA:
            data = buffer[at : at + self._left]
            self._left -= len(data)
            if not self._left:
                self._state = _SIZE
            return data, at + len(data)
        if self._state != _TRAILERS:
            at = self._size(buffer, at)
            if self._state == _DATA:
                if at < len(buffer):
                    return self.next(buffer, at)
                return b"", at
        if self._state == _TRAILERS:
            at = self._trailers(buffer, at)
        return b"", at

    def _size(self, buffer: bytes, at: int) -> int:
        line = at
        if self._state == _SIZE:
            # RFC 9112 section 7.1: the data is followed by CRLF, then the next size.
            if not b"\r\n".startswith(buffer[at : at + 2]):
                raise ProtocolError(
                    self._status, "9112 7.1", "chunk longer than its size"
                )
            line = at + 2
        newline = buffer.find(b"\n", line)
        end = len(buffer) if newline < 0 else newline + 1
        if end - line > self._limits.chunk_line:
            raise ProtocolError(self._status, "9112 7.1.1", "chunk line too long")
        if newline < 0:
            return at
        match = CHUNK_LINE.fullmatch(buffer, line, end)
        if match is None:
            raise ProtocolError(self._status, "9112 7.1", "chunk line is malformed")
        self._left = int(match[1], 16)
        self._state = _DATA if self._left else _TRAILERS
        return end

    def _trailers(self, buffer: bytes, at: int) -> int:
        """Read trailers line by line, so that a bad one is seen when it is there."""
        while True:
            start = at + self._walked
            newline = buffer.find(b"\n", start)
            end = len(buffer) if newline < 0 else newline + 1
            if end - at > self._limits.trailer_bytes:
                raise ProtocolError(self._status, "9112 7.1.2", "trailers too big")
            if newline < 0:
                return at
            if buffer[start:end] == b"\r\n":
                break
            if buffer[newline - 1 : newline] != b"\r":
                raise ProtocolError(self._status, "9112 2.2", "line ends in a bare LF")
            check_field_line(buffer[start : end - 2], self._status)
            self._walked = end - at
        self.trailers = parse_fields(buffer, at, start) or []
        if len(self.trailers) > self._limits.trailer_count:
            raise ProtocolError(self._status, "9112 7.1.2", "too many trailers")
        self._state = _DONE
        return end
