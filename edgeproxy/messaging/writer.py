"""One thread that owns an SQLite connection and commits what queued up together.

While one fsync runs, jobs gather; the next commit covers them all. So a disk that
does 200 fsyncs a second still takes thousands of events.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], Any]

# Jobs of one transaction. At 64 connections a batch is about that size; the bound
# keeps the first of a long queue from waiting for the last.
BATCH = 512


class Writer:
    """Runs jobs on *connection* in a thread of its own, in order, committed in groups.

    *call_in_reactor* hands a function over to the reactor's thread.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        call_in_reactor: Callable[[Callable[[], None]], object],
    ) -> None:
        self._connection = connection
        self._call_in_reactor = call_in_reactor
        self._jobs: queue.SimpleQueue[tuple[Job, Deferred[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._thread = threading.Thread(
            target=self._run, name="event-store", daemon=True
        )

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, job: Callable[[sqlite3.Connection], T]) -> Deferred[T]:
        """Run *job* within a transaction; fires with its result after the commit.

        If anything of the group fails, nothing of it is committed, and all of its
        Deferreds fail with the `sqlite3.Error`.
        """
        done: Deferred[T] = Deferred()
        self._jobs.put((job, done))
        return done

    def stop(self) -> None:
        """Run what is queued, then end the thread; blocks until that has happened."""
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            batch: list[tuple[Job, Deferred[Any]]] = []
            entry = self._jobs.get()
            while entry is not None:
                batch.append(entry)
                if len(batch) >= BATCH or self._jobs.empty():
                    break
                entry = self._jobs.get()
            stopping = entry is None
            if batch:
                self._call_in_reactor(self._commit(batch))

    def _commit(self, batch: list[tuple[Job, Deferred[Any]]]) -> Callable[[], None]:
        """Commit *batch* and return the function that tells everybody waiting."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            results = [job(self._connection) for job, _ in batch]
            self._connection.execute("COMMIT")
        except Exception:
            failure = Failure()
            self._roll_back()

            def tell() -> None:
                for _, done in batch:
                    done.errback(failure)

        else:

            def tell() -> None:
                for (_, done), result in zip(batch, results, strict=True):
                    done.callback(result)

        return tell

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # after an I/O error SQLite has rolled back by itself
