"""The resource of the management API: from a request to an operation, and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from edgeproxy.http.collect import TooLarge, collect
from edgeproxy.http.interfaces import IStreamingResource
from edgeproxy.metrics import counters
from edgeproxy.registry.management import refusals
from edgeproxy.registry.management.calls import Answer, Call
from edgeproxy.registry.management.contents import read_json
from edgeproxy.registry.management.document import DOCUMENT
from edgeproxy.registry.management.operations import Operations
from edgeproxy.registry.management.page import as_html
from edgeproxy.registry.management.refusals import Refused
from edgeproxy.registry.management.routes import (
    Operation,
    Path,
    find_path,
    read_query,
)
from edgeproxy.registry.rows import as_text

Fields = list[tuple[bytes, bytes]]

# Seconds after which somebody who was refused for the moment may try again, by status:
# of failed log-ins, one is forgiven in 6.
RETRY_AFTER = {429: 6, 503: 2}

_JSON = "application/json; charset=utf-8"

# What a browser may ask for, and see (facts of Hono, §4.5).
_ALLOWED_HEADERS = b"authorization, content-type, if-match"
_EXPOSED_HEADERS = b"ETag, Location"


@implementer(IStreamingResource)
class ManagementResource(Resource):
    """Everything below ``/v1``.

    *identify* says which operator a request is from: it is given the request, and
    returns a Deferred of the name, which fails with `Refused`. *cors_allowed_origin*
    is for web pages (empty: none of them is served).
    """

    isLeaf = True
    streaming = True
    _log = Logger()

    def __init__(
        self,
        operations: Operations,
        identify: Callable[[Any], Deferred[str]],
        cors_allowed_origin: str,
    ) -> None:
        super().__init__()
        self._operations = operations
        self._identify = identify
        self._origin = cors_allowed_origin.encode()
        self._served = {
            b"/v1/openapi.json": (_JSON, json.dumps(DOCUMENT, indent=1).encode()),
            b"/v1/docs": ("text/html; charset=utf-8", as_html(DOCUMENT).encode()),
        }

    def render(self, request: Any) -> int:
        """Answer, in time."""
        request.notifyFinish().addErrback(lambda _: None)  # who leaves, has left
        done = self._answer(request)
        done.addErrback(lambda failure: self._log.failure("answering", failure))
        return NOT_DONE_YET

    @inlineCallbacks
    def _answer(self, request: Any) -> Any:
        name, more = "other", []
        try:
            served = self._served.get(request.path)
            if served is not None:
                self._serve(request, *served)
                return
            path, segments = find_path(request.path)
            allowed = [*path.operations, b"OPTIONS"]
            if request.method == b"OPTIONS":
                self._respond(request, 204, self._preflight(allowed))
                return
            operation = path.operations.get(request.method)
            if operation is None:
                more = [(b"Allow", b", ".join(allowed))]
                raise Refused(405, "Method Not Allowed")
            name = operation.name
            answer = yield self._done(request, path, segments, operation)
            self._succeed(request, name, answer)
        except (ConnectionDone, ConnectionLost):
            return  # it left amid its body
        except Exception as error:
            self._fail(request, name, error, more)

    @inlineCallbacks
    def _done(
        self, request: Any, path: Path, segments: list[str], operation: Operation
    ) -> Any:
        """Do what is asked for; who asks comes first, and then what of."""
        user = yield self._identify(request)
        ids = path.ids(segments)
        query = read_query(request.uri.partition(b"?")[2], operation)
        value = None
        if operation.body is not None:
            body = yield collect(request.body, operation.most_body)
            kind = _field(request, b"content-type")
            value = read_json(kind, body, operation.required)
        version = _field(request, b"if-match")
        call = Call(
            ids,
            query,
            value,
            # ETag has no quotes here, but RFC 9110 would have some.
            None if version in (None, "*") else version.strip('"'),
            user,
            request.client.host,
        )
        answer = yield self._operations.run(operation.name, call)
        return answer

    def _succeed(self, request: Any, name: str, answer: Answer) -> None:
        fields: Fields = []
        if answer.etag is not None:
            fields.append((b"ETag", answer.etag.encode()))
        if answer.location is not None:
            fields.append((b"Location", answer.location.encode()))
        counters.REGISTRY_RESPONSES[name, answer.status] += 1
        self._respond(request, answer.status, fields, answer.body)

    def _fail(self, request: Any, name: str, error: Exception, more: Fields) -> None:
        if isinstance(error, TooLarge):
            error = Refused(413, "the body is too large")
        elif not isinstance(error, Refused):
            self._log.failure("management API: {name}", name=name)
            disk = isinstance(error, sqlite3.Error)  # such as one that is full
            error = Refused(*(refusals.UNAVAILABLE if disk else refusals.INTERNAL))
        fields = list(more)
        if error.status == 401:
            fields.append((b"WWW-Authenticate", b'Basic realm="edgeproxy registry"'))
        if error.status in RETRY_AFTER:
            fields.append((b"Retry-After", b"%d" % RETRY_AFTER[error.status]))
        counters.REGISTRY_RESPONSES[name, error.status] += 1
        body = {"error": error.text}
        if error.detail:
            body["detail"] = error.detail
        self._respond(request, error.status, fields, body)

    def _preflight(self, allowed: list[bytes]) -> Fields:
        methods = b", ".join(allowed)
        if not self._origin:
            return [(b"Allow", methods)]
        return [
            (b"Allow", methods),
            (b"Access-Control-Allow-Methods", methods),
            (b"Access-Control-Allow-Headers", _ALLOWED_HEADERS),
            (b"Access-Control-Max-Age", b"600"),
        ]

    def _serve(self, request: Any, kind: str, content: bytes) -> None:
        """Serve what everybody may see."""
        if request.method not in (b"GET", b"HEAD"):
            fields = [(b"Allow", b"GET, HEAD")]
            self._respond(request, 405, fields, {"error": "Method Not Allowed"})
            return
        fields = [
            (b"Content-Type", kind.encode()),
            # No script is needed, so none may run.
            (
                b"Content-Security-Policy",
                b"default-src 'none'; style-src 'unsafe-inline'",
            ),
        ]
        self._send(request, 200, fields, content)

    def _respond(
        self, request: Any, status: int, fields: Fields, value: Any = None
    ) -> None:
        content = b""
        if value is not None:
            fields = [*fields, (b"Content-Type", _JSON.encode())]
            text = value if isinstance(value, str) else as_text(value)
            content = text.encode()
        fields = [*fields, (b"Cache-Control", b"no-store")]
        self._send(request, status, fields, content)

    def _send(self, request: Any, status: int, fields: Fields, body: bytes) -> None:
        if self._origin:
            fields = [
                *fields,
                (b"Access-Control-Allow-Origin", self._origin),
                (b"Access-Control-Expose-Headers", _EXPOSED_HEADERS),
            ]
        request.respond(status, None, fields, body)


def _field(request: Any, name: bytes) -> str | None:
    """Return a field's value; any bytes may be in it."""
    value: bytes | None = request.getHeader(name)
    return None if value is None else value.decode("latin-1")
