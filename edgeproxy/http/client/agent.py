"""The pool as a `twisted.web` agent, for treq and whatever else speaks that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.python.failure import Failure
from twisted.web.client import URI, ResponseNeverReceived
from twisted.web.error import SchemeNotSupported
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from edgeproxy.http.client.agentresponse import AgentRequest, AgentResponse
from edgeproxy.http.client.failures import ConnectionFailed
from edgeproxy.http.client.origin import Origin
from edgeproxy.http.client.pool import Pool
from edgeproxy.http.client.response import Response
from edgeproxy.http.client.settings import PoolSettings
from edgeproxy.http.errors import ProtocolError


@implementer(IAgent)
class Agent:
    """Requests to anywhere, each origin with a `Pool` of its own.

    *endpoints* connects to an origin (`endpoints.Endpoints` does). What is sent is what
    the caller gives, plus Host and framing: no User-Agent, no Accept.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        endpoints: Callable[[Origin], IStreamClientEndpoint],
        settings: PoolSettings | None = None,
    ) -> None:
        self._reactor = reactor
        self._endpoints = endpoints
        self._settings = settings
        self._pools: dict[Origin, Pool] = {}

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        """Send a request; see `IAgent.request`.

        A connection lost before any response fails with `ResponseNeverReceived`, one
        that did not come about with the error of connecting, a deadline with
        `failures.TimedOut`, a malformed response with `ResponseNeverReceived` around a
        `ProtocolError`.
        """
        headers = headers if headers is not None else Headers()
        try:
            parsed = URI.fromBytes(uri)
            if parsed.scheme not in (b"http", b"https"):
                raise SchemeNotSupported(f"unsupported scheme: {parsed.scheme!r}")
            pool = self._pool(parsed)
            fields = [
                (name, value)
                for name, values in headers.getAllRawHeaders()
                for value in values
            ]
            response = pool.request(method, parsed.originForm, fields, bodyProducer)
        except (SchemeNotSupported, ValueError):
            failed: Deferred[IResponse] = Deferred()
            failed.errback(Failure())
            return failed
        request = AgentRequest(method, uri, headers)
        result: Deferred[Any] = response  # type: ignore[assignment]

        def adapt(response: Response) -> AgentResponse:
            return AgentResponse(response, request)

        return result.addCallbacks(adapt, _as_twisted_has_it)

    def close(self) -> None:
        """Abort everything."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()

    def _pool(self, uri: URI) -> Pool:
        host = uri.host.decode("ascii").strip("[]")
        origin = Origin(uri.scheme.decode("ascii"), host, uri.port)
        pool = self._pools.get(origin)
        if pool is None:
            endpoint = self._endpoints(origin)
            pool = Pool(origin, endpoint, self._reactor, self._settings)
            self._pools[origin] = pool
        return pool


def _as_twisted_has_it(reason: Failure) -> Failure:
    error = reason.value
    if isinstance(error, ProtocolError):
        return Failure(ResponseNeverReceived([reason]))
    if isinstance(error, ConnectionFailed) and error.reason is not None:
        cause = Failure(error.reason)
        return Failure(ResponseNeverReceived([cause])) if error.sent else cause
    return reason
