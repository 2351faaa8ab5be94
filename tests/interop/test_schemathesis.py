"""The management API does what its document says, and nothing else."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.interop.schemathesis import Verdict, fuzz, schemathesis
from tests.interop.service import Service


def fuzz_the_registry(folder: Path, cases: int, seed: int, phases: str) -> Verdict:
    """Have schemathesis ask a new service for *cases* of each operation."""
    service = Service(folder)
    service.start()
    try:
        text = (folder / "var" / "operators.toml").read_text()
        password = text.partition('password = "')[2].partition('"')[0]
        return fuzz(
            folder,
            f"http://127.0.0.1:{service.management}/v1/openapi.json",
            f"operator:{password}",
            cases,
            seed,
            phases,
            seconds=max(300, cases * 4),
        )
    finally:
        service.stop()


class SchemathesisTests(SynchronousTestCase):
    def test_every_answer_is_one_of_the_document(self) -> None:
        schemathesis()
        folder = Path(self.mktemp())
        verdict = fuzz_the_registry(folder, 50, 1, "examples,fuzzing,stateful")
        self.assertEqual(verdict.failures, 0, verdict.output[-4000:])
        # All operations were asked, each as often.
        self.assertGreater(verdict.cases, 14 * 50)
        log = (folder / "log").read_text(errors="replace")
        self.assertNotIn("Traceback", log)
