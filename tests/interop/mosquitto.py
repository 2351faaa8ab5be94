"""A private mosquitto on a free loopback port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.interop import need
from tests.interop.service import free_ports

# Seconds.
START_TIMEOUT = 10.0
STOP_TIMEOUT = 5.0


def bridge(
    port: int, ca: Path, cert: Path, key: Path, client_id: str, prefix: str = "c8y"
) -> list[str]:
    """Return the configuration of a bridge to a cloud's MQTT endpoint on *port*."""
    return [
        "connection cloud",
        f"address 127.0.0.1:{port}",
        f"remote_clientid {client_id}",
        f"bridge_cafile {ca.resolve()}",
        f"bridge_certfile {cert.resolve()}",
        f"bridge_keyfile {key.resolve()}",
        "bridge_protocol_version mqttv311",
        "try_private false",
        "cleansession true",
        "notifications false",
        "start_type automatic",
        "restart_timeout 1",
        f'topic s/uat out 0 {prefix}/ ""',
        f'topic s/dat in 0 {prefix}/ ""',
        f'topic s/us out 1 {prefix}/ ""',
    ]


class Mosquitto:
    """A broker with its files in *directory*; *extra* are lines of configuration.

    *anonymous* is whether it takes clients without a login.
    """

    def __init__(
        self, directory: Path, extra: Sequence[str] = (), anonymous: bool = True
    ) -> None:
        (self.port,) = free_ports(1)
        self._program = need("mosquitto")
        self._log = directory / "mosquitto.log"
        self._config = directory / "mosquitto.conf"
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        lines = [
            "persistence false",
            # Without it each round trip costs 44 ms (Nagle against delayed ACK).
            "set_tcp_nodelay true",
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {'true' if anonymous else 'false'}",
            *extra,
        ]
        if os.geteuid() == 0:
            # As anybody else it could not read the bridge's key.
            lines.insert(0, "user root")
        self._config.write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        """Start it, and return once it accepts connections."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-c", str(self._config), "-v"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        self.stop()
        raise AssertionError(f"mosquitto does not start:\n{self._log.read_text()}")

    def stop(self) -> None:
        """Stop it, and return once it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
