"""Counting by labels that may come from outside."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.metrics.counters import Tally


class TallyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.registry = CollectorRegistry()
        self.tally = Tally("c", "Counted.", ["a", "b"], self.registry, most=3)

    def value(self, a: str, b: str) -> float | None:
        return self.registry.get_sample_value("c_total", {"a": a, "b": b})

    def test_labels_are_counted_apart(self) -> None:
        self.tally["x", 200] += 1
        self.tally["x", 200] += 1
        self.tally["y", 200] += 1
        self.assertEqual((self.value("x", "200"), self.value("y", "200")), (2, 1))

    def test_one_label_needs_no_tuple(self) -> None:
        tally = Tally("one", "Counted.", ["status"], self.registry)
        tally[200] += 1
        self.assertEqual(
            self.registry.get_sample_value("one_total", {"status": "200"}), 1
        )

    def test_there_are_never_many_more_than_that(self) -> None:
        for number in range(10):
            self.tally[str(number), 200] += 1
        self.assertEqual(len(self.tally), 4)
        self.assertEqual(self.value("other", "other"), 7)

    def test_it_is_exported_as_a_counter(self) -> None:
        self.tally["x", 200] += 1
        self.assertIn(
            b'# TYPE c_total counter\nc_total{a="x",b="200"} 1.0',
            generate_latest(self.registry),
        )
