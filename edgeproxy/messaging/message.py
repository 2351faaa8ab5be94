"""A message on its way from a device to consumers."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

Scalar = str | int | float | bool

TELEMETRY = "telemetry"
EVENT = "event"
COMMAND = "command"
COMMAND_RESPONSE = "command_response"


@attrs.frozen
class Message:
    """What a device published (facts of Hono, §5.2).

    *kind* is `TELEMETRY` or `EVENT`. *properties* become application properties as
    they are. *qos* 0 means that nobody waits for the outcome. *creation_time* is in
    Unix seconds, *ttl* in seconds. *trace* is the W3C trace context: ``traceparent``
    and perhaps ``tracestate``.
    """

    kind: str
    tenant_id: str
    device_id: str
    payload: bytes
    content_type: str | None
    qos: int
    creation_time: float
    properties: Mapping[str, Scalar]
    trace: Mapping[str, str]
    ttl: float | None = None
    content_encoding: str | None = None

    @property
    def address(self) -> str:
        """The AMQP address that consumers of this message attach to."""
        return f"{self.kind}/{self.tenant_id}"
