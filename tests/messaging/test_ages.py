"""Ages that no step of the clock can change."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.messaging.ages import AgeClock, Mark, boot_id, since_boot


class AgeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)

    def ages(self, mark: Mark | None, least: float = 0.0, boot: str = "a") -> AgeClock:
        return AgeClock(mark, least, self.clock.seconds, boot)

    def test_a_new_store_begins_at_nought(self) -> None:
        ages = self.ages(None)
        self.assertEqual(ages.now(), 0)
        self.clock.advance(5)
        self.assertEqual(ages.now(), 5)

    def test_a_restart_in_the_same_boot_counts_in_full(self) -> None:
        mark = self.ages(None).mark()
        self.clock.advance(60)
        self.assertEqual(self.ages(mark).now(), 60)

    def test_time_in_which_the_machine_was_off_does_not_count(self) -> None:
        self.assertEqual(self.ages(Mark("a", 500.0, 70.0), boot="b").now(), 70)

    def test_what_the_events_tell_counts_after_a_power_cut(self) -> None:
        self.assertEqual(self.ages(Mark("a", 500.0, 70.0), 90.0, "b").now(), 90)

    def test_an_unknown_boot_is_never_the_same(self) -> None:
        self.assertEqual(self.ages(Mark("", 500.0, 70.0), boot="").now(), 70)

    def test_this_machine_has_an_uptime(self) -> None:
        self.assertGreater(since_boot(), 0)
        self.assertEqual(boot_id(), boot_id())
