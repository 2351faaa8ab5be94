"""What checkers ask for; whoever keeps devices implements it."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from zope.interface import Interface


@attrs.frozen
class Secret:
    """One hashed password and the time in which it counts.

    *digest* is the raw hash of *salt* followed by the UTF-8 password. *not_before*
    and *not_after* are Unix seconds, exclusive (facts of Hono's Credentials API).
    """

    hash_function: str
    digest: bytes = attrs.field(repr=False)
    salt: bytes = attrs.field(default=b"", repr=False)
    not_before: float | None = None
    not_after: float | None = None
    enabled: bool = True

    def counts_at(self, now: float) -> bool:
        """Say whether the secret counts at *now*, in Unix seconds."""
        return (
            self.enabled
            and (self.not_before is None or self.not_before < now)
            and (self.not_after is None or now < self.not_after)
        )


@attrs.frozen
class CredentialsRecord:
    """What is on record for an auth-id: the device and its secrets."""

    device_id: str
    enabled: bool
    secrets: Sequence[Secret]


class ICredentialStore(Interface):
    """Where the credentials of devices are kept."""

    def find_credentials(tenant_id: str, kind: str, auth_id: str):  # type: ignore[no-untyped-def]
        """Return the `CredentialsRecord` of *auth_id*, or None, or a Deferred of it.

        *kind* is Hono's type of credentials, such as ``hashed-password``.
        """


class ITenants(Interface):
    """Where tenants are kept."""

    def admit_tenant(tenant_id: str):  # type: ignore[no-untyped-def]
        """Return whether the tenant is known, or a Deferred of it.

        Raises (or fails with) `TenantRefused` for one that may not use this door.
        """
