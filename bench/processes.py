"""Contenders as processes: pinned to a core, their CPU time and memory read."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
TICKS = os.sysconf("SC_CLK_TCK")

# The contender has the first core for itself, everything else shares the second.
CONTENDER, LOAD = "0", "1"


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


_running: list[Process] = []


def stop_all() -> None:
    """End whatever still runs, the last one first."""
    while _running:
        _running[-1].stop()


class Process:
    """A program on *core*; *name* is that of its log in *folder*."""

    def __init__(
        self, name: str, arguments: Sequence[str], core: str, folder: Path
    ) -> None:
        self.started = time.monotonic()
        self._log = folder / f"{name}.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["taskset", "-c", core, *arguments],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )
        _running.append(self)

    @property
    def pids(self) -> list[int]:
        """The process and its children: nginx serves from a worker."""
        main = self._process.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text()
        return [main, *map(int, children.split())]

    def cpu(self) -> float:
        """Return the CPU seconds used so far, user and system."""
        used = 0
        for pid in self.pids:
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            used += int(stat[11]) + int(stat[12])
        return used / TICKS

    def memory(self, what: str = "VmRSS") -> float:
        """Return the resident memory in MiB; *what* ``VmHWM`` is the peak."""
        kibibytes = 0
        for pid in self.pids:
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith(f"{what}:"):
                    kibibytes += int(line.split()[1])
        return kibibytes / 1024

    def forget_peak(self) -> None:
        """Let the peak memory count from now."""
        for pid in self.pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def wait_for(self, port: int, seconds: float = 30.0) -> float:
        """Wait until *port* accepts connections; return the seconds since the start."""
        while time.monotonic() - self.started < seconds:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return time.monotonic() - self.started
            except OSError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.01)
        raise RuntimeError(f"did not start:\n{self._log.read_text()[-2000:]}")

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        if self in _running:
            _running.remove(self)
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def python(*arguments: str) -> list[str]:
    """Return the command of a Python program on the set that is measured."""
    return [sys.executable, *arguments]
