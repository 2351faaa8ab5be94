"""From what went wrong to what the device is told."""

from __future__ import annotations

from twisted.cred.error import UnauthorizedLogin
from twisted.python.failure import Failure

from edgeproxy.hono.statuses import Situation
from edgeproxy.http.collect import TooLarge
from edgeproxy.messaging.network import NotSent, Rejected, Undeliverable
from edgeproxy.portal.errors import (
    AdapterDisabled,
    LoginUnavailable,
    MalformedCredentials,
    TenantRefused,
)
from edgeproxy.registry.assertion import (
    AdapterNotServed,
    DeviceNotRegistered,
    GatewayNotAuthorised,
    TenantDisabled,
    TenantUnknown,
)
from edgeproxy.registry.store import RegistryError


class Answered(Exception):
    """The request gets the answer for *situation*, and no more is done about it.

    *details* are what the answer's text has to say besides.
    """

    def __init__(self, situation: Situation, *details: object) -> None:
        self.situation, self.details = situation, details
        super().__init__(situation.name)


S = Situation

# By the type of what was raised: more special ones first.
_ANSWERS: tuple[tuple[type[Exception], Situation], ...] = (
    (MalformedCredentials, S.MALFORMED_CREDENTIALS),
    (UnauthorizedLogin, S.BAD_CREDENTIALS),
    (AdapterDisabled, S.ADAPTER_DISABLED),
    (TenantRefused, S.TENANT_DISABLED),
    (LoginUnavailable, S.UNAVAILABLE),
    (RegistryError, S.UNAVAILABLE),
    (TenantUnknown, S.TENANT_UNKNOWN),
    (TenantDisabled, S.TENANT_DISABLED),
    (AdapterNotServed, S.ADAPTER_DISABLED),
    (DeviceNotRegistered, S.DEVICE_REFUSED),
    (GatewayNotAuthorised, S.GATEWAY_REFUSED),
    (Undeliverable, S.UNDELIVERABLE),
    (NotSent, S.NOT_SENT),
)


def answer_to(failure: Failure) -> Answered | None:
    """Return the answer to *failure*; None for one that is a fault of ours."""
    error = failure.value
    if isinstance(error, Answered):
        return error
    if isinstance(error, TooLarge):
        return Answered(S.TOO_LARGE)
    if isinstance(error, Rejected):
        return _to_rejection(error)
    for kind, situation in _ANSWERS:
        if isinstance(error, kind):
            return Answered(situation, str(error))
    return None


def _to_rejection(rejected: Rejected) -> Answered:
    """Return the answer to a consumer's rejection (facts of Hono, §5.3)."""
    match rejected.condition:
        case "amqp:resource-limit-exceeded":
            return Answered(S.RESOURCE_LIMIT)
        case "amqp:unauthorized-access":
            return Answered(S.NOT_ALLOWED, rejected.description or "Forbidden")
        case "amqp:internal-error":
            return Answered(S.UNAVAILABLE)
        case None:
            return Answered(S.REJECTED, "Error Code: 400")
    return Answered(S.REJECTED, rejected.description or "Bad Request")
