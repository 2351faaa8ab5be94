"""The event store: what has been answered 202 and not been accepted by a consumer."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads

from edgeproxy.messaging.network import StoreFailed
from edgeproxy.messaging.writer import Writer

# state: 0 waiting for a consumer, 1 set aside because a consumer rejected it.
SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    device TEXT NOT NULL,
    stored REAL NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    message BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS events_of_tenant ON events (tenant, state, id);
"""
VERSION = 1


class StoreError(Exception):
    """The store's file cannot be used; the message names it."""


@attrs.frozen
class StoredEvent:
    """An event on disk: its number (in order of arrival), device, encoded message."""

    number: int
    device_id: str
    message: bytes = attrs.field(repr=False)


class EventStore:
    """Events in the SQLite file at *path*, held by this process alone.

    An append fires after the fsync that covers it (WAL, ``synchronous = FULL``).
    """

    def __init__(self, path: str, reactor: IReactorFromThreads) -> None:
        try:
            Path(path).parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            # EXCLUSIVE first: a second process must not even read the log.
            db.executescript(
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA auto_vacuum = INCREMENTAL;"
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            )
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise sqlite3.DatabaseError("was written by a newer version")
            db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
            if version != VERSION:
                db.execute(f"PRAGMA user_version = {VERSION}")
            (last,) = db.execute("SELECT max(id) FROM events").fetchone()
            self.depth: dict[str, int] = dict(
                db.execute(
                    "SELECT tenant, count(*) FROM events WHERE state = 0 GROUP BY 1"
                )
            )
            (self.set_aside_count,) = db.execute(
                "SELECT count(*) FROM events WHERE state = 1"
            ).fetchone()
        except (OSError, sqlite3.Error) as error:
            problem = str(error)
            if "locked" in problem:
                problem = "is in use by another edgeproxy"
            raise StoreError(f"{path}: {problem}") from None
        self.path = path
        self.failing: str | None = None
        self._db = db
        self._next = (last or 0) + 1
        self._writer = Writer(db, reactor.callFromThread)

    def start(self) -> None:
        """Start the writer's thread."""
        self._writer.start()

    def close(self) -> None:
        """Put everything queued to disk, then close the file; blocks meanwhile."""
        self._writer.stop()
        self._db.close()

    def append(
        self, tenant_id: str, device_id: str, message: bytes, now: float
    ) -> Deferred[StoredEvent]:
        """Put an event to disk; fires with it once it is there.

        *now* is in Unix seconds. Fails with `StoreFailed`.
        """
        event = StoredEvent(self._next, device_id, message)
        self._next += 1
        row = (event.number, tenant_id, device_id, now, message)

        def insert(db: sqlite3.Connection) -> StoredEvent:
            db.execute(
                "INSERT INTO events (id, tenant, device, stored, message)"
                " VALUES (?, ?, ?, ?, ?)",
                row,
            )
            return event

        def stored(event: StoredEvent) -> StoredEvent:
            self.failing = None
            self.depth[tenant_id] = self.depth.get(tenant_id, 0) + 1
            return event

        def failed(failure: Any) -> Any:
            self.failing = failure.getErrorMessage()
            raise StoreFailed(f"{self.path}: {self.failing}")

        return self._writer.submit(insert).addCallbacks(stored, failed)

    def remove(self, tenant_id: str, number: int) -> Deferred[None]:
        """Forget the event that a consumer has accepted."""
        self.depth[tenant_id] -= 1

        def delete(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM events WHERE id = ?", (number,))

        return self._writer.submit(delete)

    def set_aside(self, tenant_id: str, number: int) -> Deferred[None]:
        """Keep the event, but deliver it no more."""
        self.depth[tenant_id] -= 1
        self.set_aside_count += 1

        def update(db: sqlite3.Connection) -> None:
            db.execute("UPDATE events SET state = 1 WHERE id = ?", (number,))

        return self._writer.submit(update)

    def load(
        self, tenant_id: str, after: int, most: int
    ) -> Deferred[list[StoredEvent]]:
        """Return up to *most* events of a tenant that wait, from *after* on."""

        def select(db: sqlite3.Connection) -> list[StoredEvent]:
            rows = db.execute(
                "SELECT id, device, message FROM events"
                " WHERE tenant = ? AND state = 0 AND id > ? ORDER BY id LIMIT ?",
                (tenant_id, after, most),
            )
            return [StoredEvent(*row) for row in rows]

        return self._writer.submit(select)
