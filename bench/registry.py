"""What an import costs telemetry: ``python3 -m bench.registry [DEVICES]``.

Devices of one tenant publish while others are imported into another one. The service
has one core for itself; load, consumer and ``edgeproxyctl`` share the other. The import
is halted every other window, and each is compared with the next.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.load import basic, post_script
from bench.processes import CONTENDER, LOAD
from tests.interop.service import CTL, ROOT, Service, environment

CONNECTIONS = 64
WINDOW = 3  # seconds of load that one rate is taken from


def devices(count: int) -> Iterator[str]:
    """Yield *count* devices with ready hashes, as an import reads them."""
    for number in range(count):
        salt = b"%08d" % number
        digest = hashlib.sha256(salt + b"secret").digest()
        secret = {
            "hash-function": "sha-256",
            "salt": base64.b64encode(salt).decode(),
            "pwd-hash": base64.b64encode(digest).decode(),
        }
        credentials = {
            "type": "hashed-password",
            "auth-id": f"sensor-{number:06}",
            "secrets": [secret],
        }
        yield json.dumps(
            {
                "id": f"device-{number:06}",
                "defaults": {"importance": "high"},
                "ext": {"site": f"north-{number % 97}"},
                "credentials": [credentials],
            }
        )


class Telemetry:
    """Publishes at the service as fast as it takes that."""

    def __init__(self, service: Service, folder: Path) -> None:
        self._url = f"http://127.0.0.1:{service.hono}/telemetry"
        self._script = post_script(
            folder,
            "telemetry",
            '{"temp": 5}',
            Content_Type="application/json",
            QoS_Level="1",
            Authorization=basic("sensor1@DEFAULT_TENANT", "hono-secret"),
        )
        self._consumer = subprocess.Popen(
            ["taskset", "-c", LOAD, sys.executable, "-m", "bench.consumer"]
            + [f"amqp://127.0.0.1:{service.amqp}", "telemetry/DEFAULT_TENANT"],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._consumer.stdout is not None
        assert self._consumer.stdout.readline() == "attached\n"

    def rate(self) -> float:
        """Return the messages a second that were accepted in one window."""
        printed = subprocess.run(
            ["taskset", "-c", LOAD, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{WINDOW}s"]
            + ["-s", str(self._script), self._url],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        # What the consumer is too slow for is 503, and does not count.
        refused = re.search(r"Non-2xx or 3xx responses: (\d+)", printed)
        rate = float(printed.partition("Requests/sec:")[2].split()[0])
        return rate - (int(refused[1]) if refused else 0) / WINDOW

    def stop(self) -> None:
        """End the consumer."""
        self._consumer.kill()
        self._consumer.wait()


class Import:
    """``edgeproxyctl devices import``, which can be halted; *took* is in seconds."""

    def __init__(self, service: Service, source: Path) -> None:
        self.took = 0.0
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            ["taskset", "-c", LOAD, *CTL, *service.arguments()]
            + ["devices", "import", "--tenant", "IMPORTED", str(source)],
            cwd=service.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )

    def halt(self) -> bool:
        """Halt it; return False if it had ended before."""
        if self._process.poll() is not None:
            return False
        self._process.send_signal(signal.SIGSTOP)
        self.took += time.monotonic() - self._started
        return True

    def go_on(self) -> None:
        """Go on after a halt."""
        self._started = time.monotonic()
        self._process.send_signal(signal.SIGCONT)

    def told(self) -> str:
        """Return what it has said in the end."""
        return self._process.communicate()[0].strip()


def run(count: int) -> None:
    """Measure, and print the figures."""
    with tempfile.TemporaryDirectory(prefix="edgeproxy-bench-") as name:
        folder = Path(name)
        source, target = folder / "in.jsonl", folder / "out.jsonl"
        with source.open("w") as file:
            file.writelines(f"{line}\n" for line in devices(count))
        service = Service(folder / "service")
        service.wrapper = ["taskset", "-c", CONTENDER]
        service.start()
        telemetry = Telemetry(service, folder)
        try:
            _measure(service, telemetry, source, target)
        finally:
            telemetry.stop()
            service.stop()


def _measure(
    service: Service, telemetry: Telemetry, source: Path, target: Path
) -> None:
    made = service.ctl("tenants", "create", "IMPORTED")
    assert made.returncode == 0, made.stderr
    telemetry.rate()  # warms up
    usual, during = [], []
    importing = Import(service, source)
    while True:
        rate = telemetry.rate()
        if not importing.halt():
            break  # this window was partly without it
        during.append(rate)
        time.sleep(0.5)  # what it had sent is written
        usual.append(telemetry.rate())
        importing.go_on()
    told = importing.told()
    took = importing.took + WINDOW / 2
    backup = ("devices", "export", "--secrets", "--tenant", "IMPORTED", str(target))
    exported = service.ctl(*backup)
    assert exported.returncode == 0, exported.stderr
    same = _records(source) == _records(target)
    shares = [one / other for one, other in zip(during, usual, strict=True)]
    share = statistics.median(shares)
    print(f"{told} In {took:.0f} s; export equals import: {same}.")
    rates = [statistics.median(rates) for rates in (usual, during)]
    print(
        f"Telemetry, {CONNECTIONS} connections: {rates[0]:,.0f} messages a second"
        f" usually, {rates[1]:,.0f} during the import; median of {len(shares)} pairs:"
        f" {share:.2f} of it."
    )


def _records(path: Path) -> list[object]:
    return sorted((json.loads(line) for line in path.open()), key=lambda d: d["id"])


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
