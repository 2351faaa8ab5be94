"""The event store's file: its schema, its lock, and what to do when it is damaged."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from twisted.logger import Logger

from edgeproxy.messaging.salvage import readable_rows

# state: 0 waiting for a consumer, 1 set aside for *reason*. *stored* is in Unix
# seconds, for people; *born* and *expires* are ages (`AgeClock`).
SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    device TEXT NOT NULL,
    stored REAL NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    message BLOB NOT NULL,
    born REAL NOT NULL DEFAULT 0,
    expires REAL,
    reason TEXT
);
CREATE INDEX IF NOT EXISTS events_waiting ON events (tenant, device, id)
    WHERE state = 0;
CREATE INDEX IF NOT EXISTS events_aside ON events (id) WHERE state = 1;
CREATE INDEX IF NOT EXISTS events_expiring ON events (expires)
    WHERE state = 0 AND expires IS NOT NULL;
CREATE TABLE IF NOT EXISTS clock (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    boot TEXT NOT NULL,
    uptime REAL NOT NULL,
    age REAL NOT NULL
);
"""
VERSION = 2
_FROM_1 = """
ALTER TABLE events ADD COLUMN born REAL NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN expires REAL;
ALTER TABLE events ADD COLUMN reason TEXT;
DROP INDEX events_of_tenant;
"""

# Pages (of 4 KiB) in the log at which they are copied to the database. A longer log
# would save some fsyncs, but must be copied even when the disk is full (`reserve`).
LOG_PAGES = 500

# What a file is called that is to take the place of a damaged one.
_FRESH = ".fresh"

_log = Logger("edgeproxy.messaging")


class StoreError(Exception):
    """The store's file cannot be used; the message names it."""


def open_database(path: str) -> sqlite3.Connection:
    """Return the only connection to the store's file at *path*.

    A damaged file is set aside under another name, what can be read of it carried
    over into a fresh one. Raises `StoreError`.
    """
    try:
        Path(path).parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        _finish_starting_afresh(path)
        try:
            return _open(path)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
        return _start_afresh(path)
    except (OSError, sqlite3.Error) as error:
        problem = str(error)
        if "locked" in problem:
            problem = "is in use by another edgeproxy"
        raise StoreError(f"{path}: {problem}") from None


def damaged_files(path: str) -> list[str]:
    """Return the names of damaged files that were set aside beside *path*."""
    file = Path(path)
    found = file.parent.glob(f"{file.name}.damaged-*")
    return sorted(f.name for f in found if not f.name.endswith(("-wal", "-shm")))


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    return any(
        words in str(error)
        for words in ("malformed", "not a database", "is damaged", "corrupt")
    )


def _open(path: str) -> sqlite3.Connection:
    # Said of an old file, it would be written once more, for which a full disk has
    # no room.
    new = not Path(path).exists() or Path(path).stat().st_size == 0
    vacuum = "PRAGMA auto_vacuum = INCREMENTAL;" if new else ""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        # EXCLUSIVE first: a second process must not even read the log.
        db.executescript(
            f"PRAGMA locking_mode = EXCLUSIVE; {vacuum}"
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            f"PRAGMA wal_autocheckpoint = {LOG_PAGES};"
            f"PRAGMA journal_size_limit = {LOG_PAGES * 4096};"
        )
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise sqlite3.OperationalError("was written by a newer version")
        # Only after the lock is ours: two processes that find damage must not both
        # set the file aside.
        db.executescript("BEGIN IMMEDIATE; COMMIT;")
        (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(f"is damaged: {found}")
        if version != VERSION:  # or nothing is written: the disk may be full
            upgrade = _FROM_1 if version == 1 else ""
            db.executescript(
                f"BEGIN IMMEDIATE; {upgrade} {SCHEMA}"
                f"PRAGMA user_version = {VERSION}; COMMIT;"
            )
    except BaseException:
        db.close()
        raise
    return db


def _start_afresh(path: str) -> sqlite3.Connection:
    """Put a fresh file with what can be read in the place of the damaged one.

    The fresh one is complete before anything is renamed: whenever the power goes,
    one of the two is there to go on from (`_finish_starting_afresh`).
    """
    fresh = f"{path}{_FRESH}"
    carried = 0
    db = _open(fresh)
    try:
        db.execute("BEGIN IMMEDIATE")
        for row in readable_rows(path):
            db.execute(
                "INSERT OR IGNORE INTO events (id, tenant, device, stored, state,"
                " message, born, expires, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            carried += 1
        db.execute("COMMIT")
    finally:
        db.close()
    aside = f"{path}.damaged-{datetime.now(UTC).strftime('%Y%m%dT%H%M%SZ')}"
    for suffix in ("-wal", ""):
        if Path(path + suffix).exists():
            Path(path + suffix).rename(aside + suffix)
    Path(f"{path}-shm").unlink(missing_ok=True)
    _finish_starting_afresh(path)
    _log.critical(
        "{path} is damaged: {carried} events that could be read were carried over"
        " into a fresh file; the old one is kept as {aside}",
        path=path,
        carried=carried,
        aside=Path(aside).name,
    )
    return _open(path)


def _finish_starting_afresh(path: str) -> None:
    fresh = Path(f"{path}{_FRESH}")
    if fresh.exists() and not Path(path).exists():
        fresh.rename(path)
    for suffix in ("", "-wal", "-shm"):
        Path(f"{fresh}{suffix}").unlink(missing_ok=True)
