"""The Hono door's resource: telemetry and events of devices and gateways."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from edgeproxy.hono import statuses
from edgeproxy.hono.authentication import basic_credentials
from edgeproxy.hono.outcomes import Answered, status_of
from edgeproxy.hono.routes import Route, allowed_methods, find_route
from edgeproxy.hono.statuses import Status, saying
from edgeproxy.hono.upload import read_upload
from edgeproxy.http.site import origin_form
from edgeproxy.messaging.network import INetwork
from edgeproxy.metrics import counters
from edgeproxy.portal.avatars import Device
from edgeproxy.portal.login import Login
from edgeproxy.registry.assertion import Assertion

Assert = Callable[[str, str, str | None], Assertion]


class HonoResource(Resource):
    """Everything that devices publish to.

    *login* turns credentials into a `Device` (None: nobody logs in), *assertion*
    vouches for a tenant's device and perhaps its gateway, *network* takes the
    messages. *max_payload* is in bytes, *realm* is for WWW-Authenticate.
    """

    isLeaf = True
    _log = Logger("edgeproxy.hono")

    def __init__(
        self,
        login: Login | None,
        assertion: Assert,
        network: INetwork,
        max_payload: int,
        realm: str,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._login = login
        self._assert = assertion
        self._network = network
        self._max_payload = max_payload
        quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
        self._challenge = f'Basic realm="{quoted}"'.encode()
        self._wall_clock = wall_clock

    def render(self, request: Any) -> Any:
        """Take what a device publishes."""
        published = self._publish(request)
        gone = request.notifyFinish()
        # A message that is under way stays so: the device will never know.
        gone.addErrback(lambda _: None)
        published.addErrback(self._status_of)
        published.addCallback(self._answer, request, gone)
        return NOT_DONE_YET

    @inlineCallbacks
    def _publish(self, request: Any) -> Any:
        """Return the status for *request*, or fail with why there is none."""
        target = origin_form(request.uri)
        route = find_route(target.partition(b"?")[0], self._login is not None)
        methods = allowed_methods(route)
        if request.method not in methods:
            request.setHeader(b"allow", b", ".join(methods))
            raise Answered(statuses.METHOD_NOT_ALLOWED)
        payload = request.content.read(self._max_payload + 1)
        if len(payload) > self._max_payload:
            status = statuses.TOO_LARGE
            raise Answered(saying(status, status.body.format(self._max_payload)))
        avatar: Device | None = None
        if self._login is not None:
            values = request.requestHeaders.getRawHeaders(b"authorization", ())
            avatar = yield self._login(basic_credentials(values))
        tenant_id, device_id = _addressee(route, avatar)
        upload = read_upload(
            route.endpoint, target.decode("latin-1"), payload, request.getHeader
        )
        gateway = avatar.device_id if avatar is not None else None
        assertion = self._assert(
            tenant_id, device_id, gateway if gateway != device_id else None
        )
        yield self._network.send(
            upload.message(tenant_id, device_id, assertion.defaults, self._wall_clock())
        )
        return statuses.ACCEPTED

    def _status_of(self, failure: Failure) -> Status:
        status = status_of(failure)
        if status is None:
            self._log.failure("request of a device failed", failure)
            return statuses.INTERNAL
        return status

    def _answer(self, status: Status, request: Any, gone: Deferred[None]) -> None:
        endpoint = request.uri[1:].partition(b"/")[0].partition(b"?")[0]
        known = endpoint if endpoint in (b"telemetry", b"event") else b"other"
        counters.HONO_RESPONSES.labels(known.decode(), str(status.code)).inc()
        if gone.called:
            return
        reason = None if status.reason is None else status.reason.encode()
        request.setResponseCode(status.code, reason)
        body = status.body.encode()
        request.setHeader(b"content-length", b"%d" % len(body))
        if status.code == 401:
            request.setHeader(b"www-authenticate", self._challenge)
        if status.retry_after is not None:
            request.setHeader(b"retry-after", b"%d" % status.retry_after)
        if body:
            if status.reason is None:
                request.setHeader(b"content-type", b"text/plain; charset=utf-8")
            request.write(body)
        request.finish()


def _addressee(route: Route, avatar: Device | None) -> tuple[str, str]:
    """Return the tenant and device that a message is of."""
    if avatar is None:
        assert route.tenant_id and route.device_id  # such are the routes without login
        return route.tenant_id, route.device_id
    if route.device_id is None:
        return avatar.tenant_id, avatar.device_id
    if route.tenant_id and route.tenant_id != avatar.tenant_id:
        raise Answered(statuses.OTHER_TENANT)
    return avatar.tenant_id, route.device_id
