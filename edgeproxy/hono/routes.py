"""The URIs of the Hono door (seed 002; facts of Hono, §1)."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import attrs

from edgeproxy.hono import statuses
from edgeproxy.hono.outcomes import Answered
from edgeproxy.messaging.message import EVENT, TELEMETRY

ENDPOINTS = {TELEMETRY.encode(): TELEMETRY, EVENT.encode(): EVENT}


@attrs.frozen
class Route:
    """An *endpoint*, and the tenant and device that the path names, if it does.

    An empty *tenant_id* stands for that of the authenticated gateway.
    """

    endpoint: str
    tenant_id: str | None = None
    device_id: str | None = None


def find_route(path: bytes, authentication_required: bool) -> Route:
    """Return the route of *path* (origin-form, without query).

    Segments are percent-decoded one by one, so an id may hold an encoded slash.
    Raises `Answered` with a 404, or 400 for an id that is not UTF-8.
    """
    first, *rest = path.removeprefix(b"/").split(b"/")
    endpoint = ENDPOINTS.get(first)
    if endpoint is None:
        raise Answered(statuses.NOT_FOUND)
    if rest in ([], [b""]):
        if not authentication_required:
            raise Answered(statuses.NOT_FOUND)
        return Route(endpoint)
    try:
        ids = [unquote_to_bytes(segment).decode("utf-8") for segment in rest]
    except UnicodeDecodeError:
        raise Answered(statuses.MALFORMED) from None
    if len(ids) > 2:
        raise Answered(statuses.NOT_FOUND)
    if len(ids) < 2 or not ids[1]:
        raise Answered(statuses.NO_DEVICE)
    if not ids[0] and not authentication_required:
        raise Answered(statuses.NO_TENANT)
    return Route(endpoint, *ids)


def allowed_methods(route: Route) -> tuple[bytes, ...]:
    """Return the methods of *route*.

    Without ids that is POST. With ids it is PUT, and POST as an alias of it: the seed
    prints one such example.
    """
    return (b"POST",) if route.device_id is None else (b"PUT", b"POST")
