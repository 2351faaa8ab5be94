"""The CAs that a tenant trusts, read from Hono's JSON form."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from edgeproxy.portal.dn import canonical
from edgeproxy.portal.interfaces import TrustAnchor
from edgeproxy.registry.moments import unix_time

_SEQUENCE, _SET, _OID = 0x30, 0x31, 0x06


def anchors_of(data: Any) -> tuple[TrustAnchor, ...]:
    """Return the anchors in a tenant's ``trusted-ca``; raises `ValueError`.

    That is a list today and was one object in 0.6.
    """
    if not data:
        return ()
    each = [data] if isinstance(data, Mapping) else data
    return tuple(anchor_from_json(anchor) for anchor in each)


def anchor_from_json(data: Mapping[str, Any]) -> TrustAnchor:
    """Return the anchor that *data* describes; raises `ValueError`.

    It has ``cert`` (Base64 of DER), or ``subject-dn`` or ``subject-dn-bytes`` with
    ``public-key`` (Base64 of a DER SubjectPublicKeyInfo), ``not-before`` and
    ``not-after``. One of 0.6 may be without the period: it counts always.
    """
    enabled = data.get("enabled", True)
    template = data.get("auth-id-template")
    if data.get("cert") is not None:
        certificate = read_certificate(data["cert"])
        return TrustAnchor(
            certificate.subject,
            public_key_of(certificate),
            *validity_of(certificate),
            enabled,
            template,
        )
    return TrustAnchor(
        subject_in(data),
        _public_key(data.get("public-key")),
        unix_time(data.get("not-before"), float("-inf")),
        unix_time(data.get("not-after"), float("inf")),
        enabled,
        template,
    )


def read_certificate(text: str) -> x509.Certificate:
    """Return the certificate in *text*, Base64 of DER or PEM; raises `ValueError`."""
    if "-----BEGIN" in text:
        return x509.load_pem_x509_certificate(text.encode())
    return x509.load_der_x509_certificate(from_base64(text))


def public_key_of(certificate: x509.Certificate) -> bytes:
    """Return the DER of the certificate's SubjectPublicKeyInfo."""
    return certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def validity_of(certificate: x509.Certificate) -> tuple[float, float]:
    """Return the bounds of the certificate's validity, in Unix seconds."""
    # The names with _utc are newer than Debian 12's cryptography, those without are
    # deprecated in the newest.
    if hasattr(certificate, "not_valid_before_utc"):
        before, after = (
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
        )
        return before.timestamp(), after.timestamp()
    before, after = certificate.not_valid_before, certificate.not_valid_after
    return unix_time(before.isoformat(), 0), unix_time(after.isoformat(), 0)


def subject_in(data: Mapping[str, Any]) -> x509.Name:
    """Return the subject of the anchor that *data* describes; raises `ValueError`."""
    if data.get("cert") is not None:
        return read_certificate(data["cert"]).subject
    text = data.get("subject-dn")
    if text is None:
        encoded = data.get("subject-dn-bytes")
        if encoded is None:
            raise ValueError("a trusted CA needs cert, subject-dn or subject-dn-bytes")
        text = _text_of_der(from_base64(encoded))
    return x509.Name.from_rfc4514_string(canonical(text))


def from_base64(text: str) -> bytes:
    """Return what *text* encodes; raises `ValueError`."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not Base64: {error}") from None


def _public_key(text: str | None) -> bytes:
    if text is None:
        raise ValueError("a trusted CA needs cert or public-key")
    der = from_base64(text)
    try:
        serialization.load_der_public_key(der)
    except Exception as error:  # whatever is wrong, it is no key that we can use
        raise ValueError(f"public-key: {error}") from None
    return der


def _text_of_der(der: bytes) -> str:
    """Return the name in *der* as text (X.501: SEQUENCE of SET of type and value)."""
    ((_, names),) = _elements(der, _SEQUENCE)
    rdns = [
        "+".join(_attribute(content) for _, content in _elements(rdn, _SEQUENCE))
        for _, rdn in _elements(names, _SET)
    ]
    return ",".join(reversed(rdns))


def _attribute(content: bytes) -> str:
    (whole, oid), (value, _) = _elements(content)
    if whole[0] != _OID:
        raise ValueError("not the DER of a name")
    numbers, number = [], 0
    for octet in oid:
        number = number << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(number)
            number = 0
    # The first two numbers of an OID share an octet (X.690, §8.19.4).
    first = min(numbers[0] // 40, 2) if numbers else 0
    parts = [first, sum(numbers[:1]) - 40 * first, *numbers[1:]]
    return f"{'.'.join(map(str, parts))}=#{value.hex()}"


def _elements(data: bytes, tag: int | None = None) -> Iterator[tuple[bytes, bytes]]:
    """Yield each DER element of *data* (X.690, §8.1), whole and as its content."""
    while data:
        size, start = (data[1] if len(data) > 1 else 0), 2
        if size > 0x80:
            start += size - 0x80
            size = int.from_bytes(data[2:start], "big")
        end = start + size
        if len(data) < end or (tag is not None and data[0] != tag):
            raise ValueError("not the DER of a name")
        yield data[:end], data[start:end]
        data = data[end:]
