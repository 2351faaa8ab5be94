"""What is not there: a broker, an upstream, the right certificate."""

from __future__ import annotations

import signal
import subprocess
import time
from http.client import HTTPConnection
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.interop import need
from tests.interop.mosquitto import Mosquitto
from tests.interop.service import Service, free_ports, wait_for


class OutageTests(SynchronousTestCase):
    def start(self, *settings: str) -> Service:
        service = Service(Path(self.mktemp()), *settings)
        self.addCleanup(service.kill)
        # Not ready without a token, but started: liveness is all there is to wait for.
        self.patch(service, "ready", lambda: "ops.port: listening" in service.log())
        service.start()
        return service

    def ask(self, service: Service) -> tuple[int, str | None, bytes]:
        connection = HTTPConnection("127.0.0.1", service.c8y, timeout=20)
        self.addCleanup(connection.close)
        connection.request("GET", "/c8y/tenant/currentTenant")
        answer = connection.getresponse()
        return answer.status, answer.getheader("content-type"), answer.read()

    def is_bad_gateway(self, service: Service) -> None:
        self.assertEqual(
            self.ask(service),
            (502, "text/plain; charset=utf-8", b"Error communicating with Cumulocity"),
        )

    def test_a_broker_that_is_down_is_a_bad_gateway_in_bounded_time(self) -> None:
        (port,) = free_ports(1)
        service = self.start("c8y.token.source=bridge", f"mqtt.client.port={port}")
        started = time.monotonic()
        self.is_bad_gateway(service)
        self.assertLess(time.monotonic() - started, 7)
        status = service.ctl("status")
        self.assertEqual(status.returncode, 1)
        self.assertIn("no MQTT connection", status.stdout)

    def test_a_new_password_for_the_broker_counts_after_a_sighup(self) -> None:
        need("mosquitto")
        folder = Path(self.mktemp()).absolute()
        users, ours = folder / "users", folder / "password"

        def say(password: str) -> None:
            users.write_text(f"edge:{password}\n")
            subprocess.run(["mosquitto_passwd", "-U", str(users)], check=True)
            users.chmod(0o644)
            ours.write_text(f"{password}\n")
            ours.chmod(0o600)

        broker = Mosquitto(folder, [f"password_file {users}"], anonymous=False)
        say("old")
        broker.start()
        self.addCleanup(broker.stop)
        service = self.start(
            "c8y.token.source=bridge",
            f"mqtt.client.port={broker.port}",
            "mqtt.client.auth.username=edge",
            f"mqtt.client.auth.password_file={ours}",
        )
        wait_for("connected", service.log)
        say("new")
        assert service.process is not None
        service.process.send_signal(signal.SIGHUP)
        wait_for("reloaded login at the MQTT broker", service.log)
        broker.stop()
        before = len(service.log())
        broker.start()
        wait_for("connected", lambda: service.log()[before:])
        self.assertNotIn("refused: CONNACK", service.log())

    def test_a_certificate_for_another_host_is_a_bad_gateway(self) -> None:
        # The sandbox's certificate is for 127.0.0.1; this address reaches it too.
        service = Service(Path(self.mktemp()))
        other = f"127.0.0.2:{service.cloud}"
        service.settings += [
            "sandbox.bind_address=0.0.0.0",
            f"c8y.http={other}",
            f"c8y.mqtt=127.0.0.1:{service.mqtt}",
            "c8y.token.source=mqtt",
            "c8y.root_cert_path=var/sandbox/ca.pem",
            "device.cert_path=var/sandbox/device.pem",
            "device.key_path=var/sandbox/device.key",
        ]
        self.addCleanup(service.kill)
        service.start()
        self.is_bad_gateway(service)
        self.assertRegex(
            service.log(), r"GET /c8y/tenant/currentTenant \(\w+-1\) not forwarded"
        )

    def test_an_upstream_that_is_not_there_is_a_bad_gateway(self) -> None:
        service = Service(Path(self.mktemp()))
        (port,) = free_ports(1)
        service.settings += [
            f"c8y.http=127.0.0.1:{port}",
            f"c8y.mqtt=127.0.0.1:{service.mqtt}",
            "c8y.token.source=mqtt",
            "c8y.root_cert_path=var/sandbox/ca.pem",
            "device.cert_path=var/sandbox/device.pem",
            "device.key_path=var/sandbox/device.key",
        ]
        self.addCleanup(service.kill)
        service.start()
        self.is_bad_gateway(service)
