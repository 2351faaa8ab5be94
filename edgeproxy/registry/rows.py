"""Writes the rows of tenants, devices and credentials, in any transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from secrets import token_hex
from typing import Any

from edgeproxy.portal.dn import canonical_of, lookup_form
from edgeproxy.registry.anchors import subject_in

X509_CERT = "x509-cert"


def new_id() -> str:
    """Return an id or resource version that nothing else has: a UUID, version 4.

    Composed here, as an import needs three for a device: a third of what uuid takes.
    """
    text = token_hex(16)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def as_text(data: Any) -> str:
    """Return *data* as it is stored."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


def lookup_key(kind: str, auth_id: str) -> str:
    """Return what credentials are found by; raises `ValueError` for a broken name."""
    return lookup_form(auth_id) if kind == X509_CERT else auth_id


def put_tenant(db: sqlite3.Connection, tenant_id: str, data: Mapping[str, Any]) -> str:
    """Create or replace a tenant; return its new version."""
    version = new_id()
    db.execute(
        "INSERT INTO tenants (tenant, data, version) VALUES (?, ?, ?)"
        " ON CONFLICT (tenant) DO UPDATE"
        " SET data = excluded.data, version = excluded.version",
        (tenant_id, as_text(data), version),
    )
    db.execute("DELETE FROM anchors WHERE tenant = ?", (tenant_id,))
    put_anchors(db, tenant_id, data)
    return version


def put_anchors(
    db: sqlite3.Connection, tenant_id: str, data: Mapping[str, Any]
) -> None:
    """Have the tenant found by the subjects of the CAs that *data* trusts."""
    db.executemany(
        "INSERT INTO anchors (subject, tenant) VALUES (?, ?)",
        [(subject, tenant_id) for subject in sorted(subjects_in(data))],
    )


def subjects_in(data: Mapping[str, Any]) -> set[str]:
    """Return the canonical subjects of the CAs that the tenant *data* trusts."""
    found = data.get("trusted-ca") or ()
    anchors = [found] if isinstance(found, Mapping) else found
    return {canonical_of(subject_in(anchor)) for anchor in anchors}


def put_device(
    db: sqlite3.Connection,
    tenant_id: str,
    device_id: str,
    data: Mapping[str, Any],
    now: float,
    user: str | None = None,
) -> str:
    """Create or replace a device; return its new version.

    *now* is in Unix seconds; *user* is who does it.
    """
    version = new_id()
    db.execute(
        "INSERT INTO devices"
        " (tenant, device, data, version, created, last_user, credentials_version)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (tenant, device) DO UPDATE SET data = excluded.data,"
        " version = excluded.version, updated = excluded.created,"
        " last_user = excluded.last_user",
        (tenant_id, device_id, as_text(data), version, now, user, new_id()),
    )
    return version


def put_credentials(
    db: sqlite3.Connection, tenant_id: str, device_id: str, data: Mapping[str, Any]
) -> None:
    """Create or replace the credentials of the type and auth-id in *data*."""
    kind, auth_id = data["type"], data["auth-id"]
    db.execute(
        "INSERT INTO credentials (tenant, type, auth_id, device, data)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant, type, auth_id)"
        " DO UPDATE SET device = excluded.device, data = excluded.data",
        (tenant_id, kind, lookup_key(kind, auth_id), device_id, as_text(data)),
    )


def mark_credentials(db: sqlite3.Connection, tenant_id: str, device_id: str) -> str:
    """Give the device's credentials a new version, and return that."""
    version = new_id()
    db.execute(
        "UPDATE devices SET credentials_version = ? WHERE tenant = ? AND device = ?",
        (version, tenant_id, device_id),
    )
    return version
