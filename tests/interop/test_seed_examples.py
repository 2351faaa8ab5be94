"""Seed 002's own examples with the real curl against the real service."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path
from typing import ClassVar

from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.registry.demo import TENANT, fill_with_demo
from edgeproxy.registry.store import RegistryStore
from tests.interop import need
from tests.interop.consumer import Consumer
from tests.interop.service import CTL, Service, environment

ACCEPTED = "HTTP/1.1 202 Accepted\nContent-Length: 0\n\n"
BAD_QOS = (
    "HTTP/1.1 400 Bad QoS Header Value\nContent-Length: 20\n\nBad QoS Header Value"
)

SENSOR = "-u sensor1@DEFAULT_TENANT:hono-secret"
GATEWAY = "-u gw@DEFAULT_TENANT:gw-secret"
JSON = "-H 'Content-Type: application/json'"
TEMP, ALARM = """--data-binary '{"temp": 5}'""", """--data-binary '{"alarm": true}'"""

# The seed's examples with a login, in its order: (arguments of curl, what it prints).
EXAMPLES = [
    (f"-X POST {SENSOR} {JSON} {TEMP} http://127.0.0.1:8080/telemetry", ACCEPTED),
    (
        f"-X POST {SENSOR} {JSON} -H 'QoS-Level: 1' {TEMP} "
        "http://localhost:8080/telemetry",
        ACCEPTED,
    ),
    (
        f"-X POST {SENSOR} {JSON} -H 'QoS-Level: 2' {TEMP} "
        "http://localhost:8080/telemetry",
        BAD_QOS,
    ),
    (
        f"-X PUT {GATEWAY} {JSON} {TEMP} "
        "http://127.0.0.1:8080/telemetry/DEFAULT_TENANT/4712",
        ACCEPTED,
    ),
    (
        f"-X PUT {GATEWAY} {JSON} -H 'QoS-Level: 1' {TEMP} "
        "http://127.0.0.1:8080/telemetry/DEFAULT_TENANT/4712",
        ACCEPTED,
    ),
    (
        f"-X POST {GATEWAY} {JSON} -H 'QoS-Level: 2' {TEMP} "
        "http://localhost:8080/telemetry/DEFAULT_TENANT/4712",
        BAD_QOS,
    ),
    (f"-X POST {SENSOR} {JSON} {ALARM} http://127.0.0.1:8080/event", ACCEPTED),
    (
        f"-X PUT {GATEWAY} {JSON} {TEMP} "
        "http://127.0.0.1:8080/event/DEFAULT_TENANT/4712",
        ACCEPTED,
    ),
    (
        f"-X POST {SENSOR} {JSON} -H 'hono-ttd: 60' {TEMP} "
        "http://127.0.0.1:8080/telemetry",
        ACCEPTED,
    ),
    (
        f"-X POST {SENSOR} {JSON} {TEMP} http://127.0.0.1:8080/telemetry?hono-ttd=60",
        ACCEPTED,
    ),
]

# Its examples without a login.
UNAUTHENTICATED = [
    (
        f"-X PUT {JSON} {TEMP} http://127.0.0.1:8080/telemetry/DEFAULT_TENANT/4711",
        ACCEPTED,
    ),
    (
        f"-X PUT {JSON} -H 'QoS-Level: 1' {TEMP} "
        "http://127.0.0.1:8080/telemetry/DEFAULT_TENANT/4711",
        ACCEPTED,
    ),
    (
        f"-X PUT {JSON} -H 'QoS-Level: 2' {TEMP} "
        "http://127.0.0.1:8080/telemetry/DEFAULT_TENANT/4711",
        BAD_QOS,
    ),
    (
        f"-X PUT {JSON} {ALARM} http://127.0.0.1:8080/event/DEFAULT_TENANT/4711",
        ACCEPTED,
    ),
]

# Seconds that a device may wait for a command here.
TTD = 1

# Fields that the seed's print-outs leave away.
NOT_PRINTED = re.compile(r"^(?:Date|Server): .*\n", re.MULTILINE)


class SeedTestCase(SynchronousTestCase):
    settings: ClassVar[list[str]] = []

    def setUp(self) -> None:
        self.curl_program = need("curl")
        folder = Path(self.mktemp())
        self.service = Service(folder, *self.settings)
        self.addCleanup(self.service.kill)
        registry = RegistryStore(str(folder / "var" / "registry.sqlite"))
        fill_with_demo(registry)
        # Nobody sends a command; the examples need not wait a minute to find out.
        adapter = {"type": "hono-http", "enabled": True, "ext": {"max-ttd": TTD}}
        registry.put_tenant(TENANT, {"adapters": [adapter]})
        registry.close()
        self.service.start()

    def curl(self, arguments: str) -> str:
        """Run curl as the seed does, and return what it prints."""
        arguments = arguments.replace(":8080/", f":{self.service.hono}/")
        printed = subprocess.run(
            f"{self.curl_program} -s -i --noproxy '*' {arguments}",
            shell=True,
            capture_output=True,
            timeout=30,
        ).stdout.decode()
        return NOT_PRINTED.sub("", printed.replace("\r\n", "\n"))

    def consume(self, kind: str) -> subprocess.Popen[str]:
        """Run ``edgeproxyctl tail`` as a consumer, and return once it is one."""
        tail = subprocess.Popen(
            [*CTL, *self.service.arguments(), "tail", kind, "--consume"],
            cwd=self.service.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(tail.wait)
        self.addCleanup(tail.kill)
        assert tail.stdout is not None and tail.stderr is not None
        self.addCleanup(tail.stdout.close)
        self.addCleanup(tail.stderr.close)
        self.assertIn("consuming", tail.stderr.readline())
        return tail


class ExamplesTests(SeedTestCase):
    def test_the_examples_print_what_the_seed_prints(self) -> None:
        tail = self.consume("telemetry")
        for arguments, expected in EXAMPLES:
            self.assertEqual(self.curl(arguments), expected, arguments)
        assert tail.stdout is not None
        lines = [tail.stdout.readline() for _ in range(6)]
        self.assertEqual(sum(" 4711 " in line for line in lines), 4)
        self.assertEqual(sum(" 4712 " in line for line in lines), 2)
        self.assertIn(f"ttd={TTD}", lines[-1])
        self.assertIn(" qos=0 ", lines[0])

    def test_without_a_consumer_telemetry_fails_and_events_wait(self) -> None:
        printed = self.curl(EXAMPLES[0][0])
        self.assertTrue(printed.startswith("HTTP/1.1 503 Service Unavailable\n"))
        self.assertIn("Retry-After: 2\n", printed)
        self.assertTrue(printed.endswith("\n\nno consumer available"))
        self.assertEqual(self.curl(EXAMPLES[6][0]), ACCEPTED)
        with Consumer(self.service.amqp, "event/DEFAULT_TENANT") as consumer:
            self.assertEqual(consumer.receive().body, b'{"alarm": true}')

    def test_a_consumer_receives_all_that_hono_promises(self) -> None:
        with Consumer(self.service.amqp, "telemetry/DEFAULT_TENANT") as consumer:
            self.curl(EXAMPLES[9][0])
            message = consumer.receive()
        self.assertEqual(message.body, b'{"temp": 5}')
        self.assertEqual(message.content_type, "application/json")
        self.assertEqual(message.address, "telemetry/DEFAULT_TENANT")
        self.assertEqual(
            message.properties,
            {
                "device_id": "4711",
                "orig_adapter": "hono-http",
                "orig_address": "/telemetry?hono-ttd=60",
                "importance": "high",
                "qos": 0,
                "ttd": TTD,
            },
        )
        self.assertEqual(message.annotations["tenant_id"], "DEFAULT_TENANT")
        self.assertEqual(
            message.annotations["resource"], "telemetry/DEFAULT_TENANT/4711"
        )
        self.assertIn("traceparent", message.annotations["x-opt-trace-context"])

    def test_bad_input_gets_its_documented_answer(self) -> None:
        url = "http://127.0.0.1:8080"
        limit = "x" * 2049
        for arguments, line in [
            (f"-u sensor1@DEFAULT_TENANT:wrong {JSON} {TEMP} {url}/event", "401 "),
            (f"-u sensor1@NOBODY:hono-secret {JSON} {TEMP} {url}/event", "401 "),
            (f"{JSON} {TEMP} {url}/event", "401 "),
            (f"{SENSOR} -H 'Content-Type:' {TEMP} {url}/event", "400 "),
            (f"{SENSOR} {JSON} -X POST {url}/event", "400 "),
            (f"{SENSOR} {JSON} --data-binary {limit} {url}/event", "413 "),
            (f"{GATEWAY} {JSON} {TEMP} -X PUT {url}/event/OTHER/4712", "403 "),
            (f"{SENSOR} {JSON} {TEMP} -X PUT {url}/event//4712", "403 "),
            (f"{GATEWAY} {JSON} {TEMP} -X PUT {url}/event//4713", "403 "),
        ]:
            printed = self.curl(arguments)
            self.assertTrue(printed.startswith(f"HTTP/1.1 {line}"), printed)
            challenged = 'WWW-Authenticate: Basic realm="Hono"\n' in printed
            self.assertEqual(challenged, line == "401 ")

    def test_status_tells_at_a_glance(self) -> None:
        self.curl(EXAMPLES[6][0])
        status = self.service.ctl("status")
        self.assertEqual(status.returncode, 0, status.stderr)
        self.assertIn("1 waiting, 0 set aside", status.stdout)
        self.assertIn("Everything is well.", status.stdout)

    def test_tail_survives_a_restart_of_the_service(self) -> None:
        tail = self.consume("event")
        assert tail.stdout is not None and tail.stderr is not None
        self.service.stop()
        self.assertIn("lost", tail.stderr.readline())
        self.service.start()
        self.curl(EXAMPLES[6][0])
        self.assertIn('{"alarm": true}', tail.stdout.readline())


class UnauthenticatedTests(SeedTestCase):
    settings: ClassVar[list[str]] = ["hono.http.authentication_required=false"]

    def test_the_examples_print_what_the_seed_prints(self) -> None:
        self.consume("telemetry")
        for arguments, expected in UNAUTHENTICATED:
            self.assertEqual(self.curl(arguments), expected, arguments)

    def test_paths_without_ids_do_not_exist(self) -> None:
        self.assertTrue(self.curl(EXAMPLES[0][0]).startswith("HTTP/1.1 404 "))


class Mode2Tests(SeedTestCase):
    settings: ClassVar[list[str]] = ["hono.compat=2"]

    def test_the_same_with_the_answers_of_today(self) -> None:
        self.consume("telemetry")
        for arguments, expected in EXAMPLES:
            printed = self.curl(arguments)
            if "POST -u gw" in arguments:
                self.assertTrue(printed.startswith("HTTP/1.1 405 "), printed)
                self.assertIn("Allow: PUT\n", printed)
            elif expected == BAD_QOS:
                self.assertTrue(printed.startswith("HTTP/1.1 400 Bad Request\n"))
                body = '{"error":"unsupported QoS-Level header value"}'
                self.assertTrue(printed.endswith(f"\n\n{body}"), printed)
            else:
                self.assertEqual(printed, ACCEPTED, arguments)


class CumulocityTests(SeedTestCase):
    def test_the_tenant_is_there_without_a_credential(self) -> None:
        url = f"http://127.0.0.1:{self.service.c8y}/c8y/tenant/currentTenant"
        printed = self.curl(url)
        self.assertTrue(printed.startswith("HTTP/1.1 200 OK\n"), printed)
        self.assertIn('"name": "t1"', printed)
        wrong = self.curl(f"-u user:wrong {url}")
        self.assertTrue(wrong.startswith("HTTP/1.1 401 "), wrong)
        self.assertIn("security/Unauthorized", wrong)

    def test_methods_and_encodings_reach_the_cloud(self) -> None:
        url = f"http://127.0.0.1:{self.service.c8y}/c8y/inventory/managedObjects"
        made = self.curl(
            f"-X POST -H 'Accept: application/json' {JSON} "
            f"""--data-binary '{{"name": "a"}}' {url}"""
        )
        self.assertTrue(made.startswith("HTTP/1.1 201 "), made)
        found = re.search(r'"id": "([0-9]+)"', made)
        assert found is not None
        one = f"{url}/{found[1]}"
        put = f"""-X PUT {JSON} --data-binary '{{"name": "b"}}' {one}"""
        self.assertTrue(self.curl(put).startswith("HTTP/1.1 200 "))
        self.assertIn('"name": "b"', self.curl(one))
        self.assertTrue(self.curl(f"-I {one}").startswith("HTTP/1.1 200 "))
        self.assertTrue(self.curl(f"-X DELETE {one}").startswith("HTTP/1.1 204 "))
        self.assertTrue(self.curl(one).startswith("HTTP/1.1 404 "))
        self.curl(f"'{url}?query=%24filter%3D(a%2Bb)&x=%7B'")
        log = (self.service.folder / "var/sandbox/requests.log").read_text()
        self.assertIn("?query=%24filter%3D(a%2Bb)&x=%7B", log)

    def test_stopping_is_quick_and_clean(self) -> None:
        started = time.monotonic()
        # twistd ends by the signal that it got, once everything is shut down.
        self.assertEqual(self.service.stop(), -signal.SIGTERM)
        self.assertLess(time.monotonic() - started, 5)
        self.assertIn("Server Shut Down", self.service.log())
        self.assertNotIn("Traceback", self.service.log())
        self.assertNotIn("Unhandled", self.service.log())
