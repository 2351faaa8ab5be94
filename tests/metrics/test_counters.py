"""Counting by labels that may come from outside."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.metrics.counters import Children


class ChildrenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.registry = CollectorRegistry()
        counter = Counter("c", "Counted.", ["a", "b"], registry=self.registry)
        self.children = Children(counter, most=3)

    def value(self, a: str, b: str) -> float | None:
        return self.registry.get_sample_value("c_total", {"a": a, "b": b})

    def test_labels_are_counted_apart(self) -> None:
        self.children["x", 200].inc()
        self.children["x", 200].inc()
        self.children["y", 200].inc()
        self.assertEqual((self.value("x", "200"), self.value("y", "200")), (2, 1))

    def test_there_are_never_more_than_that(self) -> None:
        for number in range(10):
            self.children[str(number), 200].inc()
        self.assertEqual(len(self.children), 3)
        self.assertEqual(self.value("other", "other"), 7)
