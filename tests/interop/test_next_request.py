"""What is changed by the management API counts from the very next request on."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.fakes.authority import SERVER, Authority
from tests.interop.service import Service, free_ports

PLAIN = {"pwd-plain": "right"}


class NextRequestTests(SynchronousTestCase):
    """Two connections stay open all the time: one with a password, one with TLS."""

    def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        (port,) = free_ports(1)
        server = Authority().issue("x", usage=[SERVER]).write(folder / "server")
        self.service = Service(
            folder,
            f"hono.http.port={port}",
            f"hono.http.cert_path={server}",
            f"hono.http.key_path={server}",
            "hono.registry.http.authentication_required=false",
        )
        self.addCleanup(self.service.kill)
        self.service.start()
        self.root = Authority()
        self.tenant()
        self.manage("POST", "/devices/T/d", {})
        self.credentials()
        address = ("127.0.0.1", self.service.hono)
        self.plain = socket.create_connection(address, timeout=20)
        self.addCleanup(self.plain.close)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(self.root.issue("d").write(folder / "client"))
        under = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.secure = context.wrap_socket(under)
        self.addCleanup(self.secure.close)

    def manage(self, method: str, path: str, data: Any = None) -> None:
        """Change the registry."""
        port = self.service.management
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        headers = {"Content-Type": "application/json"}
        body = None if data is None else json.dumps(data)
        connection.request(method, f"/v1{path}", body, headers)
        response = connection.getresponse()
        self.assertLess(response.status, 300, response.read())
        connection.close()

    def tenant(self, method: str = "POST", **more: Any) -> None:
        data = {"trusted-ca": [self.root.as_anchor()], **more}
        self.manage(method, "/tenants/T", data)

    def credentials(self, **secret: Any) -> None:
        password = {
            "type": "hashed-password",
            "auth-id": "d",
            "secrets": [secret or PLAIN],
        }
        certificate = {
            "type": "x509-cert",
            "auth-id": "CN=d,O=ACME",
            "secrets": [{"enabled": not secret}],
        }
        self.manage("PUT", "/credentials/T/d", [password, certificate])

    def statuses(self, password: str = "right") -> list[int]:
        """Publish on both connections; return the statuses."""
        login = base64.b64encode(f"d@T:{password}".encode())
        start = (
            b"POST /event HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
            b"Content-Length: 5\r\n"
        )
        found = []
        for connection, login_field in (
            (self.plain, b"Authorization: Basic %s\r\n" % login),
            (self.secure, b""),
        ):
            connection.sendall(b"%s%s\r\nhello" % (start, login_field))
            response = http.client.HTTPResponse(connection)
            response.begin()
            response.read()
            found.append(response.status)
        return found

    def test_devices(self) -> None:
        for _ in range(3):
            self.assertEqual(self.statuses(), [202, 202])
        self.manage("PUT", "/devices/T/d", {"enabled": False})
        self.assertEqual(self.statuses(), [403, 403])
        self.manage("PUT", "/devices/T/d", {"enabled": True})
        self.assertEqual(self.statuses(), [202, 202])
        self.manage("DELETE", "/devices/T/d")
        self.assertEqual(self.statuses(), [401, 401])

    def test_credentials(self) -> None:
        self.assertEqual(self.statuses(), [202, 202])
        self.credentials(**{"pwd-plain": "new"})
        self.assertEqual(self.statuses(), [401, 401])
        self.assertEqual(self.statuses("new"), [202, 401])
        self.credentials()
        self.assertEqual(self.statuses(), [202, 202])
        self.manage("PUT", "/credentials/T/d", [])
        self.assertEqual(self.statuses(), [401, 401])

    def test_tenants(self) -> None:
        self.assertEqual(self.statuses(), [202, 202])
        self.tenant("PUT", enabled=False)
        self.assertEqual(self.statuses(), [403, 403])
        self.tenant("PUT")
        self.assertEqual(self.statuses(), [202, 202])
        self.manage("PUT", "/tenants/T", {})
        self.assertEqual(self.statuses(), [202, 401])
        self.tenant("PUT")
        self.assertEqual(self.statuses(), [202, 202])
        self.manage("DELETE", "/tenants/T")
        self.assertEqual(self.statuses(), [401, 401])
