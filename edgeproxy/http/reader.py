"""Messages out of a stream of bytes: heads, pieces of body, ends.

`RequestReader` and `ResponseReader` differ in the heads they parse. Both are fed bytes
and asked for events one at a time, and whoever asks decides when to stop asking: what
is not asked for stays in the buffer, which is how pipelined requests wait for their
turn and how back-pressure reaches the peer.
"""

from __future__ import annotations

from typing import Final

from edgeproxy.http.chunked import ChunkedDecoder
from edgeproxy.http.errors import ProtocolError
from edgeproxy.http.head import CHUNKED, UNTIL_CLOSE, Fields
from edgeproxy.http.limits import Limits
from edgeproxy.http.memo import HeadMemo
from edgeproxy.http.requesthead import RequestHead, parse_request_head, request_check
from edgeproxy.http.responsehead import (
    ResponseHead,
    parse_response_head,
    response_check,
)


class End:
    """The event after the last byte of a message; there is one, `END`."""

    def __repr__(self) -> str:
        return "END"


END: Final = End()
Event = RequestHead | ResponseHead | bytes | End

# What follows the head of a response to these differs from what it says.
_HEAD_DIFFERS: Final = (b"HEAD", b"CONNECT")

_HEAD: Final = 0
_BODY: Final = 1


