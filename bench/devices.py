"""What devices cost: a large registry, logins, open TLS connections, and waiting.

``python -m bench.devices [registry|logins|tls|waiting]``. CPU time and memory are the
service's, from /proc; the load and the applications are processes of their own.
"""

from __future__ import annotations

import asyncio
import base64
import os
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import bcrypt

from edgeproxy.registry.store import RegistryStore
from tests.fakes.authority import SERVER, Authority
from tests.hono.door import password
from tests.interop.service import ROOT, Service, environment, free_ports

SECONDS = 4.0
CONNECTIONS = 64
MANY = 100_000
OPEN = 10_000

TENANT = "T"


class Site:
    """A service whose registry is filled by *fill*, with a consumer of telemetry."""

    def __init__(
        self, folder: Path, fill: Callable[[RegistryStore], None], *settings: str
    ) -> None:
        self.service = Service(folder, *settings)
        registry = RegistryStore(str(folder / "var" / "registry.sqlite"))
        with registry.transaction():
            fill(registry)
        registry.close()
        self.service.start()
        address = f"telemetry/{TENANT}"
        self._consumer = subprocess.Popen(
            [sys.executable, "-m", "bench.consumer"]
            + [f"amqp://127.0.0.1:{self.service.amqp}", address],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._consumer.stdout is not None
        assert self._consumer.stdout.readline() == "attached\n"

    def cpu(self) -> float:
        """Return the seconds of CPU that the service has used."""
        user, system = self._stat("stat").rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def rss(self) -> float:
        """Return the service's resident memory in KiB."""
        (line,) = (e for e in self._stat("status").splitlines() if "VmRSS" in e)
        return float(line.split()[1])

    def _stat(self, name: str) -> str:
        assert self.service.process is not None
        return Path(f"/proc/{self.service.process.pid}/{name}").read_text()

    def stop(self) -> None:
        """End everything."""
        self.service.kill()
        self._consumer.kill()
        self._consumer.wait()


@contextmanager
def site(fill: Callable[[RegistryStore], None], *settings: str) -> Iterator[Site]:
    """Run a `Site` in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="edgeproxy-bench-") as folder:
        made = Site(Path(folder), fill, *settings)
        try:
            yield made
        finally:
            made.stop()


def request(device: str) -> bytes:
    """Return a request of *device*, which logs in."""
    login = base64.b64encode(f"{device}@{TENANT}:right".encode())
    return (
        b"POST /telemetry HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
        b"Authorization: Basic %s\r\nQoS-Level: 1\r\nContent-Length: 5\r\n\r\nhello"
    ) % login


async def publish(port: int, requests: Iterator[bytes], ends: float) -> int:
    """Send *requests* one after the other until *ends*; return how many were taken."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    done = 0
    for each in requests:
        writer.write(each)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head[9:12] == b"202", head
        done += 1
        if time.monotonic() > ends:
            break
    writer.close()
    return done


def load(made: Site, requests: Iterator[bytes], seconds: float) -> tuple[float, float]:
    """Publish from all connections; return CPU µs a request, and requests a second."""

    async def run() -> int:
        ends = time.monotonic() + seconds
        port = made.service.hono
        loads = (publish(port, requests, ends) for _ in range(CONNECTIONS))
        return sum(await asyncio.gather(*loads))

    cpu, started = made.cpu(), time.monotonic()
    done = asyncio.run(run())
    return (made.cpu() - cpu) / done * 1e6, done / (time.monotonic() - started)


def in_order(count: int) -> Iterator[bytes]:
    """Yield a request of each of *count* devices.

    They are made on the spot: a load that reads through a large memory of its own would
    take the processor's cache away from the service.
    """
    return (request(f"d{number}") for number in range(count))


def for_ever(count: int) -> Iterator[bytes]:
    """Yield requests of *count* devices in turns; shared by all connections."""
    return chain.from_iterable(in_order(count) for _ in repeat(None))


def devices(count: int, secret: Any = None) -> Callable[[RegistryStore], None]:
    """Return what fills a registry with *count* devices."""

    def fill(registry: RegistryStore) -> None:
        registry.put_tenant(TENANT, {})
        for number in range(count):
            device = f"d{number}"
            registry.put_device(TENANT, device, {})
            credentials = password(device)
            if secret is not None:
                credentials["secrets"] = [secret]
            registry.put_credentials(TENANT, device, credentials)

    return fill


def in_turns(
    sites: dict[str, tuple[Site, int]], rounds: int = 7
) -> dict[str, tuple[float, float]]:
    """Load *sites*, with so many devices each, in turns.

    Returns the medians of CPU µs a request, and of requests a second.
    """
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in sites}
    endless = {name: for_ever(count) for name, (_, count) in sites.items()}
    for _ in range(rounds):
        for name, (made, _) in sites.items():
            found[name].append(load(made, endless[name], SECONDS / 2))
    return {
        name: (
            statistics.median(cpu for cpu, _ in rows),
            statistics.median(rate for _, rate in rows),
        )
        for name, rows in found.items()
    }


