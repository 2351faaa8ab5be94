"""The sandbox's own certificates: a CA, a server and one device.

Made once and kept; made again, all of them, when one is missing, damaged, of another
device, or about to expire. Nobody else trusts this CA.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Long enough that nobody meets the end of it, short enough for every client's taste.
VALID = timedelta(days=800)

# A certificate made on a machine whose clock is ahead should still work elsewhere.
BACKDATED = timedelta(days=1)

NAMES = ("localhost", "127.0.0.1", "::1")


class Certificates:
    """Where the files are, in *directory*; `ensure` makes them if need be.

    *device_id* is the device certificate's common name.
    """

    def __init__(
        self,
        directory: Path,
        device_id: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.ca = directory / "ca.pem"
        self.server_cert = directory / "server.pem"
        self.server_key = directory / "server.key"
        self.device_cert = directory / "device.pem"
        self.device_key = directory / "device.key"
        self._device_id = device_id
        self._now = now

    def ensure(self) -> None:
        """Make the files unless they are all there and good; `OSError` if it cannot."""
        if not self._good():
            self._make()

    def _good(self) -> bool:
        try:
            ca = _load(self.ca)
            return self._current(ca) and all(
                self._matches(ca, *each) for each in self._leaves()
            )
        except (OSError, ValueError, TypeError):
            return False

    def _leaves(self) -> list[tuple[Path, Path, str]]:
        return [
            (self.server_cert, self.server_key, NAMES[0]),
            (self.device_cert, self.device_key, self._device_id),
        ]

    def _matches(self, ca: x509.Certificate, cert: Path, key: Path, name: str) -> bool:
        leaf = _load(cert)
        private = serialization.load_pem_private_key(key.read_bytes(), None)
        return (
            _public(leaf.public_key()) == _public(private.public_key())
            and leaf.subject == _name(name)
            and self._current(leaf)
            and _signed(leaf, ca)
        )

    def _current(self, cert: x509.Certificate) -> bool:
        return _expiry(cert) > self._now() + BACKDATED

    def _make(self) -> None:
        self.ca.parent.mkdir(parents=True, exist_ok=True)
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca_name = _name("edgeproxy sandbox CA")
        ca = self._sign(ca_name, ca_key, ca_name, ca_key, [])
        names: list[x509.GeneralName] = [x509.DNSName(NAMES[0])]
        names += [x509.IPAddress(ip_address(each)) for each in NAMES[1:]]
        server: list[x509.ExtensionType] = [
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
            x509.SubjectAlternativeName(names),
        ]
        device: list[x509.ExtensionType] = [
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        ]
        for (cert_path, key_path, name), extensions in zip(
            self._leaves(), (server, device), strict=True
        ):
            key = ec.generate_private_key(ec.SECP256R1())
            cert = self._sign(_name(name), key, ca_name, ca_key, extensions)
            _write(key_path, _private_pem(key), 0o600)
            _write(cert_path, _pem(cert), 0o644)
        # Last: whoever sees the new CA finds what it has signed.
        _write(self.ca, _pem(ca), 0o644)

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        issuer: x509.Name,
        issuer_key: ec.EllipticCurvePrivateKey,
        extensions: list[x509.ExtensionType],
    ) -> x509.Certificate:
        now = self._now()
        is_ca = key is issuer_key
        public, issuer_public = key.public_key(), issuer_key.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(now + VALID)
            .add_extension(
                x509.BasicConstraints(is_ca, 0 if is_ca else None), critical=True
            )
            .add_extension(_usage(is_ca), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
            # Strict verifiers (Python 3.13's default) want it on every leaf.
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public), False
            )
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(issuer_key, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _expiry(cert: x509.Certificate) -> datetime:
    # cryptography 42 deprecates the naive attribute; Debian 12 has nothing else.
    if hasattr(cert, "not_valid_after_utc"):
        return cert.not_valid_after_utc
    return cert.not_valid_after.replace(tzinfo=UTC)


def _signed(cert: x509.Certificate, ca: x509.Certificate) -> bool:
    key = ca.public_key()
    algorithm = cert.signature_hash_algorithm
    if not isinstance(key, ec.EllipticCurvePublicKey) or algorithm is None:
        return False
    try:
        key.verify(cert.signature, cert.tbs_certificate_bytes, ec.ECDSA(algorithm))
    except InvalidSignature:
        return False
    return cert.issuer == ca.subject


def _public(key: Any) -> bytes:
    return bytes(
        key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


def _pem(cert: x509.Certificate) -> bytes:
    return cert.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    """Replace *path* in one step; a key is never readable by others, not even new."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    new.replace(path)
