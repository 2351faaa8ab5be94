"""Lets pages of other origins publish: the CORS protocol (Fetch Standard, §3.2)."""

from __future__ import annotations

from collections.abc import Mapping

from edgeproxy.hono.outcomes import Answered
from edgeproxy.hono.routes import Route
from edgeproxy.hono.statuses import Situation
from edgeproxy.http.head import Fields
from edgeproxy.messaging.message import COMMAND, EVENT, TELEMETRY

# What a page may send. Hono's lists lack hono-ttl.
_COMMON = b"authorization, content-type, traceparent, tracestate"
_REQUEST_FIELDS = {
    TELEMETRY: b"QoS-Level, hono-ttd, " + _COMMON,
    EVENT: b"QoS-Level, hono-ttd, hono-ttl, " + _COMMON,
    COMMAND: b"hono-cmd-status, " + _COMMON,
}

# What a page may read. Hono's list lacks hono-cmd-target-device.
_EXPOSED = (
    b"Access-Control-Expose-Headers",
    b"hono-command, hono-cmd-req-id, hono-cmd-target-device, Retry-After",
)


class Cors:
    """Pages of *allowed_origin* may publish; ``*`` stands for all."""

    def __init__(self, allowed_origin: str) -> None:
        self._allowed = allowed_origin.encode()
        self._fields: Fields = [(b"Access-Control-Allow-Origin", self._allowed)]
        if allowed_origin != "*":
            self._fields.append((b"Vary", b"Origin"))

    def check(self, origin: bytes) -> None:
        """Raise `Answered` for an *origin* that may not publish."""
        if self._allowed not in (b"*", origin):
            raise Answered(Situation.FOREIGN_ORIGIN)

    def preflight(self, route: Route, fields: Mapping[bytes, bytes]) -> Fields | None:
        """Return the answer to an OPTIONS request; None where it is no preflight.

        *fields* are the header's values by lower-case name.
        """
        if b"origin" not in fields or b"access-control-request-method" not in fields:
            return None
        return [
            *self._fields,
            (b"Access-Control-Allow-Methods", b", ".join(route.methods)),
            (b"Access-Control-Allow-Headers", _REQUEST_FIELDS[route.endpoint]),
        ]

    def fields_for(self, origin: bytes) -> Fields:
        """Return what the answer to a page of *origin* says besides."""
        if self._allowed not in (b"*", origin):
            return self._fields[1:]
        return [*self._fields, _EXPOSED]
