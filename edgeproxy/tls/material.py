"""Reads certificates and private keys from PEM files."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
from OpenSSL import SSL, crypto

from edgeproxy.tls.errors import TLSFileError

_PEM_CERTIFICATE = re.compile(
    rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----.+?"
    rb"-----END (?:TRUSTED |X509 )?CERTIFICATE-----",
    re.DOTALL,
)


def read_file(path: str) -> bytes:
    """Return the content of the file at *path*, or raise `TLSFileError`."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise TLSFileError(path, error.strerror or str(error)) from None


def read_certificates(path: str) -> list[crypto.X509]:
    """Return the certificates of a PEM file in their order; at least one."""
    certificates = []
    for block in _PEM_CERTIFICATE.findall(read_file(path)):
        try:
            certificates.append(crypto.load_certificate(crypto.FILETYPE_PEM, block))
        except (crypto.Error, ValueError):
            raise TLSFileError(path, "holds a broken certificate") from None
    if not certificates:
        raise TLSFileError(path, "holds no PEM certificate")
    return certificates


@attrs.frozen
class KeyMaterial:
    """A certificate chain, leaf first, and the leaf's private key."""

    chain: list[crypto.X509]
    key: crypto.PKey = attrs.field(repr=False)

    @property
    def common_name(self) -> str | None:
        """The leaf's common name, which names a device."""
        name: str | None = self.chain[0].get_subject().CN
        return name


def load_key_material(cert_path: str, key_path: str) -> KeyMaterial:
    """Return the chain at *cert_path* with the key at *key_path*.

    Raises `TLSFileError` for files that cannot be read, an encrypted key, and a key
    that is not the certificate's.
    """
    chain = read_certificates(cert_path)

    def no_passphrase(*_: object) -> bytes:
        raise TLSFileError(key_path, "is encrypted; edgeproxy asks nobody for it")

    try:
        key = crypto.load_privatekey(
            crypto.FILETYPE_PEM, read_file(key_path), no_passphrase
        )
    except TLSFileError:
        raise
    except (crypto.Error, ValueError, TypeError):
        raise TLSFileError(key_path, "holds no PEM private key") from None
    context = SSL.Context(SSL.TLS_METHOD)
    try:
        context.use_certificate(chain[0])
    except SSL.Error as error:
        # Too short a key, say.
        why = error.args[0][0][-1] if error.args and error.args[0] else "refused"
        raise TLSFileError(cert_path, f"cannot be used: {why}") from None
    try:
        context.use_privatekey(key)
        context.check_privatekey()
    except SSL.Error:
        problem = f"is not the key of the certificate in {cert_path}"
        raise TLSFileError(key_path, problem) from None
    return KeyMaterial(chain, key)
