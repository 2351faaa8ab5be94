"""Tests for documents to name; not found by trial, as they are no tests of ours."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase


class SampleTests(SynchronousTestCase):
    """One that passes, and one that does not run."""

    def test_passes(self) -> None:
        self.assertTrue(True)

    def test_is_skipped(self) -> None:
        pass

    test_is_skipped.skip = "on purpose"  # type: ignore[attr-defined]
