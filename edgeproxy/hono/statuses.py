"""What the Hono door answers in compat mode 0.6: one table (DESIGN of seed 002).

Statuses and the body of a bad QoS level are the seed's; the other bodies say, as
text, what Hono says today.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Status:
    """An answer: *code*, a *reason* where it is not the standard one, *body* text.

    *retry_after* is in seconds, *allow* the methods that a 405 names.
    """

    code: int
    body: str = ""
    reason: str | None = None
    retry_after: int | None = None
    allow: tuple[bytes, ...] = ()


ACCEPTED = Status(202)

# Seed 002: the reason phrase is the text itself, with a body of those 20 bytes.
BAD_QOS = Status(400, "Bad QoS Header Value", "Bad QoS Header Value")

NO_CONTENT_TYPE = Status(400, "Content-Type header is missing")
BAD_CONTENT_TYPE = Status(400, "content type [{}] does not match payload")
MALFORMED = Status(400, "Bad Request")
UNAUTHORIZED = Status(401, "Unauthorized")
BAD_CREDENTIALS = Status(401, "bad credentials")
MALFORMED_CREDENTIALS = Status(401, "malformed credentials")
REFUSED = Status(403)
OTHER_TENANT = Status(403, "not authorized to upload data for device from other tenant")
NOT_FOUND = Status(404, "Resource not found")
NO_TENANT = Status(404, "request URI must contain tenant ID")
NO_DEVICE = Status(404, "request URI must contain device ID")
UNDELIVERABLE = Status(404)
METHOD_NOT_ALLOWED = Status(405)
TOO_LARGE = Status(413, "payload is larger than {} bytes")
INTERNAL = Status(500, "Internal Server Error")
UNAVAILABLE = Status(503, "temporarily unavailable", retry_after=2)
RESOURCE_LIMIT = (
    "consumer rejected the message because a resource limit was exceeded, possibly a "
    "(tenant-specific) queue size limit"
)


def saying(status: Status, body: str) -> Status:
    """Return *status* with the text *body*."""
    return attrs.evolve(status, body=body)
