"""The URIs of the Hono door (seed 002; facts of Hono, §1)."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import attrs

from edgeproxy.hono.outcomes import Answered
from edgeproxy.hono.statuses import Situation
from edgeproxy.messaging.message import COMMAND, EVENT, TELEMETRY

ENDPOINTS = {name.encode(): name for name in (TELEMETRY, EVENT, COMMAND)}


@attrs.frozen
class Route:
    """An *endpoint*, and the tenant and device that the path names, if it does.

    An empty *tenant_id* stands for that of the authenticated gateway. *methods* are
    those that there are. *request_id* is that of the command that is responded to.
    """

    endpoint: str
    methods: tuple[bytes, ...]
    tenant_id: str | None = None
    device_id: str | None = None
    request_id: str | None = None


@attrs.frozen
class Routes:
    """All routes.

    With *authentication_required* there are those without ids as well. With
    *post_names_device* POST is an alias of PUT: the seed prints one such example.
    """

    authentication_required: bool
    post_names_device: bool

    def find(self, path: bytes, method: bytes) -> Route:
        """Return the route of *path* (origin-form, without query).

        Segments are percent-decoded one by one, so an id may hold an encoded slash.
        Raises `Answered` with a 404, or 400 for an id that cannot be decoded.
        """
        first, *rest = path.removeprefix(b"/").split(b"/")
        endpoint = ENDPOINTS.get(first)
        if endpoint is None:
            raise Answered(Situation.NOT_FOUND)
        if endpoint == COMMAND:
            return self._response(rest, method)
        if rest in ([], [b""]):
            if not self.authentication_required:
                raise Answered(Situation.NOT_FOUND)
            return Route(endpoint, (b"POST",))
        ids = _decoded(rest[:-1] if rest[-1] == b"" and len(rest) > 2 else rest)
        if len(ids) > 2:
            raise Answered(Situation.NOT_FOUND)
        if len(ids) < 2 or not ids[1]:
            raise Answered(Situation.NO_DEVICE)
        if not ids[0] and not self.authentication_required:
            raise Answered(Situation.NO_TENANT)
        methods = (b"PUT", b"POST") if self.post_names_device else (b"PUT",)
        return Route(endpoint, methods, *ids)

    def _response(self, rest: list[bytes], method: bytes) -> Route:
        """Return the route of a response to a command: what follows ``/command/``."""
        if rest[:1] != [b"res"]:
            raise Answered(Situation.NOT_FOUND)
        ids = _decoded(rest[1:-1] if rest[-1] == b"" else rest[1:])
        if len(ids) == 3 and ids[1] and (ids[0] or self.authentication_required):
            return Route(COMMAND, (b"PUT",), *ids)
        if method == b"PUT" and len(ids) <= 3:
            raise Answered(Situation.NO_REQUEST_ID)
        if len(ids) != 1 or not self.authentication_required:
            raise Answered(Situation.NOT_FOUND)
        return Route(COMMAND, (b"POST",), request_id=ids[0])


def endpoint_of(path: bytes) -> str:
    """Return the endpoint that *path* begins with, for counting; else ``other``."""
    return ENDPOINTS.get(path[1:].partition(b"/")[0], "other")


# RFC 3986, §2.1.
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def _decoded(segments: list[bytes]) -> list[str]:
    try:
        if any(_BROKEN_ESCAPE.search(segment) for segment in segments):
            raise Answered(Situation.BAD_REQUEST)
        return [unquote_to_bytes(segment).decode("utf-8") for segment in segments]
    except UnicodeDecodeError:
        raise Answered(Situation.BAD_REQUEST) from None
