"""The sandbox's certificates: made once, made again when they are no good."""

from __future__ import annotations

import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.sandbox.certificates import VALID, Certificates
from tests.interop import need


class CertificatesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()) / "state"
        self.offset = timedelta()

    def certificates(self, device_id: str = "dev1") -> Certificates:
        return Certificates(
            self.directory, device_id, lambda: datetime.now(UTC) + self.offset
        )

    def made(self, device_id: str = "dev1") -> dict[str, bytes]:
        self.certificates(device_id).ensure()
        return {path.name: path.read_bytes() for path in self.directory.iterdir()}

    def test_once_made_they_stay(self) -> None:
        self.assertEqual(self.made(), self.made())

    def test_nothing_else_is_left_behind(self) -> None:
        self.assertEqual(
            set(self.made()),
            {"ca.pem", "server.pem", "server.key", "device.pem", "device.key"},
        )

    def test_keys_are_for_the_owner_only(self) -> None:
        for path in self.made():
            mode = stat.S_IMODE((self.directory / path).stat().st_mode)
            if path.endswith(".key"):
                self.assertEqual(mode, 0o600, path)

    def test_they_are_made_again_when_no_good(self) -> None:
        for name in self.made():
            for damage in (b"", b"-----BEGIN", None):
                before = self.made()
                path = self.directory / name
                if damage is None:
                    path.unlink()
                else:
                    path.write_bytes(damage)
                after = self.made()
                self.assertEqual(set(after), set(before), name)
                self.assertNotEqual(after["ca.pem"], before["ca.pem"], name)

    def test_they_are_made_again_for_another_device(self) -> None:
        self.assertNotEqual(self.made("dev1")["device.pem"], self.made("dev2"))
        self.assertEqual(self.made("dev2"), self.made("dev2"))

    def test_they_are_made_again_before_they_expire(self) -> None:
        before = self.made()
        self.offset = VALID - timedelta(days=2)
        self.assertEqual(self.made(), before)
        self.offset = VALID - timedelta(hours=2)
        self.assertNotEqual(self.made(), before)

    def test_key_of_another_certificate_is_no_good(self) -> None:
        before = self.made()
        (self.directory / "server.key").write_bytes(before["device.key"])
        self.assertNotEqual(self.made()["server.pem"], before["server.pem"])

    def test_certificate_of_another_ca_is_no_good(self) -> None:
        foreign = self.made()["server.pem"], self.made()["server.key"]
        (self.directory / "ca.pem").unlink()
        self.made()
        (self.directory / "server.pem").write_bytes(foreign[0])
        (self.directory / "server.key").write_bytes(foreign[1])
        self.assertNotEqual(self.made()["server.pem"], foreign[0])

    def test_openssl_takes_them_strictly(self) -> None:
        self.made()
        for name, purpose in (("server", "sslserver"), ("device", "sslclient")):
            done = subprocess.run(
                [need("openssl"), "verify", "-x509_strict", "-purpose", purpose]
                + ["-CAfile", "ca.pem", f"{name}.pem"],
                cwd=self.directory,
                capture_output=True,
                text=True,
            )
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_pyopenssl_loads_them(self) -> None:
        self.made()
        context = SSL.Context(SSL.TLS_METHOD)
        context.use_certificate_file(str(self.directory / "server.pem"))
        context.use_privatekey_file(str(self.directory / "server.key"))
        context.check_privatekey()
