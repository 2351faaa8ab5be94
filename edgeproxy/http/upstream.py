"""The client's side: one narrow interface to an upstream server, here on Agent."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import (
    URI,
    Agent,
    FileBodyProducer,
    HTTPConnectionPool,
    ResponseDone,
)
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH

Fields = Sequence[tuple[bytes, bytes]]

MAX_BODY = 16 << 20  # bytes of a response that are held in memory
CONNECTIONS = 64  # kept open at once
IDLE = 50.0  # seconds; servers commonly close idle connections after 60 to 75


class UpstreamError(Exception):
    """There is no response to be had from the upstream server."""


@attrs.frozen
class Response:
    """A response: *headers* in the order of the wire, *body* as it came.

    *length* is the Content-Length, which a response to HEAD has without a body.
    """

    status: int
    reason: bytes
    headers: Fields
    body: bytes
    length: int | None


class _Collector(Protocol):
    """Collects a body of at most `MAX_BODY` bytes."""

    def __init__(self, done: Deferred[bytes]) -> None:
        self._done, self._size = done, 0
        self._chunks: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        self._chunks.append(data)
        self._size += len(data)
        if self._size > MAX_BODY:
            transport: Any = self.transport
            transport.abortConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        if self._size > MAX_BODY:
            self._done.errback(UpstreamError(f"response is larger than {MAX_BODY}"))
        elif reason is not None and reason.check(ResponseDone, PotentialDataLoss):
            self._done.callback(b"".join(self._chunks))
        else:
            self._done.errback(reason)


class Upstream:
    """The server behind *endpoint*; *origin* is its URL, for connection reuse."""

    def __init__(
        self, reactor: Any, endpoint: IStreamClientEndpoint, origin: bytes
    ) -> None:
        self._uri, self._endpoint = URI.fromBytes(origin), endpoint
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = CONNECTIONS
        self._pool.cachedConnectionTimeout = int(IDLE)
        self._agent = Agent(reactor, pool=self._pool)

    def request(
        self, method: bytes, target: bytes, headers: Fields, body: bytes
    ) -> Deferred[Response]:
        """Send a request; *target* goes out byte for byte. Fails with any error."""
        fields = Headers()
        for name, value in headers:
            fields.addRawHeader(name, value)
        producer = FileBodyProducer(BytesIO(body), readSize=1 << 16) if body else None
        key = (self._uri.scheme, self._uri.host, self._uri.port)
        sent: Deferred[Any] = self._agent._requestWithEndpoint(
            key, self._endpoint, method, self._uri, fields, producer, target
        )
        return sent.addCallback(_collect)

    def close(self) -> Deferred[None]:
        """Close the connections that are kept open."""
        closed: Deferred[None] = self._pool.closeCachedConnections()
        return closed


def _collect(response: Any) -> Deferred[Response]:
    body: Deferred[bytes] = Deferred()
    response.deliverBody(_Collector(body))
    fields = [
        (name, value)
        for name, values in response.headers.getAllRawHeaders()
        for value in values
    ]
    length = None if response.length is UNKNOWN_LENGTH else response.length
    return body.addCallback(
        lambda data: Response(response.code, response.phrase, fields, data, length)
    )
