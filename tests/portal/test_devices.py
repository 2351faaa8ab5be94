"""Who gets in at the Hono door with a password."""

from __future__ import annotations

import hashlib
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from edgeproxy.portal.avatars import Device, IDevice
from edgeproxy.portal.devices import DeviceRealm, PasswordChecker
from edgeproxy.portal.errors import MalformedCredentials, TenantRefused
from edgeproxy.portal.interfaces import (
    CredentialsRecord,
    ICredentialStore,
    ITenants,
    Secret,
)
from edgeproxy.portal.login import login_as
from edgeproxy.portal.passwords import PasswordVerifier


def secret(password: bytes, function: str = "sha-256", **more: Any) -> Secret:
    digest = hashlib.new(function.replace("-", ""), b"salt" + password).digest()
    return Secret(function, digest, b"salt", **more)


@implementer(ICredentialStore, ITenants)
class Store:
    """Tenant ``T`` with auth-id ``a`` of device ``d``."""

    def __init__(
        self, *secrets: Secret, enabled: bool = True, wrap: Any = None
    ) -> None:
        self.record = CredentialsRecord("d", enabled, secrets)
        self.wrap = wrap or (lambda value: value)

    def admit_tenant(self, tenant_id: str) -> Any:
        if tenant_id == "off":
            raise TenantRefused("tenant is disabled")
        return self.wrap(tenant_id == "T")

    def find_credentials(self, tenant_id: str, kind: str, auth_id: str) -> Any:
        found = (tenant_id, kind, auth_id) == ("T", "hashed-password", "a")
        return self.wrap(self.record if found else None)


class PasswordTests(SynchronousTestCase):
    def login(self, user: bytes, password: bytes, store: Store) -> Any:
        verifier = PasswordVerifier(None, None)
        checker = PasswordChecker(store, store, verifier, wall_clock=lambda: 1000.0)
        login = login_as(Portal(DeviceRealm(), [checker]), IDevice)
        return login(UsernamePassword(user, password))

    def gets_in(self, store: Store, password: bytes = b"p") -> None:
        device = self.successResultOf(self.login(b"a@T", password, store))
        self.assertEqual(device, Device("T", "d"))

    def is_refused(
        self,
        store: Store,
        user: bytes = b"a@T",
        password: bytes = b"p",
        error: type[Exception] = UnauthorizedLogin,
    ) -> None:
        failure = self.failureResultOf(self.login(user, password, store))
        self.assertIs(failure.type, error)

    def test_interfaces(self) -> None:
        store = Store()
        verifyObject(ICredentialStore, store)
        verifyObject(ITenants, store)
        verifier = PasswordVerifier(None, None)
        verifyObject(ICredentialsChecker, PasswordChecker(store, store, verifier))
        verifyObject(IRealm, DeviceRealm())

    def test_the_right_password_of_each_hash_function_gets_in(self) -> None:
        for function in ("sha-256", "sha-512"):
            self.gets_in(Store(secret(b"p", function)))

    def test_any_of_several_secrets_gets_in(self) -> None:
        self.gets_in(Store(secret(b"old"), secret(b"p")))

    def test_a_store_may_answer_later(self) -> None:
        self.gets_in(Store(secret(b"p"), wrap=succeed))

    def test_a_wrong_password_is_refused(self) -> None:
        self.is_refused(Store(secret(b"p")), password=b"q")
        self.is_refused(Store(secret(b"p")), password=b"")

    def test_unknown_tenant_and_auth_id_are_refused_alike(self) -> None:
        for user in (b"a@other", b"other@T"):
            self.is_refused(Store(secret(b"p")), user)

    def test_a_secret_without_hash_matches_nothing(self) -> None:
        self.is_refused(Store(Secret("sha-256", b"")), password=b"")

    def test_an_unknown_hash_function_matches_nothing(self) -> None:
        self.is_refused(Store(Secret("md5", hashlib.md5(b"p").digest())))

    def test_a_secret_counts_within_its_period_only(self) -> None:
        self.gets_in(Store(secret(b"p", not_before=999, not_after=1001)))
        for period in ({"not_before": 1000}, {"not_after": 1000}):
            self.is_refused(Store(secret(b"p", **period)))

    def test_a_decoy_lets_nobody_in(self) -> None:
        store = Store(secret(b"p"))
        verifier = PasswordVerifier(None, None)
        checker = PasswordChecker(store, store, verifier, wall_clock=lambda: 1000.0)
        login = login_as(Portal(DeviceRealm(), [checker]), IDevice)
        self.successResultOf(login(UsernamePassword(b"a@T", b"p")))
        # It is compared with the secret of the other, which does match.
        unknown = login(UsernamePassword(b"other@T", b"p"))
        self.failureResultOf(unknown, UnauthorizedLogin)
        store.record = CredentialsRecord("d", True, ())
        self.failureResultOf(login(UsernamePassword(b"a@T", b"p")), UnauthorizedLogin)

    def test_what_is_disabled_is_refused(self) -> None:
        self.is_refused(Store(secret(b"p", enabled=False)))
        self.is_refused(Store(secret(b"p"), enabled=False))

    def test_a_disabled_tenant_is_told_so_even_with_a_wrong_password(self) -> None:
        self.is_refused(Store(secret(b"p")), b"a@off", b"q", error=TenantRefused)

    def test_malformed_user_names(self) -> None:
        for user in (b"a", b"@T", b"a@", b"", b"\xff@T"):
            self.is_refused(Store(secret(b"p")), user, error=MalformedCredentials)

    def test_the_tenant_may_hold_an_at_sign(self) -> None:
        self.is_refused(Store(secret(b"p")), b"a@T@T")

    def test_secrets_are_not_in_the_repr(self) -> None:
        self.assertNotIn(repr(secret(b"p").digest), repr(Store(secret(b"p")).record))
