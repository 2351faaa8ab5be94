"""The registry's file, and the lookups of the doors."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from cryptography import x509
from zope.interface import implementer

from edgeproxy.portal.avatars import Device
from edgeproxy.portal.dn import canonical_of
from edgeproxy.portal.errors import AdapterDisabled, TenantRefused
from edgeproxy.portal.interfaces import (
    CredentialsRecord,
    ICredentialStore,
    IDevices,
    ITrustingTenants,
    TrustingTenant,
)
from edgeproxy.portal.memory import Memory
from edgeproxy.portal.packed import PackedMemory
from edgeproxy.portal.registered import RegisteredDevice, flatten, full_name, restore
from edgeproxy.registry import rows
from edgeproxy.registry.changes import Changes
from edgeproxy.registry.credentials import record_from_json
from edgeproxy.registry.model import (
    ADAPTER,
    Tenant,
    device_from_json,
    tenant_from_json,
)
from edgeproxy.registry.schema import RegistryError, connect

__all__ = ["RegistryError", "RegistryStore"]

# Bytes of remembered devices: 60 to 170 each where they have no defaults. Those that
# log in are not among them, see `portal.remembered`, nor are credentials. Tenants, and
# the CAs that they trust, are few: that many of them are remembered.
DEVICES, TENANTS = 64 * 1024 * 1024, 4_096


@implementer(ICredentialStore, IDevices, ITrustingTenants)
class RegistryStore:
    """Tenants, devices and credentials in the SQLite file at *path*.

    Lookups are by keys and answered at once; those of tenants and of devices that
    others speak for from memory where they were made before. What is not there is asked
    for each time (10 µs), so that nobody fills the memory with ids that do not exist.
    Lookups raise `RegistryError` where the file cannot be read. *adapters_default* is
    whether an entry of a tenant's adapters without ``enabled`` is enabled.
    """

    def __init__(
        self,
        path: str,
        adapters_default: bool = True,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self.connection = connect(path)
        self.changes = Changes()
        self.generation = self.changes.generation
        self.last_change = self.changes.last_change
        self._adapters_default = adapters_default
        self._wall_clock = wall_clock
        self._tenants: Memory[str, Tenant] = Memory(TENANTS)
        # With the generation that each is of.
        self._devices: PackedMemory[tuple[int, RegisteredDevice]] = PackedMemory(
            DEVICES,
            lambda found: (found[0], *flatten(found[1])),
            lambda plain: (plain[0], restore(*plain[1:])),
        )
        self._trusting: Memory[str, Sequence[TrustingTenant]] = Memory(TENANTS)

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    # For the doors

    def get_tenant(self, tenant_id: str) -> Tenant | None:
        """Return the tenant, or None."""
        tenant = self._tenants.get(tenant_id)
        if tenant is None:
            row = self._row("SELECT data FROM tenants WHERE tenant = ?", tenant_id)
            if row is not None:
                tenant = tenant_from_json(tenant_id, json.loads(row[0]))
                self._tenants.put(tenant_id, tenant)
        return tenant

    def get_device(self, tenant_id: str, device_id: str) -> RegisteredDevice | None:
        """Return the device, or None."""
        key = self._devices.key_of(full_name(tenant_id, device_id))
        found = self._devices.get(key)
        if found is not None:
            generation, device = found
            if self.last_change(tenant_id, device_id) <= generation:
                return device
        read = self.read_device(tenant_id, device_id)
        if read is not None:
            self._devices.put(key, (self.generation(), read))
        return read

    def read_device(self, tenant_id: str, device_id: str) -> RegisteredDevice | None:
        """Return the device as it is in the file; see `IDevices`."""
        row = self._row(
            "SELECT data FROM devices WHERE tenant = ? AND device = ?",
            tenant_id,
            device_id,
        )
        if row is None:
            return None
        return device_from_json(tenant_id, device_id, json.loads(row[0]))

    def registered(self, login: Device) -> RegisteredDevice | None:
        """Return the device that has logged in, as it is now, or None."""
        found = login.registered
        if (
            found is not None
            and self.last_change(login.tenant_id, login.device_id) <= login.generation
        ):
            return found
        return self.get_device(login.tenant_id, login.device_id)

    def serves(self, tenant: Tenant) -> bool:
        """Say whether devices of *tenant*, if it is enabled, may use the Hono door."""
        return tenant.may_use(ADAPTER, self._adapters_default)

    def admit_tenant(self, tenant_id: str) -> bool:
        """Return whether the tenant is known; see `ITenants`."""
        tenant = self.get_tenant(tenant_id)
        if tenant is not None and not (tenant.enabled and self.serves(tenant)):
            if tenant.enabled:
                raise AdapterDisabled("adapter is disabled")
            raise TenantRefused("tenant is disabled or not registered")
        return tenant is not None

    def find_credentials(
        self, tenant_id: str, kind: str, auth_id: str
    ) -> CredentialsRecord | None:
        """Return what is on record for *auth_id*; see `ICredentialStore`."""
        row = self._row(
            "SELECT device, data FROM credentials"
            " WHERE tenant = ? AND type = ? AND auth_id = ?",
            tenant_id,
            kind,
            auth_id,
        )
        return None if row is None else record_from_json(row[0], json.loads(row[1]))

    def find_trusting(self, issuer: x509.Name) -> Sequence[TrustingTenant]:
        """Return who trusts a CA called *issuer*; see `ITrustingTenants`."""
        subject = canonical_of(issuer)
        found = self._trusting.get(subject)
        if found is None:
            names = self._rows(
                "SELECT tenant FROM anchors WHERE subject = ? ORDER BY tenant", subject
            )
            tenants = [self.get_tenant(name) for (name,) in names]
            found = [self._as_trusting(t, subject) for t in tenants if t is not None]
            if found:
                self._trusting.put(subject, found)
        return found

    def _as_trusting(self, tenant: Tenant, subject: str) -> TrustingTenant:
        return TrustingTenant(
            tenant.tenant_id,
            tenant.enabled and self.serves(tenant),
            [a for a in tenant.trusted_ca if canonical_of(a.subject) == subject],
        )

    def _row(self, query: str, *names: str) -> Any:
        return next(iter(self._rows(query, *names)), None)

    def _rows(self, query: str, *names: str) -> list[Any]:
        try:
            return self.connection.execute(query, names).fetchall()
        except sqlite3.Error as error:
            raise RegistryError(f"{self.path}: {error}") from None

    # Changes; each call is a transaction of its own, unless it is within one

    def put_tenant(self, tenant_id: str, data: Mapping[str, Any]) -> None:
        """Create or replace a tenant; *data* is Hono's JSON form."""
        tenant_from_json(tenant_id, data)
        with self._one_change():
            rows.put_tenant(self.connection, tenant_id, data)
        self.tenant_changed(tenant_id)

    def put_device(
        self, tenant_id: str, device_id: str, data: Mapping[str, Any]
    ) -> None:
        """Create or replace a device of a tenant; *data* is Hono's JSON form."""
        device_from_json(tenant_id, device_id, data)
        now = self._wall_clock()
        with self._one_change():
            rows.put_device(self.connection, tenant_id, device_id, data, now)
        self.device_changed(tenant_id, device_id)

    def put_credentials(
        self, tenant_id: str, device_id: str, data: Mapping[str, Any]
    ) -> None:
        """Create or replace the credentials with the type and auth-id in *data*."""
        record_from_json(device_id, data)
        with self._one_change():
            rows.put_credentials(self.connection, tenant_id, device_id, data)
            rows.mark_credentials(self.connection, tenant_id, device_id)
        self.everything_changed()  # they may have been another device's

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the changes in a ``with`` block together, or none of them."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.everything_changed()
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    @contextmanager
    def _one_change(self) -> Iterator[None]:
        if self.connection.in_transaction:
            yield
        else:
            with self.transaction():
                yield

    # Whoever has changed the file by another connection says so here

    def everything_changed(self) -> None:
        """Forget everything."""
        self.changes.everything_changed()
        self._tenants.clear()
        self._devices.clear()
        self._trusting.clear()

    def tenant_created(self) -> None:
        """Know that there is one more tenant, which may trust CAs."""
        self._trusting.clear()

    def tenant_changed(self, tenant_id: str) -> None:
        """Forget a tenant."""
        self.changes.tenant_changed(tenant_id)
        self._tenants.forget(tenant_id)
        self._trusting.clear()

    def device_changed(self, tenant_id: str, device_id: str) -> None:
        """Have nobody trust what was remembered of a device and its credentials."""
        self.changes.device_changed(tenant_id, device_id)
