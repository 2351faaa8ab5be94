"""What checkers ask for; whoever keeps devices implements it."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from cryptography import x509
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


@attrs.frozen
class TrustAnchor:
    """A CA that a tenant trusts to issue its devices' certificates.

    *public_key* is the DER of its SubjectPublicKeyInfo, *not_before* and *not_after*
    bound its own validity in Unix seconds. *auth_id_template* makes the auth-id out of
    parts of a device's subject (None: the whole subject).
    """

    subject: x509.Name
    public_key: bytes
    not_before: float
    not_after: float
    enabled: bool = True
    auth_id_template: str | None = None

    def counts_at(self, now: float) -> bool:
        """Say whether the CA counts at *now*, in Unix seconds."""
        return self.enabled and self.not_before < now < self.not_after


@attrs.frozen
class TrustingTenant:
    """A tenant that trusts a CA of some name: those of its *anchors* with that name.

    *enabled* says that the tenant is, and that its devices may use this door.
    """

    tenant_id: str
    enabled: bool
    anchors: Sequence[TrustAnchor]


class ICredentialStore(Interface):
    """Where the credentials of devices are kept."""

    def find_credentials(tenant_id: str, kind: str, auth_id: str):  # type: ignore[no-untyped-def]
        """Return the `CredentialsRecord` of *auth_id*, or None, or a Deferred of it.

        *kind* is Hono's type of credentials, such as ``hashed-password``. For
        ``x509-cert`` the *auth_id* is a subject's canonical form (`portal.dn`).
        """


class IDevices(Interface):
    """Where devices are kept, and what changes is counted."""

    def read_device(tenant_id: str, device_id: str):  # type: ignore[no-untyped-def]
        """Return the `RegisteredDevice` as it is on record, or None."""

    def generation():  # type: ignore[no-untyped-def]
        """Return the number of changes so far."""

    def last_change(tenant_id: str, device_id: str):  # type: ignore[no-untyped-def]
        """Return the number of the last change that concerns this device.

        That is one of the device, its credentials or its tenant. Whoever remembers
        something of it of the generation *g* may trust that while this is not above.
        """


class ITenants(Interface):
    """Where tenants are kept."""

    def admit_tenant(tenant_id: str):  # type: ignore[no-untyped-def]
        """Return whether the tenant is known, or a Deferred of it.

        Raises (or fails with) `TenantRefused` for one that is disabled, and its
        `AdapterDisabled` for one that may not use this door.
        """


class ITrustingTenants(ITenants):
    """Tenants that may trust CAs to vouch for their devices."""

    def find_trusting(issuer: x509.Name):  # type: ignore[no-untyped-def]
        """Return the `TrustingTenant` of each tenant that trusts a CA called *issuer*.

        That, or a Deferred of it: usually one; none where nobody trusts such a CA.
        Names are compared in their canonical form (`portal.dn`).
        """
