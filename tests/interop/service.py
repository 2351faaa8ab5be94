"""A running edgeproxy: the real process on ports of its own."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Not the twistd script: which one is on the PATH belongs to another set of packages.
TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]
CTL = [sys.executable, "-m", "edgeproxy.ctl.main"]

# Seconds until it must be ready; it takes less than one on an idle machine.
START = 30


# Below those that the kernel gives to outgoing connections: one of them could take a
# port between our looking and the service's listening. Each process has its own, as
# trial's workers start services at the same time.
_LOWEST, _EACH, _SHARES = 10_000, 200, 110
_ports = itertools.cycle(range(_EACH))


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on."""
    found: list[int] = []
    for offset in _ports:
        port = _LOWEST + os.getpid() % _SHARES * _EACH + offset
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            break
    return found


def environment() -> dict[str, str]:
    """Return the environment for a process of ours."""
    foreign = ("EDGEPROXY_", "TEDGE_", "HONO_")
    kept = {n: v for n, v in os.environ.items() if not n.startswith(foreign)}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def wait_for(text: str, log: Callable[[], str], seconds: float = 10) -> None:
    """Return once *text* is in what *log* returns."""
    deadline = time.monotonic() + seconds
    while text not in log():
        assert time.monotonic() < deadline, log()
        time.sleep(0.05)


class Service:
    """``twistd edgeproxy --sandbox`` in the folder *folder*, with more *settings*."""

    def __init__(self, folder: Path, *settings: str, sandbox: bool = True) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        ports = free_ports(7)
        self.c8y, self.hono, self.amqp, self.ops, self.cloud, self.mqtt = ports[:6]
        self.management = ports[6]
        self.settings = [
            f"c8y.proxy.bind.port={self.c8y}",
            f"hono.http.insecure_port={self.hono}",
            f"hono.messaging.embedded.port={self.amqp}",
            f"hono.registry.http.port={self.management}",
            f"ops.port={self.ops}",
            f"sandbox.port={self.cloud}",
            f"sandbox.mqtt_port={self.mqtt}",
            *settings,
        ]
        self.config = folder / "edgeproxy.toml"
        self.config.touch()
        self._mode = ["--sandbox"] if sandbox else []
        # What to run it under, such as strace, and variables for it.
        self.wrapper: list[str] = []
        self.variables: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None

    def arguments(self) -> list[str]:
        """Return the options that the service and ``edgeproxyctl`` share."""
        options = ["--config", self.config.name, *self._mode]
        for setting in self.settings:
            options += ["--set", setting]
        return options

    def start(self) -> None:
        """Start, and return once everything is ready."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, *TWISTD, "--nodaemon", "--pidfile=", "edgeproxy"]
                + self.arguments(),
                cwd=self.folder,
                env=environment() | self.variables,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START
        while not self.ready():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def ready(self) -> bool:
        """Ask whether it is ready."""
        connection = HTTPConnection("127.0.0.1", self.ops, timeout=5)
        try:
            connection.request("GET", "/readiness")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it with a signal; return its exit status."""
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(timeout=30)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self.stop(signal.SIGKILL)

    def log(self) -> str:
        """Return what it has logged."""
        return (self.folder / "log").read_text(errors="replace")

    def ctl(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run ``edgeproxyctl`` for this service."""
        return subprocess.run(
            [*CTL, *self.arguments(), *command],
            cwd=self.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
