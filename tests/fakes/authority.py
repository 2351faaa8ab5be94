"""Certificate authorities made on the spot, good ones and bad ones."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH

_KEYS = {
    "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


def name(common_name: str, *more: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    """Return a subject: ``O=ACME``, then *more*, then the common name."""
    pairs = [(NameOID.ORGANIZATION_NAME, "ACME"), *more]
    pairs.append((NameOID.COMMON_NAME, common_name))
    return x509.Name([x509.NameAttribute(*pair) for pair in pairs])


@attrs.frozen
class Issued:
    """A certificate with its key, and the intermediates above it, nearest first."""

    certificate: x509.Certificate
    key: Any
    above: tuple[x509.Certificate, ...] = ()

    @property
    def ders(self) -> list[bytes]:
        """What a client shows."""
        encoding = serialization.Encoding.DER
        return [c.public_bytes(encoding) for c in (self.certificate, *self.above)]

    def write(self, path: Path) -> str:
        """Write chain and key into one PEM file; return its name."""
        pem = b"".join(
            c.public_bytes(serialization.Encoding.PEM)
            for c in (self.certificate, *self.above)
        )
        pem += self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_bytes(pem)
        return str(path)


class Authority:
    """A CA called *subject* with a key of the kind *key*; *above* issued it, if any."""

    def __init__(
        self,
        subject: str | x509.Name = "CA",
        key: str = "ec",
        above: Authority | None = None,
        **more: Any,
    ) -> None:
        self.name = name(subject) if isinstance(subject, str) else subject
        self.key = _KEYS[key]()
        self.above = above
        issuer = self if above is None else above
        self.certificate = issuer.sign(
            self.name, self.key.public_key(), **({"ca": True} | more)
        )

    @property
    def public_key(self) -> bytes:
        """DER of the key's SubjectPublicKeyInfo."""
        return self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def as_anchor(self, **more: Any) -> dict[str, Any]:
        """Return the JSON form of a trusted CA that is a bare key."""
        now = datetime.now(UTC)
        return {
            "subject-dn": self.name.rfc4514_string(),
            "public-key": base64.b64encode(self.public_key).decode(),
            "not-before": (now - DAY).isoformat(),
            "not-after": (now + DAY).isoformat(),
        } | more

    def issue(
        self,
        subject: str | x509.Name,
        key: str = "ec",
        **more: Any,
    ) -> Issued:
        """Return a certificate for *subject*; *more* is for `sign`."""
        made = _KEYS[key]()
        wanted = name(subject) if isinstance(subject, str) else subject
        certificate = self.sign(wanted, made.public_key(), **more)
        above: list[x509.Certificate] = []
        issuer: Authority | None = self
        while issuer is not None and issuer.above is not None:
            above.append(issuer.certificate)
            issuer = issuer.above
        return Issued(certificate, made, tuple(above))

    def sign(
        self,
        subject: x509.Name,
        public_key: Any,
        ca: bool = False,
        usage: Any = (CLIENT,),
        signs: bool = True,
        starts: timedelta = -DAY,
        ends: timedelta = DAY,
        serial: int | None = None,
        points_to: str = "",
        path_length: int | None = None,
    ) -> x509.Certificate:
        """Sign a certificate.

        *usage* are the purposes of the extended key usage (None: the extension is not
        there), *signs* whether its key may make signatures, *points_to* what the
        authority key identifier names: ``key``, ``serial`` or nothing.
        """
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public_key)
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(now + starts)
            .not_valid_after(now + ends)
            .add_extension(
                x509.BasicConstraints(ca=ca, path_length=path_length), critical=True
            )
            .add_extension(
                x509.KeyUsage(
                    digital_signature=signs and not ca,
                    key_cert_sign=ca,
                    crl_sign=ca,
                    key_encipherment=not signs,
                    content_commitment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
        )
        if usage is not None and not ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usage), False)
        if points_to == "key":
            builder = builder.add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    self.key.public_key()
                ),
                False,
            )
        elif points_to == "serial":
            own = self.certificate
            builder = builder.add_extension(
                x509.AuthorityKeyIdentifier(
                    b"any", [x509.DirectoryName(own.issuer)], own.serial_number
                ),
                False,
            )
        edwards = isinstance(self.key, ed25519.Ed25519PrivateKey)
        return builder.sign(self.key, None if edwards else hashes.SHA256())
