"""What the ``/c8y`` door asks of a device credential."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface


class CredentialUnavailable(Exception):
    """There is no credential to send a request with; *reason* says what to look at."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class IDeviceCredential(Interface):
    """The value of the ``Authorization`` field that stands for the device."""

    current: bytes | None = Attribute(
        """The value that is usable right now, or None; never waits."""
    )

    healthy: bool = Attribute("""Whether requests can be sent as things stand.""")

    detail: str = Attribute("""The state in words, for people.""")

    shown: dict[str, Any] = Attribute("""What may be shown of it; no secret.""")

    tenant: frozenset[str] = Attribute(
        """Names of the tenant that the credential tells, in lower case."""
    )

    def fetch() -> Deferred[bytes]:
        """Return *current*, and wait for it if there is none.

        Fails with `CredentialUnavailable`, within a bounded time.
        """

    def refused(authorization: bytes) -> Deferred[bytes | None]:
        """Return another value than *authorization*, which upstream answered with 401.

        None when nothing fresher can be had: then the 401 is the answer. Many calls at
        once cause one refresh. Never fails.
        """
