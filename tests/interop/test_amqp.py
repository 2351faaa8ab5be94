"""The AMQP listener against proton and rhea, with and without TLS."""

from __future__ import annotations

import atexit
import base64
import shutil
import tempfile
import threading
import time
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from proton import ConnectionException, SSLDomain, Timeout
from proton.handlers import MessagingHandler
from proton.reactor import Container
from proton.utils import BlockingConnection, LinkDetached
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.sandbox.certificates import Certificates
from tests.interop.consumer import Consumer, copied
from tests.interop.rhea import Rhea
from tests.interop.service import Service, free_ports

LOGIN = base64.b64encode(b"gw@DEFAULT_TENANT:gw-secret").decode()
USERS = """
[[user]]
name = "dashboard"
password = "secret"
tenants = ["DEFAULT_TENANT"]

[[user]]
name = "by-certificate"
tenants = ["DEFAULT_TENANT"]
"""
TELEMETRY, EVENT = "telemetry/DEFAULT_TENANT", "event/DEFAULT_TENANT"
PLAIN = {"user": "dashboard", "password": "secret", "allow_insecure_mechs": True}
RHEA_PLAIN = {"username": "dashboard", "password": "secret"}


class Site:
    """A service with TLS and a file of users, for all tests here."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="edgeproxy-amqp-"))
        self.files = Certificates(self.folder / "ours", "by-certificate")
        self.files.ensure()
        self.foreign = Certificates(self.folder / "foreign", "by-certificate")
        self.foreign.ensure()
        (users := self.folder / "users.toml").write_text(USERS)
        users.chmod(0o640)
        (self.tls_port,) = free_ports(1)
        embedded = "hono.messaging.embedded"
        self.service = Service(
            self.folder,
            f"{embedded}.tls_port={self.tls_port}",
            f"{embedded}.cert_path={self.files.server_cert}",
            f"{embedded}.key_path={self.files.server_key}",
            f"{embedded}.ca_path={self.files.ca}",
            f"{embedded}.credentials_path={users}",
            f"{embedded}.allow_anonymous=false",
        )
        self.service.start()
        atexit.register(self.stop)

    def stop(self) -> None:
        self.service.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@cache
def site() -> Site:
    """Return the site; trial knows nothing that is set up once for a class."""
    return Site()


class AmqpTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.service, self.tls_port = site().service, site().tls_port
        self.files, self.foreign = site().files, site().foreign

    def publish(self, endpoint: str, body: str = "hello", qos: bool = True) -> Any:
        """Publish; return status and body of the answer."""
        connection = HTTPConnection("127.0.0.1", self.service.hono, timeout=10)
        headers = {"Authorization": f"Basic {LOGIN}", "Content-Type": "text/plain"}
        if qos:
            headers["QoS-Level"] = "1"
        connection.request("PUT", f"/{endpoint}//4712", body, headers)
        answer = connection.getresponse()
        found = answer.status, answer.read().decode()
        connection.close()
        return found

    def publish_when_there_is_credit(self) -> Any:
        for _ in range(50):
            answer = self.publish("telemetry")
            if answer[0] != 503:
                return answer
            time.sleep(0.05)
        raise AssertionError(answer)


class ProtonTests(AmqpTestCase):
    def domain(self, files: Certificates | None = None) -> SSLDomain:
        domain = SSLDomain(SSLDomain.MODE_CLIENT)
        domain.set_trusted_ca_db(str(self.files.ca))
        domain.set_peer_authentication(SSLDomain.VERIFY_PEER)
        if files is not None:
            domain.set_credentials(str(files.device_cert), str(files.device_key), "")
        return domain

    def connect(self, **more: Any) -> BlockingConnection:
        url = f"amqps://127.0.0.1:{self.tls_port}"
        connection = BlockingConnection(url, timeout=10, **more)
        self.addCleanup(connection.close)
        return connection

    def receives(self, connection: BlockingConnection) -> None:
        receiver = connection.create_receiver(EVENT, credit=10)
        self.assertEqual(self.publish("event", "over TLS")[0], 202)
        message = copied(receiver.receive(timeout=10))
        receiver.accept()
        self.assertEqual(message.body, b"over TLS")

    def test_plain_without_tls(self) -> None:
        with Consumer(self.service.amqp, EVENT, **PLAIN) as consumer:
            self.publish("event", "1")
            self.assertEqual(consumer.receive().body, b"1")

    def test_who_wants_to_hear_from_us_does(self) -> None:
        with Consumer(self.service.amqp, EVENT, heartbeat=1, **PLAIN) as consumer:
            with self.assertRaises(Timeout):
                consumer.receive(timeout=4)
            self.publish("event", "after a while")
            self.assertEqual(consumer.receive().body, b"after a while")

    def test_plain_over_tls(self) -> None:
        self.receives(self.connect(ssl_domain=self.domain(), **PLAIN))

    def test_external_over_tls(self) -> None:
        domain = self.domain(self.files)
        self.receives(self.connect(ssl_domain=domain, allowed_mechs="EXTERNAL"))

    def test_without_a_certificate_external_is_not_offered(self) -> None:
        with self.assertRaises(ConnectionException):
            self.connect(ssl_domain=self.domain(), allowed_mechs="EXTERNAL")

    def test_a_certificate_of_somebody_else_is_refused(self) -> None:
        with self.assertRaises(ConnectionException):
            connection = self.connect(
                ssl_domain=self.domain(self.foreign), allowed_mechs="EXTERNAL"
            )
            connection.create_receiver(EVENT)

    def test_a_wrong_password_is_refused(self) -> None:
        with self.assertRaisesRegex(ConnectionException, "unauthorized-access"):
            Consumer(self.service.amqp, EVENT, **(PLAIN | {"password": "wrong"}))

    def test_a_user_with_certificate_has_no_password(self) -> None:
        for password in ("", "x"):
            login = PLAIN | {"user": "by-certificate", "password": password}
            with self.assertRaises(ConnectionException):
                Consumer(self.service.amqp, EVENT, **login)

    def test_a_foreign_tenant_is_refused(self) -> None:
        connection = BlockingConnection(
            f"amqp://127.0.0.1:{self.service.amqp}", timeout=10, **PLAIN
        )
        self.addCleanup(connection.close)
        with self.assertRaisesRegex(LinkDetached, "unauthorized-access"):
            connection.create_receiver("event/OTHER")
        with self.assertRaisesRegex(LinkDetached, "not-found"):
            connection.create_sender("telemetry/DEFAULT_TENANT")

    def test_a_container_receives_what_is_published(self) -> None:
        received: list[str] = []
        attached = threading.Event()

        class Handler(MessagingHandler):  # type: ignore[misc]
            def on_start(self, event: Any) -> None:
                connection = event.container.connect(url, reconnect=False, **PLAIN)
                event.container.create_receiver(connection, EVENT)

            def on_link_opened(self, event: Any) -> None:
                attached.set()

            def on_message(self, event: Any) -> None:
                received.append(bytes(event.message.body).decode())
                if len(received) == 20:
                    event.connection.close()

        url = f"amqp://127.0.0.1:{self.service.amqp}"
        thread = threading.Thread(target=Container(Handler()).run)
        thread.start()
        attached.wait(10)
        for number in range(20):
            self.publish("event", str(number))
        thread.join(10)
        self.assertEqual(received, [str(n) for n in range(20)])


class RheaTests(AmqpTestCase):
    def rhea(self, address: str, tls: str | None = None, **options: Any) -> Rhea:
        if tls is not None:
            options |= {"ca": str(self.files.ca), "version": tls}
        port = self.tls_port if tls else self.service.amqp
        rhea = Rhea(address=address, port=port, **options)
        self.addCleanup(rhea.stop)
        return rhea

    def certificate(self, files: Certificates) -> dict[str, str]:
        return {"cert": str(files.device_cert), "key": str(files.device_key)}

    def test_telemetry_is_what_hono_sends(self) -> None:
        rhea = self.rhea(TELEMETRY, count=1, **RHEA_PLAIN)
        rhea.wait_for("attached")
        self.assertEqual(self.publish_when_there_is_credit()[0], 202)
        message = rhea.wait_for("message")
        self.assertEqual(message["to"], TELEMETRY)
        self.assertEqual(message["content_type"], "text/plain")
        self.assertEqual(message["body"], "hello")
        self.assertFalse(message["durable"])
        properties = message["properties"]
        self.assertEqual(properties["device_id"], "4712")
        self.assertEqual(properties["qos"], 1)
        self.assertEqual(properties["orig_address"], "/telemetry//4712")
        self.assertEqual(message["annotations"]["resource"], f"{TELEMETRY}/4712")

    def test_its_dispositions_are_the_devices_status(self) -> None:
        for verdict, status in (("accept", 202), ("reject", 400), ("release", 503)):
            rhea = self.rhea(TELEMETRY, count=1, verdict=verdict, **RHEA_PLAIN)
            rhea.wait_for("attached")
            for _ in range(50):
                found = self.publish("telemetry")
                if found != (503, "no consumer available"):
                    break
                time.sleep(0.05)
            self.assertEqual(found[0], status)
            if verdict == "reject":
                self.assertEqual(found[1], "cannot read it")
            rhea.stop()

    def test_events_come_in_order(self) -> None:
        for number in range(30):
            self.assertEqual(self.publish("event", str(number))[0], 202)
        rhea = self.rhea(EVENT, count=30, **RHEA_PLAIN)
        messages = [e for e in rhea.events() if e["event"] == "message"]
        self.assertEqual([m["body"] for m in messages], [str(n) for n in range(30)])
        self.assertTrue(messages[0]["durable"])

    def test_both_versions_of_tls_with_both_logins(self) -> None:
        for version in ("TLSv1.2", "TLSv1.3"):
            for login in (RHEA_PLAIN, self.certificate(self.files)):
                self.publish("event", version)
                rhea = self.rhea(EVENT, tls=version, count=1, **login)
                self.assertEqual(rhea.wait_for("message")["body"], version)
                rhea.wait_for("done")
                rhea.stop()  # or it may take the next one's event

    def test_tls_1_1_is_refused(self) -> None:
        rhea = self.rhea(EVENT, tls="TLSv1.1", **RHEA_PLAIN)
        self.assertEqual(list(rhea.events())[-1]["event"], "disconnected")

    def test_who_is_unknown_is_refused(self) -> None:
        wrong = RHEA_PLAIN | {"password": "wrong"}
        self.assertNotIn(
            "attached", [e["event"] for e in self.rhea(EVENT, **wrong).events()]
        )
        foreign = self.certificate(self.foreign)
        for version in ("TLSv1.2", "TLSv1.3"):
            events = list(self.rhea(EVENT, tls=version, **foreign).events())
            self.assertEqual([e["event"] for e in events], ["disconnected"])

    def test_a_foreign_tenant_is_refused(self) -> None:
        refused = self.rhea("event/OTHER", **RHEA_PLAIN).wait_for("refused")
        self.assertEqual(refused["condition"], "amqp:unauthorized-access")
