"""The registry's SQLite file: its tables, and how older files come to have them."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from twisted.logger import Logger

from edgeproxy.registry import rows
from edgeproxy.registry.model import tenant_from_json

_log = Logger("edgeproxy")


class RegistryError(Exception):
    """The registry's file cannot be used; the message names it."""


_VERSION_1 = """
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
"""

# A resource version is what ETag says. Times are Unix seconds. The auth_id of
# certificates becomes the canonical form of the subject, which is what is looked up;
# data has it as it was written. A tenant's anchors are in its data; the table finds
# the tenants by the anchors' canonical subjects.
_VERSION_2 = """
ALTER TABLE tenants ADD COLUMN version TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN version TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN created REAL;
ALTER TABLE devices ADD COLUMN updated REAL;
ALTER TABLE devices ADD COLUMN last_user TEXT;
ALTER TABLE devices ADD COLUMN credentials_version TEXT NOT NULL DEFAULT '';
UPDATE tenants SET version = lower(hex(randomblob(16)));
UPDATE devices SET version = lower(hex(randomblob(16))),
    credentials_version = lower(hex(randomblob(16)));
CREATE TABLE anchors (
    subject TEXT NOT NULL,
    tenant TEXT NOT NULL REFERENCES tenants ON DELETE CASCADE,
    PRIMARY KEY (subject, tenant)) WITHOUT ROWID;
CREATE INDEX anchors_of_tenant ON anchors (tenant);
CREATE UNIQUE INDEX tenant_alias ON tenants (json_extract(data, '$.alias'))
    WHERE json_extract(data, '$.alias') IS NOT NULL;
"""


# By device first: SQLite would look through all credentials of a tenant for those of a
# device, also when it is to be deleted, because an index beside the key seems dearer.
_VERSION_3 = """
CREATE TABLE credentials_3 (
    tenant TEXT NOT NULL, device TEXT NOT NULL,
    type TEXT NOT NULL, auth_id TEXT NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (tenant, device, type, auth_id),
    FOREIGN KEY (tenant, device) REFERENCES devices ON DELETE CASCADE
    ) WITHOUT ROWID;
INSERT INTO credentials_3 SELECT tenant, device, type, auth_id, data FROM credentials;
DROP TABLE credentials;
ALTER TABLE credentials_3 RENAME TO credentials;
CREATE UNIQUE INDEX credentials_by_auth_id ON credentials (tenant, type, auth_id);
"""


def _to_version_2(db: sqlite3.Connection) -> None:
    _run(db, _VERSION_2)
    for tenant, data in db.execute("SELECT tenant, data FROM tenants").fetchall():
        try:
            tenant_from_json(tenant, json.loads(data))
            rows.put_anchors(db, tenant, json.loads(data))
        except ValueError:
            # Version 1 took no notice of it, and so did not look at it.
            db.execute(
                "UPDATE tenants SET data = json_remove(data, '$.trusted-ca')"
                " WHERE tenant = ?",
                (tenant,),
            )
            _log.warn("{tenant}: its trusted CA is none; dropped", tenant=tenant)
    found = db.execute(
        "SELECT tenant, type, auth_id FROM credentials WHERE type = 'x509-cert'"
    ).fetchall()
    for tenant, kind, auth_id in found:
        try:
            key = rows.lookup_key(kind, auth_id)
        except ValueError:
            continue  # nobody could ever log in with it, and somebody wrote it
        db.execute(
            "UPDATE OR IGNORE credentials SET auth_id = ?"
            " WHERE tenant = ? AND type = ? AND auth_id = ?",
            (key, tenant, kind, auth_id),
        )


def _run(db: sqlite3.Connection, script: str) -> None:
    # Not executescript(), which would commit first.
    for statement in script.split(";"):
        db.execute(statement)


# What a file of version n lacks for version n + 1; PRAGMA user_version counts them.
MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [
    lambda db: _run(db, _VERSION_1),
    _to_version_2,
    lambda db: _run(db, _VERSION_3),
]


def connect(path: str) -> sqlite3.Connection:
    """Return a connection to the file at *path*, made where it is not there.

    Its tables are of this version then. Raises `RegistryError`.
    """
    try:
        if path != ":memory:":
            Path(path).parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            # There are hashes in it. What SQLite adds beside it gets the same mode.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o640))
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        db.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;"
        )
        _migrate(db)
    except (OSError, ValueError, sqlite3.Error) as error:
        raise RegistryError(f"{path}: {error}") from None
    return db


def _migrate(db: sqlite3.Connection) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise sqlite3.DatabaseError("was written by a newer version")
    for number, migration in enumerate(MIGRATIONS[version:], version + 1):
        db.execute("BEGIN IMMEDIATE")
        try:
            migration(db)
            db.execute(f"PRAGMA user_version = {number}")
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
