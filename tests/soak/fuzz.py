"""The management API, asked whatever its document allows and forbids."""

from __future__ import annotations

from pathlib import Path

import attrs

from tests.interop.test_schemathesis import fuzz_the_registry


@attrs.frozen
class Fuzzed:
    """How many *cases* were asked, and how many *failures* there were."""

    cases: int
    failures: int


def fuzz(folder: Path, cases: int) -> Fuzzed:
    """Ask *cases* of each operation, and what else schemathesis can think of."""
    phases = "examples,coverage,fuzzing,stateful"
    verdict = fuzz_the_registry(folder, cases, 2, phases)
    tracebacks = (folder / "log").read_text(errors="replace").count("Traceback")
    if verdict.failures or tracebacks:
        print(verdict.output)
    return Fuzzed(verdict.cases, verdict.failures + tracebacks)
