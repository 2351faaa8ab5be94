"""scripts/proved: a row of a table without a test that passes is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

SCRIPT = Path(__file__).parents[1] / "scripts" / "proved"


class ProvedTests(SynchronousTestCase):
    def check(self, *rows: str) -> tuple[int, str]:
        """Return exit status and output for a document with these rows."""
        docs = Path(self.mktemp())
        docs.mkdir()
        table = "| a | test (`tests.fakes.proofs.SampleTests`) |\n|---|---|\n"
        other = "| not | a table of tests |\n|---|---|\n| x | `nothing` |\n\n"
        text = other + table + "".join(f"| {row} |\n" for row in rows)
        (docs / "some.md").write_text(text)
        done = subprocess.run(
            [sys.executable, str(SCRIPT), str(docs.absolute())],
            cwd=docs,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout

    def test_rows_with_tests_that_pass_are_proved(self) -> None:
        status, output = self.check("one | `test_passes`", "two | `test_passes`, too")
        self.assertEqual(status, 0, output)
        self.assertIn("2 rows, 0 not proved", output)

    def test_others_are_not(self) -> None:
        for row, problem in [
            ("one | nothing", "names no test"),
            ("one | `test_of_another_name`", "did not run or pass: tests.fakes.proofs"),
            ("one | `test_passes`, `test_is_skipped`", "did not run or pass"),
        ]:
            status, output = self.check(row)
            self.assertEqual(status, 1, output)
            self.assertIn(f"some.md:7: one\n    {problem}", output)

    def test_no_rows_at_all_are_a_mistake(self) -> None:
        self.assertEqual(self.check()[0], 1)
