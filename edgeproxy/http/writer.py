"""Bodies onto the wire: a number of bytes, chunks, or until the connection closes."""

from __future__ import annotations

from edgeproxy.http.head import CHUNKED, UNTIL_CLOSE, Fields

LAST_CHUNK = b"0\r\n\r\n"


class BodyWriter:
    """Frames the body of one message (RFC 9112 section 6).

    *length* is in bytes, or CHUNKED or UNTIL_CLOSE. What a sender writes beyond the
    length it announced would be read as the next message, so it is not let out:
    `data` raises ValueError, and `end` raises it when bytes are missing. After either
    the connection is good for nothing but closing.
    """

    __slots__ = ("_left", "length")

    def __init__(self, length: int) -> None:
        self.length = self._left = length

    def data(self, data: bytes) -> bytes:
        """Return *data* framed; nothing for nothing, as an empty chunk would end it."""
        if self.length == CHUNKED:
            return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        if self.length != UNTIL_CLOSE:
            if len(data) > self._left:
                raise ValueError("more body than was announced")
            self._left -= len(data)
        return data

    def end(self, trailers: Fields | None = None) -> bytes:
        """Return what ends the body."""
        if self.length == CHUNKED:
            if trailers:
                lines = b"".join([b"%b: %b\r\n" % field for field in trailers])
                return b"0\r\n%b\r\n" % lines
            return LAST_CHUNK
        if self.length != UNTIL_CLOSE and self._left:
            raise ValueError("less body than was announced")
        return b""
