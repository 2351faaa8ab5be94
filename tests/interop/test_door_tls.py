"""HTTPS and client certificates at the /c8y door, with the real curl."""

from __future__ import annotations

import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.sandbox.certificates import Certificates
from tests.interop import need
from tests.interop.service import Service


class DoorTests(SynchronousTestCase):
    def start(self, *settings: str, ca: bool = True) -> None:
        folder = Path(self.mktemp()).absolute()
        self.files = Certificates(folder / "keys", "panel-1")
        self.files.ensure()
        self.service = Service(
            folder,
            f"c8y.proxy.cert_path={self.files.server_cert}",
            f"c8y.proxy.key_path={self.files.server_key}",
            *([f"c8y.proxy.ca_path={self.files.ca}"] if ca else []),
            *settings,
        )
        self.addCleanup(self.service.kill)
        self.service.start()
        self.where = f"localhost:{self.service.c8y}/c8y/tenant/currentTenant"

    def curl(self, *arguments: object) -> tuple[int, str]:
        done = subprocess.run(
            [
                need("curl"),
                "-s",
                "-w",
                "%{http_code} %{redirect_url}",
                "-o",
                "/dev/null",
            ]
            + [*map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.returncode, done.stdout.strip()

    def secure(self, *arguments: object) -> tuple[int, str]:
        url = f"https://{self.where}"
        return self.curl("--cacert", self.files.ca, *arguments, url)

    def certificate(self, files: Certificates | None = None) -> tuple[object, ...]:
        files = files or self.files
        return "--cert", files.device_cert, "--key", files.device_key

    def test_https_without_client_certificates(self) -> None:
        self.start(ca=False)
        self.assertEqual(self.secure(), (0, "200"))
        self.assertEqual(self.secure("--tlsv1.2", "--tls-max", "1.2"), (0, "200"))
        url = f"http://{self.where}"
        self.assertEqual(self.curl(url), (0, f"307 https://{self.where}"))
        done = self.service.ctl("http", "GET", "/tenant/currentTenant")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_client_certificates_are_mandatory(self) -> None:
        self.start()
        self.assertEqual(self.secure(*self.certificate()), (0, "200"))
        done = self.service.ctl(
            *("--set", f"http.client.auth.cert_file={self.files.device_cert}"),
            *("--set", f"http.client.auth.key_file={self.files.device_key}"),
            *("http", "GET", "/tenant/currentTenant"),
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        for version in ("1.2", "1.3"):
            status, _ = self.secure("--tls-max", version)
            self.assertNotEqual(status, 0)
        foreign = Certificates(Path(self.mktemp()), "panel-1")
        foreign.ensure()
        status, _ = self.secure(*self.certificate(foreign))
        self.assertNotEqual(status, 0)

    def test_only_names_that_are_allowed_get_in(self) -> None:
        self.start('c8y.proxy.allowed_cn=["panel-2"]')
        self.assertEqual(self.secure(*self.certificate()), (0, "403"))
        self.assertIn("'panel-1' is not in c8y.proxy.allowed_cn", self.service.log())
        self.service.stop()
        self.service.settings[-1] = "c8y.proxy.allowed_cn=panel-1,panel-2"
        self.service.start()
        self.assertEqual(self.secure(*self.certificate()), (0, "200"))
