"""From what went wrong to what the device is told."""

from __future__ import annotations

from twisted.cred.error import UnauthorizedLogin
from twisted.python.failure import Failure

from edgeproxy.hono import statuses
from edgeproxy.hono.statuses import Status, saying
from edgeproxy.http.errors import ProtocolError
from edgeproxy.messaging.network import NotSent, Rejected, Undeliverable
from edgeproxy.portal.errors import MalformedCredentials, TenantRefused
from edgeproxy.registry.assertion import AssertionRefused


class Answered(Exception):
    """The request gets *status*, and nothing more is done about it."""

    def __init__(self, status: Status) -> None:
        self.status = status
        super().__init__(status.body)


def status_of(failure: Failure) -> Status | None:
    """Return the answer for *failure*; None for one that is a fault of ours."""
    error = failure.value
    match error:
        case Answered():
            return error.status
        case ProtocolError():
            return Status(error.status)
        case MalformedCredentials():
            return statuses.MALFORMED_CREDENTIALS
        case UnauthorizedLogin():
            return statuses.BAD_CREDENTIALS
        case TenantRefused() | AssertionRefused():
            return saying(statuses.REFUSED, str(error))
        case Rejected():
            return _of_rejection(error)
        case Undeliverable():
            return saying(statuses.UNDELIVERABLE, str(error))
        case NotSent():
            return saying(statuses.UNAVAILABLE, str(error))
    return None


def _of_rejection(rejected: Rejected) -> Status:
    """Return the answer for a consumer's rejection (facts of Hono, §5.3)."""
    match rejected.condition:
        case "amqp:resource-limit-exceeded":
            return saying(statuses.UNAVAILABLE, statuses.RESOURCE_LIMIT)
        case "amqp:unauthorized-access":
            return saying(statuses.REFUSED, rejected.description or "Forbidden")
        case "amqp:internal-error":
            return statuses.UNAVAILABLE
        case None:
            return saying(statuses.MALFORMED, "Error Code: 400")
    return saying(statuses.MALFORMED, rejected.description or "Bad Request")
