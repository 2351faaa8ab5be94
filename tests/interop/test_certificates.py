"""Client certificates over real TLS: each gets an answer of HTTP, never an alert."""

from __future__ import annotations

import base64
import http.client
import re
import socket
import ssl
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.registry.store import RegistryStore
from tests.fakes.authority import SERVER, Authority, Issued, name
from tests.interop import need
from tests.interop.consumer import Consumer
from tests.interop.service import Service, free_ports
from tests.portal.test_certificates import EMAIL, OLD_UNIT

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)

HOUR = timedelta(hours=1)

PASSWORD = "Basic " + base64.b64encode(b"sensor1@DEFAULT_TENANT:hono-secret").decode()


class CertificatesTests(SynchronousTestCase):
    """One service for all: ``T1`` and ``T2`` trust CAs of the same name."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.site = Authority("site")
        server = self.site.issue("localhost", usage=[SERVER]).write(self.folder / "s")
        (self.port,) = free_ports(1)
        self.one, self.two = Authority("CA"), Authority("CA", key="rsa")
        self.service = Service(
            self.folder,
            f"hono.http.port={self.port}",
            f"hono.http.cert_path={server}",
            f"hono.http.key_path={server}",
        )
        self.addCleanup(self.service.kill)
        self.fill()
        self.service.start()

    def fill(self) -> None:
        """Put tenants and devices into the registry."""
        registry = RegistryStore(str(self.folder / "var" / "registry.sqlite"))
        for tenant, root in (("T1", self.one), ("T2", self.two)):
            registry.put_tenant(tenant, {"trusted-ca": [root.as_anchor()]})
            for device in ("d", "mail", "gw"):
                via = {"via": ["gw"]} if device == "d" else {}
                registry.put_device(tenant, device, via)
            mail = "CN=mail,1.2.3.4.5=unusual,E=device@example.com,O=ACME"
            for device, auth_id in (
                ("d", "CN=d,O=ACME"),
                ("mail", mail),
                ("gw", "CN=gw,O=ACME"),
            ):
                data = {"type": "x509-cert", "auth-id": auth_id, "secrets": [{}]}
                registry.put_credentials(tenant, device, data)
        registry.close()

    def context(self, version: ssl.TLSVersion, issued: Issued | None) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        if issued is not None:
            context.load_cert_chain(issued.write(self.folder / "client"))
        return context

    def post(
        self,
        context: ssl.SSLContext,
        session: Any = None,
        path: str = "/event",
        method: str = "POST",
        **fields: str,
    ) -> tuple[int, str | None, Any]:
        """Publish twice on one connection; return status, challenge and session."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        with context.wrap_socket(plain, session=session) as wrapped:
            lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
            lines += ["Content-Type: text/plain", "Content-Length: 5"]
            lines += [f"{name}: {value}" for name, value in fields.items()]
            request = "\r\n".join([*lines, "", "hello"]).encode()
            found = []
            for _ in range(2):
                # In one piece: whoever is refused before the body has come is also
                # shown the door.
                wrapped.sendall(request)
                response = http.client.HTTPResponse(wrapped)
                response.begin()
                response.read()
                challenge = response.getheader("WWW-Authenticate")
                found.append((response.status, challenge))
            self.assertEqual(found[0], found[1])
            self.assertFalse(wrapped.session_reused)
            return *found[0], wrapped.session

    def test_each_certificate_gets_its_documented_answer(self) -> None:
        middle = Authority("middle", above=self.one)
        forged = Authority("middle", above=Authority("CA"))
        own = Authority(name("d"))
        fake = Authority("CA").issue("d")
        unsigned = Issued(fake.certificate, fake.key, (self.one.certificate,))
        for what, issued, status in [
            ("of T1", self.one.issue("d", serial=7), 202),
            ("of T2, same name and serial", self.two.issue("d", serial=7), 202),
            ("RSA", self.two.issue("d", key="rsa"), 202),
            ("by an intermediate", middle.issue("d"), 202),
            ("e-mail", self.one.issue(name("mail", EMAIL, OLD_UNIT)), 202),
            ("same name, another key", Authority("CA").issue("d"), 401),
            ("unknown CA", Authority("unknown").issue("d"), 401),
            ("forged intermediate", forged.issue("d"), 401),
            ("not signed by what it shows", unsigned, 401),
            ("expired", self.one.issue("d", ends=-HOUR), 401),
            ("not yet valid", self.one.issue("d", starts=HOUR), 401),
            ("wrong usage", self.one.issue("d", usage=[SERVER]), 401),
            ("not for signatures", self.one.issue("d", signs=False), 401),
            ("self-signed", Issued(own.certificate, own.key), 401),
            ("nobody's", self.one.issue("nobody"), 401),
        ]:
            for version in VERSIONS:
                with_one = self.context(version, issued)
                session = None
                for turn in ("first", "resumed"):
                    found, challenge, session = self.post(with_one, session)
                    where = f"{what}, {version.name}, {turn}"
                    self.assertEqual(found, status, where)
                    wanted = None if status == 202 else 'Basic realm="Hono"'
                    self.assertEqual(challenge, wanted, where)
        self.assertNotIn("Traceback", self.service.log())
        where = f"127.0.0.1:{self.port} (TLS)"
        self.assertIn(where, self.service.ctl("status").stdout)

    def test_a_wrong_certificate_never_falls_back_to_a_password(self) -> None:
        for issued, status in [
            (None, 202),
            (self.one.issue("d"), 202),
            (Authority("CA").issue("d"), 401),
        ]:
            for version in VERSIONS:
                context = self.context(version, issued)
                found = self.post(context, Authorization=PASSWORD)
                self.assertEqual(found[0], status)
        with Consumer(self.service.amqp, "event/T1") as consumer:
            # A good one wins over the password.
            self.assertEqual(consumer.receive().properties["device_id"], "d")

    def test_a_gateway_publishes_for_its_devices(self) -> None:
        context = self.context(ssl.TLSVersion.TLSv1_3, self.one.issue("gw"))
        for path, status in (("//d", 202), ("/T1/d", 202), ("/T2/d", 403)):
            found = self.post(context, path=f"/event{path}", method="PUT")
            self.assertEqual(found[0], status)

    def test_curl(self) -> None:
        curl = need("curl")
        good = self.one.issue("d").write(self.folder / "good")
        bad = Authority("CA").issue("d").write(self.folder / "bad")
        for version in ("1.2", "1.3"):
            for arguments, expected in [
                (["--cert", good], "HTTP/1.1 202 Accepted\nContent-Length: 0\n\n"),
                (["-u", "sensor1@DEFAULT_TENANT:hono-secret"], "HTTP/1.1 202 "),
                (["--cert", bad], "HTTP/1.1 401 Unauthorized\n"),
                ([], "HTTP/1.1 401 Unauthorized\n"),
            ]:
                url = f"https://127.0.0.1:{self.port}/event"
                printed = subprocess.run(
                    [curl, "-s", "-i", "-k", "--noproxy", "*", *arguments]
                    + [f"--tlsv{version}", "--tls-max", version, url]
                    + ["-H", "Content-Type: text/plain", "--data-binary", "x"],
                    capture_output=True,
                    text=True,
                    timeout=30,
                )
                self.assertEqual(printed.returncode, 0, printed.stderr)
                text = re.sub("(?m)^Date: .*\n", "", printed.stdout)
                self.assertTrue(text.startswith(expected), text)

    def test_a_client_that_breaks_off_is_no_fault(self) -> None:
        context = self.context(ssl.TLSVersion.TLSv1_3, self.one.issue("d"))
        for what in (b"", b"POST /event HTTP/1.1\r\nHost: x\r\n", HALF):
            plain = socket.create_connection(("127.0.0.1", self.port), timeout=10)
            wrapped = context.wrap_socket(plain)
            wrapped.sendall(what)
            # Gone without the farewell of TLS, as when somebody pulls the plug.
            plain = socket.socket(fileno=wrapped.detach())
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            plain.close()
        junk = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        junk.sendall(b"GET / HTTP/1.1\r\n\r\n")
        junk.close()
        self.assertEqual(self.post(context)[0], 202)
        self.assertNotIn("Traceback", self.service.log())
        self.assertNotIn("Unhandled", self.service.log())


HALF = (
    b"POST /event HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 100\r\n\r\nhalf of it"
)
