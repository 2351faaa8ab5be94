"""Bodies from one connection to another, under back-pressure in both directions."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface import implementer

from edgeproxy.http.body import Body
from edgeproxy.http.interfaces import IBodyReceiver


@implementer(IBodyProducer, IBodyReceiver)
class RequestRelay:
    """The *body* of a request here, as the body of a request to an upstream."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self.length = UNKNOWN_LENGTH if body.length is None else body.length

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Pass the body on to *consumer*; fires after its last byte."""
        self._consumer = consumer
        self._done: Deferred[None] = Deferred()
        self._body.deliver(self)
        return self._done

    def dataReceived(self, data: bytes) -> None:
        self._consumer.write(data)

    def ended(self) -> None:
        self._done.callback(None)

    def failed(self, reason: Failure) -> None:
        self._done.errback(reason)

    def pauseProducing(self) -> None:
        self._body.pauseProducing()

    def resumeProducing(self) -> None:
        self._body.resumeProducing()

    def stopProducing(self) -> None:
        self._body.stopProducing()


@implementer(IBodyReceiver)
class ResponseRelay:
    """The *body* of an upstream's response, as the rest of the response to *request*.

    The client reads as fast as it likes, and the upstream is paused meanwhile. When the
    body breaks off, so does the client's connection: it never sees a clean end. A
    client that leaves stops the upstream.
    """

    def __init__(self, request: Any, body: Body) -> None:
        self._request = request
        request.registerProducer(body, True)
        body.deliver(self)

    def dataReceived(self, data: bytes) -> None:
        self._request.write(data)

    def ended(self) -> None:
        self._request.unregisterProducer()
        self._request.finish()

    def failed(self, reason: Failure) -> None:
        channel = self._request.channel
        if channel is not None:
            self._request.unregisterProducer()
            channel.abort()
