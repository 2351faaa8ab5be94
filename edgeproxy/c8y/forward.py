"""One request on its way to Cumulocity and back."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IBodyProducer

from edgeproxy.c8y.credential import CredentialUnavailable, IDeviceCredential
from edgeproxy.c8y.plan import Plan
from edgeproxy.c8y.probe import Probe
from edgeproxy.http.client.failures import RequestFailed
from edgeproxy.http.client.prepared import field_line
from edgeproxy.http.client.response import Response
from edgeproxy.http.collect import collect
from edgeproxy.http.errors import ProtocolError
from edgeproxy.http.relay import RequestRelay, ResponseRelay
from edgeproxy.http.tunnel import join
from edgeproxy.metrics import counters

if TYPE_CHECKING:
    from edgeproxy.c8y.proxy import ProxyResource

BAD_GATEWAY = b"Error communicating with Cumulocity"  # seed 000, possible errors

# Bytes of a body that are kept to send it once more after a 401, as thin-edge does.
REPLAYABLE = 1 << 20

# Seconds. A long poll is silent for up to ten minutes (facts of Cumulocity, §4.6).
SILENCE = 900.0


@lru_cache(maxsize=2)
def _authorization_line(value: bytes) -> bytes:
    """Return the field of the device's credential, which is the same for hours."""
    return field_line(b"Authorization", value)


class Forward:
    """Takes *request* through *door* as its *plan* says, and answers it.

    With a *credential* the request is the device's: its authorization is added, and
    after a 401 a fresher one is tried once. Without, it authenticates itself, and
    whatever comes back is final.
    """

    _log = Logger()

    __slots__ = (
        "_authorization",
        "_body",
        "_cancel",
        "_credential",
        "_door",
        "_left",
        "_plan",
        "_refused",
        "_replayable",
        "_request",
    )

    def __init__(
        self,
        door: ProxyResource,
        request: Any,
        plan: Plan,
        credential: IDeviceCredential | None,
    ) -> None:
        self._door = door
        self._request = request
        self._plan = plan
        self._credential = credential
        self._body: bytes | IBodyProducer | None = None
        self._replayable = True
        self._authorization: bytes | None = None
        # Stops what is under way, of no use any more when the client has left.
        self._cancel: Callable[[], None] | None = None
        self._refused: Response | None = None
        self._left = False

    def start(self) -> None:
        """Go."""
        self._request.on_lost = self._client_left
        whole = self._request.take_whole()
        if whole is not None:
            self._body = whole or None
            self._authorize()
            return
        body = self._request.body
        if body.complete:
            self._body = body.take() or None
            self._authorize()
        elif body.length is not None and body.length <= REPLAYABLE:
            self._wait(collect(body, REPLAYABLE), self._collected)
        else:
            self._body, self._replayable = RequestRelay(body), False
            if self._credential is None:
                self._send(None)
            else:
                # It cannot be sent again, so it has to be right the first time.
                probe = Probe(self._door.upstream, self._credential)
                self._wait(probe.start(), self._send)

    def _client_left(self, _: Failure) -> None:
        self._left = True
        if self._cancel is not None:
            self._cancel()
        if self._refused is not None:
            self._refused.abort()

    def _wait(self, waiting: Deferred[Any], then: Any) -> None:
        self._cancel = waiting.cancel
        waiting.addCallback(then)
        waiting.addErrback(self.failed)

    def _collected(self, body: bytes) -> None:
        self._body = body or None
        self._authorize()

    def _authorize(self) -> None:
        if self._credential is None:
            self._send(None)
        elif (current := self._credential.current) is not None:
            self._send(current)
        else:
            self._wait(self._credential.fetch(), self._send)

    def _send(self, authorization: bytes | None) -> None:
        extra = b""
        if authorization is not None:
            self._authorization = authorization
            extra = _authorization_line(authorization)
        self._cancel = None
        exchange = self._door.upstream.send(
            self._plan.prepared,
            self._body,
            self,
            extra=extra,
            head_timeout=SILENCE,
            silence=SILENCE,
        )
        if exchange.caller is not None:  # not answered yet
            self._cancel = exchange.cancel

    def responded(self, response: Response) -> None:
        """Take Cumulocity's *response*; the pool calls this, or `failed`."""
        try:
            self._responded(response)
        except Exception:
            response.abort()
            self.failed(Failure())

    def _responded(self, response: Response) -> None:
        self._cancel = None
        if response.status == 401 and self._credential is not None:
            credential, self._credential = self._credential, None
            assert self._authorization is not None
            self._refused = response
            self._wait(credential.refused(self._authorization), self._refreshed)
        else:
            self._relay(response)

    def _refreshed(self, fresher: bytes | None) -> None:
        """Try once more, or pass the 401 on where that cannot be."""
        refused, self._refused = self._refused, None
        assert refused is not None
        if fresher is None or not self._replayable:
            self._relay(refused)
        else:
            refused.abort()
            self._send(fresher)

    def _relay(self, response: Response) -> None:
        request = self._request
        head = response.head
        counters.C8Y_RESPONSES[head.status] += 1
        host = request.head.index.get(b"host")
        start, fields = self._door.returned.head(head, host)
        if head.status == 101:
            join(request, response, fields)
            return
        body = response.take()
        if request.method == b"HEAD" or head.status in (204, 304):
            request.start(head.status, head.reason, fields, head.announced)
            request.finish()
        elif body is None:
            request.start(head.status, head.reason, fields, response.length)
            ResponseRelay(request, response.body)
        elif start is not None:
            request.respond_known(head.status, head.reason, start, fields, body)
        else:
            request.respond(head.status, head.reason, fields, body)

    def failed(self, failure: Any) -> None:
        """Tell the client that there is no response, if it is still there."""
        self._cancel = None
        if self._left or failure.check(ConnectionLost, ConnectionDone):
            return  # the client has left, perhaps amid its body: nobody is to be told
        request = self._request
        if failure.check(ProtocolError) and failure.value.status < 500:
            request.respond(failure.value.status, None, [], b"")
            return  # its body was malformed
        cause = "credential" if failure.check(CredentialUnavailable) else "upstream"
        counters.C8Y_FAILURES[cause] += 1
        if failure.check(CredentialUnavailable, RequestFailed, ProtocolError):
            self._log.error(
                "{request} ({number}) not forwarded: {reason}",
                request=request.head.summary,
                number=request.number,
                reason=failure.getErrorMessage(),
            )
        else:
            self._log.failure("a request was not forwarded", failure)
        if request.startedWriting:
            request.channel.abort()  # half a response is none
            return
        content_type = (b"Content-Type", b"text/plain; charset=utf-8")
        number = (b"X-Request-ID", request.number.encode())
        request.respond(502, None, [content_type, number], BAD_GATEWAY)
