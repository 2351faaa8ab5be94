"""Reads what can be read of a damaged event store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

_COLUMNS = "id, tenant, device, stored, state, message, born, expires, reason"

# Numbers tried one by one between the last row readable from the front and the first
# one from the back: some seconds' worth. A damaged page holds a few dozen rows.
MOST_PROBES = 200_000

Row = tuple[Any, ...]


def readable_rows(path: str) -> Iterator[Row]:
    """Yield the rows of the damaged file at *path* that make sense, once each."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA query_only = ON")
        db.execute("SELECT count(*) FROM sqlite_master").fetchall()
        first = last = None
        for row in _scan(db, "ASC"):
            first = row[0]
            yield row
        for row in _scan(db, "DESC"):
            if first is not None and row[0] <= first:
                return  # everything was read from the front
            last = row[0]
            yield row
        if first is None and last is None:
            return
        start = (first or 0) + 1
        end = start + MOST_PROBES if last is None else last
        # Downwards: what is near the rows that came last is likeliest to be there.
        for number in range(end - 1, max(start, end - MOST_PROBES) - 1, -1):
            yield from _one(db, number)
    except sqlite3.Error:
        return  # not even the first page: there is nothing to read
    finally:
        db.close()


def _scan(db: sqlite3.Connection, direction: str) -> Iterator[Row]:
    """Yield rows by number until the damage is met."""
    try:
        rows = db.execute(f"SELECT {_COLUMNS} FROM events ORDER BY id {direction}")  # noqa: S608
        yield from filter(_makes_sense, rows)
    except (sqlite3.Error, OverflowError):
        return


def _one(db: sqlite3.Connection, number: int) -> Iterator[Row]:
    try:
        rows = db.execute(f"SELECT {_COLUMNS} FROM events WHERE id = ?", (number,))  # noqa: S608
        yield from filter(_makes_sense, rows)
    except sqlite3.Error:
        return


def _makes_sense(row: Row) -> bool:
    number, tenant, device, stored, state, message, born, expires, reason = row
    return (
        isinstance(number, int)
        and number > 0
        and isinstance(tenant, str)
        and isinstance(device, str)
        and isinstance(stored, float)
        and state in (0, 1)
        and isinstance(message, bytes)
        and isinstance(born, float)
        and isinstance(expires, float | None)
        and isinstance(reason, str | None)
    )
