"""What tenants may send: periods, what counts, and what outlives a restart."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.hono.volume import SAVE, Allowance, Volumes, allowance_of
from edgeproxy.registry.model import Tenant


def limit(most: int = 100, since: str = "2020-01-01T00:00:00Z", **period: Any) -> Any:
    return {"max-bytes": most, "effective-since": since, "period": period}


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class AllowanceTests(SynchronousTestCase):
    def test_months(self) -> None:
        for now, since, start, most in [
            ("2026-11-26", "2020-01-01T00:00:00Z", "2026-11-01", 100),
            ("2026-12-31", "2026-12-01T00:00:00Z", "2026-12-01", 100),
            ("2026-11-26", "2026-11-16T00:00:00Z", "2026-11-16", 50),
            ("2026-11-26", "2026-11-25T00:00:00+00:00", "2026-11-25", 20),
        ]:
            found = allowance_of(limit(since=since, mode="monthly"), day(now))
            self.assertEqual(found, Allowance(day(start), most))
            self.assertEqual(allowance_of(limit(since=since), day(now)), found)

    def test_days(self) -> None:
        days = {"mode": "days", "no-of-days": 10}
        for now, start in [
            ("2026-01-01", "2026-01-01"),
            ("2026-01-10", "2026-01-01"),
            ("2026-01-11", "2026-01-11"),
            ("2026-02-03", "2026-01-31"),
        ]:
            found = allowance_of(limit(since="2026-01-01T00:00:00Z", **days), day(now))
            self.assertEqual(found, Allowance(day(start), 100))

    def test_a_period_longer_than_time(self) -> None:
        days = {"mode": "days", "no-of-days": 2**31 - 1}
        since = "2026-01-01T00:00:00Z"
        found = allowance_of(limit(since=since, **days), day("2026-11-26"))
        self.assertEqual(found, Allowance(day("2026-01-01"), 100))

    def test_no_bound(self) -> None:
        now = day("2026-11-26")
        for given in [
            limit(-1),
            limit(since="2027-01-01T00:00:00Z"),
            limit(mode="days"),
            {"max-bytes": 5},
            {"max-bytes": "x", "effective-since": "2020-01-01T00:00:00Z"},
            limit(since="yesterday"),
            [],
        ]:
            self.assertIsNone(allowance_of(given, now))


class VolumesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.now = day("2026-11-26").timestamp()
        self.path = Path(self.mktemp())
        self.volumes = Volumes(self.path, self.clock, lambda: self.now)

    def take(self, size: int, unit: int = 0, name: str = "T") -> bool:
        limits = {"data-volume": limit()}
        tenant = Tenant(name, resource_limits=limits, minimum_message_size=unit)
        return self.volumes.take(tenant, size)

    def test_a_tenant_may_send_so_much_in_a_period(self) -> None:
        self.assertTrue(self.take(60))
        self.assertFalse(self.take(41))
        self.assertTrue(self.take(40))
        self.assertFalse(self.take(1))
        self.assertTrue(self.take(0))
        self.assertTrue(self.take(100, name="U"))
        self.now = day("2026-12-01").timestamp()
        self.assertTrue(self.take(100))

    def test_small_ones_count_as_more(self) -> None:
        self.assertTrue(self.take(1, unit=40))
        self.assertTrue(self.take(41, unit=30))
        self.assertFalse(self.take(1))

    def test_what_nobody_took_does_not_count(self) -> None:
        tenant = Tenant("T", resource_limits={"data-volume": limit()})
        self.assertTrue(self.take(100))
        self.volumes.give_back(tenant, 60)
        self.assertTrue(self.take(60))
        self.volumes.give_back(Tenant("X"), 60)

    def test_others_are_not_counted(self) -> None:
        self.assertTrue(self.volumes.take(Tenant("X"), 1 << 40))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_counts_outlive_a_restart(self) -> None:
        self.take(100)
        self.volumes.startService()
        self.volumes.stopService()
        self.volumes = Volumes(self.path, self.clock, lambda: self.now)
        self.assertFalse(self.take(1))
        # One that is killed has put them to disk a minute ago at most.
        self.now = day("2026-12-01").timestamp()
        self.take(100)
        self.clock.advance(SAVE)
        self.volumes = Volumes(self.path, self.clock, lambda: self.now)
        self.assertFalse(self.take(1))
        self.volumes.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_file_that_cannot_be_read_begins_anew(self) -> None:
        for text in ("nonsense", "[1]", '{"T": 1}', '{"T": ["x", "y"]}'):
            self.path.write_text(text)
            self.volumes = Volumes(self.path, self.clock, lambda: self.now)
            self.assertTrue(self.take(100))
