"""The portal of the Hono door: ``auth-id@tenant`` and a password become a `Device`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm
from twisted.internet.defer import inlineCallbacks, maybeDeferred
from zope.interface import implementer

from edgeproxy.portal.avatars import Device, IDevice
from edgeproxy.portal.decoys import Decoys
from edgeproxy.portal.errors import MalformedCredentials
from edgeproxy.portal.interfaces import ICredentialStore, ITenants
from edgeproxy.portal.passwords import PasswordVerifier

HASHED_PASSWORD = "hashed-password"  # Hono's name of this type of credentials


@implementer(ICredentialsChecker)
class PasswordChecker:
    """Checks a user name of the form ``auth-id@tenant`` (seed 002, HTTP Basic Auth)."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(
        self,
        tenants: ITenants,
        store: ICredentialStore,
        verifier: PasswordVerifier,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._tenants = tenants
        self._store = store
        self._verifier = verifier
        self._wall_clock = wall_clock
        self._decoys = Decoys()

    @inlineCallbacks
    def requestAvatarId(self, credentials: Any) -> Any:
        """Return the `Device` that *credentials* belong to.

        Fails with `MalformedCredentials`, `TenantRefused`, `LoginUnavailable` or
        `UnauthorizedLogin`.
        """
        try:
            username = credentials.username.decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedCredentials("malformed credentials") from None
        auth_id, at, tenant_id = username.partition("@")
        if not (auth_id and at and tenant_id):
            raise MalformedCredentials("malformed credentials")
        known = yield maybeDeferred(self._tenants.admit_tenant, tenant_id)
        record = None
        if known:
            record = yield maybeDeferred(
                self._store.find_credentials, tenant_id, HASHED_PASSWORD, auth_id
            )
        secrets = record.secrets if record is not None else ()
        if secrets:
            self._decoys.learn(tenant_id, secrets)
        else:
            secrets = self._decoys.choose(tenant_id, auth_id)
        secret = yield maybeDeferred(
            self._verifier.find_match,
            secrets,
            credentials.password,
            self._wall_clock(),
        )
        if secret is None or record is None or not record.enabled:
            raise UnauthorizedLogin("bad credentials")
        if secret not in record.secrets:
            raise UnauthorizedLogin("bad credentials")  # a decoy's
        period = (secret.not_before, secret.not_after)
        return Device(tenant_id, record.device_id, *period)


@implementer(IRealm)
class DeviceRealm:
    """Gives the avatar `Device`, which is what the checkers found."""

    def requestAvatar(self, avatarId: Any, mind: object, *interfaces: object) -> Any:
        """Return the `IDevice` that a checker found."""
        return IDevice, avatarId, lambda: None
