"""A body taken whole, for whoever needs all of it."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from edgeproxy.http.body import Body
from edgeproxy.http.interfaces import IBodyReceiver


class TooLarge(Exception):
    """The body is larger than whoever collects it can take."""


@implementer(IBodyReceiver)
class _Collector:
    def __init__(self, body: Body, limit: int) -> None:
        self._body, self._limit = body, limit
        self._chunks: list[bytes] = []
        self._size = 0
        self.done: Deferred[bytes] = Deferred(lambda _: body.stopProducing())

    def dataReceived(self, data: bytes) -> None:
        self._chunks.append(data)
        self._size += len(data)
        if self._size > self._limit:
            self._body.stopProducing()
            self.done.errback(TooLarge())

    def ended(self) -> None:
        self.done.callback(b"".join(self._chunks))

    def failed(self, reason: Failure) -> None:
        self.done.errback(reason)


def collect(body: Body, limit: int) -> Deferred[bytes]:
    """Return all of *body*, which nobody else receives.

    Fails with `TooLarge` beyond *limit* bytes, without reading them where the length
    was announced, and with the reason when the rest of the body does not come.
    """
    collector = _Collector(body, limit)
    if body.length is not None and body.length > limit:
        collector.done.errback(TooLarge())
    else:
        body.deliver(collector)
    return collector.done
