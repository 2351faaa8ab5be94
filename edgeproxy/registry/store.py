"""The registry's SQLite file, and the lookups of the doors."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from zope.interface import implementer

from edgeproxy.portal.errors import TenantRefused
from edgeproxy.portal.interfaces import (
    CredentialsRecord,
    ICredentialStore,
    ITenants,
)
from edgeproxy.registry.credentials import record_from_json
from edgeproxy.registry.model import (
    ADAPTER,
    RegisteredDevice,
    Tenant,
    device_from_json,
    tenant_from_json,
)

T = TypeVar("T")

# What a file of version n lacks for version n + 1; PRAGMA user_version counts them.
MIGRATIONS = [
    """
    CREATE TABLE tenants (
        tenant TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE devices (
        tenant TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,
        device TEXT NOT NULL, data TEXT NOT NULL,
        PRIMARY KEY (tenant, device)) WITHOUT ROWID;
    CREATE TABLE credentials (
        tenant TEXT NOT NULL, type TEXT NOT NULL, auth_id TEXT NOT NULL,
        device TEXT NOT NULL, data TEXT NOT NULL,
        PRIMARY KEY (tenant, type, auth_id),
        FOREIGN KEY (tenant, device) REFERENCES devices ON DELETE CASCADE
        ) WITHOUT ROWID;
    CREATE INDEX credentials_of_device ON credentials (tenant, device);
    """,
]

# Lookups remembered at once. An entry takes about 1 KiB, so this stays below 10 MiB
# whatever the size of the registry; a lookup that misses costs about 20 µs.
REMEMBERED = 8192


class RegistryError(Exception):
    """The registry's file cannot be used; the message names it."""


@implementer(ICredentialStore, ITenants)
class RegistryStore:
    """Tenants, devices and credentials in the SQLite file at *path*.

    Lookups are by primary key and answered at once, from memory where they were made
    before; any change forgets what was remembered.
    """

    def __init__(self, path: str) -> None:
        try:
            if path != ":memory:":
                Path(path).parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.executescript(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                "PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;"
            )
            self._migrate()
        except (OSError, sqlite3.Error) as error:
            raise RegistryError(f"{path}: {error}") from None
        self._remembered: dict[tuple[str, ...], Any] = {}
        self._generation = 0

    def _migrate(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise sqlite3.DatabaseError("was written by a newer version")
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            self._db.executescript(
                f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;"
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _lookup(
        self, query: str, names: tuple[str, ...], read: Callable[..., T]
    ) -> T | None:
        asked = (query, *names)
        try:
            found: T | None = self._remembered[asked]
        except KeyError:
            row = self._db.execute(query, names).fetchone()
            found = None if row is None else read(*row)
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            self._remembered[asked] = found
        return found

    def get_tenant(self, tenant_id: str) -> Tenant | None:
        """Return the tenant, or None."""
        return self._lookup(
            "SELECT data FROM tenants WHERE tenant = ?",
            (tenant_id,),
            lambda data: tenant_from_json(tenant_id, json.loads(data)),
        )

    def get_device(self, tenant_id: str, device_id: str) -> RegisteredDevice | None:
        """Return the device, or None."""
        return self._lookup(
            "SELECT data FROM devices WHERE tenant = ? AND device = ?",
            (tenant_id, device_id),
            lambda data: device_from_json(tenant_id, device_id, json.loads(data)),
        )

    def admit_tenant(self, tenant_id: str) -> bool:
        """Return whether the tenant is known; see `ITenants`."""
        tenant = self.get_tenant(tenant_id)
        if tenant is not None and not (tenant.enabled and tenant.may_use(ADAPTER)):
            reason = "adapter is disabled" if tenant.enabled else "tenant is disabled"
            raise TenantRefused(reason)
        return tenant is not None

    def find_credentials(
        self, tenant_id: str, kind: str, auth_id: str
    ) -> CredentialsRecord | None:
        """Return what is on record for *auth_id*; see `ICredentialStore`."""
        return self._lookup(
            "SELECT device, data FROM credentials"
            " WHERE tenant = ? AND type = ? AND auth_id = ?",
            (tenant_id, kind, auth_id),
            lambda device, data: record_from_json(device, json.loads(data)),
        )

    def put_tenant(self, tenant_id: str, data: Mapping[str, Any]) -> None:
        """Create or replace a tenant; *data* is Hono's JSON form."""
        tenant_from_json(tenant_id, data)
        self._change(
            "INSERT INTO tenants VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET data = excluded.data",
            (tenant_id, json.dumps(data)),
        )

    def put_device(
        self, tenant_id: str, device_id: str, data: Mapping[str, Any]
    ) -> None:
        """Create or replace a device of a tenant; *data* is Hono's JSON form."""
        device_from_json(tenant_id, device_id, data)
        self._change(
            "INSERT INTO devices VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET data = excluded.data",
            (tenant_id, device_id, json.dumps(data)),
        )

    def put_credentials(
        self, tenant_id: str, device_id: str, data: Mapping[str, Any]
    ) -> None:
        """Create or replace the credentials with the type and auth-id in *data*."""
        record_from_json(device_id, data)
        self._change(
            "INSERT INTO credentials VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET device = excluded.device, data = excluded.data",
            (tenant_id, data["type"], data["auth-id"], device_id, json.dumps(data)),
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the changes in a ``with`` block together, or none of them."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._changed()
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _change(self, statement: str, values: tuple[str, ...]) -> None:
        self._changed()
        self._db.execute(statement, values)

    def _changed(self) -> None:
        self._remembered.clear()
        self._generation += 1

    def generation(self) -> int:
        """Return a number that is another one after each change."""
        return self._generation
