"""One request of a device, from its head to its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from edgeproxy.hono.composing import compose
from edgeproxy.hono.outcomes import Answered, answer_to
from edgeproxy.hono.routes import Route, endpoint_of
from edgeproxy.hono.statuses import Situation
from edgeproxy.hono.upload import read_upload
from edgeproxy.http.collect import TooLarge, collect
from edgeproxy.http.head import Fields
from edgeproxy.metrics import counters
from edgeproxy.portal.avatars import Device

if TYPE_CHECKING:
    from edgeproxy.hono.resource import HonoResource

_ACCEPTED = Answered(Situation.ACCEPTED)


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
        fields = request.head.index
        if b"origin" in fields:
            door.cors.check(fields[b"origin"])
        self._route = route = door.routes.find(request.path)
        if request.method not in route.methods:
            self._other_method(route)
            return
        body = request.body
        if max(body.length or 0, body.received) > door.max_payload:
            raise TooLarge
        if door.authentication is None:
            self._logged_in(None)
            return
        device = door.authentication.authenticate(request)
        if isinstance(device, Deferred):
            if not device.called:
                self._wait_for_client()
            device.addCallback(self._logged_in).addErrback(self._failed)
        else:
            self._logged_in(device)

    def _other_method(self, route: Route) -> None:
        request = self._request
        if request.method == b"OPTIONS":
            preflight = self._door.cors.preflight(route, request.head.index)
            if preflight is not None:
                self._respond(204, None, preflight, b"")
                return
        raise Answered(Situation.METHOD_NOT_ALLOWED)

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
            collected.addCallbacks(self._received, self._not_received)
            collected.addErrback(self._failed)

    def _not_received(self, failure: Failure) -> Failure | None:
        # Whoever left amid its body needs no answer, and the connection has given one
        # to what was wrong with the body.
        return failure if failure.check(TooLarge) else None

    def _received(self, payload: bytes) -> None:
        """Check the upload, have the device vouched for, and send its message."""
        request, door = self._request, self._door
        tenant_id, device_id, gateway_id = self._addressee()
        endpoint, fields = self._route.endpoint, request.head.index
        upload = read_upload(door.compat, endpoint, request.uri, payload, fields)
        assertion = door.assertion(tenant_id, device_id, gateway_id)
        message = compose(
            door.compat,
            upload,
            tenant_id,
            device_id,
            assertion,
            upload.ttd,
            door.wall_clock(),
        )
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
            raise Answered(Situation.OTHER_TENANT)
        own = route.device_id == avatar.device_id
        return avatar.tenant_id, route.device_id, None if own else avatar.device_id

    def _sent(self, _: None) -> None:
        self._answer(_ACCEPTED)

    def _failed(self, failure: Failure) -> None:
        answered = answer_to(failure)
        if answered is None:
            self._log.failure("request of a device failed", failure)
            answered = Answered(Situation.BROKEN)
        self._answer(answered)

    def _answer(self, answered: Answered) -> None:
        door = self._door
        situation = answered.situation
        status = door.compat.statuses[situation]
        if answered is _ACCEPTED:
            self._respond(status.code, None, [], b"")
            return
        details = answered.details
        if situation is Situation.TOO_LARGE:
            details = (door.max_payload,)
        text = status.text.format(*details)
        fields, body = door.compat.body_of(status, text)
        if status.code == 401:
            fields.append(door.challenge)
        if status.retry_after is not None:
            fields.append((b"Retry-After", b"%d" % status.retry_after))
        if situation is Situation.METHOD_NOT_ALLOWED:
            fields.append((b"Allow", b", ".join(self._route.methods)))
        reason = None if status.reason is None else status.reason.encode()
        self._respond(status.code, reason, fields, body)

    def _respond(
        self, code: int, reason: bytes | None, fields: Fields, body: bytes
    ) -> None:
        request = self._request
        counters.HONO_RESPONSES[endpoint_of(request.path), code] += 1
        if self._gone:
            return
        origin = request.head.index.get(b"origin")
        if origin is not None and code != 204:
            fields = fields + self._door.cors.fields_for(origin)
        request.respond(code, reason, fields, body)
