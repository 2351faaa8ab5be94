"""Makes the changes to the registry: each a transaction, told to the store."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from edgeproxy.messaging.writer import Fate, Writer
from edgeproxy.registry import rows
from edgeproxy.registry.management import refusals
from edgeproxy.registry.management.bulk import Import, Report, Row
from edgeproxy.registry.management.conditions import (
    check_room,
    check_unique,
    expect,
    replace_credentials,
    tenant_limits,
    version_of,
)
from edgeproxy.registry.management.credentials import JSON
from edgeproxy.registry.management.refusals import Refused
from edgeproxy.registry.store import RegistryStore

T = TypeVar("T")


def outcome(job: Callable[[sqlite3.Connection], T], db: sqlite3.Connection) -> Any:
    """Return what *job* returns, or the `Refused` that it raises, all undone then.

    A refusal is no failure of the transaction, which others may have their part in.
    """
    db.execute("SAVEPOINT job")
    try:
        result: Any = job(db)
    except Refused as refused:
        db.execute("ROLLBACK TO job")
        result = refused
    db.execute("RELEASE job")
    return result


class Registrar:
    """Changes what is in *store*'s file by *writer*, whose connection is another.

    All methods return Deferreds that fire after the commit, when the store knows: what
    a door looks up then is new. They fail with `Refused`. *expected* is the version
    that the resource must have (None: any). *user* is who does it.
    """

    def __init__(
        self,
        store: RegistryStore,
        writer: Writer,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._writer = writer
        self._wall_clock = wall_clock

    def change(
        self,
        job: Callable[[sqlite3.Connection], T],
        committed: Callable[[T], object] = lambda result: None,
    ) -> Deferred[T]:
        """Run *job* in a transaction, then *committed* with its result."""

        def tell(result: Any) -> Any:
            if isinstance(result, Refused):
                raise result
            committed(result)
            return result

        done = self._writer.submit(lambda db: outcome(job, db), Fate.OWN)
        return done.addCallback(tell)

    # Tenants

    def create_tenant(self, tenant_id: str, data: JSON) -> Deferred[str]:
        """Create a tenant; fires with its version."""

        def job(db: sqlite3.Connection) -> str:
            if version_of(db, tenant_id) is not None:
                raise Refused(*refusals.TENANT_EXISTS)
            check_unique(db, tenant_id, data)
            return rows.put_tenant(db, tenant_id, data)

        return self.change(job, lambda _: self._store.tenant_created())

    def update_tenant(
        self, tenant_id: str, data: JSON, expected: str | None
    ) -> Deferred[str]:
        """Replace a tenant; fires with its new version."""

        def job(db: sqlite3.Connection) -> str:
            expect(version_of(db, tenant_id), expected, refusals.NO_TENANT)
            check_unique(db, tenant_id, data)
            return rows.put_tenant(db, tenant_id, data)

        return self.change(job, lambda _: self._store.tenant_changed(tenant_id))

    def delete_tenant(self, tenant_id: str, expected: str | None) -> Deferred[None]:
        """Delete a tenant, its devices and their credentials."""

        def job(db: sqlite3.Connection) -> None:
            expect(version_of(db, tenant_id), expected, refusals.NO_TENANT)
            db.execute("DELETE FROM tenants WHERE tenant = ?", (tenant_id,))

        return self.change(job, lambda _: self._store.tenant_changed(tenant_id))

    # Devices

    def create_device(
        self, tenant_id: str, device_id: str, data: JSON, user: str | None
    ) -> Deferred[str]:
        """Create a device without credentials; fires with its version."""
        now = self._wall_clock()

        def job(db: sqlite3.Connection) -> str:
            limits = tenant_limits(db, tenant_id)
            if version_of(db, tenant_id, device_id) is not None:
                raise Refused(*refusals.DEVICE_EXISTS)
            check_room(db, tenant_id, limits)
            return rows.put_device(db, tenant_id, device_id, data, now, user)

        return self.change(job)

    def update_device(
        self,
        tenant_id: str,
        device_id: str,
        data: JSON,
        expected: str | None,
        user: str | None,
    ) -> Deferred[str]:
        """Replace a device, but not its credentials; fires with its new version."""
        now = self._wall_clock()

        def job(db: sqlite3.Connection) -> str:
            tenant_limits(db, tenant_id)
            found = version_of(db, tenant_id, device_id)
            expect(found, expected, refusals.NO_DEVICE)
            return rows.put_device(db, tenant_id, device_id, data, now, user)

        return self.change(
            job, lambda _: self._store.device_changed(tenant_id, device_id)
        )

    def delete_device(
        self, tenant_id: str, device_id: str, expected: str | None
    ) -> Deferred[None]:
        """Delete a device and its credentials."""

        def job(db: sqlite3.Connection) -> None:
            tenant_limits(db, tenant_id)
            found = version_of(db, tenant_id, device_id)
            expect(found, expected, refusals.NO_DEVICE)
            db.execute(
                "DELETE FROM devices WHERE tenant = ? AND device = ?",
                (tenant_id, device_id),
            )

        return self.change(
            job, lambda _: self._store.device_changed(tenant_id, device_id)
        )

    def delete_devices(self, tenant_id: str) -> Deferred[int]:
        """Delete all devices of a tenant; fires with how many there were."""

        def job(db: sqlite3.Connection) -> int:
            statement = "DELETE FROM devices WHERE tenant = ?"
            return db.execute(statement, (tenant_id,)).rowcount

        return self.change(job, lambda _: self._store.tenant_changed(tenant_id))

    # Credentials

    def update_credentials(
        self,
        tenant_id: str,
        device_id: str,
        credentials: list[JSON],
        expected: str | None,
    ) -> Deferred[str]:
        """Replace a device's credentials; fires with their new version."""

        def job(db: sqlite3.Connection) -> str:
            limits = tenant_limits(db, tenant_id)
            row = db.execute(
                "SELECT credentials_version FROM devices"
                " WHERE tenant = ? AND device = ?",
                (tenant_id, device_id),
            ).fetchone()
            expect(row and row[0], expected, refusals.NO_DEVICE)
            most = limits.get("max-credentials-per-device", -1)
            if 0 <= most < len(credentials):
                raise Refused(*refusals.TOO_MANY_CREDENTIALS)
            replace_credentials(db, tenant_id, device_id, credentials)
            return rows.mark_credentials(db, tenant_id, device_id)

        return self.change(
            job, lambda _: self._store.device_changed(tenant_id, device_id)
        )

    # Many devices

    def import_devices(
        self,
        tenant_id: str,
        devices: list[Row],
        refused: list[JSON],
        *,
        replace: bool,
        dry_run: bool,
        user: str,
    ) -> Deferred[Report]:
        """Import *devices* with their credentials; fires with the report.

        *refused* are those that are in no state to be imported.
        """
        job = Import(tenant_id, devices, replace, dry_run, self._wall_clock(), user)

        def committed(report: Report) -> None:
            if not dry_run:
                for device in report.replaced:
                    self._store.device_changed(tenant_id, device)

        return self.change(lambda db: job.write(db, refused), committed)
