"""A service under load: publishers in threads, a consumer in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import defaultdict
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import attrs

from edgeproxy.registry.demo import TENANT, fill_with_demo
from edgeproxy.registry.store import RegistryStore
from tests.interop.service import ROOT, Service, environment

ADDRESS = f"event/{TENANT}"


@attrs.frozen
class Verdict:
    """What became of the events: every number should be 0 but the first three."""

    accepted: int
    delivered: int
    twice: int
    lost: int
    out_of_order: int


class Publisher(threading.Thread):
    """Publishes numbered events of *device*, one after the other, whatever happens."""

    def __init__(self, port: int, device: str, size: int = 0, pause: float = 0) -> None:
        super().__init__(daemon=True)
        self._port, self._path = port, f"/event/{TENANT}/{device}"
        self._device, self._size, self._pause = device, size, pause
        self.accepted: list[str] = []
        self.statuses: dict[int, int] = defaultdict(int)
        self.ended = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.ended.is_set():
            connection = HTTPConnection("127.0.0.1", self._port, timeout=20)
            try:
                while not self.ended.is_set():
                    self.publish(connection, f"{self._device}-{number}")
                    number += 1
                    if self._pause:
                        self.ended.wait(self._pause)
            except (OSError, HTTPException):
                number += 1  # what became of that one is not known
                time.sleep(0.02)
            finally:
                connection.close()

    def publish(self, connection: HTTPConnection, body: str) -> int:
        """Publish *body*, padded; return the status."""
        headers = {"Content-Type": "text/plain"}
        connection.request("PUT", self._path, body.ljust(self._size), headers)
        answer = connection.getresponse()
        answer.read()
        self.statuses[answer.status] += 1
        if answer.status == 202:
            self.accepted.append(body)
        return answer.status

    def end(self) -> None:
        """Publish no more; return when it is so."""
        self.ended.set()
        self.join(30)


class Site:
    """A service with *devices* devices in *folder*; anybody may publish for them."""

    def __init__(self, folder: Path, *settings: str, devices: int = 6) -> None:
        self.service = Service(folder, "hono.http.authentication_required=false")
        self.service.settings += settings
        registry = RegistryStore(str(folder / "var" / "registry.sqlite"))
        fill_with_demo(registry)
        self.devices = [f"d{number}" for number in range(devices)]
        with registry.transaction():
            for device in self.devices:
                registry.put_device(TENANT, device, {})
        registry.close()
        self._output = folder / "delivered"
        self._output.touch()
        self._consumer: subprocess.Popen[bytes] | None = None

    def start_consumer(self) -> None:
        """Start the consumer; it comes back when the service has been away."""
        with self._output.open("ab") as output:
            self._consumer = subprocess.Popen(
                [sys.executable, "-m", "tests.soak.consumer"]
                + [str(self.service.amqp), ADDRESS],
                cwd=ROOT,
                env=environment(),
                stdout=output,
            )

    def kill_consumer(self) -> None:
        """End the consumer as a power cut would."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.kill()
            consumer.wait()

    def stop(self) -> None:
        """End everything."""
        self.kill_consumer()
        self.service.kill()

    def status(self) -> Any:
        """Return what the service says of its messages."""
        connection = HTTPConnection("127.0.0.1", self.service.ops, timeout=20)
        try:
            connection.request("GET", "/status")
            return json.load(connection.getresponse())["messaging"]
        finally:
            connection.close()

    def wait_until_drained(self, seconds: float = 60.0) -> None:
        """Return when no event waits any more."""
        deadline = time.monotonic() + seconds
        while self.status()["waiting"]:
            assert time.monotonic() < deadline, f"not drained: {self.status()}"
            time.sleep(0.05)

    def delivered(self) -> list[str]:
        """Return what the consumer was given, in this order."""
        return self._output.read_text().split()

    def judge(self, publishers: list[Publisher]) -> Verdict:
        """Compare what was answered 202 with what was delivered."""
        accepted = {body for each in publishers for body in each.accepted}
        delivered = self.delivered()
        first_seen = list(dict.fromkeys(delivered))
        newest: dict[str, int] = {}
        out_of_order = 0
        for body in first_seen:
            device, _, number = body.rpartition("-")
            out_of_order += int(number) < newest.get(device, -1)
            newest[device] = max(int(number), newest.get(device, -1))
        return Verdict(
            accepted=len(accepted),
            delivered=len(first_seen),
            twice=len(delivered) - len(first_seen),
            lost=len(accepted - set(delivered)),
            out_of_order=out_of_order,
        )
