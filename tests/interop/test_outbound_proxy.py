"""The way to Cumulocity through an HTTP proxy, with a login in a file at its end."""

from __future__ import annotations

import base64
import http.server
import signal
import socket
import socketserver
import threading
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.interop.service import Service, free_ports, wait_for

LOGIN = "Basic " + base64.b64encode(b"me:sec:ret").decode()


class Cloud(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"{self.headers['Host']} {self.headers['Authorization']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


class ConnectProxy(http.server.BaseHTTPRequestHandler):
    """Connects to the cloud, whatever host is asked for."""

    protocol_version = "HTTP/1.1"
    cloud: int
    asked: list[tuple[str, str]]

    def do_CONNECT(self) -> None:
        self.asked.append((self.path, self.headers["Proxy-Authorization"]))
        if self.headers["Proxy-Authorization"] != LOGIN:
            self.send_error(407, "Who are you")
            return
        there = socket.create_connection(("127.0.0.1", self.cloud))
        self.send_response(200, "Connection established")
        self.end_headers()
        pump = threading.Thread(target=self.pump, args=(there, self.connection))
        pump.start()
        self.pump(self.connection, there)
        pump.join()
        self.close_connection = True

    def pump(self, source: Any, sink: Any) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def log_message(self, *_: Any) -> None: ...


class Threaded(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class OutboundProxyTests(SynchronousTestCase):
    def serve(self, handler: type) -> int:
        server = Threaded(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        port: int = server.server_address[1]
        return port

    def start(self, password: str = "sec:ret", **files: str) -> None:
        cloud = self.serve(Cloud)
        self.asked: list[tuple[str, str]] = []
        handler = type("P", (ConnectProxy,), {"cloud": cloud, "asked": self.asked})
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        for name, text in {
            "password": f"{password}\n",
            "credentials.toml": '[c8y]\nusername = "t1/me"\npassword = "pw"\n',
        }.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o640)
        self.service = Service(
            folder,
            "c8y.http=http://cloud.invalid:8080",
            "c8y.allow_plain=true",
            "c8y.auth_method=auto",
            f"proxy.address=127.0.0.1:{self.serve(handler)}",
            "proxy.username=me",
            f"proxy.password_file={folder / 'password'}",
            sandbox=False,
        )
        self.service.settings += [
            f"hono.registry.path={folder}/r.sqlite",
            f"hono.messaging.embedded.store_path={folder}/e.sqlite",
            f"hono.registry.http.port={free_ports(1)[0]}",
        ]
        self.service.settings = [
            s for s in self.service.settings if not s.startswith("sandbox.")
        ]
        self.addCleanup(self.service.kill)
        self.service.start()

    def ask(self) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.service.c8y, timeout=20)
        self.addCleanup(connection.close)
        connection.request("GET", "/c8y/x")
        answer = connection.getresponse()
        return answer.status, answer.read()

    def test_everything_goes_through_the_proxy(self) -> None:
        self.start()
        login = base64.b64encode(b"t1/me:pw").decode()
        self.assertEqual(
            self.ask(), (200, f"cloud.invalid:8080 Basic {login}".encode())
        )
        self.assertEqual(self.asked, [("cloud.invalid:8080", LOGIN)])

    def test_a_new_password_counts_after_a_sighup(self) -> None:
        self.start(password="wrong")
        self.assertEqual(self.ask()[0], 502)
        (self.service.folder / "password").write_text("sec:ret\n")
        assert self.service.process is not None
        self.service.process.send_signal(signal.SIGHUP)
        wait_for("reloaded login at the outbound proxy", self.service.log)
        self.assertEqual(self.ask()[0], 200)

    def test_what_the_proxy_says_is_logged(self) -> None:
        self.start(password="wrong")
        self.assertEqual(self.ask()[0], 502)
        self.assertIn("the proxy answers 407 Who are you", self.service.log())
        self.assertNotIn("wrong", self.service.log())
