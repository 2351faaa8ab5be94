"""``make soak``: the long versions, and their figures for ``bench/RESULTS.md``."""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import proton

import twisted
from tests.interop.service import ROOT
from tests.soak.days import live_through
from tests.soak.disk import fill_the_disk
from tests.soak.drop import cut_the_power
from tests.soak.fuzz import fuzz
from tests.soak.kill import kill_the_consumer, kill_the_service
from tests.soak.stuck import get_stuck
from tests.soak.syscalls import trace

RESULTS = ROOT / "bench" / "RESULTS.md"
HEADING = "## Soak"

# (what, how; gets a folder)
RUNS: list[tuple[str, Callable[[Path], Any]]] = [
    ("service killed, 50 times", lambda f: kill_the_service(f, 50)),
    ("consumer killed, 50 times", lambda f: kill_the_consumer(f, 50)),
    ("power cut, 50 times", lambda f: cut_the_power(f, 50)),
    ("disk full, 20 times", lambda f: fill_the_disk(f, 20)),
    ("answers before their fdatasync, 30 s", lambda f: trace(f, 30.0)),
    ("a stuck consumer and device, 30 s", lambda f: get_stuck(f, 30.0)),
    ("management API, 2,000 cases an operation", lambda f: fuzz(f, 2000)),
    ("48 hours, 50 devices, once a minute", lambda f: live_through(f, 48, 60, 50)),
]


def run() -> int:
    """Run everything; return 1 if something was lost or out of order."""
    rows, bad = [], False
    for what, how in RUNS:
        print(f"{what} …", end=" ", flush=True)
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="edgeproxy-soak-") as folder:
            found = how(Path(folder))
        verdict, *more = found if isinstance(found, tuple) else (found,)
        figures = _figures(attrs.asdict(verdict), more)
        bad |= not _is_good(verdict)
        seconds = time.monotonic() - started
        print(f"{seconds:.0f} s: {figures}", flush=True)
        rows.append(f"| {what} | {seconds:.0f} s | {figures} |")
    _write(rows)
    return int(bad)


def _figures(values: dict[str, Any], more: list[int]) -> str:
    parts = []
    for name, value in values.items():
        number = len(value) if isinstance(value, tuple) else value
        parts.append(f"{name.replace('_', ' ')} {number:,}")
    return ", ".join(parts + [f"{number:,} writes undone" for number in more])


def _is_good(verdict: Any) -> bool:
    wrong = ("lost", "out_of_order", "too_early", "failures")
    return not any(getattr(verdict, name, None) for name in wrong)


def _write(rows: list[str]) -> None:
    """Put *rows* into the results in the place of those of the run before."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    text = RESULTS.read_text() if RESULTS.exists() else "# Results\n"
    before, _, after = text.partition(HEADING)
    rest = after.partition("\n## ")[2]
    lines = [
        HEADING,
        "",
        f"Commit {commit.stdout.strip()}, {datetime.now(UTC):%Y-%m-%d}, Python"
        f" {platform.python_version()}, Twisted {twisted.__version__}, proton"
        f" {proton.VERSION_MAJOR}.{proton.VERSION_MINOR}.",
        "",
        "| run | time | figures |",
        "|---|---|---|",
        *rows,
        "",
    ]
    text = before.rstrip() + "\n\n" + "\n".join(lines)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text + (f"\n## {rest}" if rest else ""))


if __name__ == "__main__":
    sys.exit(run())
