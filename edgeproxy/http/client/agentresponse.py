"""Responses as `twisted.web` clients see them."""

from __future__ import annotations

from typing import Any

import attr
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol, IPushProducer, ITransport
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IClientRequest, IResponse
from zope.interface import implementer

from edgeproxy.http.client.response import Response
from edgeproxy.http.head import UNTIL_CLOSE


@implementer(IClientRequest)
@attr.s(auto_attribs=True, frozen=True, slots=True)
class AgentRequest:
    """What was asked."""

    method: bytes
    absoluteURI: bytes | None
    headers: Headers


@implementer(ITransport, IPushProducer)
class BodyTransport:
    """The transport of a protocol that receives a body: nothing to write to."""

    disconnecting = False

    def __init__(self, response: Response) -> None:
        self._body = response.body
        self._response = response

    def pauseProducing(self) -> None:
        self._body.pauseProducing()

    def resumeProducing(self) -> None:
        self._body.resumeProducing()

    def stopProducing(self) -> None:
        self.abortConnection()

    def loseConnection(self) -> None:
        self.abortConnection()

    def abortConnection(self) -> None:
        """Give the rest up; the protocol hears of it."""
        self._body.abandon(Failure(ConnectionDone()))

    def write(self, data: bytes) -> None:
        raise RuntimeError("a body is only read")

    def writeSequence(self, data: Any) -> None:
        raise RuntimeError("a body is only read")

    def getPeer(self) -> Any:
        return self._response.transport.getPeer()

    def getHost(self) -> Any:
        return self._response.transport.getHost()


class _Delivery:
    """Passes a body to a protocol."""

    def __init__(self, response: AgentResponse, protocol: Any, at_close: bool) -> None:
        self._response = response
        self._protocol = protocol
        self._at_close = at_close

    def dataReceived(self, data: bytes) -> None:
        self._protocol.dataReceived(data)

    def ended(self) -> None:
        if self._at_close:
            reason = Failure(PotentialDataLoss())
        else:
            reason = Failure(ResponseDone("the body is complete"))
        self._protocol.connectionLost(reason)

    def failed(self, reason: Failure) -> None:
        failed = Failure(ResponseFailed([reason], self._response))  # type: ignore[arg-type]
        self._protocol.connectionLost(failed)


@implementer(IResponse)
class AgentResponse:
    """A `Response` of the pool as `IResponse`; the body waits for `deliverBody`."""

    def __init__(self, response: Response, request: AgentRequest) -> None:
        self._response = response
        self.version = (b"HTTP", 1, response.head.minor)
        self.code = response.status
        self.phrase = response.reason
        self.request = request
        self.previousResponse: IResponse | None = None
        self.headers = Headers()
        for name, value in response.fields:
            self.headers.addRawHeader(name, value)
        length = response.length
        self.length: Any = UNKNOWN_LENGTH if length is None else length

    def setPreviousResponse(self, response: IResponse) -> None:
        """Remember *response*, which redirected here."""
        self.previousResponse = response

    def deliverBody(self, protocol: IProtocol) -> None:
        """Connect *protocol* to the body; it ends with `ResponseDone`,
        `PotentialDataLoss` (length unknown, connection closed) or `ResponseFailed`.
        """
        at_close = self._response.head.length == UNTIL_CLOSE
        protocol.makeConnection(BodyTransport(self._response))
        self._response.deliver(_Delivery(self, protocol, at_close))
