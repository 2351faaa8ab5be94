"""From a request to a message: what is demanded of header fields and body."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from urllib.parse import unquote_plus

import attrs

from edgeproxy.hono.compat import Compat
from edgeproxy.hono.outcomes import Answered
from edgeproxy.hono.statuses import Situation
from edgeproxy.messaging.message import EVENT

EMPTY_NOTIFICATION = "application/vnd.eclipse-hono-empty-notification"
UNKNOWN_TYPE = "application/octet-stream"

# RFC 9110, §8.3.1: type "/" subtype; what follows a semicolon is not passed on.
_MEDIA_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# What can stand in an AMQP symbol, and so in a message's content type.
_SYMBOL = re.compile(r"[!-~](?:[ -~]*[!-~])?")

# W3C Trace Context, §3.2.2, version 00.
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

# Seconds: what is longer is no number of seconds that anybody means.
_SECONDS = re.compile(r"[0-9]{1,9}")


@attrs.frozen
class Upload:
    """What a device sent, checked.

    *content_type* is None where the device named none. *ttd* is how many seconds the
    device waits for a command, *ttl* how many its event is of use (None: not said).
    *trace* is the W3C trace context.
    """

    endpoint: str
    payload: bytes
    content_type: str | None
    qos: int
    ttd: int | None
    ttl: int | None
    orig_address: str
    trace: Mapping[str, str]


def read_upload(
    compat: Compat,
    endpoint: str,
    uri: bytes,
    payload: bytes,
    fields: Mapping[bytes, bytes],
) -> Upload:
    """Return the checked upload to *endpoint*, or raise `Answered` with a 400.

    *uri* is the request target as it was posted, *fields* the header's values by
    lower-case name.
    """
    # Positional: this is made for every message.
    return Upload(
        endpoint,
        payload,
        _content_type(compat, fields.get(b"content-type"), payload),
        _qos(compat, endpoint, fields.get(b"qos-level")),
        _seconds(parameter(uri, fields, b"hono-ttd")) or None,
        _seconds(parameter(uri, fields, b"hono-ttl")) if endpoint == EVENT else None,
        uri.decode("latin-1"),
        trace_context(fields),
    )


def parameter(uri: bytes, fields: Mapping[bytes, bytes], name: bytes) -> str | None:
    """Return the parameter *name* of a request: a header field, else of the query."""
    value = fields.get(name)
    if value:
        return value.decode("latin-1")
    if b"?" in uri:
        wanted = name.decode()
        for pair in uri.partition(b"?")[2].decode("latin-1").split("&"):
            key, _, found = pair.partition("=")
            if unquote_plus(key) == wanted:
                return unquote_plus(found)
    return None


def media_type(value: bytes | None) -> str | None:
    """Return the media type in a Content-Type's *value*, without its parameters."""
    if value is None:
        return None
    return value.partition(b";")[0].strip().decode("latin-1") or None


def response_type(value: bytes | None) -> str | None:
    """Return the media type in the Content-Type of a response to a command.

    None without one; raises `Answered` for what cannot be passed on.
    """
    found = media_type(value)
    if found is not None and not _SYMBOL.fullmatch(found):
        raise Answered(Situation.BAD_CONTENT_TYPE, found)
    return found


def _content_type(compat: Compat, value: bytes | None, payload: bytes) -> str | None:
    found = media_type(value)
    if found is None and compat.needs_content_type:
        raise Answered(Situation.NO_CONTENT_TYPE)
    grammar = _MEDIA_TYPE if compat.needs_content_type else _SYMBOL
    if found is not None and not grammar.fullmatch(found):
        fits = False
    elif payload:
        fits = found != EMPTY_NOTIFICATION
    elif compat.empty_with_type:
        fits = found is not None
    else:
        fits = found == EMPTY_NOTIFICATION
    if not fits:
        raise Answered(Situation.BAD_CONTENT_TYPE, found or "null")
    return found


def _qos(compat: Compat, endpoint: str, value: bytes | None) -> int:
    level = compat.qos[endpoint].get(value)
    if level is None:
        raise Answered(Situation.BAD_QOS)
    return level


def _seconds(value: str | None) -> int | None:
    """Return *value* as seconds; what is no such number is ignored, as Hono does."""
    if value is None or not _SECONDS.fullmatch(value):
        return None
    return int(value)


def trace_context(fields: Mapping[bytes, bytes]) -> dict[str, str]:
    """Return the trace context of the request, or a new one."""
    parent = fields.get(b"traceparent")
    traceparent = None if parent is None else parent.decode("latin-1")
    if traceparent is None or not _TRACEPARENT.fullmatch(traceparent):
        return {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"}
    trace = {"traceparent": traceparent}
    state = fields.get(b"tracestate")
    return trace | {"tracestate": state.decode("latin-1")} if state else trace
