"""The short forms of what ``make soak`` does for long."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.interop.service import environment
from tests.soak.days import live_through
from tests.soak.disk import fill_the_disk
from tests.soak.drop import build, cut_the_power, take_back, variables
from tests.soak.kill import kill_the_consumer, kill_the_service
from tests.soak.site import Verdict
from tests.soak.stuck import get_stuck
from tests.soak.syscalls import trace


class KillTests(SynchronousTestCase):
    def is_good(self, verdict: Verdict, least: int) -> None:
        self.assertEqual((verdict.lost, verdict.out_of_order), (0, 0), verdict)
        self.assertGreater(verdict.accepted, least)

    def test_every_202_outlives_the_service(self) -> None:
        self.is_good(kill_the_service(Path(self.mktemp()), rounds=5), 100)

    def test_every_202_outlives_the_consumer(self) -> None:
        self.is_good(kill_the_consumer(Path(self.mktemp()), rounds=5), 100)


class PowerTests(SynchronousTestCase):
    def test_no_202_leaves_before_its_row_is_on_disk(self) -> None:
        traced = trace(Path(self.mktemp()), seconds=1.0)
        self.assertEqual(traced.too_early, ())
        self.assertGreater(traced.answers, 20)

    def test_what_was_not_synced_was_not_promised(self) -> None:
        verdict, _ = cut_the_power(Path(self.mktemp()), rounds=4)
        self.assertEqual((verdict.lost, verdict.out_of_order), (0, 0), verdict)
        self.assertGreater(verdict.accepted, 50)

    def test_writes_that_were_not_synced_are_indeed_taken_back(self) -> None:
        """Otherwise the test above would show nothing."""
        folder = Path(self.mktemp())
        library, log = build(folder), folder.absolute() / "undo"
        database = folder.absolute() / "events.sqlite"
        script = (
            "import os, signal, sqlite3, sys\n"
            "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "db.execute('PRAGMA journal_mode = WAL')\n"
            "db.execute('PRAGMA synchronous = FULL')\n"
            "db.execute('CREATE TABLE t (n)')\n"
            "db.execute('INSERT INTO t VALUES (1)')\n"
            "db.execute('PRAGMA synchronous = OFF')\n"
            "db.execute('INSERT INTO t VALUES (2)')\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        subprocess.run(
            [sys.executable, "-c", script, str(database)],
            env=environment() | variables(library, log),
        )
        self.assertGreater(take_back(log), 0)
        db = sqlite3.connect(database)
        self.assertEqual(db.execute("SELECT n FROM t").fetchall(), [(1,)])
        db.close()


class DiskTests(SynchronousTestCase):
    def test_a_full_disk_is_503_and_loses_nothing(self) -> None:
        verdict = fill_the_disk(Path(self.mktemp()), rounds=2)
        self.assertEqual((verdict.lost, verdict.out_of_order), (0, 0), verdict)
        self.assertGreater(verdict.accepted, 500)


class TimeTests(SynchronousTestCase):
    def test_two_days_with_a_consumer_that_is_away_one_hour_in_six(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        days = live_through(folder, hours=48, step=300, devices=20)
        self.assertEqual((days.lost, days.out_of_order), (0, 0), days)
        self.assertGreaterEqual(days.most_waiting, 12 * 20)
        self.assertLessEqual(days.in_the_end, days.resting + (1 << 20), days)


class StuckTests(SynchronousTestCase):
    def test_a_stuck_consumer_and_a_stuck_device_hold_up_nobody_else(self) -> None:
        verdict = get_stuck(Path(self.mktemp()), seconds=1.0)
        self.assertEqual((verdict.lost, verdict.out_of_order), (0, 0), verdict)
        self.assertGreater(verdict.accepted, 50)
