"""Many devices at once: what imports and exports read and write."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import attrs

from edgeproxy.registry import rows
from edgeproxy.registry.management import refusals
from edgeproxy.registry.management.conditions import (
    add_credentials,
    replace_credentials,
    tenant_limits,
)
from edgeproxy.registry.management.contents import check
from edgeproxy.registry.management.credentials import (
    CONFIDENTIAL,
    JSON,
    key_of,
    taken_in,
)
from edgeproxy.registry.management.refusals import Refused
from edgeproxy.registry.management.tenants import device_taken_in

_MEMBERS = {"id", "credentials"}


@attrs.frozen
class Row:
    """A device to import, checked: *index* is its place in the request."""

    index: int
    device_id: str
    data: JSON
    credentials: list[JSON]


@attrs.define
class Report:
    """What has become of the devices of a request, in *seconds* of work."""

    created: int = 0
    unchanged: int = 0
    replaced: list[str] = attrs.field(factory=list)
    refused: list[JSON] = attrs.field(factory=list)
    seconds: float = 0.0

    def as_json(self) -> JSON:
        """Return it as the API shows it."""
        return {
            "created": self.created,
            "replaced": len(self.replaced),
            "unchanged": self.unchanged,
            "refused": sorted(self.refused, key=lambda each: each["index"]),
        }


def refused_row(index: int, device_id: Any, refused: Refused) -> JSON:
    """Return what a report says of a device that was *refused*."""
    error = refused.text
    if refused.detail:
        error += f" ({refused.detail})"
    named = {"id": device_id} if isinstance(device_id, str) else {}
    return {"index": index, **named, "error": error}


def read_row(index: int, data: JSON) -> Row:
    """Return the device in *data*; raises `Refused`."""
    check("ImportedDevice", data, refusals.BAD_DEVICE)
    device = {name: value for name, value in data.items() if name not in _MEMBERS}
    credentials = taken_in(data.get("credentials", []))
    for each in credentials:
        for secret in each["secrets"]:
            secret.pop("id", None)  # it was another registry's
    return Row(index, data["id"], device_taken_in(device), credentials)


@attrs.frozen
class Import:
    """Writes *devices* for a tenant, within whose transaction ever.

    *now* is in Unix seconds, *user* is who imports.
    """

    tenant_id: str
    devices: list[Row]
    replace: bool
    dry_run: bool
    now: float
    user: str

    def write(self, db: sqlite3.Connection, refused: list[JSON]) -> Report:
        """Write the devices, each for itself; return the report.

        *refused* are those that are not even among them.
        """
        report, begun = Report(refused=list(refused)), time.thread_time()
        limits = tenant_limits(db, self.tenant_id)
        room = limits.get("max-devices", -1)
        if room >= 0:
            query = "SELECT count(*) FROM devices WHERE tenant = ?"
            room -= db.execute(query, (self.tenant_id,)).fetchone()[0]
            room = max(room, 0)
        most = limits.get("max-credentials-per-device", -1)
        db.execute("SAVEPOINT import")
        for row in self.devices:
            db.execute("SAVEPOINT device")
            try:
                if 0 <= most < len(row.credentials):
                    raise Refused(*refusals.TOO_MANY_CREDENTIALS)
                room -= self._write(db, row, room, report)
            except Refused as refusal:
                db.execute("ROLLBACK TO device")
                refused_too = refused_row(row.index, row.device_id, refusal)
                report.refused.append(refused_too)
            db.execute("RELEASE device")
        if self.dry_run:
            db.execute("ROLLBACK TO import")
        db.execute("RELEASE import")
        report.seconds = time.thread_time() - begun
        return report

    def _write(
        self, db: sqlite3.Connection, row: Row, room: int, report: Report
    ) -> int:
        """Write a device; return 1 if it takes *room* (below 0: there is no limit)."""
        tenant, device = self.tenant_id, row.device_id
        recorded = db.execute(
            "SELECT data FROM devices WHERE tenant = ? AND device = ?",
            (tenant, device),
        ).fetchone()
        if recorded is not None:
            if json.loads(recorded[0]) == row.data and self._same(db, row):
                report.unchanged += 1
                return 0
            if not self.replace:
                raise Refused(*refusals.DEVICE_EXISTS)
        elif room == 0:
            raise Refused(*refusals.TOO_MANY_DEVICES)
        rows.put_device(db, tenant, device, row.data, self.now, self.user)
        if recorded is not None:
            replace_credentials(db, tenant, device, row.credentials)
            rows.mark_credentials(db, tenant, device)
            report.replaced.append(device)
            return 0
        add_credentials(db, tenant, device, row.credentials, {})
        report.created += 1
        return 1 if room > 0 else 0

    def _same(self, db: sqlite3.Connection, row: Row) -> bool:
        """Say whether the device has the credentials in *row* already."""
        found = db.execute(
            "SELECT data FROM credentials WHERE tenant = ? AND device = ?",
            (self.tenant_id, row.device_id),
        )
        recorded = [_without_ids(json.loads(data)) for (data,) in found]
        return sorted(recorded, key=key_of) == sorted(row.credentials, key=key_of)


def _without_ids(credentials: JSON) -> JSON:
    return _without(credentials, frozenset({"id"}))


def _without(credentials: JSON, names: frozenset[str]) -> JSON:
    secrets = [
        {name: value for name, value in secret.items() if name not in names}
        for secret in credentials["secrets"]
    ]
    return {**credentials, "secrets": secrets}


def read_page(
    db: sqlite3.Connection, tenant_id: str, after: str, limit: int, secrets: bool
) -> str:
    """Return, as JSON, *limit* devices of a tenant whose ids come after *after*.

    Only with *secrets* are their hashes, salts and keys in it. Raises `Refused`.
    """
    db.execute("BEGIN")
    try:
        tenant_limits(db, tenant_id)
        devices = db.execute(
            "SELECT device, data FROM devices WHERE tenant = ? AND device > ?"
            " ORDER BY device LIMIT ?",
            (tenant_id, after, limit),
        ).fetchall()
        last = devices[-1][0] if devices else after
        found: dict[str, list[JSON]] = {}
        credentials = db.execute(
            "SELECT device, data FROM credentials"
            " WHERE tenant = ? AND device > ? AND device <= ? ORDER BY type, auth_id",
            (tenant_id, after, last),
        )
        hidden = frozenset({"id"}) | (frozenset() if secrets else CONFIDENTIAL)
        for device, data in credentials:
            found.setdefault(device, []).append(_without(json.loads(data), hidden))
    finally:
        db.execute("ROLLBACK")
    page: JSON = {"devices": list(_exported(devices, found))}
    if len(devices) == limit:
        page["next"] = last
    return rows.as_text(page)


def _exported(
    devices: list[tuple[str, str]], credentials: dict[str, list[JSON]]
) -> Iterator[JSON]:
    for device, data in devices:
        exported = {"id": device, **json.loads(data)}
        if device in credentials:
            exported["credentials"] = credentials[device]
        yield exported
