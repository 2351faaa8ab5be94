"""The Hono door's resource: telemetry and events of devices and gateways."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from edgeproxy.hono import statuses
from edgeproxy.hono.authentication import basic_credentials
from edgeproxy.hono.outcomes import Answered, status_of
from edgeproxy.hono.routes import ENDPOINTS, Route, allowed_methods, find_route
from edgeproxy.hono.statuses import Status, saying
from edgeproxy.hono.upload import read_upload
from edgeproxy.http.collect import TooLarge, collect
from edgeproxy.http.head import Fields
from edgeproxy.http.interfaces import IStreamingResource
from edgeproxy.messaging.network import INetwork
from edgeproxy.metrics import counters
from edgeproxy.portal.avatars import Device
from edgeproxy.portal.login import Login
from edgeproxy.registry.assertion import Assertion

Assert = Callable[[str, str, str | None], Assertion]


@implementer(IStreamingResource)
class HonoResource(Resource):
    """Everything that devices publish to.

    *login* turns credentials into a `Device` (None: nobody logs in), *assertion*
    vouches for a tenant's device and perhaps its gateway, *network* takes the
    messages. *max_payload* is in bytes, *realm* is for WWW-Authenticate.
    """

    isLeaf = True
    streaming = True
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
        self._challenge = (b"WWW-Authenticate", f'Basic realm="{quoted}"'.encode())
        self._wall_clock = wall_clock

    def render(self, request: Any) -> int:
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
        head = request.head
        route = find_route(request.path, self._login is not None)
        methods = allowed_methods(route)
        if request.method not in methods:
            raise Answered(attrs.evolve(statuses.METHOD_NOT_ALLOWED, allow=methods))
        body = request.body
        if max(body.length or 0, body.received) > self._max_payload:
            raise TooLarge
        avatar: Device | None = None
        if self._login is not None:
            avatar = yield self._login(basic_credentials(head))
        tenant_id, device_id = _addressee(route, avatar)
        # Only now does a client that waits for 100 (Continue) send its body.
        payload = body.take() if body.complete else None
        if payload is None:
            payload = yield collect(body, self._max_payload)
        upload = read_upload(route.endpoint, request.uri, payload, head.index)
        gateway = avatar.device_id if avatar is not None else None
        assertion = self._assert(
            tenant_id, device_id, gateway if gateway != device_id else None
        )
        yield self._network.send(
            upload.message(tenant_id, device_id, assertion.defaults, self._wall_clock())
        )
        return statuses.ACCEPTED

    def _status_of(self, failure: Failure) -> Status:
        if failure.check(TooLarge):
            status = statuses.TOO_LARGE
            return saying(status, status.body.format(self._max_payload))
        if failure.check(ConnectionLost, ConnectionDone):
            return statuses.MALFORMED  # it left amid its body and will not see this
        found = status_of(failure)
        if found is None:
            self._log.failure("request of a device failed", failure)
            return statuses.INTERNAL
        return found

    def _answer(self, status: Status, request: Any, gone: Deferred[None]) -> None:
        endpoint = ENDPOINTS.get(request.path[1:].partition(b"/")[0], "other")
        counters.HONO_RESPONSES[endpoint, status.code].inc()
        if gone.called:
            return
        fields: Fields = []
        if status.code == 401:
            fields.append(self._challenge)
        if status.retry_after is not None:
            fields.append((b"Retry-After", b"%d" % status.retry_after))
        if status.allow:
            fields.append((b"Allow", b", ".join(status.allow)))
        reason = None
        if status.reason is not None:
            reason = status.reason.encode()
        elif status.body:
            fields.append((b"Content-Type", b"text/plain; charset=utf-8"))
        request.respond(status.code, reason, fields, status.body.encode())


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
