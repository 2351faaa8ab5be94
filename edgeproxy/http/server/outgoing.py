"""How a response gets onto the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.python.failure import Failure
from twisted.web import server
from twisted.web.http import datetimeToString
from twisted.web.http_headers import Headers

from edgeproxy.http.head import Fields, connection_options
from edgeproxy.http.requesthead import RequestHead
from edgeproxy.http.server.compose import canonical, field_value, response_head
from edgeproxy.http.server.lazy import lazy

# RFC 9112 section 6.3: these end with their head.
NO_BODY = (204, 304)

# Fields that follow from the message and the connection, whatever a resource sets.
_OURS = (b"Content-Length", b"Connection", b"Transfer-Encoding")


class Outgoing(server.Request):
    """Composes the head of a response and frames its body."""

    head: RequestHead
    channel: Any
    site: Any
    on_lost: Callable[[Failure], None] | None = None
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

    def _set(self, name: bytes, value: bytes) -> None:
        headers = self.__dict__.get("responseHeaders")
        if headers is None:
            self._fields[name] = value
        else:
            headers.setRawHeaders(name, [value])

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
        head = response_head(status, reason, fields, self.site.date)
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

    def _release(self) -> None:
        self.channel = None
        # Whoever is told holds us as well: without this, each request would be left
        # to the garbage collector.
        self.on_lost = None
        if "content" in self.__dict__:
            self.content.close()  # type: ignore[union-attr]
        if "notifications" in self.__dict__:
            waiting, self.notifications = self.notifications, []
            for deferred in waiting:
                deferred.callback(None)
