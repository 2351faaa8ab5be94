"""One request of a device, from its head to its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.logger import Logger
from twisted.python.failure import Failure

from edgeproxy.hono import statuses
from edgeproxy.hono.authentication import authorization, basic_credentials
from edgeproxy.hono.outcomes import Answered, status_of
from edgeproxy.hono.routes import ENDPOINTS, Route, allowed_methods, find_route
from edgeproxy.hono.statuses import Status, saying
from edgeproxy.hono.upload import read_upload
from edgeproxy.http.collect import TooLarge, collect
from edgeproxy.http.head import Fields
from edgeproxy.metrics import counters
from edgeproxy.portal.avatars import Device

if TYPE_CHECKING:
    from edgeproxy.hono.resource import HonoResource


class Publication:
    """Takes *request* at *door* through its steps, each a plain call of the next.

    A step that has to wait is a Deferred's callback. Whatever a step raises becomes the
    answer.
    """

    _log = Logger()

    __slots__ = ("_avatar", "_door", "_gone", "_request", "_route")

    def __init__(self, door: HonoResource, request: Any) -> None:
        self._door = door
        self._request = request
        self._gone = False
        self._avatar: Device | None = None
        self._route: Route

    def start(self) -> None:
        """Go."""
        try:
            self._begin()
        except Exception:
            self._failed(Failure())

    def _begin(self) -> None:
        """Look at the path, the method and the size; then at who it is."""
        request, door = self._request, self._door
        self._route = route = find_route(request.path, door.logins is not None)
        methods = allowed_methods(route)
        if request.method not in methods:
            raise Answered(attrs.evolve(statuses.METHOD_NOT_ALLOWED, allow=methods))
        body = request.body
        if max(body.length or 0, body.received) > door.max_payload:
            raise TooLarge
        if door.logins is None:
            self._logged_in(None)
            return
        value = authorization(request.head)
        device = door.logins.recall(value)
        if device is not None:
            self._logged_in(device)
            return
        login = door.logins.log_in(value, basic_credentials(value))
        if not login.called:
            self._wait_for_client()
        login.addCallback(self._logged_in).addErrback(self._failed)

    def _wait_for_client(self) -> None:
        self._request.on_lost = self._client_left

    def _client_left(self, _: Failure) -> None:
        # A message that is under way stays so: the device will never know.
        self._gone = True

    def _logged_in(self, avatar: Device | None) -> None:
        """Take the body: only now does a client that waits for 100 send it."""
        self._avatar = avatar
        body = self._request.body
        if body.complete:
            self._received(body.take() or b"")
        else:
            self._wait_for_client()
            collected = collect(body, self._door.max_payload)
            collected.addCallback(self._received).addErrback(self._failed)

    def _received(self, payload: bytes) -> None:
        """Check the upload, have the device vouched for, and send its message."""
        request, door = self._request, self._door
        tenant_id, device_id, gateway_id = self._addressee()
        uri, fields = request.uri, request.head.index
        upload = read_upload(self._route.endpoint, uri, payload, fields)
        assertion = door.assertion(tenant_id, device_id, gateway_id)
        now = door.wall_clock()
        message = upload.message(tenant_id, device_id, assertion.defaults, now)
        sent = door.network.send(message)
        if not sent.called:
            self._wait_for_client()
        sent.addCallbacks(self._sent, self._failed)

    def _addressee(self) -> tuple[str, str, str | None]:
        """Return tenant and device that the message is of, and perhaps the gateway."""
        route, avatar = self._route, self._avatar
        if avatar is None:
            # The routes without a login name both.
            assert route.tenant_id is not None and route.device_id is not None
            return route.tenant_id, route.device_id, None
        if route.device_id is None:
            return avatar.tenant_id, avatar.device_id, None
        if route.tenant_id and route.tenant_id != avatar.tenant_id:
            raise Answered(statuses.OTHER_TENANT)
        own = route.device_id == avatar.device_id
        return avatar.tenant_id, route.device_id, None if own else avatar.device_id

    def _sent(self, _: None) -> None:
        self._answer(statuses.ACCEPTED)

    def _failed(self, failure: Failure) -> None:
        if failure.check(ConnectionLost, ConnectionDone):
            return  # it left amid its body
        if failure.check(TooLarge):
            status = statuses.TOO_LARGE
            self._answer(saying(status, status.body.format(self._door.max_payload)))
            return
        found = status_of(failure)
        if found is None:
            self._log.failure("request of a device failed", failure)
            found = statuses.INTERNAL
        self._answer(found)

    def _answer(self, status: Status) -> None:
        request = self._request
        endpoint = ENDPOINTS.get(request.path[1:].partition(b"/")[0], "other")
        counters.HONO_RESPONSES[endpoint, status.code] += 1
        if self._gone:
            return
        fields: Fields = []
        if status is not statuses.ACCEPTED:
            if status.code == 401:
                fields.append(self._door.challenge)
            if status.retry_after is not None:
                fields.append((b"Retry-After", b"%d" % status.retry_after))
            if status.allow:
                fields.append((b"Allow", b", ".join(status.allow)))
            if status.body and status.reason is None:
                fields.append((b"Content-Type", b"text/plain; charset=utf-8"))
        reason = None if status.reason is None else status.reason.encode()
        request.respond(status.code, reason, fields, status.body.encode())
