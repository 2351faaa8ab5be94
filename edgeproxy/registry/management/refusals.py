"""Why the management API does not do what it was asked: statuses and texts.

The texts are Hono's (facts of Hono, §4.5), where it has one for the case.
"""

from __future__ import annotations


class Refused(Exception):
    """The answer is *status* with *text*, and nothing has changed.

    *detail* says more, for people.
    """

    def __init__(self, status: int, text: str, detail: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.detail = detail


def malformed(text: str, detail: str = "") -> Refused:
    """Return the refusal of a request that is wrong in itself."""
    return Refused(400, text, detail)


def failed_validation(name: str, value: str) -> Refused:
    """Return the refusal of a parameter."""
    return Refused(
        400, f"request parameter [name: {name}, value: {value}] failed validation"
    )


NO_TENANT = 404, "no such tenant"
NO_DEVICE = 404, "device not found"
NO_CREDENTIALS = 404, "no matching credentials on record"
NONE_FOUND = 404, "nothing matches"
TENANT_EXISTS = 409, "tenant already exists"
ALIAS_IN_USE = 409, "alias is in use by another tenant"
ANCHOR_IN_USE = (
    409,
    "subject DN of a trust anchor is in use by another tenant of no common group",
)
DEVICE_EXISTS = 409, "device already exists"
CREDENTIALS_IN_USE = 409, "credentials (type, auth-id) must be unique for device"
OTHER_VERSION = 412, "resource version mismatch"
TOO_MANY_DEVICES = 403, "the tenant's maximum number of devices is reached"
TOO_MANY_CREDENTIALS = 403, "the tenant's maximum number of credentials is exceeded"
BAD_TENANT = "request does not contain a valid Tenant object"
BAD_DEVICE = "request does not contain a valid Device object"
NO_ARRAY = "request body does not contain JSON array"
BAD_CREDENTIALS = "request body does not contain valid Credentials objects"
UNAVAILABLE = 503, "temporarily unavailable"
INTERNAL = 500, "Internal Server Error"
