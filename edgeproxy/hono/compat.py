"""Where Hono 0.6 and Hono today differ, as data: one record for each mode."""

from __future__ import annotations

import json
from collections.abc import Mapping

import attrs

from edgeproxy.hono.statuses import MODE_0_6, MODE_2, Situation, Status
from edgeproxy.http.head import Fields
from edgeproxy.messaging.message import EVENT, TELEMETRY

_TEXT = (b"Content-Type", b"text/plain; charset=utf-8")
_JSON = (b"Content-Type", b"application/json; charset=utf-8")
_HTML = (b"Content-Type", b"text/html; charset=utf-8")


@attrs.frozen
class Compat:
    """A compat mode of the Hono door.

    *statuses* are its answers, with *json* bodies or plain text. *qos* maps the value
    of QoS-Level (None: absent) to the level, for each endpoint. *needs_content_type*
    and *empty_with_type* are about bodies: whether one without Content-Type is refused,
    and whether any type makes an empty one valid. *post_names_device*: whether POST
    does what PUT does where the path names a device. *standard* are the standard
    properties that a default may set. *adapter_enabled* is what an adapter entry
    without ``enabled`` means.
    """

    statuses: Mapping[Situation, Status]
    json: bool
    qos: Mapping[str, Mapping[bytes | None, int]]
    needs_content_type: bool
    empty_with_type: bool
    post_names_device: bool
    standard: frozenset[str]
    adapter_enabled: bool

    def body_of(self, status: Status, text: str) -> tuple[Fields, bytes]:
        """Return the body for *status* that says *text*, and the field for its type."""
        if status.html is not None:
            return [_HTML], status.html.encode()
        if not text:
            return [], b""
        if status.reason is not None:
            return [], text.encode()
        if self.json:
            body = json.dumps({"error": text}, separators=(",", ":"))
            return [_JSON], body.encode()
        return [_TEXT], text.encode()


V_0_6 = Compat(
    statuses=MODE_0_6,
    json=False,
    qos={TELEMETRY: {None: 0, b"1": 1}, EVENT: {None: 1, b"1": 1}},
    needs_content_type=True,
    empty_with_type=False,
    post_names_device=True,
    standard=frozenset({"content-type"}),
    adapter_enabled=True,
)

V_2 = Compat(
    statuses=MODE_2,
    json=True,
    qos={TELEMETRY: {None: 0, b"0": 0, b"1": 1}, EVENT: {None: 1, b"1": 1}},
    needs_content_type=False,
    empty_with_type=True,
    post_names_device=False,
    standard=frozenset({"content-type", "content-encoding", "ttl"}),
    adapter_enabled=False,
)

# By what ``hono.compat`` says.
MODES = {"0.6": V_0_6, "2": V_2}
