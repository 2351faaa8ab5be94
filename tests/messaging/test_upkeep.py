"""Expiry, bounds and the size of the event store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.messaging.network import StoreFailed
from edgeproxy.messaging.rows import Wanted
from edgeproxy.messaging.store import EventStore
from edgeproxy.messaging.upkeep import EVERY, FREE_PAGES, Upkeep
from edgeproxy.metrics.counters import REGISTRY
from tests.fakes.threads import ThreadClock

DAY = 86400.0


def removed(reason: str) -> float:
    labels = {"reason": reason}
    return REGISTRY.get_sample_value("edgeproxy_events_removed_total", labels) or 0.0


class UpkeepTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ThreadClock()
        self.path = Path(self.mktemp()) / "events.sqlite"
        self.open()

    def open(self, **bounds: int) -> None:
        self.store = EventStore(
            str(self.path), self.clock, uptime=self.clock.seconds, **bounds
        )
        self.store.start()
        self.upkeep = Upkeep(self.store, self.clock, 30 * DAY)
        self.upkeep.startService()
        self.addCleanup(self.close)

    def close(self) -> None:
        if self.upkeep.running:
            self.upkeep.stopService()
        self.store.close()

    def append(self, *messages: bytes, now: float = 1.0, **more: Any) -> None:
        appended = [self.store.append("T", "d", m, now, **more) for m in messages]
        self.clock.wait_for(gatherResults(appended))

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and upkeep do what it has to."""
        self.clock.advance(seconds)
        for _ in range(40):
            self.clock.wait_for(self.store.run_apart(lambda db: None))

    def load(self) -> list[bytes]:
        loaded = self.store.load("T", [Wanted("d", 0, 1000)])
        self.clock.wait_for(loaded)
        return [event.message for event in self.successResultOf(loaded)[0]]

    def test_what_has_outlived_its_ttl_is_removed_and_counted(self) -> None:
        before = removed("expired")
        self.append(b"1", ttl=90)
        self.append(b"2", ttl=None)
        self.append(b"3", ttl=1000)
        self.pass_time(EVERY)
        self.assertEqual(self.load(), [b"1", b"2", b"3"])
        self.pass_time(EVERY)
        self.assertEqual(self.load(), [b"2", b"3"])
        self.assertEqual(removed("expired") - before, 1)
        self.assertEqual(self.store.depth, {"T": 2})

    def test_a_step_of_the_clock_expires_nothing(self) -> None:
        """Stored in 1970, in 2026, and in 1970 again: a minute passes in all."""
        for wall in (30.0, 1_790_000_000.0, 60.0):
            self.append(b"%d" % wall, now=wall, ttl=3600)
            self.pass_time(EVERY)
            self.close()
            self.open()
        self.pass_time(EVERY)
        self.assertEqual(self.load(), [b"30", b"1790000000", b"60"])
        self.pass_time(3600)
        self.assertEqual(self.load(), [])

    def test_what_is_older_than_the_bound_is_removed_counted_and_logged(self) -> None:
        before = removed("too-old")
        self.append(*(b"%d" % n for n in range(2500)))
        self.pass_time(29 * DAY)
        self.append(b"new")
        self.pass_time(DAY + EVERY)
        self.assertEqual(self.load(), [b"new"])
        self.assertEqual(removed("too-old") - before, 2500)
        self.assertEqual(self.store.depth, {"T": 1})

    def test_at_its_bound_the_store_refuses_and_loses_nothing(self) -> None:
        self.close()
        self.open(max_bytes=1 << 20)
        accepted = []
        for number in range(1000):
            event = self.store.append("T", "d", b"%0*d" % (4000, number), 1.0)
            self.clock.wait_for(event)
            if self.store.failing:
                self.failureResultOf(event, StoreFailed)
                break
            accepted.append(self.successResultOf(event))
        self.assertIn("at its bound", self.store.failing or "")
        self.assertEqual([int(m) for m in self.load()], list(range(len(accepted))))
        self.assertLess(self.path.stat().st_size, 2 << 20)
        for event in accepted[:20]:
            self.clock.wait_for(self.store.remove("T", event.number))
        self.assertIsNone(self.store.failing)
        self.append(b"there is room again")

    def test_a_burst_of_appends_does_not_pass_the_bound(self) -> None:
        self.close()
        self.open(max_bytes=1 << 20)
        burst = [self.store.append("T", "d", bytes(4000), 1.0) for _ in range(1000)]
        for event in burst:
            self.clock.wait_for(event)
            event.addErrback(lambda failure: failure.trap(StoreFailed) and None)
        self.assertLess(self.store.used, 3 << 19)

    def test_the_file_shrinks_again(self) -> None:
        resting = self.store.used
        self.append(*(bytes(2000) for _ in range(3000)))
        self.pass_time(EVERY)
        numbers = range(1, 3001)
        gone = [self.store.remove("T", number) for number in numbers]
        self.clock.wait_for(gatherResults(gone))
        self.pass_time(EVERY)
        self.assertLessEqual(self.path.stat().st_size, resting + FREE_PAGES * 4096)
        log = Path(f"{self.path}-wal")
        self.assertLess(log.stat().st_size if log.exists() else 0, 1 << 20)

    def test_ages_go_on_after_a_restart(self) -> None:
        self.append(b"1", ttl=1000)
        self.pass_time(600)
        self.close()
        self.open()
        self.pass_time(390)
        self.assertEqual(self.load(), [b"1"])
        self.pass_time(2 * EVERY)
        self.assertEqual(self.load(), [])