def registry() -> None:
    """Print what the size of the registry costs."""
    print("| devices | CPU µs a request | a second | RSS MiB |\n|---|---|---|---|")
    with site(devices(10)) as small, site(devices(MANY)) as large:
        load(small, in_order(10), 1000)
        cpu, rate = load(large, in_order(MANY), 1000)
        print(
            f"| {MANY:,}, the first request of each | {cpu:.0f} | {rate:,.0f} |", end=""
        )
        print(f" {large.rss() / 1024:.0f} |", flush=True)
        rows = in_turns({"10": (small, 10), f"{MANY:,}": (large, MANY)})
        for (name, (cpu, rate)), made in zip(rows.items(), (small, large), strict=True):
            print(f"| {name} | {cpu:.0f} | {rate:,.0f} | {made.rss() / 1024:.0f} |")


def logins() -> None:
    """Print what passwords cost after the first request, by hash function."""
    print("| passwords | CPU µs a request | a second |\n|---|---|---|")
    hashed = bcrypt.hashpw(b"right", bcrypt.gensalt(10)).decode()
    secret = {"hash-function": "bcrypt", "pwd-hash": hashed}
    with site(devices(50)) as sha, site(devices(50, secret)) as slow:
        sites = {"sha-256": (sha, 50), "bcrypt(10)": (slow, 50)}
        for made, _ in sites.values():
            load(made, in_order(50), 1000)
        for name, (cpu, rate) in in_turns(sites).items():
            print(f"| {name} | {cpu:.0f} | {rate:,.0f} |", flush=True)


def tls() -> None:
    """Print what open TLS connections with client certificates take."""
    root = Authority()
    (port,) = free_ports(1)

    def fill(registry: RegistryStore) -> None:
        registry.put_tenant(TENANT, {"trusted-ca": [root.as_anchor()]})
        registry.put_device(TENANT, "d", {})
        data = {"type": "x509-cert", "auth-id": "CN=d,O=ACME", "secrets": [{}]}
        registry.put_credentials(TENANT, "d", data)

    with tempfile.TemporaryDirectory(prefix="edgeproxy-bench-") as folder:
        server = Authority().issue("x", usage=[SERVER]).write(Path(folder) / "server")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(root.issue("d").write(Path(folder) / "client"))
        settings = (f"hono.http.port={port}", "hono.http.idle_timeout=0")
        files = (f"hono.http.cert_path={server}", f"hono.http.key_path={server}")
        with site(fill, *settings, *files) as made:
            asyncio.run(_hold(made, port, context))


async def _hold(made: Site, port: int, context: ssl.SSLContext) -> None:
    ask = (
        b"POST /telemetry HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
        b"QoS-Level: 1\r\nContent-Length: 5\r\n\r\nhello"
    )

    async def once(reader: Any, writer: Any) -> None:
        writer.write(ask)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head[9:12] == b"202", head

    async def connect() -> tuple[Any, Any]:
        pair = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        await once(*pair)
        return pair

    held = [await connect() for _ in range(100)]
    before, cpu = made.rss(), made.cpu()
    while len(held) < OPEN:
        held += await asyncio.gather(*(connect() for _ in range(50)))
    opened = (made.cpu() - cpu) / (OPEN - 100) * 1e3
    memory = (made.rss() - before) / (OPEN - 100)
    cpu = made.cpu()
    for pair in held:
        await once(*pair)
    each = (made.cpu() - cpu) / OPEN * 1e6
    print("| open TLS connections | KiB each | CPU ms to open | CPU µs a request |")
    print("|---|---|---|---|")
    print(f"| {OPEN:,} | {memory:.1f} | {opened:.2f} | {each:.0f} |", flush=True)


