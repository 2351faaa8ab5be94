"""Files of key material: what is read, and what is said about a bad one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from OpenSSL import crypto
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from edgeproxy.sandbox.certificates import Certificates
from edgeproxy.tls.client import ClientTLS
from edgeproxy.tls.errors import TLSFileError
from edgeproxy.tls.material import load_key_material, read_certificates
from edgeproxy.tls.renewal import Renewal
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

    def test_keys_in_every_form(self) -> None:
        pkcs8 = serialization.PrivateFormat.PKCS8
        traditional = serialization.PrivateFormat.TraditionalOpenSSL
        rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        ec_key = ec.generate_private_key(ec.SECP256R1())
        ed_key = ed25519.Ed25519PrivateKey.generate()
        forms: list[tuple[Any, Any, bytes]] = [
            (rsa_key, pkcs8, b"BEGIN PRIVATE KEY"),
            (rsa_key, traditional, b"BEGIN RSA PRIVATE KEY"),
            (ec_key, pkcs8, b"BEGIN PRIVATE KEY"),
            (ec_key, traditional, b"BEGIN EC PRIVATE KEY"),
            (ed_key, pkcs8, b"BEGIN PRIVATE KEY"),
        ]
        parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
        parameters += b"-----END EC PARAMETERS-----\n"
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
        now = datetime.now(UTC)
        for key, form, label in forms:
            builder = x509.CertificateBuilder(name, name, key.public_key(), 1)
            builder = builder.not_valid_before(now).not_valid_after(now)
            digest = None if key is ed_key else hashes.SHA256()
            pem = serialization.Encoding.PEM
            cert = builder.sign(key, digest).public_bytes(pem)
            text = key.private_bytes(pem, form, serialization.NoEncryption())
            self.assertIn(label, text)
            cert_file, key_file = self.folder / "cert.pem", self.folder / "key.pem"
            cert_file.write_bytes(cert)
            # Alone, after what tools put before it, and in one file with the other.
            for content in (text, parameters + text, cert + text, text + cert):
                key_file.write_bytes(content)
                load_key_material(str(cert_file), str(key_file))

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

    def test_a_key_that_is_too_short(self) -> None:
        key = rsa.generate_private_key(65537, 1024)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "short")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), 1)
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        cert, private = self.folder / "short.pem", self.folder / "short.key"
        cert.write_bytes(certificate.public_bytes(Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
            )
        )
        self.refused("key too small", load_key_material, cert, private)

    def test_a_folder_that_cannot_be_read(self) -> None:
        def denied(_: Path) -> Any:
            raise PermissionError(13, "Permission denied")

        self.patch(Path, "iterdir", denied)
        self.assertFalse(Renewal(str(self.folder)).happened())
        self.refused("Permission denied", load_trust, self.folder)

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
