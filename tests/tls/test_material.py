"""Files of key material: what is read, and what is said about a bad one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from OpenSSL import crypto
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from edgeproxy.sandbox.certificates import Certificates
from edgeproxy.tls.client import ClientTLS
from edgeproxy.tls.errors import TLSFileError
from edgeproxy.tls.material import load_key_material, read_certificates
from edgeproxy.tls.trust import load_trust


class FilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.files = Certificates(self.folder / "made", "device-1")
        self.files.ensure()

    def refused(self, problem: str, function: Any, *paths: object) -> None:
        with self.assertRaises(TLSFileError) as caught:
            function(*map(str, paths))
        self.assertIn(problem, str(caught.exception))

    def test_a_chain_and_its_key(self) -> None:
        chain = self.folder / "chain.pem"
        chain.write_bytes(
            b"some text before\n"
            + self.files.device_cert.read_bytes()
            + self.files.ca.read_bytes()
        )
        material = load_key_material(str(chain), str(self.files.device_key))
        self.assertEqual(len(material.chain), 2)
        self.assertEqual(material.common_name, "device-1")
        self.assertNotIn("key", repr(material).partition("chain")[2])

    def test_files_that_are_not_there_or_empty(self) -> None:
        nothing = self.folder / "nothing"
        nothing.touch()
        self.refused("No such file", read_certificates, self.folder / "missing")
        self.refused("holds no PEM certificate", read_certificates, nothing)
        self.refused(
            "holds no PEM private key",
            load_key_material,
            self.files.device_cert,
            nothing,
        )

    def test_a_broken_certificate(self) -> None:
        broken = self.folder / "broken.pem"
        broken.write_text(
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        )
        self.refused("holds a broken certificate", read_certificates, broken)

    def test_the_key_of_another_certificate(self) -> None:
        self.refused(
            "is not the key of the certificate",
            load_key_material,
            self.files.device_cert,
            self.files.server_key,
        )

    def test_an_encrypted_key(self) -> None:
        key = crypto.load_privatekey(
            crypto.FILETYPE_PEM, self.files.device_key.read_bytes()
        )
        encrypted = self.folder / "encrypted.pem"
        encrypted.write_bytes(
            crypto.dump_privatekey(crypto.FILETYPE_PEM, key, "aes256", b"secret")
        )
        self.refused("encrypted", load_key_material, self.files.device_cert, encrypted)

    def test_trust_comes_from_the_system_a_file_or_a_folder(self) -> None:
        folder = self.folder / "cas"
        folder.mkdir()
        (folder / "README").write_text("no certificate")
        self.refused("without any PEM certificate", load_trust, folder)
        (folder / "ca.pem").write_bytes(self.files.ca.read_bytes())
        for path in (None, str(self.files.ca), str(folder)):
            self.assertIsNotNone(load_trust(path))

    def test_a_failed_reload_keeps_the_context(self) -> None:
        ca = self.folder / "ca.pem"
        ca.write_bytes(self.files.ca.read_bytes())
        tls = ClientTLS("localhost", str(ca))
        verifyObject(IOpenSSLClientConnectionCreator, tls)
        before = tls._creator
        ca.write_text("")
        self.assertRaises(TLSFileError, tls.reload)
        self.assertIs(tls._creator, before)
        ca.write_bytes(self.files.ca.read_bytes())
        tls.reload()
        self.assertIsNot(tls._creator, before)
