"""The response half of a request."""

from __future__ import annotations

import warnings

from twisted.internet.interfaces import IProducer, IProtocol
from twisted.web.http import RESPONSES

from edgeproxy.http.head import Fields
from edgeproxy.http.server.compose import (
    CANONICAL,
    canonical,
    field_value,
    response_head,
)
from edgeproxy.http.server.outgoing import NO_BODY, Outgoing
from edgeproxy.http.writer import LAST_CHUNK


class Reply(Outgoing):
    """What resources write: by stock's methods, or as fields in wire order.

    A response leaves with its head and first bytes in one write. Its length is the
    Content-Length that the resource sets; without one it is chunked, or ends with the
    connection for an HTTP/1.0 client. Bytes beyond an announced length are refused with
    ValueError; when bytes are missing the connection is aborted, so that the client
    can tell.
    """

    # As stock has it

    def setResponseCode(self, code: int, message: bytes | None = None) -> None:
        if not isinstance(code, int):
            raise TypeError("a status is an int")
        if message is not None and not isinstance(message, bytes):
            raise TypeError("a reason phrase is bytes")
        self.code = code
        self.code_message = message or RESPONSES.get(code, b"Unknown Status")

    def setHeader(self, name: bytes | str, value: bytes | str) -> None:
        key = CANONICAL.get(name) or canonical(name)
        if type(value) is not bytes or b"\r" in value or b"\n" in value:
            value = field_value(value)
        if "responseHeaders" in self.__dict__:
            self.responseHeaders.setRawHeaders(key, [value])
        else:
            self._fields[key] = value

    def write(self, data: bytes) -> None:
        if self.finished:
            raise RuntimeError("write() after finish()")
        if self._disconnected or self._inFakeHead:
            return
        if self._encoder is not None:
            data = self._encoder.encode(data)
        if self.startedWriting:
            self._more(data)
        else:
            self._first(data)

    def answer(self, body: bytes) -> None:
        """Send *body* as the whole response, and finish."""
        touched = self.__dict__
        fields = self._fields
        if (
            self.method == b"HEAD"
            or self.code in NO_BODY
            or self.startedWriting
            or self._disconnected
            or self._encoder is not None
            or "responseHeaders" in touched
            or "cookies" in touched
            or self.etag is not None
            or self.lastModified is not None
            or self.producer is not None
            or b"Connection" in fields
            or b"Transfer-Encoding" in fields
            or not self.head.minor
            or self.channel.must_close
        ):
            if self.method != b"HEAD" or body:
                self._set(b"Content-Length", b"%d" % len(body))
            self.write(body)
            self.finish()
            return
        # Nothing out of the ordinary: the same bytes with fewer questions asked.
        if (
            body
            and b"Content-Type" not in fields
            and (default := self.defaultContentType) is not None
        ):
            fields[b"Content-Type"] = default
        fields[b"Content-Length"] = b"%d" % len(body)
        if b"Date" not in fields:
            fields[b"Date"] = self.site.date
        self._send_whole(self.code, self.code_message, list(fields.items()), body)

    def finish(self) -> None:
        if self._disconnected:
            raise RuntimeError("finish() after the connection was lost")
        if self.finished:
            warnings.warn("finish() called twice", stacklevel=2)
            return
        channel = self.channel
        rest = self._encoder.finish() if self._encoder is not None else b""
        if not self.startedWriting:
            self._first(rest, whole=True)
        elif rest:
            self._more(rest)
        if self.chunked:
            channel.write(LAST_CHUNK)
        self.finished = 1
        if self.producer is not None:
            self._log.error("producer of {uri} was not unregistered", uri=self.uri)
            self.unregisterProducer()
        if self._left:
            self._log.error("response to {uri} is short of its length", uri=self.uri)
            channel.abort()
        else:
            channel.requestDone(self, self._close)
        self._release()

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        if self.producer is not None:
            raise ValueError("there is a producer already")
        if self.channel is None:
            producer.stopProducing()
            return
        self.producer = producer
        self.streamingProducer = streaming
        self.channel.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        self.producer = None
        if self.channel is not None:
            self.channel.unregisterProducer()

    # As fields in wire order

    def respond(
        self, status: int, reason: bytes | None, fields: Fields, body: bytes
    ) -> None:
        """Send the whole response and finish.

        *fields* go out as they are, in their order; they hold none of Content-Length,
        Transfer-Encoding, Connection and Date, which are ours. *reason* None is the
        usual phrase. Nothing happens when the client has left.
        """
        if self._disconnected:
            return
        channel = self.channel
        if (
            self.method == b"HEAD"
            or status in NO_BODY
            or status < 200
            or self.startedWriting
            or not self.head.minor
            or channel.must_close
        ):
            self._open(status, reason, list(fields), len(body), body)
            self.finish()
            return
        # Nothing out of the ordinary: the same bytes with fewer questions asked.
        fields = [*fields, (b"Content-Length", b"%d" % len(body))]
        self._send_whole(status, reason, fields, body)

    def respond_known(
        self, status: int, reason: bytes, start: bytes, fields: Fields, body: bytes
    ) -> None:
        """Send the whole response, as `respond` does, from a head made before.

        *start* is what `compose.response_start` returned for *status*, *reason* and
        *fields*, among which there is a Date.
        """
        if self._disconnected:
            return
        channel = self.channel
        if (
            self.method == b"HEAD"
            or status in NO_BODY
            or self.startedWriting
            or not self.head.minor
            or channel.must_close
        ):
            self.respond(status, reason, fields, body)
            return
        self.code = status
        self.code_message = reason
        self.startedWriting = self.finished = 1
        self.sentLength = length = len(body)
        channel.write(b"%bContent-Length: %d\r\n\r\n%b" % (start, length, body))
        channel.requestDone(self, False)
        self._release()

    def _send_whole(
        self, status: int, reason: bytes | None, fields: Fields, body: bytes
    ) -> None:
        head = response_head(status, reason, fields, self.site.date)
        self.code = status
        if reason is not None:
            self.code_message = reason
        self.startedWriting = self.finished = 1
        self.sentLength = len(body)
        channel = self.channel
        channel.write(head + body)
        channel.requestDone(self, False)
        self._release()

    def start(
        self, status: int, reason: bytes | None, fields: Fields, length: int | None
    ) -> None:
        """Send the head; `write` and `finish` follow.

        *fields* are as for `respond`, but that a Date of theirs is kept. *length* is in
        bytes, None when it is not known. After 101, or 2xx to CONNECT, `detach` follows
        instead, and *fields* have the Connection field.
        """
        self._open(status, reason, list(fields), length, b"")

    def detach(self, protocol: IProtocol) -> None:
        """Hand the connection over to *protocol*.

        It is connected to our transport and given the bytes that followed the request;
        from here on whatever arrives, and the connection's end, goes to it.
        RuntimeError when the client has left.
        """
        channel = self.channel
        if channel is None:
            raise RuntimeError("detach() after the connection was lost")
        self.finished = 1
        self.site.answered(self)
        channel.detach(protocol)
        self._release()
