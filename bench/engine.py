"""CPU time per request: a trivial resource on stock's site and on ours.

    python3 bench/engine.py [rounds] [seconds]

Each server is a process of its own under wrk with 16 connections; rounds interleave,
CPU time is the server's own (user and system). Both write an access log.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from typing import Any


def serve(kind: str) -> None:
    """Serve until killed, and say on which port."""
    from twisted.internet import reactor  # noqa: TID251 - a program
    from twisted.web.resource import Resource
    from twisted.web.server import Site as Stock

    from edgeproxy.http.server import Site

    class Trivial(Resource):
        isLeaf = True

        def render_GET(self, request: Any) -> bytes:
            request.setHeader(b"content-type", b"application/json")
            return b'{"answer": 42}'

        def render_POST(self, request: Any) -> bytes:
            request.content.read()
            request.setResponseCode(202)
            return b""

    lines: list[str] = []
    log = open(os.devnull, "w")  # noqa: PTH123, SIM115

    def access(request: Any) -> None:
        lines.append(
            f'{request.getClientAddress().host} "{request.method.decode()} '
            f'{request.uri.decode()}" {request.code} {request.sentLength}'
        )
        if len(lines) >= 100:
            log.write("\n".join(lines))
            lines.clear()

    site: Any
    if kind == "stock":
        site = Stock(Trivial(), logPath=f"{tempfile.mkdtemp()}/access.log")
    else:
        site = Site(Trivial(), reactor=reactor, access_log=access)
    port = reactor.listenTCP(0, site, interface="127.0.0.1")
    print(port.getHost().port, flush=True)
    if "profile" in sys.argv:
        import cProfile
        import pstats

        profile = cProfile.Profile()
        reactor.callLater(6, reactor.stop)
        profile.runcall(reactor.run)
        pstats.Stats(profile).sort_stats("tottime").print_stats(40)
    else:
        reactor.run()


def cpu(pid: int) -> float:
    """Return the CPU seconds that process *pid* has used."""
    with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(port: int, seconds: float, post: bool) -> int:
    """Load the server on *port* and return how many requests it answered."""
    script = []
    if post:
        path = f"{tempfile.mkdtemp()}/post.lua"
        with open(path, "w") as lua:  # noqa: PTH123
            lua.write('wrk.method="POST" wrk.body=string.rep("x",100)\n')
            lua.write('wrk.headers["Content-Type"]="application/json"\n')
        script = ["-s", path]
    out = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{seconds:g}s", *script, f"http://127.0.0.1:{port}/a/b"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return next(int(w.split()[0]) for w in out.splitlines() if "requests in" in w)


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 2
    servers = {}
    for kind in ("stock", "ours"):
        process = subprocess.Popen(
            [sys.executable, __file__, "serve", kind], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        servers[kind] = (process, int(process.stdout.readline()))
    try:
        for post in (False, True):
            costs: dict[str, list[float]] = {kind: [] for kind in servers}
            for _ in range(rounds):
                for kind, (process, port) in servers.items():
                    before = cpu(process.pid)
                    answered = load(port, seconds, post)
                    costs[kind].append((cpu(process.pid) - before) / answered * 1e6)
            median = {kind: statistics.median(cost) for kind, cost in costs.items()}
            row = {kind: round(cost, 1) for kind, cost in median.items()}
            print("POST" if post else "GET ", json.dumps(row),
                  f"ratio {median['stock'] / median['ours']:.2f}")  # fmt: skip
    finally:
        for process, _ in servers.values():
            process.kill()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2])
    else:
        main()
