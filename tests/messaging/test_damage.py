"""Damaged files, torn logs and full disks: what was answered 202 is still there."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from edgeproxy.messaging.network import StoreFailed
from edgeproxy.messaging.rows import Wanted
from edgeproxy.messaging.store import MOST_RETRY, RECOVERY, EventStore
from tests.fakes.threads import ThreadClock

PAGE = 4096


class DamageTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ThreadClock()
        self.path = Path(self.mktemp()) / "events.sqlite"
        self.store = self.open()

    def open(self) -> EventStore:
        self.store = EventStore(str(self.path), self.clock, uptime=self.clock.seconds)
        self.store.start()
        self.addCleanup(self.store.close)
        return self.store

    def append(self, *messages: bytes) -> list[int]:
        """Append *messages*; return the numbers of their events."""
        appended = [self.store.append("T", "d", m, 1.0) for m in messages]
        done = gatherResults(appended)
        self.clock.wait_for(done)
        return [event.number for event in self.successResultOf(done)]

    def load(self) -> list[bytes]:
        loaded = self.store.load("T", [Wanted("d", 0, 100_000)])
        self.clock.wait_for(loaded)
        return [event.message for event in self.successResultOf(loaded)[0]]

    def run_thread(self) -> None:
        self.clock.wait_for(self.store.run_apart(lambda db: None))
        self.clock.settle()


class CorruptPageTests(DamageTestCase):
    def damage(self, *pages: int, name: Path | None = None) -> None:
        """Overwrite *pages* (the first is 0) of the closed store."""
        self.store.close()
        with (name or self.path).open("r+b") as file:
            for page in pages:
                file.seek(page * PAGE)
                file.write(random.Random(1).randbytes(PAGE))

    def leaf_pages(self) -> list[int]:
        """Return some pages that hold rows, by what is in them."""
        self.store.close()
        data = self.path.read_bytes()
        return [
            number
            for number in range(1, len(data) // PAGE)
            if data[number * PAGE] == 13  # a leaf of a table
            and b"payload" in data[number * PAGE : (number + 1) * PAGE]
        ]

    def fill(self, count: int = 2000) -> list[bytes]:
        messages = [b"payload %d " % n + bytes(100) for n in range(count)]
        self.append(*messages)
        return messages

    def test_readable_rows_are_carried_over_and_the_file_is_kept(self) -> None:
        messages = self.fill()
        pages = self.leaf_pages()
        self.damage(*pages[10:12])
        self.open()
        survivors = self.load()
        lost = set(messages) - set(survivors)
        self.assertEqual(survivors, [m for m in messages if m not in lost])
        # What two pages held, and what was left on others in their neighbourhood.
        self.assertLess(len(lost), 2 * PAGE / 100)
        self.assertGreater(len(lost), 0)
        (kept,) = self.path.parent.glob("events.sqlite.damaged-*")
        self.assertIn(kept.name, self.store.damaged or "")
        self.assertEqual(self.store.depth, {"T": len(survivors)})
        self.append(b"new")
        self.assertEqual(self.load()[-1], b"new")

    def test_a_broken_index_loses_nothing(self) -> None:
        messages = self.fill()
        leaves = set(self.leaf_pages())
        data = self.path.read_bytes()
        indexes = [
            number
            for number in range(1, len(data) // PAGE)
            if number not in leaves and data[number * PAGE] == 10
        ]
        self.damage(*indexes[-3:])
        self.open()
        self.assertEqual(self.load(), messages)

    def test_a_broken_last_page_costs_its_rows_alone(self) -> None:
        messages = self.fill()
        self.damage(self.leaf_pages()[-1])
        self.open()
        survivors = self.load()
        self.assertEqual(survivors, messages[: len(survivors)])
        self.assertGreater(len(survivors), len(messages) - PAGE / 100)

    def test_a_file_that_is_no_database_is_set_aside(self) -> None:
        self.fill(10)
        self.damage(0)
        self.open()
        self.assertEqual(self.load(), [])
        self.assertIsNotNone(self.store.damaged)
        self.append(b"new")

    def test_a_power_cut_in_the_middle_of_it_loses_nothing(self) -> None:
        messages = self.fill(10)
        self.store.close()
        self.path.rename(f"{self.path}.fresh")
        self.open()
        self.assertEqual(self.load(), messages)

    def test_half_a_fresh_file_is_made_anew(self) -> None:
        messages = self.fill(10)
        self.store.close()
        Path(f"{self.path}.fresh").write_bytes(b"half")
        self.open()
        self.assertEqual(self.load(), messages)
        self.assertFalse(Path(f"{self.path}.fresh").exists())

    def test_it_is_well_again_when_the_damaged_file_is_taken_away(self) -> None:
        self.fill(10)
        self.damage(0)
        self.open()
        for file in self.path.parent.glob("events.sqlite.damaged-*"):
            file.unlink()
        self.assertIsNone(self.store.damaged)


class TornLogTests(DamageTestCase):
    def copy(self) -> Path:
        """Return a copy of the files as a power cut would leave them."""
        folder = Path(self.mktemp())
        folder.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(f"{self.path}{suffix}", folder / f"events.sqlite{suffix}")
        return folder / "events.sqlite"

    def reopen(self, path: Path) -> None:
        self.path = path
        self.open()

    def test_every_committed_event_survives_a_torn_log(self) -> None:
        messages = [b"%d" % n for n in range(50)]
        for message in messages:
            self.append(message)
        committed = Path(f"{self.path}-wal").stat().st_size
        self.append(*(b"late %d" % n for n in range(50)))
        whole = Path(f"{self.path}-wal").read_bytes()
        rng = random.Random(2)
        original = self.path
        for _ in range(10):
            self.path = original
            copy = self.copy()
            cut = rng.randrange(committed, len(whole))
            junk = rng.randbytes(rng.randrange(3 * PAGE))
            Path(f"{copy}-wal").write_bytes(whole[:cut] + junk)
            self.reopen(copy)
            self.assertEqual(self.load()[:50], messages)
            self.store.close()


class FullDiskTests(DamageTestCase):
    def setUp(self) -> None:
        if os.geteuid() != 0 or shutil.which("mount") is None:
            raise SkipTest("needs root, to mount a small file system")
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)],
            capture_output=True,
        )
        if mounted.returncode:
            raise SkipTest(f"cannot mount: {mounted.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", str(folder)])
        self.clock = ThreadClock()
        self.path = folder / "events.sqlite"
        self.store = self.open()

    def fill(self) -> list[int]:
        """Append until the disk is full; return the numbers of what was taken."""
        accepted: list[int] = []
        for _ in range(10_000):
            event = self.store.append("T", "d", bytes(2000), 1.0)
            self.clock.wait_for(event)
            if self.store.failing:
                self.failureResultOf(event, StoreFailed)
                return accepted
            accepted.append(self.successResultOf(event).number)
        raise AssertionError("the disk does not fill up")

    def test_a_full_disk_refuses_and_loses_nothing(self) -> None:
        accepted = self.fill()
        self.assertGreater(len(accepted), 100)
        self.assertEqual(len(self.load()), len(accepted))
        self.store.close()
        self.open()
        self.assertEqual(len(self.load()), len(accepted))

    def test_a_full_disk_can_be_emptied_by_its_consumers(self) -> None:
        accepted = self.fill()
        gone: list[Deferred[Any]] = [self.store.remove("T", n) for n in accepted]
        for _ in range(20):
            self.run_thread()
            self.clock.advance(MOST_RETRY)
        self.clock.wait_for(gatherResults(gone))
        self.assertEqual(self.load(), [])
        # What is free within the file is given back as soon as somebody asks for it.
        for _ in range(3):
            asked = self.store.append("T", "d", b"new", 1.0)
            self.clock.wait_for(asked.addErrback(lambda _: None))
            self.clock.advance(RECOVERY)
            self.run_thread()
        self.assertIsNone(self.store.failing)
        self.append(b"new")

    def test_it_recovers_when_somebody_else_makes_room(self) -> None:
        ballast = self.path.parent / "ballast"
        ballast.write_bytes(bytes(1 << 20))
        before = len(self.fill())
        ballast.unlink()
        self.store.probe()
        self.run_thread()
        self.assertIsNone(self.store.failing)
        self.append(b"new")
        self.assertEqual(len(self.load()), before + 1)


class FailedRemovalTests(DamageTestCase):
    def test_a_removal_that_fails_is_tried_until_it_is_written(self) -> None:
        (number,) = self.append(b"1")
        read_only = self.store.run_apart(
            lambda db: db.execute("PRAGMA query_only = ON")
        )
        self.clock.wait_for(read_only)
        gone = self.store.remove("T", number)
        for _ in range(5):
            self.run_thread()
            self.clock.advance(MOST_RETRY)
        self.assertFalse(gone.called)
        self.assertTrue(self.store.is_settled(number))
        self.store.run_apart(lambda db: db.execute("PRAGMA query_only = OFF"))
        self.run_thread()
        self.clock.advance(MOST_RETRY)
        self.clock.wait_for(gone)
        self.assertEqual(self.load(), [])
        self.assertEqual(self.store.depth, {"T": 0})

    def test_what_fails_to_be_stored_takes_no_removal_with_it(self) -> None:
        (number,) = self.append(b"1")
        (pages,) = self.store._db.execute("PRAGMA page_count").fetchone()
        self.store._db.execute(f"PRAGMA max_page_count = {pages}")
        hold = self.store.run_apart(lambda db: self.clock._calls.put(lambda: None))
        gone = self.store.remove("T", number)
        too_big = self.store.append("T", "d", bytes(1 << 20), 1.0)
        self.clock.wait_for(hold)
        self.clock.wait_for(gatherResults([gone, too_big.addErrback(lambda _: None)]))
        self.assertEqual(self.load(), [])

    def test_events_of_version_1_are_taken_over(self) -> None:
        self.store.close()
        self.path.unlink()
        db = sqlite3.connect(self.path)
        db.executescript(
            "CREATE TABLE events (id INTEGER PRIMARY KEY, tenant TEXT NOT NULL,"
            " device TEXT NOT NULL, stored REAL NOT NULL, state INTEGER NOT NULL"
            " DEFAULT 0, message BLOB NOT NULL);"
            "CREATE INDEX events_of_tenant ON events (tenant, state, id);"
            "INSERT INTO events VALUES (7, 'T', 'd', 1.0, 0, x'6d');"
            "PRAGMA user_version = 1;"
        )
        db.close()
        self.open()
        self.assertEqual(self.load(), [b"m"])
