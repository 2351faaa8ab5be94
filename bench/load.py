"""Load, and what it cost the contender."""

from __future__ import annotations

import base64
import json
import re
import statistics
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from bench.processes import LOAD, Process

# Rounds of every row, in turn; the median is quoted, the spread shows the noise.
ROUNDS = 5
SECONDS = 3


@attrs.frozen
class Cost:
    """CPU microseconds per request, and requests per second of the wall clock."""

    cpu: float
    rate: float


def wrk(
    process: Process,
    url: str,
    connections: int,
    script: Path | None = None,
    seconds: int = SECONDS,
) -> Cost:
    """Load *url* with *connections* and return what a request cost *process*."""
    options = ["-s", str(script)] if script is not None else []
    before = process.cpu()
    printed = subprocess.run(
        ["taskset", "-c", LOAD, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
        + ["--timeout", "20s", *options, url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    used = process.cpu() - before
    match = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", printed)
    assert match is not None, printed
    if bad := re.search(r"Non-2xx or 3xx responses: (\d+)", printed):
        raise RuntimeError(f"{bad[0]} from {url}")
    rate = re.search(r"Requests/sec: +([\d.]+)", printed)
    assert rate is not None, printed
    return Cost(used / int(match[1]) * 1e6, float(rate[1]))


def post_script(folder: Path, name: str, body: str, **headers: str) -> Path:
    """Write a script for wrk that posts *body*."""
    lines = ['wrk.method = "POST"', f"wrk.body = {lua(body)}"]
    for header, value in headers.items():
        lines.append(f"wrk.headers[{lua(header.replace('_', '-'))}] = {lua(value)}")
    script = folder / f"{name}.lua"
    script.write_text("\n".join(lines))
    return script


def lua(text: str) -> str:
    """Return the ASCII *text* as Lua writes it, which is how JSON does."""
    return json.dumps(text)


def basic(user: str, password: str) -> str:
    """Return the value of an Authorization field."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def interleaved(
    measures: Sequence[Callable[[], Cost]], rounds: int = ROUNDS
) -> list[list[Cost]]:
    """Measure in turn, *rounds* times, after one round that does not count."""
    costs: list[list[Cost]] = [[] for _ in measures]
    for number in range(rounds + 1):
        for measure, found in zip(measures, costs, strict=True):
            cost = measure()
            if number:
                found.append(cost)
    return costs


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> str:
    """Return median, lowest and highest as text."""
    return f"{median(values):.1f} ({min(values):.1f} to {max(values):.1f})"
