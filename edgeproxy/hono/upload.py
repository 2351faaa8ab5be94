"""From a request to a message: what the seed demands of headers and body."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from urllib.parse import unquote_plus

import attrs

from edgeproxy.hono import statuses
from edgeproxy.hono.outcomes import Answered
from edgeproxy.hono.statuses import saying
from edgeproxy.messaging.message import EVENT, Message
from edgeproxy.registry.model import Scalar

EMPTY_NOTIFICATION = "application/vnd.eclipse-hono-empty-notification"
ADAPTER = "hono-http"

# RFC 9110, §8.3.1: type "/" subtype; what follows a semicolon is not passed on.
_MEDIA_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# W3C Trace Context, §3.2.2, version 00.
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

# Standard AMQP properties: a default of that name is none for an application
# property, and in 0.6 only the content type can be set by one (seed 002).
_STANDARD = frozenset(
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
    }
)


@attrs.frozen
class Upload:
    """What a device sent, checked: enough to build its message."""

    endpoint: str
    payload: bytes
    content_type: str
    qos: int
    ttd: int | None
    orig_address: str
    trace: Mapping[str, str]

    def message(
        self,
        tenant_id: str,
        device_id: str,
        defaults: Mapping[str, Scalar],
        now: float,
    ) -> Message:
        """Return the message for *device_id*; *now* is in Unix seconds.

        Of *defaults*, those for standard properties are left out, as the content
        type is known by now; what the message itself says wins over the others.
        """
        properties: dict[str, Scalar] = {
            name: value for name, value in defaults.items() if name not in _STANDARD
        }
        properties |= {
            "device_id": device_id,
            "qos": self.qos,
            "orig_adapter": ADAPTER,
            "orig_address": self.orig_address,
        }
        if self.ttd is not None:
            properties["ttd"] = self.ttd
        return Message(
            kind=self.endpoint,
            tenant_id=tenant_id,
            device_id=device_id,
            payload=self.payload,
            content_type=self.content_type,
            qos=self.qos,
            creation_time=now,
            properties=properties,
            trace=self.trace,
        )


def read_upload(
    endpoint: str, uri: bytes, payload: bytes, fields: Mapping[bytes, bytes]
) -> Upload:
    """Return the checked upload to *endpoint*, or raise `Answered` with a 400.

    *uri* is the request target as it was posted, *fields* the header's values by
    lower-case name.
    """

    def header(name: bytes) -> str | None:
        value = fields.get(name)
        return None if value is None else value.decode("latin-1")

    target = uri.decode("latin-1")
    content_type = _content_type(header(b"content-type"), payload)
    return Upload(
        endpoint=endpoint,
        payload=payload,
        content_type=content_type,
        qos=_qos(header(b"qos-level"), endpoint),
        ttd=_ttd(header(b"hono-ttd") or _query(target, "hono-ttd")),
        orig_address=target,
        trace=_trace(header(b"traceparent"), header(b"tracestate")),
    )


def _content_type(value: str | None, payload: bytes) -> str:
    if not value:
        raise Answered(statuses.NO_CONTENT_TYPE)
    media_type = _MEDIA_TYPE.match(value)
    if media_type is None or bool(payload) == (media_type[0] == EMPTY_NOTIFICATION):
        status = statuses.BAD_CONTENT_TYPE
        raise Answered(saying(status, status.body.format(value)))
    return media_type[0]


def _qos(value: str | None, endpoint: str) -> int:
    """Return the QoS level; events always wait for their outcome (seed 002)."""
    if value not in (None, "1"):
        raise Answered(statuses.BAD_QOS)
    return 1 if value == "1" or endpoint == EVENT else 0


def _ttd(value: str | None) -> int | None:
    """Return the seconds that a device waits; what is no such number is ignored."""
    if value is None or not re.fullmatch(r"[0-9]{1,9}", value):
        return None
    return int(value) or None


def _query(target: str, name: str) -> str | None:
    for pair in target.partition("?")[2].split("&"):
        key, _, value = pair.partition("=")
        if unquote_plus(key) == name:
            return unquote_plus(value)
    return None


def _trace(traceparent: str | None, tracestate: str | None) -> dict[str, str]:
    """Return the trace context of the request, or a new one."""
    if traceparent is None or not _TRACEPARENT.fullmatch(traceparent):
        return {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"}
    trace = {"traceparent": traceparent}
    return trace | {"tracestate": tracestate} if tracestate else trace
