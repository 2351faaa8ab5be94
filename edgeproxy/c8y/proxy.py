"""The /c8y door: forwards a request to Cumulocity with the device's credential."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from edgeproxy.c8y.credential import CredentialUnavailable, IDeviceCredential
from edgeproxy.c8y.routes import (
    METHODS,
    authenticates_itself,
    is_login,
    is_web_ui,
    upstream_target,
)
from edgeproxy.http.fields import end_to_end
from edgeproxy.http.site import origin_form
from edgeproxy.http.upstream import MAX_BODY, Fields, Response, Upstream
from edgeproxy.metrics import counters

BAD_GATEWAY = b"Error communicating with Cumulocity"  # seed 000, possible errors

# Host is the tenant's; Content-Length and Expect are made anew with the body.
_NOT_FORWARDED = frozenset({b"host", b"content-length", b"expect"})
_NOT_RETURNED = frozenset({b"content-length"})


class ProxyResource(Resource):
    """Everything below ``/c8y``; *host* is what Cumulocity knows the tenant by."""

    isLeaf = True
    _log = Logger("edgeproxy.c8y")

    def __init__(
        self, upstream: Upstream, credential: IDeviceCredential, host: bytes
    ) -> None:
        super().__init__()
        self._upstream = upstream
        self._credential = credential
        self._host = host

    def render(self, request: Any) -> Any:
        """Forward *request*, or answer it where it has no business at Cumulocity."""
        target = upstream_target(origin_form(request.uri))
        if target is None:
            return _answer(request, 404, b"")
        if request.method not in METHODS:
            request.setHeader(b"allow", b", ".join(METHODS))
            return _answer(request, 405, b"")
        with_device = not is_login(target) and not authenticates_itself(
            lambda name: request.requestHeaders.getRawHeaders(name, ())
        )
        if with_device and is_web_ui(target):
            return _answer(request, 403, b"")
        body = request.content.read(MAX_BODY + 1)
        if len(body) > MAX_BODY:
            return _answer(request, 413, b"")
        fields = end_to_end(_fields(request), _NOT_FORWARDED)
        fields.insert(0, (b"Host", self._host))
        if with_device:
            answered = self._as_device(request.method, target, fields, body)
        else:
            answered = self._upstream.request(request.method, target, fields, body)
        gone = request.notifyFinish()
        gone.addErrback(lambda _: answered.cancel())
        answered.addCallback(self._respond, request)
        answered.addErrback(self._failed, request, gone)
        return NOT_DONE_YET

    @inlineCallbacks
    def _as_device(
        self, method: bytes, target: bytes, fields: Fields, body: bytes
    ) -> Any:
        """Send the request with the device's credential; once more after a 401."""

        def send(authorization: bytes) -> Deferred[Response]:
            signed = [*fields, (b"Authorization", authorization)]
            return self._upstream.request(method, target, signed, body)

        authorization = self._credential.current or (yield self._credential.fetch())
        response = yield send(authorization)
        if response.status == 401:
            fresher = yield self._credential.refused(authorization)
            if fresher is not None:
                response = yield send(fresher)
        return response

    def _respond(self, response: Response, request: Any) -> None:
        counters.C8Y_RESPONSES.labels(str(response.status)).inc()
        request.setResponseCode(response.status, response.reason)
        fields = end_to_end(response.headers, _NOT_RETURNED)
        for name, _ in fields:
            request.responseHeaders.removeHeader(name)
        for name, value in fields:
            request.responseHeaders.addRawHeader(name, value)
        if request.method == b"HEAD" and response.length is not None:
            request.setHeader(b"content-length", b"%d" % response.length)
        elif response.status not in (204, 304):
            request.setHeader(b"content-length", b"%d" % len(response.body))
        if response.body:
            request.write(response.body)
        request.finish()

    def _failed(self, failure: Any, request: Any, gone: Deferred[None]) -> None:
        if gone.called:
            return  # the client left; there is nobody to tell
        cause = "credential" if failure.check(CredentialUnavailable) else "upstream"
        counters.C8Y_FAILURES.labels(cause).inc()
        self._log.error(
            "{method} {path} not forwarded: {reason}",
            method=request.method.decode("ascii", "replace"),
            path=request.path.decode("ascii", "replace"),
            reason=failure.getErrorMessage() or failure.type.__name__,
        )
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        _answer(request, 502, BAD_GATEWAY)


def _answer(request: Any, status: int, body: bytes) -> int:
    request.setResponseCode(status)
    request.setHeader(b"content-length", b"%d" % len(body))
    if body:
        request.write(body)
    request.finish()
    return NOT_DONE_YET


def _fields(request: Any) -> Fields:
    return [
        (name, value)
        for name, values in request.requestHeaders.getAllRawHeaders()
        for value in values
    ]
