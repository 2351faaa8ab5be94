"""What must hold for a change, looked up within its transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from edgeproxy.registry import rows
from edgeproxy.registry.management import refusals
from edgeproxy.registry.management.credentials import JSON, key_of, merged
from edgeproxy.registry.management.refusals import Refused


def replace_credentials(
    db: sqlite3.Connection, tenant_id: str, device_id: str, credentials: list[JSON]
) -> None:
    """Give the device these credentials and no others."""
    recorded = {
        (kind, key): json.loads(data)
        for kind, key, data in db.execute(
            "SELECT type, auth_id, data FROM credentials"
            " WHERE tenant = ? AND device = ?",
            (tenant_id, device_id),
        )
    }
    if recorded:
        db.execute(
            "DELETE FROM credentials WHERE tenant = ? AND device = ?",
            (tenant_id, device_id),
        )
    add_credentials(db, tenant_id, device_id, credentials, recorded)


def add_credentials(
    db: sqlite3.Connection,
    tenant_id: str,
    device_id: str,
    credentials: list[JSON],
    recorded: Mapping[tuple[str, str], JSON],
) -> None:
    """Give the device, which has none, *credentials*; *recorded* are older ones."""
    for each in credentials:
        key = key_of(each)
        try:
            db.execute(
                "INSERT INTO credentials (tenant, type, auth_id, device, data)"
                " VALUES (?, ?, ?, ?, ?)",
                (
                    tenant_id,
                    *key,
                    device_id,
                    rows.as_text(merged(each, recorded.get(key))),
                ),
            )
        except sqlite3.IntegrityError:
            raise Refused(*refusals.CREDENTIALS_IN_USE) from None


def tenant_limits(db: sqlite3.Connection, tenant_id: str) -> JSON:
    """Return the registration limits of a tenant; refuses one that is not there."""
    row = db.execute(
        "SELECT json_extract(data, '$.registration-limits') FROM tenants"
        " WHERE tenant = ?",
        (tenant_id,),
    ).fetchone()
    if row is None:
        raise Refused(*refusals.NO_TENANT)
    limits: JSON = json.loads(row[0]) if row[0] else {}
    return limits


def check_room(db: sqlite3.Connection, tenant_id: str, limits: JSON) -> None:
    """Refuse one more device when the tenant has as many as it may."""
    most = limits.get("max-devices", -1)
    if most >= 0:
        (count,) = db.execute(
            "SELECT count(*) FROM devices WHERE tenant = ?", (tenant_id,)
        ).fetchone()
        if count >= most:
            raise Refused(*refusals.TOO_MANY_DEVICES)


def version_of(
    db: sqlite3.Connection, tenant_id: str, device_id: str | None = None
) -> str | None:
    """Return the version of a tenant or device, or None where there is none."""
    if device_id is None:
        query, names = "SELECT version FROM tenants WHERE tenant = ?", [tenant_id]
    else:
        query = "SELECT version FROM devices WHERE tenant = ? AND device = ?"
        names = [tenant_id, device_id]
    row = db.execute(query, names).fetchone()
    return None if row is None else row[0]


def expect(
    version: str | None, expected: str | None, otherwise: tuple[int, str]
) -> None:
    """Refuse unless there is a *version*, and it is the *expected* one, if any."""
    if version is None:
        raise Refused(*otherwise)
    if expected is not None and expected != version:
        raise Refused(*refusals.OTHER_VERSION)


def check_unique(db: sqlite3.Connection, tenant_id: str, data: JSON) -> None:
    """Refuse a tenant whose alias or trust anchors another one has."""
    alias = data.get("alias")
    if (
        alias is not None
        and db.execute(
            "SELECT 1 FROM tenants WHERE json_extract(data, '$.alias') = ?"
            " AND tenant <> ?",
            (alias, tenant_id),
        ).fetchone()
    ):
        raise Refused(*refusals.ALIAS_IN_USE)
    for subject in rows.subjects_in(data):
        others = db.execute(
            "SELECT json_extract(data, '$.trust-anchor-group')"
            " FROM anchors JOIN tenants USING (tenant)"
            " WHERE subject = ? AND tenant <> ?",
            (subject, tenant_id),
        )
        group = data.get("trust-anchor-group")
        if any(group is None or other != group for (other,) in others):
            raise Refused(*refusals.ANCHOR_IN_USE)
