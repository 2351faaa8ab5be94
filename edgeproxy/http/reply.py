"""The response half of a request."""

from __future__ import annotations

import warnings
from typing import Any

from twisted.internet.interfaces import IProducer, IProtocol
from twisted.web import server
from twisted.web.http import RESPONSES, datetimeToString
from twisted.web.http_headers import Headers

from edgeproxy.http.compose import canonical, field_value, response_head
from edgeproxy.http.head import Fields, connection_options
from edgeproxy.http.lazy import lazy
from edgeproxy.http.requesthead import RequestHead
from edgeproxy.http.writer import LAST_CHUNK

# RFC 9112 section 6.3: these end with their head.
NO_BODY = (204, 304)


class Reply(server.Request):
    """What resources write: by stock's methods, or as fields in wire order.

    A response leaves with its head and first bytes in one write. Its length is the
    Content-Length that the resource sets; without one it is chunked, or ends with the
    connection for an HTTP/1.0 client. Bytes beyond an announced length are refused with
    ValueError; when bytes are missing the connection is aborted, so that the client
    can tell.
    """

    head: RequestHead
    channel: Any
    site: Any
    _fields: dict[bytes, bytes]
    _left: int | None = None
    _mute = False
    _close = False

    @lazy
    def cookies(self) -> list[bytes]:
        return []

    @lazy
    def defaultContentType(self) -> bytes | None:
        default: bytes | None = self.site.default_content_type
        return default

    @lazy
    def responseHeaders(self) -> Headers:
        headers = Headers()
        for name, value in self._fields.items():
            headers.setRawHeaders(name, [value])
        return headers

    # As stock has it

    def setResponseCode(self, code: int, message: bytes | None = None) -> None:
        if not isinstance(code, int):
            raise TypeError("a status is an int")
        if message is not None and not isinstance(message, bytes):
            raise TypeError("a reason phrase is bytes")
        self.code = code
        self.code_message = message or RESPONSES.get(code, b"Unknown Status")

    def setHeader(self, name: bytes | str, value: bytes | str) -> None:
        self._set(canonical(name), field_value(value))

    def _set(self, name: bytes, value: bytes) -> None:
        headers = self.__dict__.get("responseHeaders")
        if headers is None:
            self._fields[name] = value
        else:
            headers.setRawHeaders(name, [value])

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

    def _release(self) -> None:
        self.channel = None
        if "content" in self.__dict__:
            self.content.close()  # type: ignore[union-attr]
        if "notifications" in self.__dict__:
            waiting, self.notifications = self.notifications, []
            for deferred in waiting:
                deferred.callback(None)

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
        usual phrase.
        """
        self._open(status, reason, list(fields), len(body), body)
        self.finish()

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
        """
        channel = self.channel
        self.finished = 1
        self.site.answered(self)
        channel.detach(protocol)
        self._release()

    # Onto the wire

    def _first(self, data: bytes, whole: bool = False) -> None:
        """Send the head and *data*; *whole*: that is all of the body."""
        code = self.code
        headers = self.__dict__.get("responseHeaders")
        if headers is None:
            named = self._fields
        else:
            named = {canonical(n): v[-1] for n, v in headers.getAllRawHeaders()}
        if (
            b"Content-Type" not in named
            and code not in NO_BODY
            and named.get(b"Content-Length") != b"0"
            and (default := self.defaultContentType) is not None
        ):
            self._set(b"Content-Type", default)
        if self.etag is not None:
            self._set(b"ETag", field_value(self.etag))
        if self.lastModified is not None and b"Last-Modified" not in named:
            self._set(b"Last-Modified", datetimeToString(self.lastModified))
        if headers is None:
            fields = list(named.items())
        else:
            fields = [(n, v) for n, all in headers.getAllRawHeaders() for v in all]
        if "cookies" in self.__dict__:
            fields += [(b"Set-Cookie", field_value(cookie)) for cookie in self.cookies]
        length = named.get(b"Content-Length")
        if length is not None or b"Connection" in named:
            if b"close" in connection_options(named.get(b"Connection", b"")):
                self._close = True
            fields = [f for f in fields if f[0] not in _OURS]
        if length is not None:
            size: int | None = int(length)
        else:
            size = len(data) if whole and self.method != b"HEAD" else None
        self._open(code, self.code_message, fields, size, data)

    def _open(
        self,
        status: int,
        reason: bytes | None,
        fields: Fields,
        length: int | None,
        data: bytes,
    ) -> None:
        if self._disconnected:
            return
        method = self.method
        close = self._close or self.channel.must_close
        tunnel = status == 101 or (method == b"CONNECT" and 200 <= status < 300)
        mute = status in NO_BODY or method == b"HEAD" or tunnel
        if length is not None:
            if status not in NO_BODY and not tunnel:
                fields.append((b"Content-Length", b"%d" % length))
            if not mute:
                if len(data) > length:
                    raise ValueError("more body than was announced")
                self._left = length - len(data)
        elif not mute:
            if self.head.minor:
                fields.append((b"Transfer-Encoding", b"chunked"))
                self.chunked = 1
            else:
                close = True
        if close and not tunnel:
            fields.append((b"Connection", b"close"))
        elif not self.head.minor:
            fields.append((b"Connection", b"keep-alive"))
        fields.append((b"Date", self.site.date))
        head = response_head(status, reason, fields)
        self.code = status
        if reason is not None:
            self.code_message = reason
        # Without `detach` nothing can follow a tunnel's head but the end.
        self._close, self._mute = close or tunnel, mute
        self.startedWriting = 1
        if data and not mute:
            self.sentLength = len(data)
            if self.chunked:
                head += b"%x\r\n%b\r\n" % (len(data), data)
            else:
                head += data
        self.channel.write(head)

    def _more(self, data: bytes) -> None:
        if self._mute or not data:
            return
        if self._left is not None:
            if len(data) > self._left:
                self._close = True
                raise ValueError("more body than was announced")
            self._left -= len(data)
        self.sentLength += len(data)
        if self.chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        self.channel.write(data)


_OURS = (b"Content-Length", b"Connection", b"Transfer-Encoding")
