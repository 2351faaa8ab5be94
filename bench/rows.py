"""The rows of the table: each measures one promise of the design."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator

import attrs

from bench.contenders import EdgeProxy, Field, Nginx, Stock
from bench.load import Cost, basic, interleaved, median, post_script, spread, wrk
from bench.processes import CONTENDER, LOAD, ROOT, Process, python
from edgeproxy.registry.demo import fill_with_demo
from edgeproxy.registry.store import RegistryStore


@attrs.frozen
class Row:
    """One line of the table."""

    promise: str
    measured: str
    result: str
    floor: str


def cpus(costs: list[Cost]) -> list[float]:
    return [cost.cpu for cost in costs]


def ratio(others: list[Cost], ours: list[Cost]) -> float:
    """Return the median of the others' cost by ours, round by round."""
    return median([o.cpu / u.cpu for o, u in zip(others, ours, strict=True)])


def proxy_rows(field: Field, ours: EdgeProxy) -> Iterator[Row]:
    """/c8y against nginx and stock, and at other numbers of connections."""
    nginx = Nginx(field)
    ca = str(field.certs / "ca.pem")
    origin = f"https://127.0.0.1:{field.origin_port}"
    stock = Stock(field, "stock Site + treq", "proxy", origin, ca)
    contenders = (ours, nginx, stock)

    def measure(contender: EdgeProxy | Nginx | Stock, connections: int) -> Cost:
        url = f"{contender.url}/tenant/currentTenant"
        return wrk(contender.process, url, connections)

    u, n, s = interleaved([lambda c=c: measure(c, 16) for c in contenders])
    figures = ", ".join(
        f"{c.name} {spread(cpus(costs))}"
        for c, costs in zip(contenders, (u, n, s), strict=True)
    )
    yield Row(
        "/c8y, GET small JSON, 16 connections, against nginx",
        f"CPU µs/request: {figures}",
        f"{ratio(n, u):.2f} ×",
        "0.30 ×",
    )
    yield Row(
        "the same against stock Site + treq", "as above", f"{ratio(s, u):.1f} ×", "5 ×"
    )
    script = post_script(
        field.folder, "post", "x" * 1024, Content_Type="application/json"
    )
    p, pn = interleaved(
        [
            lambda c=c: wrk(c.process, f"{c.url}/measurement/measurements", 16, script)
            for c in (ours, nginx)
        ]
    )
    yield Row(
        "/c8y, POST 1 KiB, 16 connections, against nginx",
        f"CPU µs/request: edgeproxy {spread(cpus(p))}, nginx {spread(cpus(pn))}",
        f"{ratio(pn, p):.2f} ×",
        "-",
    )
    by_connections = interleaved(
        [lambda n=n: measure(ours, n) for n in (1, 10, 100, 1000)], rounds=3
    )
    rates = [median([c.rate for c in costs]) for costs in by_connections]
    yield Row(
        "1,000 connections against 10: throughput of /c8y",
        "requests/s at 1, 10, 100, 1,000 connections: "
        + ", ".join(f"{rate:.0f}" for rate in rates),
        f"{rates[3] / rates[1]:.2f} ×",
        "0.8 ×",
    )
    yield from _transfers(ours, nginx)
    nginx.process.stop()
    stock.process.stop()


def _transfers(ours: EdgeProxy, nginx: Nginx) -> Iterator[Row]:
    """1 GiB down and up."""
    down = ["-o", "/dev/null"]
    up = ["-o", "/dev/null", "-X", "POST", "-T", str(ours.folder.parent / "big")]
    for direction, path, options in (("down", "big", down), ("up", "upload", up)):
        speeds: dict[str, list[float]] = {ours.name: [], nginx.name: []}
        growth = 0.0
        for _ in range(3):
            for contender in (ours, nginx):
                contender.process.forget_peak()
                before = contender.process.memory()
                url = f"{contender.url}/{path}"
                started, used = time.monotonic(), contender.process.cpu()
                subprocess.run(
                    ["taskset", "-c", LOAD, "curl", "-sf", *options, url], check=True
                )
                used = contender.process.cpu() - used
                del started
                speeds[contender.name].append(1024 / used)
                if contender is ours:
                    growth = max(growth, contender.process.memory("VmHWM") - before)
        yield Row(
            f"1 GiB {direction}, against nginx",
            ", ".join(f"{n} {spread(v)}" for n, v in speeds.items()) + " MiB/CPU s",
            f"{median(speeds[ours.name]) / median(speeds[nginx.name]):.2f} ×",
            "0.5 ×",
        )
        yield Row(
            f"growth of peak RSS during 1 GiB {direction}",
            "VmHWM against RSS before",
            f"{growth:.1f} MiB",
            "16 MiB",
        )


def trivial_rows(field: Field) -> Iterator[Row]:
    """A trivial resource on both engines."""
    ours = Stock(field, "ours", "ours")
    stock = Stock(field, "stock", "trivial")
    script = post_script(
        field.folder, "trivial", "x" * 100, Content_Type="application/json"
    )
    for what, lua in (("GET", None), ("POST 100 B", script)):
        u, s = interleaved(
            [lambda c=c, lua=lua: wrk(c.process, c.url, 16, lua) for c in (ours, stock)]
        )
        yield Row(
            f"a trivial Resource, {what}, against stock Site",
            f"CPU µs/request: ours {spread(cpus(u))}, stock {spread(cpus(s))}",
            f"{ratio(s, u):.2f} ×",
            "3.5 ×",
        )
    stock.process.stop()
    ours.process.stop()


