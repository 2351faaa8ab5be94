"""Validates the certificate chain of a TLS client against keys that are trusted.

The handshake takes any certificate, and only proves that the client has its key. Whose
it is, is asked afterwards, as who is trusted depends on the tenant. Paths are built and
signatures verified by OpenSSL.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto

from edgeproxy.tls.queue import clear_errors

# Certificates that a client may show; a path of four is long.
MOST_CERTIFICATES = 10

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# What fits into a certificate (RFC 5280, §4.1.2.5).
_EARLIEST, _LATEST = (
    datetime(1950, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, tzinfo=UTC),
)

_CLIENT = (
    ExtendedKeyUsageOID.CLIENT_AUTH,
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
)


# What cryptography says of certificates that are none; not all of it is a ValueError.
_UNREADABLE = (
    ValueError,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


class ChainRefused(Exception):
    """The chain does not lead to the key, or may not be used; says why."""


@attrs.frozen
class TrustedKey:
    """A CA's key: DER of its SubjectPublicKeyInfo, and its validity in Unix seconds."""

    public_key: bytes
    not_before: float
    not_after: float


def read_chain(chain: Sequence[bytes]) -> list[x509.Certificate]:
    """Return the certificates with these DERs; raises `ChainRefused`."""
    if not 0 < len(chain) <= MOST_CERTIFICATES:
        raise ChainRefused("too many certificates")
    try:
        return [x509.load_der_x509_certificate(der) for der in chain]
    except _UNREADABLE:
        raise ChainRefused("a certificate that cannot be read") from None


def validate(
    chain: Sequence[x509.Certificate], issuer: x509.Name, key: TrustedKey, now: float
) -> tuple[float, float]:
    """Return the validity of the path from the first of *chain* to *key*.

    In Unix seconds: the time in which all of the path is valid. *issuer* is the name
    of the CA with this *key*, as the certificate has it that the CA has issued; the
    others of *chain* may be intermediate CAs. Raises `ChainRefused` when there is no
    such path at *now*, or the first may not be a TLS client's.
    """
    try:
        _check_usage(chain[0])
        children = [each for each in chain if each.issuer == issuer]
        store = crypto.X509Store()
        # The key is trusted whatever its own certificate would say.
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
        store.set_time((_EPOCH + timedelta(seconds=now)).replace(tzinfo=None))
        for child in children:
            store.add_cert(_stand_in(issuer, key, child))
        first, *others = map(crypto.X509.from_cryptography, chain)
        path = crypto.X509StoreContext(store, first, others).get_verified_chain()
    except crypto.X509StoreContextError as error:
        raise ChainRefused(str(error)) from None
    except (crypto.Error, *_UNREADABLE) as error:
        raise ChainRefused(f"cannot be verified: {error}") from None
    finally:
        # Or the next read of any connection would find them and fail.
        clear_errors()
    return (
        max(_seconds(each.get_notBefore()) for each in path),
        min(_seconds(each.get_notAfter()) for each in path),
    )


def _check_usage(leaf: x509.Certificate) -> None:
    """Raise `ChainRefused` unless *leaf* may be a TLS client's (RFC 5280, §4.2.1)."""
    for extension in leaf.extensions:
        usage = extension.value
        if isinstance(usage, x509.ExtendedKeyUsage) and not any(
            purpose in usage for purpose in _CLIENT
        ):
            raise ChainRefused("is not for TLS clients")
        if isinstance(usage, x509.KeyUsage) and not (
            usage.digital_signature or usage.key_agreement
        ):
            raise ChainRefused("is not for signatures")


def _stand_in(
    issuer: x509.Name, key: TrustedKey, child: x509.Certificate
) -> crypto.X509:
    """Return a certificate for *key* that OpenSSL takes for the issuer of *child*.

    What is trusted is a key, but OpenSSL wants certificates. Its own signature does
    not count, as nobody verifies that of an anchor.
    """
    name, serial, identifier = issuer, 1, None
    try:
        # A child may tell which of its issuer's certificates it means.
        meant = child.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        pass
    else:
        identifier = meant.value.key_identifier
        serial = meant.value.authority_cert_serial_number or 1
        for general in meant.value.authority_cert_issuer or ():
            if isinstance(general, x509.DirectoryName):
                name = general.value
    builder = (
        x509.CertificateBuilder()
        .subject_name(issuer)
        .issuer_name(name)
        .public_key(_loaded(key.public_key))
        .serial_number(serial)
        .not_valid_before(_datetime(key.not_before))
        .not_valid_after(_datetime(key.not_after))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if identifier:
        known_by = x509.SubjectKeyIdentifier(identifier)
        builder = builder.add_extension(known_by, critical=False)
    return crypto.X509.from_cryptography(builder.sign(_signer(), hashes.SHA256()))


@lru_cache(256)
def _loaded(public_key: bytes) -> Any:
    return serialization.load_der_public_key(public_key)


@lru_cache(1)
def _signer() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _datetime(seconds: float) -> datetime:
    """Return Unix *seconds* as certificates take them, which is within bounds."""
    least, most = _EARLIEST.timestamp(), _LATEST.timestamp()
    return _EPOCH + timedelta(seconds=int(min(max(seconds, least), most)))


def _seconds(moment: bytes | None) -> float:
    """Return what pyOpenSSL gives as ASN.1 time in Unix seconds."""
    if moment is None:
        raise ChainRefused("has no validity")
    found = datetime.strptime(moment.decode(), "%Y%m%d%H%M%SZ")  # noqa: DTZ007
    return found.replace(tzinfo=UTC).timestamp()