APPLICATION = """
import sys, time
from proton import Message
from proton.handlers import MessagingHandler
from proton.reactor import Container
url, tenant, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
class Handler(MessagingHandler):
    next, accepted, other = 0, 0, 0
    def on_start(self, event):
        self.sender = event.container.create_sender(url + '/command/' + tenant)
    def on_sendable(self, event):
        while self.next < count and event.sender.credit:
            message = Message(subject='go', body=b'x', inferred=True)
            message.address = f'command/{tenant}/d{self.next}'
            event.sender.send(message)
            self.next += 1
    def on_accepted(self, event):
        self.accepted += 1
        self.done(event)
    def on_released(self, event):
        self.other += 1
        self.done(event)
    on_rejected = on_released
    def done(self, event):
        if self.accepted + self.other == count:
            print(self.accepted, flush=True)
            event.connection.close()
Container(Handler()).run()
"""


def waiting() -> None:
    """Print what devices cost that wait for a command, and how fast they get one."""

    def fill(registry: RegistryStore) -> None:
        adapter = {"type": "hono-http", "enabled": True, "ext": {"max-ttd": 300}}
        registry.put_tenant(TENANT, {"adapters": [adapter]})
        for number in range(OPEN):
            registry.put_device(TENANT, f"d{number}", {})

    none = ("hono.http.authentication_required=false", "hono.http.idle_timeout=0")
    with site(fill, *none) as made:
        asyncio.run(_wait(made))


async def _wait(made: Site) -> None:
    async def connect(number: int) -> tuple[Any, Any]:
        pair = await asyncio.open_connection("127.0.0.1", made.service.hono)
        await asyncio.sleep(0)
        return pair

    def ask(number: int, ttd: bytes) -> bytes:
        return (
            b"PUT /event/%s/d%d HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
            b"%sContent-Length: 5\r\n\r\nhello"
        ) % (TENANT.encode(), number, ttd)

    held = []
    while len(held) < OPEN:
        first = len(held)
        held += await asyncio.gather(*(connect(first + n) for n in range(100)))
    for number, (reader, writer) in enumerate(held):
        writer.write(ask(number, b""))
        assert (await reader.readuntil(b"\r\n\r\n"))[9:12] == b"202"
    await asyncio.sleep(2)
    before, cpu, started = made.rss(), made.cpu(), time.monotonic()
    for number, (_, writer) in enumerate(held):
        writer.write(ask(number, b"hono-ttd: 300\r\n"))
    await asyncio.sleep(10)
    memory = (made.rss() - before) / OPEN
    joined = (made.cpu() - cpu) / OPEN * 1e6
    cpu, seconds = made.cpu(), time.monotonic()
    await asyncio.sleep(10)
    idle = (made.cpu() - cpu) / (time.monotonic() - seconds) / OPEN * 1e9
    cpu, started = made.cpu(), time.monotonic()
    application = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        APPLICATION,
        f"amqp://127.0.0.1:{made.service.amqp}",
        TENANT,
        str(OPEN),
        stdout=subprocess.PIPE,
    )

    async def answer(reader: Any) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        return head[9:12] == b"200" and await reader.readexactly(1) == b"x"

    got = sum(await asyncio.gather(*(answer(reader) for reader, _ in held)))
    took = time.monotonic() - started
    given = (made.cpu() - cpu) / OPEN * 1e6
    assert application.stdout is not None
    accepted = int(await application.stdout.readline())
    await application.wait()
    print(
        "| waiting | KiB each | CPU µs to join | CPU ns/s each while waiting |", end=""
    )
    print(" CPU µs a command | commands delivered | accepted | in seconds |")
    print("|---|---|---|---|---|---|---|---|")
    print(
        f"| {OPEN:,} | {memory:.1f} | {joined:.0f} | {idle:.0f} | {given:.0f} |"
        f" {got:,} | {accepted:,} | {took:.1f} |",
        flush=True,
    )


def main() -> None:
    """Measure what is asked for, or everything."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    parts = {f.__name__: f for f in (registry, logins, tls, waiting)}
    for name in sys.argv[1:] or parts:
        parts[name]()
        print()


if __name__ == "__main__":
    main()
