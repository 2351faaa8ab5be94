"""Health, in the form that Hono's components use (facts of Hono, §7.3)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from twisted.web.resource import Resource

from edgeproxy.metrics.counters import REGISTRY


@attrs.frozen
class Check:
    """One thing's health: whether it is *up*, and *detail* for people."""

    up: bool
    detail: str = ""


Checks = Mapping[str, Callable[[], Check]]


class JsonResource(Resource):
    """Answers GET with the (status, JSON value) that *read* returns."""

    isLeaf = True

    def __init__(self, read: Callable[[], tuple[int, Any]]) -> None:
        super().__init__()
        self._read = read

    def render_GET(self, request: Any) -> bytes:
        """Return the value."""
        status, value = self._read()
        request.setResponseCode(status)
        request.setHeader(b"content-type", b"application/json; charset=utf-8")
        request.setHeader(b"cache-control", b"no-store")
        return json.dumps(value).encode() + b"\n"


class MetricsResource(Resource):
    """Answers GET with Prometheus' text format."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        """Return what has been counted."""
        request.setHeader(b"content-type", CONTENT_TYPE_LATEST.encode())
        return generate_latest(REGISTRY)


def evaluate(checks: Checks) -> tuple[int, dict[str, Any]]:
    """Return the response to a health probe: 200 if everything is up, else 503."""
    results = {name: check() for name, check in checks.items()}
    up = all(result.up for result in results.values())
    body = {
        "status": "UP" if up else "DOWN",
        "checks": [
            {
                "name": name,
                "status": "UP" if result.up else "DOWN",
                "data": {"detail": result.detail},
            }
            for name, result in results.items()
        ],
    }
    return (200 if up else 503), body


def ops_resource(readiness: Checks, status: Callable[[], Any]) -> Resource:
    """Return the resource of the ops listener.

    *readiness* are the checks of ``/readiness``, *status* gives what
    ``edgeproxyctl status`` shows. That it answers at all is liveness; and it listens
    last, so from then on everything is started.
    """
    root = Resource()
    root.putChild(b"readiness", JsonResource(lambda: evaluate(readiness)))
    root.putChild(b"liveness", JsonResource(lambda: evaluate({})))
    root.putChild(b"started", JsonResource(lambda: evaluate({})))
    root.putChild(b"status", JsonResource(lambda: (200, status())))
    root.putChild(b"metrics", MetricsResource())
    return root
