"""One request of a device: from its head to a payload of somebody known, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from edgeproxy.hono.outcomes import Answered, answer_to
from edgeproxy.hono.routes import Route, endpoint_of
from edgeproxy.hono.statuses import Situation
from edgeproxy.http.collect import TooLarge, collect
from edgeproxy.http.head import Fields
from edgeproxy.metrics import counters
from edgeproxy.portal.avatars import Device
from edgeproxy.registry.store import RegistryError

if TYPE_CHECKING:
    from edgeproxy.hono.resource import HonoResource


class Conversation:
    """Takes *request* at *door* through its steps, each a plain call of the next.

    A step that has to wait is a Deferred's callback. Whatever a step raises becomes the
    answer. Once there is a payload, the handler of its endpoint goes on: it ends with
    one of `answer`, `fail` and `respond`.
    """

    _log = Logger()

    __slots__ = ("_gone", "_on_gone", "avatar", "door", "request", "route")

    def __init__(self, door: HonoResource, request: Any) -> None:
        self.door = door
        self.request = request
        self.route: Route
        self.avatar: Device | None = None
        self._gone = False
        self._on_gone: Callable[[], None] | None = None

    def start(self) -> None:
        """Go."""
        try:
            self._begin()
        except Exception:
            self.fail(Failure())

    def _begin(self) -> None:
        """Look at the path, the method and the size; then at who it is."""
        request, door = self.request, self.door
        fields = request.head.index
        if b"origin" in fields:
            door.cors.check(fields[b"origin"])
        self.route = route = door.routes.find(request.path, request.method)
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
                self.watch_client()
            device.addCallback(self._logged_in).addErrback(self.fail)
        else:
            self._logged_in(device)

    def _other_method(self, route: Route) -> None:
        request = self.request
        if request.method == b"OPTIONS":
            preflight = self.door.cors.preflight(route, request.head.index)
            if preflight is not None:
                self.respond(204, None, preflight, b"")
                return
        raise Answered(Situation.METHOD_NOT_ALLOWED)

    def watch_client(self, on_gone: Callable[[], None] | None = None) -> None:
        """Know from now on when the client leaves, and call *on_gone* then."""
        self._on_gone = on_gone
        self.request.on_lost = self._client_left

    def _client_left(self, _: Failure) -> None:
        # A message that is under way stays so: the device will never know.
        self._gone = True
        if self._on_gone is not None:
            self._on_gone()

    def _logged_in(self, avatar: Device | None) -> None:
        """Take the body: only now does a client that waits for 100 send it."""
        self.avatar = avatar
        body = self.request.body
        if body.complete:
            self._received(body.take() or b"")
        else:
            self.watch_client()
            collected = collect(body, self.door.max_payload)
            collected.addCallbacks(self._received, self._not_received)
            collected.addErrback(self.fail)

    def _not_received(self, failure: Failure) -> Failure | None:
        # Whoever left amid its body needs no answer, and the connection has given one
        # to what was wrong with the body.
        return failure if failure.check(TooLarge) else None

    def _received(self, payload: bytes) -> None:
        self.door.handlers[self.route.endpoint](self, payload)

    def addressee(self) -> tuple[str, str, str | None]:
        """Return tenant and device that the request is about, and perhaps the gateway.

        Raises `Answered` where the tenant is not that of the login.
        """
        route, avatar = self.route, self.avatar
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

    def fail(self, failure: Failure) -> None:
        """Answer what *failure* means to the device."""
        answered = answer_to(failure)
        if failure.check(RegistryError):
            self._log.error("{reason}", reason=failure.getErrorMessage())
        if answered is None:
            self._log.failure("request of a device failed", failure)
            answered = Answered(Situation.BROKEN)
        self.answer(answered.situation, *answered.details)

    def accept(self, _: None = None) -> None:
        """Answer that all is well."""
        self.respond(202, None, [], b"")

    def answer(self, situation: Situation, *details: object) -> None:
        """Answer what the mode has for *situation*, with *details* in its text."""
        door = self.door
        status = door.compat.statuses[situation]
        if situation is Situation.TOO_LARGE:
            details = (door.max_payload,)
        text = status.text.format(*details)
        fields, body = door.compat.body_of(status, text)
        if status.code == 401:
            fields.append(door.challenge)
        if status.retry_after is not None:
            fields.append((b"Retry-After", b"%d" % status.retry_after))
        if situation is Situation.METHOD_NOT_ALLOWED:
            fields.append((b"Allow", b", ".join(self.route.methods)))
        reason = None if status.reason is None else status.reason.encode()
        self.respond(status.code, reason, fields, body)

    def respond(
        self, code: int, reason: bytes | None, fields: Fields, body: bytes
    ) -> bool:
        """Send the response; return whether there is still somebody to read it."""
        request = self.request
        counters.HONO_RESPONSES[endpoint_of(request.path), code] += 1
        if self._gone:
            return False
        origin = request.head.index.get(b"origin")
        if origin is not None and code != 204:
            fields = fields + self.door.cors.fields_for(origin)
        request.respond(code, reason, fields, body)
        return True
