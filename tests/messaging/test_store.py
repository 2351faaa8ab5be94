"""The event store on a real disk, with its real thread."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.messaging.database import StoreError
from edgeproxy.messaging.network import StoreFailed
from edgeproxy.messaging.rows import StoredEvent, Wanted
from edgeproxy.messaging.store import EventStore
from tests.fakes.threads import ThreadClock


class StoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ThreadClock()
        self.path = str(Path(self.mktemp()) / "events.sqlite")
        self.store = self.open()

    def open(self) -> EventStore:
        store = EventStore(self.path, self.clock)
        store.start()
        self.addCleanup(store.close)
        return store

    def wait(self, deferred: Any) -> Any:
        self.clock.wait_for(deferred)
        return self.successResultOf(deferred)

    def append(self, device: str = "d", message: bytes = b"m") -> StoredEvent:
        event: StoredEvent = self.wait(self.store.append("T", device, message, 1.0))
        return event

    def load(self, after: int = 0, most: int = 100) -> list[bytes]:
        (events,) = self.wait(self.store.load("T", [Wanted("d", after, most)]))
        return [event.message for event in events]

    def test_events_come_back_in_the_order_of_their_arrival(self) -> None:
        messages = [b"%d" % n for n in range(20)]
        appended = [self.store.append("T", "d", m, 1.0) for m in messages]
        self.wait(gatherResults(appended))
        self.assertEqual(self.load(), messages)
        self.assertEqual(self.load(most=3), messages[:3])

    def test_events_survive_opening_again(self) -> None:
        first = self.append(message=b"1")
        self.append(message=b"2")
        self.store.close()
        self.store = self.open()
        self.assertEqual(self.load(), [b"1", b"2"])
        self.assertEqual(self.load(after=first.number), [b"2"])
        self.assertEqual(self.store.depth, {"T": 2})

    def test_numbers_go_on_after_opening_again(self) -> None:
        last = self.append()
        self.store.close()
        self.store = self.open()
        self.assertGreater(self.append().number, last.number)

    def test_removed_and_set_aside_events_come_no_more(self) -> None:
        first, second, _ = self.append(), self.append(), self.append(message=b"3")
        self.wait(self.store.remove("T", first.number))
        self.wait(self.store.set_aside("T", second.number))
        self.assertEqual(self.load(), [b"3"])
        self.assertEqual(self.store.depth, {"T": 1})
        self.store.close()
        self.store = self.open()
        self.assertEqual(self.load(), [b"3"])
        self.assertEqual(self.store.set_aside_count, 1)

    def test_what_is_queued_when_it_closes_is_on_disk(self) -> None:
        for _ in range(50):
            self.store.append("T", "d", b"m", 1.0)
        self.store.close()
        self.store = self.open()
        self.assertEqual(len(self.load()), 50)

    def test_a_second_process_is_kept_out(self) -> None:
        self.append()
        with self.assertRaises(StoreError) as caught:
            EventStore(self.path, self.clock)
        self.assertEqual(
            str(caught.exception), f"{self.path}: is in use by another edgeproxy"
        )

    def test_a_file_of_a_newer_version_is_left_alone(self) -> None:
        self.store.close()
        db = sqlite3.connect(self.path)
        db.execute("PRAGMA user_version = 99")
        db.close()
        with self.assertRaisesRegex(StoreError, "newer version"):
            EventStore(self.path, self.clock)

    def test_what_cannot_be_stored_fails_and_the_next_one_works(self) -> None:
        (pages,) = self.store._db.execute("PRAGMA page_count").fetchone()
        self.store._db.execute(f"PRAGMA max_page_count = {pages}")
        full = self.store.append("T", "d", b"m" * 100_000, 1.0)
        self.clock.wait_for(full)
        failure = self.failureResultOf(full, StoreFailed)
        self.assertIn("full", failure.getErrorMessage())
        self.assertIn("full", self.store.failing or "")
        self.store._db.execute("PRAGMA max_page_count = 100000")
        self.append()
        self.assertIsNone(self.store.failing)
        self.assertEqual(self.store.depth, {"T": 1})
