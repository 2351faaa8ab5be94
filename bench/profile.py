"""``python3 -m bench.profile``: where the time of a /c8y request goes.

The service runs under cProfile, which makes calls of Python functions dearer than they
are: what counts are the proportions, and the number of calls.
"""

from __future__ import annotations

import pstats
import sys
import tempfile
import time
from pathlib import Path

from bench import contenders
from bench.contenders import EdgeProxy, Field
from bench.load import wrk
from bench.processes import stop_all

# The first that is in a function's path takes it.
GROUPS = (
    ("sending, receiving, polling", ("'send'", "'recv'", "'poll'")),
    ("TLS: OpenSSL and its bindings", ("OpenSSL/", "_openssl", "allocator")),
    ("TLS: Twisted's protocol", ("protocols/tls", "protocols/policies")),
    ("Twisted's reactor, transports, log context", ("/twisted/",)),
    ("edgeproxy/http: turn and immediate writes", ("http/turn", "http/immediate")),
    ("edgeproxy/http: server", ("http/server/",)),
    ("edgeproxy/http: client", ("http/client/",)),
    ("edgeproxy/http: reading heads and bodies", ("edgeproxy/http/",)),
    ("edgeproxy/c8y", ("edgeproxy/c8y/",)),
    ("access log and counters", ("edgeproxy/ops/", "edgeproxy/metrics/")),
    ("built-in functions", ("~",)),
)  # fmt: skip


def main() -> None:
    """Profile, and print a table."""
    with tempfile.TemporaryDirectory(prefix="edgeproxy-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        output = folder / "profile"
        try:
            ours = EdgeProxy(Field(folder))
            contenders.TWISTD += (
                f"--profile={output}", "--profiler=cProfile", "--savestats",
            )  # fmt: skip
            ours.start()
            cost = wrk(ours.process, f"{ours.url}/tenant/currentTenant", 16, seconds=5)
            ours.process.stop()
            time.sleep(1)
        finally:
            stop_all()
        stats = pstats.Stats(str(output)).stats  # type: ignore[attr-defined]
    requests = max(
        row[0] for (file, _, name), row in stats.items()
        if name == "render" and file.endswith("c8y/proxy.py")
    )  # fmt: skip
    spent = dict.fromkeys([name for name, _ in GROUPS] + ["the rest"], 0.0)
    calls = dict.fromkeys(spent, 0.0)
    for (file, _, function), row in stats.items():
        where = f"{file} {function}"
        group = next(
            (name for name, marks in GROUPS if any(mark in where for mark in marks)),
            "the rest",
        )
        calls[group] += row[1] / requests
        spent[group] += row[2] / requests * 1e6
    total = sum(spent.values())
    print(f"{requests} requests, {cost.cpu:.0f} µs of CPU each under the profiler\n")
    print("| where | calls a request | share |\n|---|---|---|")
    for name, time_spent in spent.items():
        print(f"| {name} | {calls[name]:.1f} | {time_spent / total:.0%} |")


if __name__ == "__main__":
    sys.exit(main())
