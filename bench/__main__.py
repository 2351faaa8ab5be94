"""``python -m bench``: measures every row and prints the table."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import twisted
from bench.contenders import Field
from bench.processes import stop_all
from bench.rows import Row, all_rows

RESULTS = Path(__file__).parent / "RESULTS.md"
MARK = "<!-- make bench writes below this line -->\n"


def _commit() -> str:
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or "unknown"


def table(rows: list[Row]) -> Iterator[str]:
    """Yield the lines of the section of this run."""
    now = datetime.now(UTC).strftime("%Y-%m-%d")
    yield f"## {now}, commit {_commit()}"
    yield ""
    yield (
        f"Python {platform.python_version()}, Twisted {twisted.__version__}, "
        f"Linux {platform.release().split('-')[0]}, {platform.machine()}, 2 cores."
    )
    yield ""
    yield "| promise | floor | result | measured: median (lowest to highest) |"
    yield "|---|---|---|---|"
    for row in rows:
        yield f"| {row.promise} | {row.floor} | **{row.result}** | {row.measured} |"


def main() -> None:
    """Measure, print, and put the table into RESULTS.md."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rows = []
    with tempfile.TemporaryDirectory(prefix="edgeproxy-bench-") as folder:
        # nginx drops root's rights and must still reach its files.
        Path(folder).chmod(0o755)
        try:
            for row in all_rows(Field(Path(folder))):
                print(f"{row.promise}: {row.result} (floor {row.floor})")
                print(f"    {row.measured}", flush=True)
                rows.append(row)
        finally:
            stop_all()
    head, mark, rest = RESULTS.read_text().partition(MARK)
    _, soak, figures = rest.partition("\n## Soak")
    measured = "\n".join(table(rows)) + "\n"
    RESULTS.write_text(f"{head}{mark}\n{measured}{soak}{figures}")


if __name__ == "__main__":
    sys.exit(main())
