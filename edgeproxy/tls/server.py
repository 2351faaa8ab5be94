"""The server's side of TLS: who we are, and whose client certificates count."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.logger import Logger
from zope.interface import implementer

from edgeproxy.tls.errors import TLSFileError
from edgeproxy.tls.material import load_key_material
from edgeproxy.tls.queue import clear_errors
from edgeproxy.tls.renewal import Renewal
from edgeproxy.tls.trust import load_trust

# Sessions are never resumed: a resumed one has no certificate to look at. The id is
# needed all the same, or OpenSSL refuses whoever comes with a client certificate.
_SESSION_ID = b"edgeproxy"

# OpenSSL's name for it is missing in older pyOpenSSL.
_NO_RENEGOTIATION = getattr(SSL, "OP_NO_RENEGOTIATION", 1 << 30)


@implementer(IOpenSSLServerConnectionCreator)
class ServerTLS:
    """TLS 1.2 and 1.3 with the certificate (chain) and key in these files.

    With *ca_path*, a file or folder of CAs, clients may present a certificate; one
    from anybody else ends the handshake, and so does none at all if it is *required*.
    With *any_client* they may present any: that they have its key is all that is known
    then (`tls.chains`). Files that have changed are read anew for the next connection.
    Raises `TLSFileError`.
    """

    _log = Logger()

    def __init__(
        self,
        cert_path: str,
        key_path: str,
        ca_path: str | None = None,
        any_client: bool = False,
        required: bool = False,
    ) -> None:
        self._paths = cert_path, key_path, ca_path
        self._any_client, self._required = any_client, required
        self._renewal = Renewal(*self._paths)
        self.reload()

    def reload(self) -> None:
        """Read the files anew; connections made from now on use them."""
        context = _context(*self._paths)
        if self._any_client:
            context.set_verify(SSL.VERIFY_PEER, _take_any)
        if self._required and self._paths[2] is not None:
            mode = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
            context.set_verify(mode, _as_openssl_says)
        self._context = context

    def serverConnectionForTLS(self, tlsProtocol: Any) -> Any:
        """Return a connection with the newest context."""
        if self._renewal.happened():
            try:
                self.reload()
            except TLSFileError as error:
                # Half of a renewal, perhaps: the other file will tell.
                self._log.warn("{error}; the old one stays", error=str(error))
        return SSL.Connection(self._context, None)


def _context(cert_path: str, key_path: str, ca_path: str | None) -> Any:
    material = load_key_material(cert_path, key_path)
    leaf, *issuers = material.chain
    context = CertificateOptions(
        certificate=leaf,
        privateKey=material.key,
        extraCertChain=issuers,
        raiseMinimumTo=TLSVersion.TLSv1_2,
    ).getContext()
    context.set_options(SSL.OP_NO_TICKET | _NO_RENEGOTIATION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_session_id(_SESSION_ID)
    if ca_path is not None:
        load_trust(ca_path)._addCACertsToContext(context)
        context.set_verify(SSL.VERIFY_PEER, _as_openssl_says)
    return context


def _take_any(*_: object) -> bool:
    """Take any certificate, whatever OpenSSL thinks of it (its verify callback)."""
    clear_errors()
    return True


def _as_openssl_says(_: Any, __: Any, ___: int, ____: int, good: int) -> bool:
    return bool(good)
