"""One thread that owns an SQLite connection and commits what queued up together.

While one fsync runs, jobs gather; the next commit covers them all. So a disk that
does 200 fsyncs a second still takes thousands of events.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], Any]

# Jobs of one transaction. At 64 connections a batch is about that size; the bound
# keeps the first of a long queue from waiting for the last.
BATCH = 512


class Fate(Enum):
    """What becomes of a job when the group that it is committed with fails."""

    SHARED = "fails as well"
    OWN = "is tried again without those of shared fate"
    APART = "is never in a group, nor in a transaction"


@attrs.frozen(eq=False)
class _Entry:
    job: Job
    done: Deferred[Any]
    fate: Fate


class Writer:
    """Runs jobs on *connection* in a thread of its own, in order, committed in groups.

    *call_in_reactor* hands a function over to the reactor's thread. *committed* is
    called in the writer's thread after each commit. *name* is that thread's.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        call_in_reactor: Callable[[Callable[[], None]], object],
        committed: Callable[[sqlite3.Connection], None] = lambda connection: None,
        name: str = "event-store",
    ) -> None:
        self._connection = connection
        self._call_in_reactor = call_in_reactor
        self._committed = committed
        self._jobs: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(
        self, job: Callable[[sqlite3.Connection], T], fate: Fate = Fate.SHARED
    ) -> Deferred[T]:
        """Run *job* within a transaction; fires with its result after the commit.

        If anything of the group fails, nothing of it is committed, and all Deferreds
        of shared *fate* fail with what was raised; the others are tried again.
        """
        done: Deferred[T] = Deferred()
        self._jobs.put(_Entry(job, done, fate))
        return done

    def stop(self) -> None:
        """Run what is queued, then end the thread; blocks until that has happened."""
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            batch: list[_Entry] = []
            entry = self._jobs.get()
            while entry is not None and entry.fate is not Fate.APART:
                batch.append(entry)
                if len(batch) >= BATCH or self._jobs.empty():
                    break
                entry = self._jobs.get()
            if batch:
                self._commit(batch)
            if entry is not None and entry.fate is Fate.APART:
                self._run_apart(entry)
            stopping = entry is None

    def _commit(self, batch: list[_Entry]) -> None:
        """Commit *batch*; if that fails, without those that it fails because of."""
        while batch:
            culprit: _Entry | None = None
            results: list[Any] = []
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                for culprit in batch:
                    results.append(culprit.job(self._connection))
                culprit = None
                self._connection.execute("COMMIT")
                self._committed(self._connection)
            except Exception:
                failure = Failure()
                self._roll_back()
                batch = self._without(batch, culprit, failure)
            else:
                self._call_in_reactor(partial(_tell, batch, results))
                return

    def _without(
        self, batch: list[_Entry], culprit: _Entry | None, failure: Failure
    ) -> list[_Entry]:
        """Tell those of *batch* that fail with *failure*; return the others."""
        if culprit is not None and culprit.fate is Fate.OWN:
            failed = [culprit]
        elif any(entry.fate is Fate.SHARED for entry in batch):
            failed = [entry for entry in batch if entry.fate is Fate.SHARED]
        elif len(batch) > 1:
            # On a full disk reading still works, for one.
            for entry in batch:
                self._commit([entry])
            return []
        else:
            failed = batch
        self._call_in_reactor(partial(_tell, failed, [failure] * len(failed)))
        return [entry for entry in batch if entry not in failed]

    def _run_apart(self, entry: _Entry) -> None:
        try:
            result = entry.job(self._connection)
        except Exception:
            result = Failure()
        self._call_in_reactor(partial(_tell, [entry], [result]))

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # after an I/O error SQLite has rolled back by itself


def _tell(batch: list[_Entry], results: list[Any]) -> None:
    """Fire the Deferreds of *batch*; a failure among *results* fails its own."""
    for entry, result in zip(batch, results, strict=True):
        entry.done.callback(result)
