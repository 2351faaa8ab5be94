"""Responses of devices to commands, as AMQP messages (facts of Hono, §6.3)."""

from __future__ import annotations

import attrs

from edgeproxy.amqp.encoding import (
    APPLICATION_PROPERTIES,
    DATA,
    HEADER,
    NULL,
    PROPERTIES,
    Scalar,
    binary,
    list_of,
    map_of,
    names_and_values,
    string,
    symbol,
    timestamp,
    uint,
)
from edgeproxy.messaging.message import COMMAND_RESPONSE

_MOST_TTL = (1 << 32) - 1  # milliseconds


@attrs.frozen
class CommandResponse:
    """What a device answers to a command: *status* is one of HTTP's.

    *creation_time* is in Unix seconds, *ttl* in seconds.
    """

    tenant_id: str
    device_id: str
    reply_id: str
    correlation_id: str
    status: int
    payload: bytes
    content_type: str | None
    creation_time: float
    ttl: float | None = None

    @property
    def address(self) -> str:
        """The AMQP address that the application waits at."""
        return f"{COMMAND_RESPONSE}/{self.tenant_id}/{self.reply_id}"


def encode_response(response: CommandResponse, message_id: str) -> bytes:
    """Return *response* encoded; *message_id* is new each time."""
    content_type = response.content_type
    properties: dict[str, Scalar] = {
        "tenant_id": response.tenant_id,
        "device_id": response.device_id,
        "status": response.status,
    }
    parts = [
        _header(response.ttl),
        PROPERTIES,
        list_of(
            [
                string(message_id),
                NULL,  # user-id
                string(response.address),
                NULL,  # subject
                NULL,  # reply-to
                string(response.correlation_id),
                NULL if content_type is None else symbol(content_type),
                NULL,  # content-encoding
                NULL,  # absolute-expiry-time
                timestamp(int(response.creation_time * 1000)),
            ]
        ),
        APPLICATION_PROPERTIES,
        map_of(names_and_values(properties.items())),
    ]
    if response.payload:
        parts += (DATA, binary(response.payload))
    return b"".join(parts)


def _header(ttl: float | None) -> bytes:
    if ttl is None:
        return b""
    return HEADER + list_of([NULL, NULL, uint(min(int(ttl * 1000), _MOST_TTL))])
