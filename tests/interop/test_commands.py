"""Commands to devices: real HTTP on one side, proton and rhea on the other."""

from __future__ import annotations

import base64
import http.client
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import attrs
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.registry.store import RegistryStore
from tests.interop.applications import TENANT, Result, with_proton, with_rhea
from tests.interop.consumer import Consumer
from tests.interop.service import Service


def login(auth_id: str, password: str) -> dict[str, str]:
    encoded = base64.b64encode(f"{auth_id}@{TENANT}:{password}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


SENSOR, GATEWAY = login("sensor1", "hono-secret"), login("gw", "gw-secret")


@attrs.frozen
class Answer:
    """A response of the Hono door."""

    status: int
    fields: dict[str, str]
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        return self.fields.get(name)


class CommandTestCase(SynchronousTestCase):
    settings: ClassVar[list[str]] = []

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.service = Service(self.folder, *self.settings)
        self.addCleanup(self.service.kill)
        self.fill()
        self.service.start()
        self.pool = ThreadPoolExecutor(64)
        self.addCleanup(self.pool.shutdown)

    def fill(self) -> None:
        """Change the registry before the service starts."""

    def request(
        self,
        headers: dict[str, str],
        path: str = "/event",
        method: str = "POST",
        body: bytes = b"hello",
        port: int | None = None,
    ) -> Answer:
        """Send a request of a device; return the answer."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", port or self.service.hono, timeout=40
        )
        try:
            headers = {"Content-Type": "text/plain"} | headers
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, fields, response.read())
        finally:
            connection.close()

    def wait(self, headers: dict[str, str], seconds: int = 20, **more: Any) -> Any:
        """Have a device wait for a command; return the `Future` of its answer."""
        headers = headers | {"hono-ttd": str(seconds)}
        return self.pool.submit(self.request, headers, **more)


class Scenario:
    """The same for applications of all kinds."""

    send_with: Callable[..., Result]

    def send(self: Any, device: str = "4711", **more: Any) -> Result:
        """Send a command, as an application."""
        return type(self).send_with(self.service.amqp, device, **more)

    # Several in each test: starting a service takes longer than they do.

    def test_commands_to_a_device(self: Any) -> None:
        self.check_one_way_to_a_device()
        self.check_an_empty_payload()
        self.check_request_and_response_by_query_and_post()
        self.check_what_is_rejected()

    def test_commands_to_a_gateway(self: Any) -> None:
        self.check_a_gateway_for_all_its_devices_and_put()
        self.check_a_gateway_for_one_of_them()

    def test_who_gets_a_command(self: Any) -> None:
        self.check_two_wait_at_once()
        self.check_nobody_waits_and_clients_that_left()

    def check_one_way_to_a_device(self: Any) -> None:
        waiting = self.wait(SENSOR)
        self.assertEqual(self.send(body="payload"), Result("accepted"))
        answer = waiting.result()
        self.assertEqual((answer.status, answer.body), (200, b"payload"))
        self.assertEqual(answer["hono-command"], "go")
        self.assertEqual(answer["content-type"], "text/plain")
        self.assertIsNone(answer["hono-cmd-req-id"])

    def check_an_empty_payload(self: Any) -> None:
        waiting = self.wait(SENSOR)
        self.send(body=None, content_type=None)
        answer = waiting.result()
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer["content-length"], "0")
        self.assertIsNone(answer["content-type"])

    def check_request_and_response_by_query_and_post(self: Any) -> None:
        waiting = self.pool.submit(self.request, SENSOR, path="/event?hono-ttd=20")
        sending = self.pool.submit(self.send, reply="r-1")
        request_id = waiting.result()["hono-cmd-req-id"]
        # From another device it is refused.
        for headers, path in (
            (GATEWAY, f"/command/res/{request_id}"),
            (GATEWAY, f"/command/res//4712/{request_id}"),
        ):
            method = "PUT" if "//" in path else "POST"
            refused = self.request(headers | {"hono-cmd-status": "200"}, path, method)
            self.assertEqual(refused.status, 400)
        path = f"/command/res/{request_id}?hono-cmd-status=201"
        answer = self.request(SENSOR, path, body=b"done")
        self.assertEqual((answer.status, answer.body), (202, b""))
        self.is_response(sending.result(), "r-1", "4711", 201, "done")

    def check_a_gateway_for_all_its_devices_and_put(self: Any) -> None:
        waiting = self.wait(GATEWAY)
        sending = self.pool.submit(self.send, "4712", reply="r/2")
        answer = waiting.result()
        self.assertEqual(answer["hono-cmd-target-device"], "4712")
        path = f"/command/res/{TENANT}/4712/{answer['hono-cmd-req-id']}"
        headers = GATEWAY | {"hono-cmd-status": "503"}
        self.assertEqual(self.request(headers, path, "PUT", b"busy").status, 202)
        self.is_response(sending.result(), "r/2", "4712", 503, "busy")

    def check_a_gateway_for_one_of_them(self: Any) -> None:
        waiting = self.wait(GATEWAY, path=f"/event/{TENANT}/4712", method="PUT")
        self.assertEqual(self.send("4712").state, "accepted")
        self.assertEqual(waiting.result()["hono-cmd-target-device"], "4712")

    def is_response(
        self: Any, result: Result, reply: str, device: str, status: int, body: str
    ) -> None:
        self.assertEqual(result.state, "accepted")
        response = result.response
        assert response is not None
        self.assertEqual(response["correlation_id"], f"corr-{reply}")
        self.assertEqual(response["content_type"], "text/plain")
        self.assertEqual(response["body"], body)
        expected = {"tenant_id": TENANT, "device_id": device, "status": status}
        self.assertEqual(response["properties"], expected)

    def check_two_wait_at_once(self: Any) -> None:
        first = self.wait(SENSOR, seconds=3)
        time.sleep(0.5)
        second = self.wait(SENSOR, seconds=20)
        time.sleep(0.5)
        self.assertEqual(self.send().state, "accepted")
        self.assertEqual(second.result().status, 200)
        self.assertEqual(first.result().status, 202)

    def check_nobody_waits_and_clients_that_left(self: Any) -> None:
        self.assertEqual(self.send(tries=1).state, "released")
        gone = socket.create_connection(("127.0.0.1", self.service.hono))
        authorization = SENSOR["Authorization"]
        gone.sendall(
            b"POST /event HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
            b"hono-ttd: 20\r\nContent-Length: 1\r\nAuthorization: %s\r\n\r\nx"
            % authorization.encode()
        )
        time.sleep(0.5)
        gone.close()
        time.sleep(0.5)
        self.assertEqual(self.send(tries=1).state, "released")
        waiting = self.wait(SENSOR)
        self.assertEqual(self.send().state, "accepted")
        self.assertEqual(waiting.result().status, 200)

    def check_what_is_rejected(self: Any) -> None:
        waiting = self.wait(SENSOR, seconds=4)
        found = self.send(body="x" * 70_000)
        self.assertEqual(found, Result("rejected", "amqp:link:message-size-exceeded"))
        found = self.send("nobody")
        self.assertEqual(found, Result("rejected", "hono:bad-request"))
        self.assertEqual(waiting.result().status, 202)
        waiting = self.wait(SENSOR)
        self.assertEqual(self.send(body="x" * 60_000).state, "accepted")
        self.assertEqual(len(waiting.result().body), 60_000)


class ProtonTests(Scenario, CommandTestCase):
    send_with = staticmethod(with_proton)


class RheaTests(Scenario, CommandTestCase):
    send_with = staticmethod(with_rhea)


class ToolTests(CommandTestCase):
    """``edgeproxyctl command send``."""

    def ctl(self, *more: str) -> tuple[int, str, str]:
        done = self.service.ctl("command", "send", TENANT, "4711", "go", *more)
        return done.returncode, done.stdout, done.stderr

    def test_one_way(self) -> None:
        waiting = self.wait(SENSOR)
        status, _, told = self.ctl("--one-way", "--payload", "on")
        self.assertEqual((status, told), (0, "delivered\n"))
        self.assertEqual(waiting.result().body, b"on")

    def test_with_a_response(self) -> None:
        for code, expected in (("200", 0), ("500", 1)):
            waiting = self.wait(SENSOR)
            sending = self.pool.submit(self.ctl, "--content-type", "a/b")
            request_id = waiting.result()["hono-cmd-req-id"]
            path = f"/command/res/{request_id}?hono-cmd-status={code}"
            self.assertEqual(self.request(SENSOR, path, body=b"so").status, 202)
            self.assertEqual(sending.result(), (expected, "so", f"status {code}\n"))

    def test_failures_are_told(self) -> None:
        status, _, told = self.ctl("--wait", "0.5")
        self.assertEqual(status, 1)
        self.assertIn("does not wait for a command", told)
        waiting = self.wait(SENSOR)
        status, _, told = self.ctl("--wait", "1")
        self.assertIn("there is no response", told)
        self.assertEqual(waiting.result().status, 200)
        done = self.service.ctl("command", "send", TENANT, "nobody", "go")
        self.assertIn("rejected: device is disabled or not registered", done.stderr)
        self.service.stop()
        self.assertIn("amqp://", self.ctl()[2])


DEVICES = 30


class RestartTests(CommandTestCase):
    settings: ClassVar[list[str]] = ["hono.http.authentication_required=false"]

    def fill(self) -> None:
        registry = RegistryStore(str(self.folder / "var" / "registry.sqlite"))
        registry.put_tenant(TENANT, {})
        for number in range(DEVICES):
            registry.put_device(TENANT, f"d{number}", {})
        registry.close()

    def poll(self, number: int) -> Answer | None:
        """Have a device wait; return its answer, None for a closed connection."""
        path = f"/event/{TENANT}/d{number}"
        try:
            return self.request({"hono-ttd": "30"}, path, "PUT", b"d%d" % number)
        except (OSError, http.client.HTTPException):
            return None

    def command(self, number: int) -> bool:
        """Send a one-way command; return whether it was reported accepted."""
        try:
            port, device = self.service.amqp, f"d{number}"
            found = with_proton(port, device, f"c{number}", tries=20, timeout=2)
        except Exception:
            return False
        return found.state == "accepted"

    def check(self, number: int) -> None:
        polls: list[Future[Answer | None]] = [
            self.pool.submit(self.poll, n) for n in range(DEVICES)
        ]
        time.sleep(1.5)
        sent = [self.pool.submit(self.command, n) for n in range(DEVICES // 2)]
        time.sleep(0.3)
        started = time.monotonic()
        self.service.stop(number)
        if number == signal.SIGTERM:
            self.assertLess(time.monotonic() - started, 8)
        answers = [poll.result() for poll in polls]
        accepted = [each.result() for each in sent]
        for n, answer in enumerate(answers):
            if n < DEVICES // 2 and accepted[n]:
                # What was reported accepted has arrived, once and whole.
                assert answer is not None, n
                self.assertEqual((answer.status, answer.body), (200, b"c%d" % n))
            if answer is not None:
                self.assertIn(answer.status, (200, 202, 503))
        self.service.start()
        with Consumer(self.service.amqp, f"event/{TENANT}") as consumer:
            kept = {message.body for message in consumer.drain()}
        for n, answer in enumerate(answers):
            if answer is not None and answer.status in (200, 202):
                self.assertIn(b"d%d" % n, kept)
        # Nothing of before comes again.
        again = self.wait({}, 2, path=f"/event/{TENANT}/d0", method="PUT")
        self.assertEqual(again.result().status, 202)

    def test_stopped(self) -> None:
        self.check(signal.SIGTERM)

    def test_killed(self) -> None:
        self.check(signal.SIGKILL)
