"""Client certificates as a login to the Hono door: a chain becomes a `Device`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from cryptography import x509
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import inlineCallbacks, maybeDeferred
from zope.interface import Attribute, implementer

from edgeproxy.portal.avatars import Device
from edgeproxy.portal.dn import canonical_of, lookup_form
from edgeproxy.portal.errors import TenantRefused
from edgeproxy.portal.interfaces import (
    ICredentialStore,
    ITrustingTenants,
    TrustAnchor,
    TrustingTenant,
)
from edgeproxy.tls.chains import ChainRefused, TrustedKey, read_chain, validate

X509_CERT = "x509-cert"  # Hono's name of this type of credentials

_OID = x509.NameOID
_PARTS = {
    "cn": _OID.COMMON_NAME,
    "ou": _OID.ORGANIZATIONAL_UNIT_NAME,
    "o": _OID.ORGANIZATION_NAME,
}
_PLACEHOLDER = re.compile(r"\{\{subject-(dn|cn|ou|o)\}\}")


class ICertificateChain(ICredentials):
    """The certificates that a TLS client has shown, having the first one's key."""

    chain = Attribute("DER of each certificate, the client's own one first")


@implementer(ICertificateChain)
@attrs.frozen
class CertificateChain:
    """The *chain* that a TLS client has shown: DER, its own certificate first."""

    chain: Sequence[bytes]


@implementer(ICredentialsChecker)
class CertificateChecker:
    """Checks client certificates (seed 002, Client Certificate).

    The tenant is the one that trusts the CA to which the chain leads. The subject, or
    what the CA's template makes of it, is the auth-id of ``x509-cert`` credentials,
    whose secrets have periods only.
    """

    credentialInterfaces = (ICertificateChain,)

    def __init__(
        self,
        tenants: ITrustingTenants,
        store: ICredentialStore,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._tenants = tenants
        self._store = store
        self._wall_clock = wall_clock

    @inlineCallbacks
    def requestAvatarId(self, credentials: Any) -> Any:
        """Return the `Device` whose certificate is the first of the chain.

        Fails with `UnauthorizedLogin`, or `TenantRefused` where the certificate is good
        but its tenant may not use this door.
        """
        now = self._wall_clock()
        reason: Exception = UnauthorizedLogin("no tenant trusts its issuer")
        found: dict[tuple[str, str], Device] = {}
        try:
            chain = read_chain(credentials.chain)
            issuers = _issuers(chain)
        except (ChainRefused, ValueError) as error:
            raise UnauthorizedLogin(str(error)) from None
        for issuer in issuers:
            trusting = yield maybeDeferred(self._tenants.find_trusting, issuer)
            for tenant in trusting:
                try:
                    device = yield self._device_of(tenant, chain, issuer, now)
                except (UnauthorizedLogin, TenantRefused) as error:
                    reason = error
                else:
                    found[device.tenant_id, device.device_id] = device
        if len(found) > 1:
            # Tenants that share a CA have to see to it that subjects differ.
            raise UnauthorizedLogin("the certificate is of several devices")
        for device in found.values():
            return device
        raise reason

    @inlineCallbacks
    def _device_of(
        self,
        tenant: TrustingTenant,
        chain: list[x509.Certificate],
        issuer: x509.Name,
        now: float,
    ) -> Any:
        """Return the tenant's `Device` with this *chain*, or fail."""
        anchor, not_before, not_after = _validated(tenant, chain, issuer, now)
        yield maybeDeferred(self._tenants.admit_tenant, tenant.tenant_id)
        try:
            auth_id = _auth_id(chain[0].subject, anchor.auth_id_template)
        except ValueError as error:
            raise UnauthorizedLogin(str(error)) from None
        record = yield maybeDeferred(
            self._store.find_credentials, tenant.tenant_id, X509_CERT, auth_id
        )
        secrets = record.secrets if record is not None and record.enabled else ()
        for secret in secrets:
            if secret.counts_at(now):
                bounds = secret.not_before, secret.not_after
                return Device(
                    tenant.tenant_id,
                    record.device_id,
                    not_before if bounds[0] is None else max(not_before, bounds[0]),
                    not_after if bounds[1] is None else min(not_after, bounds[1]),
                )
        raise UnauthorizedLogin("bad credentials")


def _issuers(chain: list[x509.Certificate]) -> list[x509.Name]:
    """Return the names of the CAs above the first of *chain*, the nearest first."""
    by_subject = {canonical_of(each.subject): each for each in reversed(chain)}
    issuers: dict[str, x509.Name] = {}
    name = chain[0].issuer
    while (text := canonical_of(name)) not in issuers:
        issuers[text] = name
        if text in by_subject:
            name = by_subject[text].issuer
    return list(issuers.values())


def _validated(
    tenant: TrustingTenant,
    chain: list[x509.Certificate],
    issuer: x509.Name,
    now: float,
) -> tuple[TrustAnchor, float, float]:
    """Return the tenant's anchor to which *chain* leads, and the path's validity."""
    reason = "no valid trust anchors defined for tenant"
    for anchor in tenant.anchors:
        if anchor.counts_at(now):
            key = TrustedKey(anchor.public_key, anchor.not_before, anchor.not_after)
            try:
                return anchor, *validate(chain, issuer, key, now)
            except ChainRefused as refused:
                reason = str(refused)
    raise UnauthorizedLogin(reason)


def _auth_id(subject: x509.Name, template: str | None) -> str:
    """Return the auth-id of a certificate, as credentials are looked up by it.

    Raises `ValueError` when the subject has not all of what *template* wants.
    """
    whole = canonical_of(subject)
    if template is None:
        return whole

    def part(found: re.Match[str]) -> str:
        name = found[1]
        if name == "dn":
            return whole
        values = subject.get_attributes_for_oid(_PARTS[name])
        if not values:
            raise ValueError(f"the subject has no {name}")
        # The most specific comes last.
        return str(values[-1].value)

    # In one go: what a subject says is no template.
    return lookup_form(_PLACEHOLDER.sub(part, template))
