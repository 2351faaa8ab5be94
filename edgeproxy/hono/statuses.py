"""What the Hono door answers: one table of situations for each compat mode.

Mode 2 says what Hono says today. Mode 0.6 has the statuses of seed 002, and its body
and reason phrase for a bad QoS level; what the seed leaves open it says as Hono does
today, but as plain text.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

import attrs


class Situation(Enum):
    """What may come of a request."""

    ACCEPTED = auto()
    BAD_QOS = auto()
    NO_CONTENT_TYPE = auto()
    BAD_CONTENT_TYPE = auto()
    BAD_REQUEST = auto()
    BAD_COMMAND_RESPONSE = auto()
    REJECTED = auto()
    UNAUTHORIZED = auto()
    MALFORMED_CREDENTIALS = auto()
    BAD_CREDENTIALS = auto()
    TENANT_UNKNOWN = auto()
    TENANT_DISABLED = auto()
    ADAPTER_DISABLED = auto()
    DEVICE_REFUSED = auto()
    GATEWAY_REFUSED = auto()
    OTHER_TENANT = auto()
    FOREIGN_ORIGIN = auto()
    NOT_ALLOWED = auto()
    NOT_FOUND = auto()
    NO_TENANT = auto()
    NO_DEVICE = auto()
    NO_REQUEST_ID = auto()
    UNDELIVERABLE = auto()
    METHOD_NOT_ALLOWED = auto()
    TOO_LARGE = auto()
    TOO_MANY_FAILURES = auto()
    VOLUME_EXCEEDED = auto()
    BROKEN = auto()
    NOT_SENT = auto()
    RESOURCE_LIMIT = auto()
    UNAVAILABLE = auto()


@attrs.frozen
class Status:
    """An answer: *code*, *text* with ``{}`` for details, *retry_after* in seconds.

    *reason* is the phrase where it is not the standard one; then the text goes without
    a content type. *html* is the whole body of an answer that is a page.
    """

    code: int
    text: str = ""
    retry_after: int | None = None
    reason: str | None = None
    html: str | None = None


S = Situation

_TODAY: dict[Situation, Status] = {
    S.ACCEPTED: Status(202),
    S.BAD_QOS: Status(400, "unsupported QoS-Level header value"),
    # Does not come up in mode 2.
    S.NO_CONTENT_TYPE: Status(400, "Content-Type header is missing"),
    S.BAD_CONTENT_TYPE: Status(400, "content type [{}] does not match payload"),
    S.BAD_REQUEST: Status(400, "Bad Request"),
    S.BAD_COMMAND_RESPONSE: Status(
        400, "command-request-id [{}] or status code [{}] is missing/invalid"
    ),
    S.REJECTED: Status(400, "{}"),
    S.UNAUTHORIZED: Status(401, "Unauthorized"),
    S.MALFORMED_CREDENTIALS: Status(401, "malformed credentials"),
    S.BAD_CREDENTIALS: Status(401, "bad credentials"),
    S.TENANT_UNKNOWN: Status(404, "tenant is disabled or not registered"),
    S.TENANT_DISABLED: Status(403, "tenant is disabled or not registered"),
    S.ADAPTER_DISABLED: Status(403, "adapter is disabled"),
    S.DEVICE_REFUSED: Status(404, "device is disabled or not registered"),
    S.GATEWAY_REFUSED: Status(403, "gateway is disabled or not registered"),
    S.OTHER_TENANT: Status(
        403, "not authorized to upload data for device from other tenant"
    ),
    S.FOREIGN_ORIGIN: Status(403, "CORS Rejected - Invalid origin"),
    S.NOT_ALLOWED: Status(403, "{}"),
    S.NOT_FOUND: Status(
        404, html="<html><body><h1>Resource not found</h1></body></html>"
    ),
    S.NO_TENANT: Status(404, "request URI must contain tenant ID"),
    S.NO_DEVICE: Status(404, "request URI must contain device ID"),
    S.NO_REQUEST_ID: Status(
        404, "request URI must contain tenant, device and request ID"
    ),
    S.UNDELIVERABLE: Status(404, "{}"),
    S.METHOD_NOT_ALLOWED: Status(405),
    S.TOO_LARGE: Status(413, "payload is larger than {} bytes"),
    S.TOO_MANY_FAILURES: Status(429, "too many failed logins", retry_after=10),
    S.VOLUME_EXCEEDED: Status(
        429,
        "tenant's accumulated message data volume exceeds configured maximum value",
        retry_after=60,
    ),
    S.BROKEN: Status(500, "Internal Server Error"),
    S.NOT_SENT: Status(503, "{}", retry_after=2),
    S.RESOURCE_LIMIT: Status(
        503,
        "consumer rejected the message because a resource limit was exceeded, "
        "possibly a (tenant-specific) queue size limit",
        retry_after=2,
    ),
    S.UNAVAILABLE: Status(503, "temporarily unavailable", retry_after=2),
}

MODE_2: Mapping[Situation, Status] = _TODAY

MODE_0_6: Mapping[Situation, Status] = _TODAY | {
    S.BAD_QOS: Status(400, "Bad QoS Header Value", reason="Bad QoS Header Value"),
    S.TENANT_UNKNOWN: Status(403, "tenant is disabled or not registered"),
    S.DEVICE_REFUSED: Status(403, "device is disabled or not registered"),
    S.NOT_FOUND: Status(404, "Resource not found"),
}
