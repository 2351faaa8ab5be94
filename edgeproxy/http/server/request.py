"""Requests as resources see them."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure
from twisted.web.error import UnsupportedMethod
from twisted.web.http import RESPONSES, parse_qs
from twisted.web.http_headers import Headers
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from edgeproxy.http.body import Body
from edgeproxy.http.errors import ProtocolError
from edgeproxy.http.server.forms import form_fields
from edgeproxy.http.server.lazy import lazy
from edgeproxy.http.server.reply import Reply

if TYPE_CHECKING:
    from edgeproxy.http.server.channel import Channel


class _Rendered:
    """A resource that has been rendered already: stock's error pages want one."""

    def __init__(self, resource: IResource, body: object) -> None:
        self._resource = resource
        self.render = lambda request: body

    def __repr__(self) -> str:
        return repr(self._resource)


@implementer(IRequest)
class Request(Reply):
    """A request and the response to it: `twisted.web.server.Request` over our channel.

    What that class computes up front is computed here when it is first asked for, and
    everything that touches the wire is ours. Beyond its surface there are

    * *head*: the `RequestHead`, with the fields in wire order and case;
    * *body*: the `Body`, for resources that stream (`interfaces.IStreamingResource`);
    * *on_lost*: called with the reason when the client has left before the response
      was complete; what `notifyFinish` does, without a Deferred;
    * what `Reply` has: `respond`, `start`, `detach`.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel = self._channel = channel
        head = channel.head
        assert head is not None
        self.head = head
        self.method = head.method
        self.uri = head.uri
        self.path = head.path
        self.site = channel.site
        self._whole = channel.whole or b""
        self._number = channel.site.requests

    # What was asked, computed when it is asked for

    queued = False
    content_data = b""

    @lazy
    def _adapterCache(self) -> dict[Any, Any]:
        return {}

    @lazy
    def _fields(self) -> dict[bytes, bytes]:
        return {}

    @lazy
    def prepath(self) -> list[bytes]:
        return []

    @lazy
    def sitepath(self) -> list[bytes]:
        return []

    @lazy
    def notifications(self) -> list[Deferred[None]]:
        return []

    @lazy
    def clientproto(self) -> bytes:
        return b"HTTP/1.%d" % self.head.minor

    @lazy
    def transport(self) -> Any:
        return self._channel.transport

    @lazy
    def client(self) -> IAddress:
        return self._channel.peer

    @lazy
    def host(self) -> IAddress:
        return self._channel.getHost()

    @property
    def number(self) -> str:
        """What the request is called in logs; no other has been called that."""
        return f"{self.site.run}-{self._number:x}"

    @property
    def peer_host(self) -> str:
        """The client's IP address, for logs."""
        return self._channel.peer_host

    def take_whole(self) -> bytes | None:
        """Return the body if all of it came with the head; None: ask *body* for it.

        It is `Body.take` without the object, and like that gives it away once.
        """
        if self._channel.upload is not None or "body" in self.__dict__:
            return None
        whole, self._whole = self._whole, b""
        return whole

    @lazy
    def body(self) -> Body:
        upload = self._channel.upload if self.channel is not None else None
        if upload is not None:
            return upload.body
        return Body.whole(self._whole)

    @lazy
    def content(self) -> BytesIO:
        return BytesIO(self.content_data)

    @lazy
    def postpath(self) -> list[bytes]:
        path = self.path
        if path[:1] != b"/":
            return []  # CONNECT: for the root
        if b"%" in path:
            return [unquote_to_bytes(segment) for segment in path[1:].split(b"/")]
        return path[1:].split(b"/")

    @lazy
    def requestHeaders(self) -> Headers:
        headers = Headers()
        for name, value in self.head.fields:
            headers.addRawHeader(name, value)
        return headers

    @lazy
    def args(self) -> dict[bytes, list[bytes]]:
        query = self.uri.partition(b"?")[2]
        args = parse_qs(query, True) if query else {}
        kind, data = self.getHeader(b"content-type"), self.content_data
        if self.method == b"POST" and kind and data and self.site.parse_forms:
            args.update(form_fields(kind, data))
        return args

    @lazy
    def received_cookies(self) -> dict[bytes, bytes]:
        pairs = [
            pair.lstrip().partition(b"=")
            for name, value in self.head.fields
            if name.lower() == b"cookie"
            for pair in value.split(b";")
        ]
        return {name: value for name, equals, value in pairs if equals}

    def getHeader(self, key: Any) -> Any:
        if type(key) is bytes and "requestHeaders" not in self.__dict__:
            return self.head.index.get(key.lower())
        return super().getHeader(key)

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    # From the channel

    def process(self) -> None:
        """Find the resource; render it now if the body is here or it streams."""
        if self.path == b"*":
            self._handleStar()
            return
        upload = self._channel.upload
        try:
            resource = self.site.getResourceFor(self)
            if upload is None:
                if self._whole and not getattr(resource, "streaming", False):
                    self._take(resource, self._whole)
                else:
                    self.render(resource)
            elif getattr(resource, "streaming", False):
                self.render(resource)
            else:
                self._resource = resource
                upload.collect(self.site.max_content)
        except BaseException:
            self.processingFailed(Failure())

    def collected(self) -> None:
        """Render: the whole body is here."""
        # What `getChild` may have looked at was without the body.
        self.__dict__.pop("content", None)
        self.__dict__.pop("args", None)
        try:
            self._take(self._resource, self.body.take() or b"")
        except BaseException:
            self.processingFailed(Failure())

    def _take(self, resource: IResource, data: bytes) -> None:
        """Render with *data* as the content, unless it is too big or a bad form."""
        if len(data) > self.site.max_content:
            self._channel.too_big()
            return
        self.content_data = data
        kind = self.head.index.get(b"content-type", b"")
        if (
            self.method == b"POST"
            and kind[:10].lower() == b"multipart/"
            and self.site.parse_forms
        ):
            try:
                _ = self.args
            except ValueError:
                self._channel._respondToBadRequestAndDisconnect()
                return
        self.render(resource)

    def connectionLost(self, reason: Failure) -> None:
        self._disconnected = True
        self.channel = None
        if "content" in self.__dict__:
            self.content.close()
        on_lost, self.on_lost = self.on_lost, None
        if on_lost is not None:
            on_lost(reason)
        if "notifications" in self.__dict__:
            waiting, self.notifications = self.notifications, []
            for deferred in waiting:
                deferred.errback(reason)

    def refused(self, error: ProtocolError) -> None:
        """Know that the channel has answered *error* in our stead."""
        if not self.startedWriting:
            self.code = error.status
            self.code_message = RESPONSES.get(error.status, b"")
        self.connectionLost(Failure(error))

    # The response, as resources write it

    def render(self, resource: IResource) -> None:
        try:
            encoder = getattr(resource, "getEncoder", None)
            if encoder is not None:
                self._encoder = encoder(self)
            body = resource.render(self)
        except UnsupportedMethod:
            # Stock knows what to say, and how to make HEAD out of GET.
            super().render(resource)
            return
        if body is NOT_DONE_YET:
            return
        if type(body) is not bytes:
            super().render(_Rendered(resource, body))
            return
        self.answer(body)

    def processingFailed(self, reason: Failure) -> Failure:
        if self.startedWriting and not self.finished and not self._disconnected:
            self._log.failure("", failure=reason)
            self._channel.abort()
            return reason
        if self._disconnected or self.finished:
            self._log.failure("", failure=reason)
            return reason
        return super().processingFailed(reason)