class MessageReader:
    """The part of reading that requests and responses share.

    *trailers* are those of the last message that ended. After a `ProtocolError` the
    reader is of no further use.
    """

    __slots__ = ("_at", "_buffer", "_chunks", "_left", "_limits", "_state", "trailers")

    status = 400

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = b""
        self._at = 0
        self._state = _HEAD
        self._left = 0
        self._chunks: ChunkedDecoder | None = None
        self.trailers: Fields = []

    @property
    def pending(self) -> int:
        """How many bytes were fed and are in no event yet."""
        return len(self._buffer) - self._at

    @property
    def between(self) -> bool:
        """Whether a message has ended and nothing of the next has arrived."""
        return self._state == _HEAD and self._at >= len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take in what the peer sent."""
        if self._at >= len(self._buffer):
            self._buffer = data
        elif self._at:
            self._buffer = self._buffer[self._at :] + data
        else:
            self._buffer += data
        self._at = 0

    def whole(self) -> bytes | None:
        """Return the body that follows the head just read, if all of it is here.

        The message ends with that, without an END. None for a body that is not all
        here, or whose length is not known: nothing has changed then.
        """
        left = self._left
        end = self._at + left
        if self._chunks is not None or left < 0 or end > len(self._buffer):
            return None
        data = self._buffer[self._at : end] if left else b""
        self._at = end
        self._left = 0
        self._state = _HEAD
        self.trailers = []
        return data

    def rest(self) -> bytes:
        """Give away what is in no event yet: the connection changes its protocol."""
        rest = self._buffer[self._at :]
        self._buffer, self._at = b"", 0
        return rest

    def next(self) -> Event | None:
        """Return the next event, or None when more bytes are needed."""
        if self._state == _HEAD:
            return self._head() if self._at < len(self._buffer) else None
        if self._chunks is not None:
            data, self._at = self._chunks.next(self._buffer, self._at)
            if data:
                return data
            if not self._chunks.done:
                return None
            self.trailers = self._chunks.trailers
            self._chunks = None
            self._state = _HEAD
            return END
        if not self._left:
            self._state = _HEAD
            self.trailers = []
            return END
        data, at = self._buffer, self._at
        if at >= len(data):
            return None
        left = self._left
        if left == UNTIL_CLOSE or len(data) - at <= left:
            if left > 0:
                self._left = left - len(data) + at
            self._buffer, self._at = b"", 0
            return data[at:] if at else data
        self._at = at + left
        self._left = 0
        return data[at : at + left]

    def eof(self) -> End | None:
        """Say that nothing more will come; call it when `next` has returned None.

        Returns END when that ends a message whose length was "until close", None when
        it came between messages. Raises `ProtocolError` when it cut a message short.
        """
        if self._state == _BODY and self._left == UNTIL_CLOSE:
            self._state = _HEAD
            return END
        if self._state == _BODY or self._at < len(self._buffer):
            raise ProtocolError(self.status, "9112 8", "message cut short")
        return None

    def _body(self, length: int) -> None:
        self._state = _BODY
        if length == CHUNKED:
            self._chunks = ChunkedDecoder(self._limits, self.status)
        else:
            self._left = length

    def _head(self) -> Event | None:
        raise AssertionError("a reader is for requests or for responses")


class RequestReader(MessageReader):
    """Reads what a client sends."""

    __slots__ = ("_check", "_memo", "_skipped")

    def __init__(
        self, limits: Limits, memo: HeadMemo[RequestHead] | None = None
    ) -> None:
        super().__init__(limits)
        self._check = request_check(limits)
        self._skipped = False
        self._memo = memo

    def head(self) -> RequestHead | None:
        """Return the next head as `next` does, which must be what comes next."""
        return self._head() if self._at < len(self._buffer) else None

    def _head(self) -> RequestHead | None:
        buffer, at, memo = self._buffer, self._at, self._memo
        if memo is not None:
            end = buffer.find(b"\r\n\r\n", at) + 4
            if end > 3 and (known := memo.find(buffer[at:end])) is not None:
                return self._begin(known, end)
        # RFC 9112 section 2.2: one empty line before a request line is ignored, since
        # old clients send one after a body.
        if buffer[at] == 0x0D and not self._skipped:
            crlf = buffer[at : at + 2]
            if crlf == b"\r":
                return None
            if crlf == b"\r\n":
                self._skipped = True
                self._at += 2
                return self._head() if self._at < len(buffer) else None
        parsed = parse_request_head(buffer, at, self._limits, self._check)
        if parsed is None:
            return None
        head, end = parsed
        if memo is not None:
            memo.keep(buffer[at:end], head)
        return self._begin(head, end)

    def _begin(self, head: RequestHead, end: int) -> RequestHead:
        self._at = end
        if self._check.begun:
            self._check.reset()
        self._skipped = False
        if head.length == CHUNKED:
            self._body(CHUNKED)
        else:
            self._state, self._left = _BODY, head.length
        return head


class ResponseReader(MessageReader):
    """Reads what a server sends.

    *method* is that of the request whose response comes next. Interim responses (1xx)
    are heads like any other and have no END; the final response follows. 101 is final,
    and so is a 2xx to CONNECT: what follows them is for `rest`.
    """

    __slots__ = ("_check", "_memo", "method")

    status = 502

    def __init__(
        self, limits: Limits, memo: HeadMemo[ResponseHead] | None = None
    ) -> None:
        super().__init__(limits)
        self._check = response_check(limits)
        self._memo = memo
        self.method = b"GET"

    def answer(self) -> tuple[ResponseHead, bytes] | None:
        """Return a final response whose head is known and whose body is here.

        None where that is not all that is here: nothing has changed then.
        """
        buffer, memo = self._buffer, self._memo
        if memo is None or self._at or self._state != _HEAD:
            return None
        if self.method in _HEAD_DIFFERS:
            return None
        end = buffer.find(b"\r\n\r\n") + 4
        head = memo.find(buffer[:end]) if end > 3 else None
        if head is None or head.length != len(buffer) - end or head.status < 200:
            return None
        if self._check.begun:
            self._check.reset()
        self._buffer = b""
        self.trailers = []
        return head, buffer[end:]

    def _head(self) -> ResponseHead | None:
        buffer, at = self._buffer, self._at
        parsed = parse_response_head(buffer, at, self._limits, self._check, self.method)
        if parsed is None:
            return None
        head, self._at = parsed
        if self._memo is not None and self.method not in _HEAD_DIFFERS:
            self._memo.keep(buffer[at : self._at], head)
        if self._check.begun:
            self._check.reset()
        if head.status >= 200:
            self._body(head.length)
        return head
