"""The event store: what has been answered 202 and not been accepted by a consumer."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from edgeproxy.messaging.ages import AgeClock, Mark, since_boot
from edgeproxy.messaging.database import StoreError, damaged_files, open_database
from edgeproxy.messaging.network import StoreFailed
from edgeproxy.messaging.reserve import Reserve
from edgeproxy.messaging.rows import (
    Counts,
    StoredEvent,
    Wanted,
    bytes_in_use,
    count,
    devices_waiting,
    give_back,
    next_events,
)
from edgeproxy.messaging.writer import Fate, Writer

T = TypeVar("T")

# Seconds until a removal that could not be written is tried again: doubled each time,
# up to the most. A disk that is full for hours is not asked all the time.
FIRST_RETRY, MOST_RETRY = 0.1, 10.0

# Seconds between two attempts to make room for new events.
RECOVERY = 1.0


class EventStore:
    """Events in the SQLite file at *path*, held by this process alone.

    An append fires after the fsync that covers it (WAL, ``synchronous = FULL``); the
    file takes up to *max_bytes* and then no more. *reactor* gives ``callLater`` and
    ``callFromThread``, *uptime* is monotonic.
    """

    _log = Logger()

    def __init__(
        self,
        path: str,
        reactor: Any,
        max_bytes: int = 1 << 30,
        uptime: Callable[[], float] = since_boot,
    ) -> None:
        self._db = open_database(path)
        self.path = path
        self.depth: dict[str, int] = {}
        self.set_aside_count = 0
        self._reactor = reactor
        self._max_bytes = max_bytes
        self._reserve = Reserve(f"{path}-reserve")
        self._problem: str | None = None
        self._refused_at: int | None = None  # bytes in use when there was no room
        self._recovering = False
        self._on_their_way = 0  # bytes of events between append and commit
        # Accepted or set aside, but the disk has refused so far to take note.
        self._unwritten: set[int] = set()
        self._refused: set[int] = set()  # those that it has refused once at least
        try:
            last, born = self._db.execute(
                "SELECT max(id), max(born) FROM events"
            ).fetchone()
            mark = self._db.execute("SELECT boot, uptime, age FROM clock").fetchone()
            self._ages = AgeClock(mark and Mark(*mark), born or 0.0, uptime)
            self.counted(count(self._db))
            self._measure(self._db)
        except sqlite3.Error as error:
            self._db.close()
            raise StoreError(f"{path}: {error}") from None
        self._next = (last or 0) + 1
        self._writer = Writer(self._db, reactor.callFromThread, self._measure)

    def start(self) -> None:
        """Start the writer's thread."""
        self._writer.start()
        self.keep_time()

    def close(self) -> None:
        """Put everything queued to disk, then close the file; blocks meanwhile."""
        self.keep_time()
        self._writer.stop()
        self._db.close()

    @property
    def failing(self) -> str | None:
        """Why events are refused at present; None if they are not."""
        if self._problem is None and self._refused_at is not None:
            if self.used >= self._refused_at:
                return f"at its bound of {self._max_bytes} bytes"
            self._refused_at = None
        return self._problem

    @property
    def damaged(self) -> str | None:
        """What is to be said of damaged files that lie beside the store's own."""
        names = ", ".join(damaged_files(self.path))
        return (
            f"damaged and set aside: {names}; remove it when looked at"
            if names
            else None
        )

    def age(self) -> float:
        """Return the store's age: running time in seconds, whatever the clock says."""
        return self._ages.now()

    def append(
        self,
        tenant_id: str,
        device_id: str,
        message: bytes,
        now: float,
        ttl: float | None = None,
    ) -> Deferred[StoredEvent]:
        """Put an event to disk; fires with it once it is there.

        *now* is in Unix seconds, *ttl* in seconds. Fails with `StoreFailed`.
        """
        if self.used + self._on_their_way + len(message) > self._max_bytes:
            self._refused_at = self.used
            return fail(StoreFailed(f"{self.path}: {self.failing}"))
        if self._refused:
            # Or new events would take the room that was made for removals.
            return fail(StoreFailed(f"{self.path}: {self._problem}"))
        born = self._ages.now()
        expires = None if ttl is None else born + ttl
        event = StoredEvent(self._next, device_id, message, expires)
        self._next += 1
        row = (event.number, tenant_id, device_id, now, message, born, expires)
        self._on_their_way += len(message)

        def insert(db: sqlite3.Connection) -> StoredEvent:
            self._reserve.keep()
            db.execute(
                "INSERT INTO events"
                " (id, tenant, device, stored, message, born, expires)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            return event

        def stored(event: StoredEvent) -> StoredEvent:
            self._on_their_way -= len(message)
            self._problem = None
            self.depth[tenant_id] = self.depth.get(tenant_id, 0) + 1
            return event

        def failed(failure: Failure) -> StoredEvent:
            self._on_their_way -= len(message)
            self._problem = failure.getErrorMessage()
            self._recover()
            raise StoreFailed(f"{self.path}: {self._problem}")

        return self._writer.submit(insert).addCallbacks(stored, failed)

    def remove(self, tenant_id: str, number: int) -> Deferred[None]:
        """Forget the event that a consumer has accepted; goes on until it is done."""

        def delete(db: sqlite3.Connection) -> int:
            cursor = db.execute("DELETE FROM events WHERE id = ?", (number,))
            return cursor.rowcount

        def deleted(rows: int) -> None:
            self.depth[tenant_id] = self.depth.get(tenant_id, 0) - rows

        return self._insist(number, delete).addCallback(deleted)

    def set_aside(
        self, tenant_id: str, number: int, reason: str | None = None
    ) -> Deferred[None]:
        """Keep the event, but deliver it no more; goes on until that is done."""

        def update(db: sqlite3.Connection) -> int:
            return db.execute(
                "UPDATE events SET state = 1, reason = ? WHERE id = ? AND state = 0",
                (reason, number),
            ).rowcount

        def updated(rows: int) -> None:
            self.depth[tenant_id] = self.depth.get(tenant_id, 0) - rows
            self.set_aside_count += rows

        return self._insist(number, update).addCallback(updated)

    def devices(self, tenant_id: str) -> Deferred[list[str]]:
        """Return the devices of a tenant with events waiting, oldest event first."""
        return self.change(lambda db: devices_waiting(db, tenant_id))

    def load(
        self, tenant_id: str, wanted: Sequence[Wanted]
    ) -> Deferred[list[list[StoredEvent]]]:
        """Return events that wait, for each of *wanted* in the order of arrival."""
        return self.change(lambda db: next_events(db, tenant_id, wanted))

    def probe(self) -> None:
        """See whether what failed works again, though no event may come to show it."""

        def write(db: sqlite3.Connection) -> None:
            self._reserve.keep()

        def works(_: None) -> None:
            self._problem = None

        if self._problem is not None and not self._refused:
            self._writer.submit(write).addCallbacks(works, lambda _: None)

    def is_settled(self, number: int) -> bool:
        """Say whether the event is done with, though the disk may not know it yet."""
        return number in self._unwritten

    def change(self, job: Callable[[sqlite3.Connection], T]) -> Deferred[T]:
        """Run *job* in a transaction of the store; it may fail."""
        return self._writer.submit(job, Fate.OWN)

    def run_apart(self, job: Callable[[sqlite3.Connection], T]) -> Deferred[T]:
        """Run *job* on the store outside of any transaction; it may fail."""
        return self._writer.submit(job, Fate.APART)

    def counted(self, counts: Counts) -> None:
        """Take note of what `count` found within a job."""
        self.depth, self.set_aside_count = counts

    def keep_time(self) -> None:
        """Put the store's age to disk, so that the next start goes on from it."""
        mark = self._ages.mark()

        def update(db: sqlite3.Connection) -> None:
            db.execute(
                "REPLACE INTO clock (one, boot, uptime, age) VALUES (1, ?, ?, ?)",
                (mark.boot, mark.uptime, mark.age),
            )

        # Without it ages go on from the newest event's: nothing expires too early.
        self._writer.submit(update, Fate.OWN).addErrback(lambda _: None)

    def _insist(self, number: int, job: Callable[[sqlite3.Connection], T]) -> Any:
        """Run *job*, which settles the event *number*, again until it succeeds."""
        self._unwritten.add(number)
        done: Deferred[T] = Deferred()

        def attempt(delay: float) -> None:
            self._writer.submit(job, Fate.OWN).addCallbacks(
                written, failed, errbackArgs=(delay,)
            )

        def written(result: T) -> None:
            self._unwritten.discard(number)
            self._refused.discard(number)
            if self._problem is not None and not self._refused:
                self._recover()
            done.callback(result)

        def failed(failure: Failure, delay: float) -> None:
            self._refused.add(number)
            self._problem = failure.getErrorMessage()
            self._log.warn(
                "{path}: the outcome of event {number} cannot be stored yet: {reason}",
                path=self.path,
                number=number,
                reason=failure.getErrorMessage(),
            )
            self.run_apart(self._make_room).addErrback(lambda _: None)
            self._reactor.callLater(delay, attempt, min(delay * 2, MOST_RETRY))

        attempt(FIRST_RETRY)
        return done

    def _recover(self) -> None:
        """Give space back in a moment; on a full disk that is what intake waits for."""
        if not self._recovering:
            self._recovering = True
            self._reactor.callLater(RECOVERY, self._recover_now)

    def _recover_now(self) -> None:
        self._recovering = False
        self.run_apart(give_back).addErrback(lambda _: None)
        self.probe()

    def _make_room(self, db: sqlite3.Connection) -> None:
        """Give removals the space that they need on a full disk."""
        self._reserve.release()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _measure(self, db: sqlite3.Connection) -> None:
        """Take note of how many bytes are in use; in the writer's thread."""
        self.used = bytes_in_use(db)
