"""What has to be done to the event store from time to time."""

from __future__ import annotations

import sqlite3
from typing import Any

from twisted.application.service import Service
from twisted.logger import Logger
from twisted.python.failure import Failure

from edgeproxy.messaging.rows import Counts, count
from edgeproxy.messaging.store import EventStore
from edgeproxy.metrics import counters

# Seconds between two rounds, and rounds between two notes of the store's age: after a
# power cut events are up to ten minutes younger than they should be, and an idle store
# hardly writes.
EVERY, ROUNDS_PER_MARK = 60.0, 10

# Rows that one job removes at most: others wait for it.
CHUNK = 1000

# Free pages (of 4 KiB) that a file may keep: they are used again without being asked
# for. More are given back when they are an eighth of the file, some at a time.
FREE_PAGES, FREE_SHARE, PAGES_AT_ONCE = 64, 8, 256


class Upkeep(Service):
    """Removes what has expired or is older than *max_age* seconds; shrinks the file.

    Nothing is removed silently: every event counts, and those that are too old are
    logged, as nobody but the operator's bound says that they are of no use.
    """

    _log = Logger()

    def __init__(self, store: EventStore, clock: Any, max_age: float) -> None:
        self._store = store
        self._clock = clock
        self._max_age = max_age
        self._rounds = 0
        # Changes to the store until the round before, and until the log was emptied.
        self._changes = self._emptied = 0
        self._call: Any = None

    def startService(self) -> None:
        """Do the first round now."""
        super().startService()
        self._round()

    def stopService(self) -> None:
        """Do no more of them."""
        super().stopService()
        self._call.cancel()

    def _round(self) -> None:
        self._call = self._clock.callLater(EVERY, self._round)
        self._rounds += 1
        if self._rounds % ROUNDS_PER_MARK == 0:
            self._store.keep_time()
        self._store.probe()
        self._remove()
        self._tidy()

    def _remove(self) -> None:
        age = self._store.age()
        oldest = age - self._max_age

        def removed(found: tuple[int, int, Counts] | None) -> None:
            if found is None:
                return
            expired, too_old, counts = found
            self._store.counted(counts)
            counters.EVENTS_REMOVED.labels("expired").inc(expired)
            counters.EVENTS_REMOVED.labels("too-old").inc(too_old)
            if too_old:
                self._log.error(
                    "{count} events removed: no consumer has accepted them within"
                    " {days:.1f} days (hono.messaging.embedded.max_age)",
                    count=too_old,
                    days=self._max_age / 86400,
                )
            if self.running:
                self._remove()

        job = self._store.change(lambda db: _remove(db, age, oldest))
        job.addCallbacks(removed, self._failed)

    def _tidy(self) -> None:
        def tidied(more: bool) -> None:
            if more and self.running:
                self._tidy()

        self._store.run_apart(self._shrink).addCallbacks(tidied, self._failed)

    def _shrink(self, db: sqlite3.Connection) -> bool:
        """Give free space back to the file system; return whether there is more."""
        changes, self._changes = self._changes, db.total_changes
        if _has_slack(db):
            # A step of this pragma frees one page; only a script is run to its end.
            db.executescript(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})")
            self._emptied = -1
            return True
        if self._changes == changes != self._emptied:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._emptied = changes
        return False

    def _failed(self, failure: Failure) -> None:
        self._log.warn(
            "upkeep of {path} has to wait: {reason}",
            path=self._store.path,
            reason=failure.getErrorMessage(),
        )


def _remove(
    db: sqlite3.Connection, age: float, oldest: float
) -> tuple[int, int, Counts] | None:
    """Remove some events that are of no use at *age*; return how many, if any."""
    expired = db.execute(
        "DELETE FROM events WHERE id IN (SELECT id FROM events"
        " WHERE state = 0 AND expires IS NOT NULL AND expires <= ? LIMIT ?)",
        (age, CHUNK),
    ).rowcount
    # Ages grow with numbers, so the oldest are the first ones.
    too_old = db.execute(
        "DELETE FROM events WHERE id IN (SELECT id FROM"
        " (SELECT id, born FROM events ORDER BY id LIMIT ?) WHERE born < ?)",
        (CHUNK, oldest),
    ).rowcount
    return (expired, too_old, count(db)) if expired or too_old else None


def _has_slack(db: sqlite3.Connection) -> bool:
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    return bool(free > max(FREE_PAGES, pages // FREE_SHARE))