def hono_rows(field: Field, ours: EdgeProxy) -> Iterator[Row]:
    """Telemetry with QoS 1 and events, with a consumer that accepts everything."""
    command = python(
        "-m",
        "bench.consumer",
        f"amqp://127.0.0.1:{ours.amqp}",
        "telemetry/DEFAULT_TENANT",
        "event/DEFAULT_TENANT",
    )
    consumer = Process("consumer", command, LOAD, field.folder)
    log = field.folder / "consumer.log"
    while log.read_text().count("attached") < 2:
        time.sleep(0.1)
    login = {
        "Authorization": basic("sensor1@DEFAULT_TENANT", "hono-secret"),
        "Content_Type": "application/json",
    }
    body = '{"temp": 5}'
    qos1 = post_script(field.folder, "qos1", body, QoS_Level="1", **login)
    event = post_script(field.folder, "event", body, **login)
    base = f"http://127.0.0.1:{ours.hono}"
    t, e = interleaved(
        [
            lambda: wrk(ours.process, f"{base}/telemetry", 64, qos1),
            lambda: wrk(ours.process, f"{base}/event", 64, event),
        ]
    )
    yield Row(
        "/telemetry QoS 1, Basic, attached consumer, 64 connections",
        f"CPU µs/request: {spread(cpus(t))}",
        f"{median(cpus(t)):.0f} µs",
        "200 µs",
    )
    yield Row(
        "/event, on disk before 202, 64 connections, against QoS 1 telemetry",
        f"CPU µs/request: {spread(cpus(e))}; fsync {_fsync(ours):.2f} ms",
        f"{ratio(t, e):.2f} ×",
        "0.5 ×",
    )
    yield Row(
        "whole service RSS at 64 plain connections under load",
        "VmHWM after all of the above",
        f"{ours.process.memory('VmHWM'):.0f} MiB",
        "90 MiB",
    )
    consumer.stop()


def _fsync(ours: EdgeProxy) -> float:
    """Return the milliseconds of one fdatasync beside the event store."""
    with (ours.folder / "fsync").open("wb") as file:
        times = []
        for _ in range(50):
            file.write(b"x" * 512)
            file.flush()
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    return median(times) * 1000


def resting_rows(field: Field) -> Iterator[Row]:
    """Start, memory at rest, idle connections."""
    imports = []
    for _ in range(5):
        started = time.monotonic()
        command = [sys.executable, "-c", "import edgeproxy.service"]
        subprocess.run(
            ["taskset", "-c", CONTENDER, *command],
            check=True,
            cwd=field.folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        imports.append(time.monotonic() - started)
    starts, ours = [], EdgeProxy(field)
    for _ in range(5):
        starts.append(ours.start())
        time.sleep(1)
        idle = ours.process.memory()
        if len(starts) < 5:
            ours.process.stop()
    yield Row(
        "start to ready, against bare import time",
        f"{median(starts):.2f} s, imports {median(imports):.2f} s",
        f"{median(starts) / median(imports):.2f} ×",
        "3 ×",
    )
    yield Row("whole service RSS, idle", "VmRSS", f"{idle:.0f} MiB", "64 MiB")
    connections = [
        socket.create_connection(("127.0.0.1", ours.port)) for _ in range(5000)
    ]
    request = b"GET /c8y/x HTTP/1.1\r\nHost: a\r\nAuthorization: Basic x\r\n\r\n"
    for connection in connections[:20]:
        connection.sendall(request)
        connection.recv(4096)
    time.sleep(1)
    each = (ours.process.memory() - idle) * 1024 / len(connections)
    yield Row(
        "idle keep-alive connection, plain", "5,000 open", f"{each:.1f} KiB", "3 KiB"
    )
    for connection in connections:
        connection.close()
    yield _idle_tls(field, ours)
    ours.process.stop()


def _idle_tls(field: Field, ours: EdgeProxy) -> Row:
    """Connections to the Hono door that have said something once."""
    context = ssl.create_default_context(cafile=str(field.certs / "ca.pem"))
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    time.sleep(1)
    before = ours.process.memory()
    connections = []
    for _ in range(2000):
        plain = socket.create_connection(("127.0.0.1", ours.hono_tls))
        secure = context.wrap_socket(plain, server_hostname="localhost")
        secure.sendall(request)
        secure.recv(4096)
        connections.append(secure)
    time.sleep(1)
    each = (ours.process.memory() - before) * 1024 / len(connections)
    for secure in connections:
        secure.close()
    return Row(
        "idle keep-alive connection, TLS", "2,000 open", f"{each:.1f} KiB", "32 KiB"
    )


def all_rows(field: Field) -> Iterator[Row]:
    """Every row, in the order of the design's table."""
    ours = EdgeProxy(field)
    registry = RegistryStore(str(ours.folder / "registry.sqlite"))
    fill_with_demo(registry)
    registry.close()
    ours.start()
    yield from proxy_rows(field, ours)
    yield from trivial_rows(field)
    yield from hono_rows(field, ours)
    ours.process.stop()
    yield from resting_rows(field)
