"""``/events`` of the ops listener: what ``edgeproxyctl events`` asks and does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from edgeproxy.http.foreign import OwnNames
from edgeproxy.messaging.operator import Operator

# Bytes of a request: some thousand event numbers.
MOST_BODY = 65536


class EventsResource(Resource):
    """GET shows the store; POST to ``requeue`` and ``purge`` changes it.

    *address* is where the ops listener is. Programs on this machine may use it, from
    wherever that can be reached. A web page in a browser on this machine may not.
    """

    def __init__(self, operator: Operator, address: str) -> None:
        super().__init__()
        own = OwnNames([address])
        self._answer = _Answer(own, {b"GET": lambda _: operator.overview()})
        self.putChild(b"requeue", _Answer(own, {b"POST": _requeue(operator)}))
        self.putChild(b"purge", _Answer(own, {b"POST": _purge(operator)}))

    def render(self, request: Any) -> Any:
        """Show the store."""
        return self._answer.render(request)


Action = Callable[[dict[str, Any]], "Deferred[Any]"]


def _requeue(operator: Operator) -> Action:
    def requeue(body: dict[str, Any]) -> Deferred[Any]:
        tenant, numbers = _which(body)
        return operator.requeue(tenant, numbers).addCallback(
            lambda rows: {"requeued": rows}
        )

    return requeue


def _purge(operator: Operator) -> Action:
    def purge(body: dict[str, Any]) -> Deferred[Any]:
        state = body.pop("state", None)
        if state not in ("waiting", "set-aside"):
            raise ValueError('state must be "waiting" or "set-aside"')
        tenant, numbers = _which(body)
        return operator.purge(state == "set-aside", tenant, numbers).addCallback(
            lambda rows: {"purged": rows}
        )

    return purge


def _which(body: dict[str, Any]) -> tuple[str | None, list[int] | None]:
    """Return tenant and numbers of the events that *body* is about."""
    tenant, numbers = body.pop("tenant", None), body.pop("numbers", None)
    if body:
        raise ValueError(f"knows no {', '.join(sorted(body))}")
    if tenant is not None and not isinstance(tenant, str):
        raise ValueError("tenant must be a string")
    if numbers is not None and not (
        isinstance(numbers, list) and all(type(n) is int for n in numbers)
    ):
        raise ValueError("numbers must be a list of whole numbers")
    return tenant, numbers


class _Answer(Resource):
    """Runs the action of the request's method, and answers with its JSON value."""

    isLeaf = True
    _log = Logger()

    def __init__(self, own: OwnNames, actions: dict[bytes, Action]) -> None:
        super().__init__()
        self._own, self._actions = own, actions

    def render(self, request: Any) -> Any:
        """Answer, once the store has."""
        action = self._actions.get(request.method)
        if action is None:
            request.setHeader(b"allow", b", ".join(self._actions))
            return _json(request, 405, {"error": "method not allowed"})
        if not self._is_trusted(request):
            return _json(request, 403, {"error": "only for programs on this machine"})
        try:
            done = action(_body(request) if request.method == b"POST" else {})
        except ValueError as error:
            return _json(request, 400, {"error": str(error)})
        gone = request.notifyFinish()
        gone.addErrback(lambda _: None)

        def answer(result: Any) -> None:
            status = 200
            if isinstance(result, Failure):
                self._log.failure("the event store does not do it", result)
                status, result = 503, {"error": result.getErrorMessage()}
            if not gone.called:
                request.write(_json(request, status, result))
                request.finish()

        done.addBoth(answer)
        return NOT_DONE_YET

    def _is_trusted(self, request: Any) -> bool:
        client = getattr(request.getClientAddress(), "host", "")
        return self._own.is_this_machine(client) and not self._own.is_foreign(
            request.head, b"http"
        )


def _body(request: Any) -> dict[str, Any]:
    """Return the JSON object in the body of *request*; raises `ValueError`."""
    body = request.content.read(MOST_BODY + 1)
    if len(body) > MOST_BODY:
        raise ValueError("the request is too large")
    found = json.loads(body or b"{}")
    if not isinstance(found, dict):
        raise ValueError("the body must be a JSON object")
    return found


def _json(request: Any, status: int, value: Any) -> bytes:
    request.setResponseCode(status)
    request.setHeader(b"content-type", b"application/json; charset=utf-8")
    request.setHeader(b"cache-control", b"no-store")
    return json.dumps(value).encode() + b"\n"
