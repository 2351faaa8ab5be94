"""The questions that are put to the event store's file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import attrs

# Events that wait, by tenant, and how many are set aside.
Counts = tuple[dict[str, int], int]


@attrs.frozen
class StoredEvent:
    """An event on disk: its number (in order of arrival), device, encoded message.

    *expires* is the age of the store (`EventStore.age`) at which it is of no use.
    """

    number: int
    device_id: str
    message: bytes = attrs.field(repr=False)
    expires: float | None = None


@attrs.frozen
class Wanted:
    """Up to *most* events of *device_id* with numbers greater than *after*."""

    device_id: str
    after: int
    most: int


def count(db: sqlite3.Connection) -> Counts:
    """Return how many events wait, by tenant, and how many are set aside."""
    waiting = db.execute(
        "SELECT tenant, count(*) FROM events WHERE state = 0 GROUP BY tenant"
    )
    (aside,) = db.execute("SELECT count(*) FROM events WHERE state = 1").fetchone()
    return dict(waiting), aside


def bytes_in_use(db: sqlite3.Connection) -> int:
    """Return how much of the file is in use."""
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def give_back(db: sqlite3.Connection) -> None:
    """Give all free space of the file and its log back to the file system."""
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    # A step of this pragma frees one page; only a script is run to its end.
    db.executescript("PRAGMA incremental_vacuum")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def devices_waiting(db: sqlite3.Connection, tenant_id: str) -> list[str]:
    """Return the devices with events waiting, the one with the oldest event first.

    Goes from one device to the next in the index: what it costs depends on how many
    devices there are, not on how many events wait.
    """
    rows = db.execute(
        """
        WITH RECURSIVE names (device) AS (
            SELECT min(device) FROM events WHERE tenant = ?1 AND state = 0
            UNION ALL
            SELECT (SELECT min(device) FROM events
                    WHERE tenant = ?1 AND state = 0 AND device > names.device)
            FROM names WHERE device IS NOT NULL)
        SELECT device, (SELECT min(id) FROM events
                        WHERE tenant = ?1 AND state = 0 AND device = names.device)
        FROM names WHERE device IS NOT NULL ORDER BY 2
        """,
        (tenant_id,),
    )
    return [device for device, _ in rows]


def next_events(
    db: sqlite3.Connection, tenant_id: str, wanted: Sequence[Wanted]
) -> list[list[StoredEvent]]:
    """Return events that wait, for each of *wanted* in the order of their arrival."""
    return [
        [
            StoredEvent(*row)
            for row in db.execute(
                "SELECT id, device, message, expires FROM events"
                " WHERE tenant = ? AND state = 0 AND device = ? AND id > ?"
                " ORDER BY id LIMIT ?",
                (tenant_id, want.device_id, want.after, want.most),
            )
        ]
        for want in wanted
    ]
