"""A `Message` as the AMQP 1.0 message that Hono's consumers expect."""

from __future__ import annotations

from functools import lru_cache

from edgeproxy.amqp.encoding import (
    ANNOTATIONS,
    APPLICATION_PROPERTIES,
    DATA,
    HEADER,
    NULL,
    PROPERTIES,
    TRUE,
    binary,
    list_of,
    map_of,
    names_and_values,
    string,
    symbol,
    timestamp,
    uint,
)
from edgeproxy.messaging.message import EVENT, Message

# Addresses whose parts are kept encoded: two for each tenant, some hundred bytes each.
# What is of a device is encoded each time: where there are more devices than could be
# kept, looking them up in vain costs more than that.
ADDRESSES = 4096

_DURABLE = HEADER + list_of([TRUE])
_DEVICE, _RESOURCE = symbol("device_id"), symbol("resource")
_TRACE = symbol("x-opt-trace-context")
_MOST_TTL = (1 << 32) - 1  # milliseconds


def encode(message: Message, message_id: str) -> bytes:
    """Return *message* encoded (facts of Hono, §5.2); *message_id* is new each time.

    An empty payload has no body section.
    """
    address, device = message.address, message.device_id
    encoded_address, tenant = _constants(address, message.tenant_id)
    trace = map_of(names_and_values(message.trace.items()))
    content_type, encoding = message.content_type, message.content_encoding
    parts = [
        _header(message),
        ANNOTATIONS,
        map_of(
            [
                *tenant,
                _DEVICE,
                string(device),
                _RESOURCE,
                string(f"{address}/{device}"),
                _TRACE,
                trace,
            ]
        ),
        PROPERTIES,
        list_of(
            [
                string(message_id),
                NULL,  # user-id
                encoded_address,  # to
                NULL,  # subject
                NULL,  # reply-to
                NULL,  # correlation-id
                NULL if content_type is None else _symbol(content_type),
                NULL if encoding is None else _symbol(encoding),
                NULL,  # absolute-expiry-time
                timestamp(int(message.creation_time * 1000)),
            ]
        ),
        APPLICATION_PROPERTIES,
        map_of(names_and_values(message.properties.items())),
    ]
    if message.payload:
        parts += (DATA, binary(message.payload))
    return b"".join(parts)


def with_delivery_count(encoded: bytes, number: int) -> bytes:
    """Return an event with the *number* of attempts that failed (part 3, §3.2.1)."""
    end, fields = 5 + encoded[4], encoded[5]  # a short list, as `_header` makes it
    items = [encoded[6:end], *[NULL] * (4 - fields), uint(number)]
    known = b"".join(items)
    return HEADER + bytes((0xC0, len(known) + 1, 5)) + known + encoded[end:]


def _header(message: Message) -> bytes:
    durable = message.kind == EVENT
    if message.ttl is None:
        return _DURABLE if durable else b""
    ttl = max(0, min(int(message.ttl * 1000), _MOST_TTL))
    return HEADER + list_of([TRUE if durable else NULL, NULL, uint(ttl)])


@lru_cache(ADDRESSES)
def _constants(address: str, tenant_id: str) -> tuple[bytes, tuple[bytes, bytes]]:
    """Return what is the same in all messages to *address*: it, and the tenant."""
    return string(address), (symbol("tenant_id"), string(tenant_id))


_symbol = lru_cache(256)(symbol)
