"""The sandbox's HTTP side, on twisted.web as it comes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from twisted.web.static import File

from edgeproxy.sandbox import inventory as inv
from edgeproxy.sandbox.answers import Answer, Call, Refusal
from edgeproxy.sandbox.attachments import Attachments
from edgeproxy.sandbox.authentication import (
    TENANT,
    Authenticator,
    Caller,
    NotAuthenticated,
)
from edgeproxy.sandbox.inventory import Inventory
from edgeproxy.sandbox.readings import KINDS, Readings
from edgeproxy.sandbox.requestlog import RequestLog

Handler = Callable[[Call, Caller], Answer]

# Stands for one segment of a path that is not empty: an id.
ANY = object()


class Cloud(Resource):
    """Answers every path: authenticates, finds the handler, writes down what it did.

    *domain* is the tenant's own; links start with it whatever ``Host`` says, as the
    real cloud's do (facts: Cumulocity §4.1). *attachments* is a folder for those.
    """

    isLeaf = True
    _log = Logger()

    def __init__(
        self,
        domain: str,
        authenticator: Authenticator,
        log: RequestLog,
        inventory: Inventory,
        attachments: Path,
    ) -> None:
        super().__init__()
        self._domain = domain
        self._authenticator = authenticator
        self._requests = log
        self._routes = _routes(f"https://{domain}", inventory, attachments)
        self._routes[("tenant", "currentTenant")] = {"GET": self._current_tenant}

    def render(self, request: Request) -> int:
        method = request.method.decode("latin-1")
        override = request.getHeader("x-http-method")
        if method == "POST" and override:
            method = override.upper()
        entry = {"auth": "none"}
        try:
            answer = self._answer(method, request, entry)
        except Refusal as refusal:
            answer = refusal.answer
        except Exception:
            self._log.failure("sandbox cloud: a handler failed")
            answer = Refusal(500, "general/internalError", "Internal error").answer
        target = request.uri.decode("latin-1")
        self._requests.add(method, target, answer.status, **entry)
        self._write(request, answer)
        return NOT_DONE_YET

    def _answer(self, method: str, request: Request, entry: dict[str, str]) -> Answer:
        authorization = request.getHeader(b"authorization")
        try:
            caller = self._authenticator.authenticate(authorization)
        except NotAuthenticated as error:
            entry |= {"auth": error.how, "why": error.why, "jti": error.jti}
            raise error.refusal from None
        entry |= {"auth": caller.how, "user": caller.user, "jti": caller.jti}
        path = tuple(
            segment.decode("utf-8", "replace") for segment in request.postpath or []
        )
        handlers = self._find(path)
        # RFC 9110 §9.3.2: HEAD is GET without the body, which twisted.web holds back.
        handler = handlers.get("GET" if method == "HEAD" else method)
        if handler is None:
            allow = tuple(sorted({*handlers, *({"HEAD"} if "GET" in handlers else ())}))
            text = f"Request method '{method}' not supported"
            raise Refusal(405, "general/methodNotAllowed", text, allow)
        _, _, query = request.uri.decode("latin-1").partition("?")
        call = Call(
            method,
            path,
            dict(parse_qsl(query, keep_blank_values=True)),
            request.content.read() if request.content is not None else b"",
            request.getHeader("accept") or "",
            request.getHeader("content-type") or "",
        )
        return handler(call, caller)

    def _find(self, path: tuple[str, ...]) -> dict[str, Handler]:
        for pattern, handlers in self._routes.items():
            if len(pattern) == len(path) and all(
                part and each in (ANY, part)
                for each, part in zip(pattern, path, strict=True)
            ):
                return handlers
        text = f"No resource found at /{'/'.join(path)}"
        raise Refusal(404, "general/Not Found", text)

    def _current_tenant(self, call: Call, caller: Caller) -> Answer:
        base = f"https://{self._domain}"
        return Answer(
            200,
            "currenttenant",
            {
                "name": TENANT,
                "domainName": self._domain,
                "allowCreateTenants": False,
                "customProperties": {},
                "applications": {"references": []},
                "parent": "management",
                "self": f"{base}/tenant/currentTenant",
            },
        )

    def _write(self, request: Request, answer: Answer) -> None:
        request.setResponseCode(answer.status)
        headers = request.responseHeaders
        headers.removeHeader(b"content-type")
        if answer.body is not None:
            headers.setRawHeaders(b"content-type", [answer.content_type])
        if answer.location:
            headers.setRawHeaders(b"location", [answer.location.encode("ascii")])
        if answer.allow:
            headers.setRawHeaders(b"allow", [", ".join(answer.allow).encode("ascii")])
        if answer.status == 401:
            # Browsers and web clients ask not to be bothered with a dialog.
            scheme = b"XBASIC" if request.getHeader("usexbasic") else b"Basic"
            challenge = scheme + b' realm="Cumulocity"'
            headers.setRawHeaders(b"www-authenticate", [challenge])
        headers.setRawHeaders(b"cache-control", [b"no-cache, no-store"])
        if answer.file is not None:
            # Ranges and all.
            File(str(answer.file), defaultType=answer.file_type).render(request)
            return
        content = answer.content
        if answer.status != 204:
            headers.setRawHeaders(b"content-length", [b"%d" % len(content)])
        request.write(content)
        request.finish()


def _routes(
    base: str, inventory: Inventory, attachments: Path
) -> dict[tuple[Any, ...], dict[str, Handler]]:
    routes: dict[tuple[Any, ...], dict[str, Handler]] = {
        inv.PATH: {
            "GET": lambda call, caller: inventory.list(call),
            "POST": lambda call, caller: inventory.create(call, caller.user),
        },
        (*inv.PATH, ANY): {
            "GET": lambda call, caller: inventory.read(call),
            "PUT": lambda call, caller: inventory.update(call),
            "DELETE": lambda call, caller: inventory.delete(call),
        },
    }
    for kind in KINDS:
        readings = Readings(kind, base, inventory)
        routes[kind.path] = {
            "GET": _without_caller(readings.list),
            "POST": _without_caller(readings.create),
        }
        routes[(*kind.path, ANY)] = {"GET": _without_caller(readings.read)}
        if kind.api == "event":
            files = Attachments(base, readings, attachments)
            routes[(*kind.path, ANY, "binaries")] = {
                "GET": _without_caller(files.read),
                "POST": _without_caller(files.create),
                "PUT": _without_caller(files.replace),
                "DELETE": _without_caller(files.delete),
            }
    return routes


def _without_caller(handler: Callable[[Call], Answer]) -> Handler:
    return lambda call, caller: handler(call)
