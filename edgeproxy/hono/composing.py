"""Composes the message of an upload: what is said of it besides its payload.

Facts of Hono, §5.2 (properties), §5.4 (defaults) and §5.5 (time to live).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgeproxy.hono.compat import Compat
from edgeproxy.hono.upload import UNKNOWN_TYPE, Upload
from edgeproxy.messaging.message import EVENT, Message
from edgeproxy.portal.registered import Scalar
from edgeproxy.registry.assertion import Assertion

ADAPTER = "hono-http"

# Names of defaults that mean something to us, or are properties of AMQP itself: none
# becomes an application property.
_NO_PROPERTIES = frozenset(
    {
        "content-type",
        "content-encoding",
        "message-id",
        "user-id",
        "to",
        "subject",
        "reply-to",
        "correlation-id",
        "absolute-expiry-time",
        "creation-time",
        "group-id",
        "group-sequence",
        "reply-to-group-id",
        "ttl",
        "ttl-telemetry-qos0",
        "ttl-telemetry-qos1",
        "ttl-command-response",
    }
)


def compose(
    compat: Compat,
    upload: Upload,
    tenant_id: str,
    device_id: str,
    assertion: Assertion,
    ttd: int | None,
    now: float,
) -> Message:
    """Return the message of *upload* for the device that *assertion* is about.

    *ttd* is how many seconds the device really waits; *now* is in Unix seconds. What
    the message itself says wins over defaults.
    """
    defaults = assertion.defaults
    properties: dict[str, Scalar] = {}
    content_type, content_encoding = upload.content_type, None
    if defaults:
        properties = {
            name: value
            for name, value in defaults.items()
            if name not in _NO_PROPERTIES
        }
        if content_type is None:
            content_type = _text(compat, defaults, "content-type")
        content_encoding = _text(compat, defaults, "content-encoding")
    properties["device_id"] = device_id
    properties["qos"] = upload.qos
    properties["orig_adapter"] = ADAPTER
    properties["orig_address"] = upload.orig_address
    if ttd is not None:
        properties["ttd"] = ttd
    if content_type is None and upload.payload:
        content_type = UNKNOWN_TYPE
    return Message(
        upload.endpoint,
        tenant_id,
        device_id,
        upload.payload,
        content_type,
        upload.qos,
        now,
        properties,
        upload.trace,
        _ttl(compat, upload, defaults, assertion.tenant.resource_limits),
        content_encoding,
    )


def _text(compat: Compat, defaults: Mapping[str, Scalar], name: str) -> str | None:
    """Return the default *name*, a standard property that goes out as a symbol."""
    value = defaults.get(name)
    if name in compat.standard and isinstance(value, str) and value.isascii():
        return value or None
    return None


def _ttl(
    compat: Compat,
    upload: Upload,
    defaults: Mapping[str, Scalar],
    limits: Mapping[str, Any],
) -> float | None:
    """Return for how many seconds the message is of use; None: for ever."""
    if upload.endpoint == EVENT:
        found = upload.ttl
        names: tuple[str, ...] = ("ttl",)
        limit = "max-ttl"
    else:
        found = None
        names = ("ttl", f"ttl-telemetry-qos{upload.qos}")
        limit = f"max-ttl-telemetry-qos{upload.qos}"
    if found is None and defaults and "ttl" in compat.standard:
        found = next(
            (s for n in names if (s := _whole(defaults.get(n))) is not None), None
        )
    return _capped(found, limits, limit)


def command_response_ttl(compat: Compat, assertion: Assertion) -> int | None:
    """Return for how many seconds a response to a command is of use; None: for ever."""
    found, defaults = None, assertion.defaults
    if defaults and "ttl" in compat.standard:
        for name in ("ttl", "ttl-command-response"):
            if found is None:
                found = _whole(defaults.get(name))
    limits = assertion.tenant.resource_limits
    return _capped(found, limits, "max-ttl-command-response")


def _capped(ttl: int | None, limits: Mapping[str, Any], name: str) -> int | None:
    """Return *ttl*, or the limit *name* of a tenant where that is less, in seconds."""
    most = _whole(limits.get(name)) if limits else None
    if most is None:
        return ttl
    return most if ttl is None else min(ttl, most)


def _whole(value: object) -> int | None:
    """Return *value* if it is a number of seconds; -1 and the like are none."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value
