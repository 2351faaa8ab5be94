"""Who the peer of a TLS connection has proved to be."""

from __future__ import annotations

from typing import Any

import attrs
from OpenSSL import crypto
from twisted.cred.credentials import ICredentials
from zope.interface import Attribute, implementer


class ICommonName(ICredentials):
    """The name in a client certificate that the TLS layer has verified."""

    common_name = Attribute("the subject's common name, a string")


@implementer(ICommonName)
@attrs.frozen
class CommonName:
    """The verified name *common_name*; there is no password to it."""

    common_name: str


def common_name_of(transport: Any) -> str | None:
    """Return the common name in the peer's certificate; None without either.

    To be called once data has arrived: before, the handshake may not be over. That
    the certificate is genuine is the TLS context's to see to.
    """
    get = getattr(transport, "getPeerCertificate", None)
    certificate = get() if get is not None else None
    if certificate is None:
        return None
    return certificate.get_subject().CN or None


def chain_of(transport: Any) -> list[bytes]:
    """Return the DER of the certificates that the peer has shown, its own one first.

    None at all without TLS or a certificate. To be called once data has arrived, as
    `common_name_of`; that the peer has the key of the first is all that they prove.
    """
    get = getattr(transport, "getPeerCertificate", None)
    own = get() if get is not None else None
    if own is None:
        return []
    # A server's OpenSSL leaves the peer's own certificate out of the chain.
    others = transport.getHandle().get_peer_cert_chain() or []
    chain = [crypto.dump_certificate(crypto.FILETYPE_ASN1, c) for c in (own, *others)]
    return chain[1:] if chain[0] in chain[1:2] else chain
