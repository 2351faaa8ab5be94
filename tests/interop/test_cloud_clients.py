"""Real clients of Cumulocity's API at the /c8y door, against the sandbox cloud."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.interop import need
from tests.interop.environments import node_with, python_with
from tests.interop.service import Service, free_ports

HERE = Path(__file__).parent
MIB = 1 << 20


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=120
    )


class ClientTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.service = Service(self.folder)
        self.service.start()
        self.addCleanup(self.service.kill)
        self.door = f"http://127.0.0.1:{self.service.c8y}/c8y"

    def is_good(self, done: subprocess.CompletedProcess[str]) -> None:
        self.assertEqual((done.returncode, done.stdout), (0, "good\n"), done.stderr)

    def curl(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        done = run(need("curl"), "-sS", "--fail-with-body", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return done

    def event(self) -> str:
        """Return the URL of a new event's attachment."""
        kind = "Content-Type: application/json"
        made = self.curl(
            *("-H", kind, "-H", "Accept: application/json"),
            *("-d", '{"name":"d"}', f"{self.door}/inventory/managedObjects"),
        )
        source = json.loads(made.stdout)["id"]
        event = {"source": {"id": source}, "type": "t", "text": "x"}
        event["time"] = "2026-11-26T12:00:00Z"
        made = self.curl(
            *("-H", kind, "-H", "Accept: application/json"),
            *("-d", json.dumps(event), f"{self.door}/event/events"),
        )
        return f"{self.door}/event/events/{json.loads(made.stdout)['id']}/binaries"

    def file(self, size: int) -> Path:
        path = self.folder / f"file-{size}"
        block = hashlib.sha512(b"edgeproxy").digest()
        path.write_bytes((block * (size // len(block) + 1))[:size])
        return path

    def test_curl_waits_for_100_before_two_mebibytes(self) -> None:
        url, file = self.event(), self.file(2 * MIB)
        kind = "Content-Type: application/octet-stream"
        done = self.curl(
            "-v",
            "-H",
            kind,
            "-H",
            "Expect: 100-continue",
            "--data-binary",
            f"@{file}",
            url,
        )
        self.assertIn("< HTTP/1.1 100 Continue", done.stderr)
        self.assertNotIn("Done waiting for 100-continue", done.stderr)
        self.assertEqual(json.loads(done.stdout)["length"], 2 * MIB)

    def test_curl_moves_large_files_both_ways_and_resumes(self) -> None:
        url, file = self.event(), self.file(48 * MIB)
        kind = "Content-Type: application/octet-stream"
        for name in ("-T", "--data-binary"):
            # With a length, and chunked from a pipe.
            if name == "-T":
                self.curl("-X", "POST", "-H", kind, "-T", file, url)
            else:
                cat = subprocess.Popen(["cat", str(file)], stdout=subprocess.PIPE)
                done = subprocess.run(
                    [need("curl"), "-sS", "-X", "PUT", "-H", kind, "-T", "-", url],
                    stdin=cat.stdout,
                    capture_output=True,
                    timeout=120,
                )
                cat.wait()
                self.assertEqual(json.loads(done.stdout)["length"], 48 * MIB)
        back = self.folder / "back"
        self.curl("-o", back, url)
        self.assertEqual(back.read_bytes(), file.read_bytes())
        with back.open("r+b") as cut:
            cut.truncate(10 * MIB + 7)
        done = self.curl("-C", "-", "-D", "-", "-o", back, url)
        self.assertIn("HTTP/1.1 206 Partial Content", done.stdout)
        self.assertEqual(back.read_bytes(), file.read_bytes())

    def test_c8y_api(self) -> None:
        python = python_with("c8y_api==3.7.3", "setuptools<81")
        self.is_good(run(python, HERE / "client_c8y_api.py", self.door))

    def test_c8y_client(self) -> None:
        modules = node_with("@c8y/client@1023.77.1")
        self.is_good(run(need("node"), HERE / "client_c8y.js", modules, self.door))

    def test_edgeproxyctl_http(self) -> None:
        done = self.service.ctl("http", "GET", "/tenant/currentTenant")
        self.assertEqual(json.loads(done.stdout)["name"], "t1")
        path = "/c8y/inventory/managedObjects"
        done = self.service.ctl(
            *("http", "post", path, "-d", '{"name":"x"}', "-i"),
            *("-H", "Accept: application/json"),
        )
        self.assertIn("HTTP/1.1 201 Created\n", done.stdout)
        # The tenant's own link leads to the door.
        self.assertIn(f"location: {self.door}/inventory", done.stdout.lower())
        done = self.service.ctl("http", "GET", "/nowhere")
        self.assertEqual(
            (done.returncode, done.stderr), (1, "edgeproxyctl: 404 Not Found\n")
        )
        self.assertIn("No resource found", done.stdout)

    def test_edgeproxyctl_token_and_diag(self) -> None:
        done = self.service.ctl("token")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("device_edgeproxy-sandbox", done.stdout)
        self.assertNotIn("eyJ", done.stdout + self.service.log())
        done = self.service.ctl("diag")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("ok    device credential", done.stdout)
        self.service.kill()
        done = self.service.ctl("diag")
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAIL  service", done.stdout)
        self.assertIn("-> systemctl status edgeproxy", done.stdout)


class WebSocketClientTests(SynchronousTestCase):
    def test_websockets(self) -> None:
        python = python_with("websockets==15.0.1")
        (port,) = free_ports(1)
        service = Service(Path(self.mktemp()))
        service.settings += [
            f"c8y.http=http://127.0.0.1:{port}",
            f"c8y.mqtt=127.0.0.1:{service.mqtt}",
            "c8y.token.source=mqtt",
            "c8y.root_cert_path=var/sandbox/ca.pem",
            "device.cert_path=var/sandbox/device.pem",
            "device.key_path=var/sandbox/device.key",
        ]
        service.start()
        self.addCleanup(service.kill)
        url = f"ws://127.0.0.1:{service.c8y}/c8y"
        done = run(python, HERE / "client_websocket.py", port, url)
        self.assertEqual((done.returncode, done.stdout), (0, "good\n"), done.stderr)
