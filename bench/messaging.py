"""What messages cost: QoS 0, QoS 1 and events, by connections and tenants.

CPU time is that of the service, from /proc; the load and the consumer are processes of
their own. Latency is from the message's creation to its arrival at the consumer.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import attrs

from edgeproxy.registry.store import RegistryStore
from tests.interop.service import ROOT, Service, environment

SECONDS = 3.0
CONNECTIONS, TENANTS = (1, 16, 64), (1, 10, 1000)
KINDS = {"QoS 0": "telemetry", "QoS 1": "telemetry", "event": "event"}

# Links that one consumer may have on one connection.
LINKS = 200

CONSUMER = """
import json, sys, time
from proton.handlers import MessagingHandler
from proton.reactor import Container
port, kind, tenants, links = sys.argv[1:]
tenants, links = int(tenants), int(links)
class Handler(MessagingHandler):
    def __init__(self):
        super().__init__(prefetch=200)
        self.attached, self.latencies = 0, []
    def on_start(self, event):
        for n in range(tenants):
            if n % links == 0:
                c = event.container.connect('amqp://127.0.0.1:' + port, reconnect=False)
            event.container.create_receiver(c, f'{kind}/t{n}')
    def on_link_opened(self, event):
        self.attached += 1
        if self.attached == tenants:
            print('ready', flush=True)
    def on_message(self, event):
        self.latencies.append(time.time() - event.message.creation_time)
    def on_disconnected(self, event):
        found = sorted(self.latencies)
        if found:
            marks = [found[len(found) * p // 100] for p in (50, 99)]
            print(json.dumps(marks), flush=True)
        self.latencies = []
Container(Handler()).run()
"""


@attrs.frozen
class Row:
    """Figures of one run: microseconds of CPU, answers a second, seconds of latency."""

    cpu: float
    rate: float
    refused: int
    p50: float
    p99: float


class Site:
    """A service with *tenants* tenants of one device each, and a consumer of all."""

    def __init__(self, folder: Path, kind: str, tenants: int) -> None:
        self.service = Service(folder, "hono.http.authentication_required=false")
        registry = RegistryStore(str(folder / "var" / "registry.sqlite"))
        with registry.transaction():
            for number in range(tenants):
                registry.put_tenant(f"t{number}", {"enabled": True})
                registry.put_device(f"t{number}", "d", {})
        registry.close()
        self.service.start()
        self.consumer = subprocess.Popen(
            [sys.executable, "-c", CONSUMER, str(self.service.amqp), kind]
            + [str(tenants), str(LINKS)],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.consumer.stdout is not None
        assert self.consumer.stdout.readline() == "ready\n"
        time.sleep(0.3)

    def cpu(self) -> float:
        """Return the seconds of CPU that the service has used."""
        assert self.service.process is not None
        stat = Path(f"/proc/{self.service.process.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> list[float]:
        """End both; return the consumer's latencies."""
        self.service.kill()
        assert self.consumer.stdout is not None
        line = self.consumer.stdout.readline()
        self.consumer.kill()
        self.consumer.wait()
        return list(json.loads(line)) if line else [0.0, 0.0]


async def _publish(
    port: int, request: Any, ends: float, statuses: dict[bytes, int]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < ends:
        writer.write(request())
        head = await reader.readuntil(b"\r\n\r\n")
        status = head[9:12]
        statuses[status] = statuses.get(status, 0) + 1
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if int(length or 0):
            await reader.readexactly(int(length))
    writer.close()


def measure(what: str, connections: int, tenants: int) -> Row:
    """Publish *what* for some seconds; return the figures."""
    kind = KINDS[what]
    with tempfile.TemporaryDirectory(prefix="edgeproxy-bench-") as folder:
        site = Site(Path(folder), kind, tenants)
        turn = 0
        qos = b"QoS-Level: 1\r\n" if what == "QoS 1" else b""

        def request() -> bytes:
            nonlocal turn
            turn += 1
            return (
                b"PUT /%s/t%d/d HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
                b'%sContent-Length: 11\r\n\r\n{"temp": 5}'
            ) % (kind.encode(), turn % tenants, qos)

        async def load(seconds: float) -> dict[bytes, int]:
            statuses: dict[bytes, int] = {}
            ends = time.monotonic() + seconds
            port = site.service.hono
            loads = (
                _publish(port, request, ends, statuses) for _ in range(connections)
            )
            await asyncio.gather(*loads)
            return statuses

        asyncio.run(load(0.5))
        before = site.cpu()
        statuses = asyncio.run(load(SECONDS))
        cpu, done = site.cpu() - before, sum(statuses.values())
        refused = done - statuses.get(b"202", 0)
        time.sleep(0.5)
        p50, p99 = site.stop()
    return Row(cpu / done * 1e6, done / SECONDS, refused, p50, p99)


def run() -> None:
    """Measure everything and print the table."""
    print("| | connections | tenants | CPU µs | a second | not 202 | p50 ms | p99 ms |")
    print("|---|---|---|---|---|---|---|---|")
    for what in KINDS:
        for tenants in TENANTS:
            for connections in CONNECTIONS:
                row = measure(what, connections, tenants)
                print(
                    f"| {what} | {connections} | {tenants:,} | {row.cpu:.0f} |"
                    f" {row.rate:,.0f} | {row.refused:,} | {row.p50 * 1000:.1f} |"
                    f" {row.p99 * 1000:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    run()
