"""The client's side of TLS: who the server must be, and who we are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Without service_identity Twisted falls back to comparing names by itself, after a
# mere warning; its absence has to stop the service instead.
import service_identity  # noqa: F401
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import optionsForClientTLS
from twisted.logger import Logger
from zope.interface import implementer

from edgeproxy.tls.errors import TLSFileError
from edgeproxy.tls.material import KeyMaterial, load_key_material
from edgeproxy.tls.renewal import Renewal
from edgeproxy.tls.trust import load_trust


@implementer(IOpenSSLClientConnectionCreator)
class ClientTLS:
    """TLS to the server *hostname*, a DNS name or IP address that it must prove.

    *trust_path* is the file or folder of the CAs its certificate may come from (None:
    the system's), *identity* our own (certificate, key) files. Raises `TLSFileError`.

    A new connection resumes the session of the last one, where the server offers that
    (TLS 1.3): a handshake without certificates. Names are checked all the same. What
    is read anew begins without a session, so nobody is trusted for having been.
    Files that have changed are read anew for the next connection.
    """

    _log = Logger()

    def __init__(
        self,
        hostname: str,
        trust_path: str | None,
        identity: tuple[str, str] | None = None,
    ) -> None:
        self._renewal = Renewal(trust_path, *(identity or ()))
        self._load: Callable[[], Any] = lambda: _creator(
            hostname,
            load_trust(trust_path),
            load_key_material(*identity) if identity is not None else None,
        )
        self.reload()

    def reload(self) -> None:
        """Read the files anew; connections made from now on use them."""
        self._creator = self._load()
        self._last: Any = None
        self._before: Any = None

    def clientConnectionForTLS(self, tlsProtocol: Any) -> Any:
        """Return a connection with the newest context."""
        if self._renewal.happened():
            try:
                self.reload()
            except TLSFileError as error:
                # Half of a renewal, perhaps: the other file will tell.
                self._log.warn("{error}; the old one stays", error=str(error))
        connection = self._creator.clientConnectionForTLS(tlsProtocol)
        # A TLS 1.3 server hands its tickets out after the handshake, so the last
        # connection is asked when there is another one.
        session = None if self._last is None else self._last.get_session()
        if session is not None:
            connection.set_session(session)
        # OpenSSL spoils the session of a connection that is freed without having been
        # shut down: the last one has to outlive our first message on the new one.
        self._before, self._last = self._last, connection
        return connection


def _creator(hostname: str, trust: Any, identity: KeyMaterial | None) -> Any:
    own: dict[str, Any] = {}
    if identity is not None:
        leaf, *issuers = identity.chain
        own = {
            "certificate": leaf,
            "privateKey": identity.key,
            "extraCertChain": issuers,
        }
    return optionsForClientTLS(hostname, trustRoot=trust, extraCertificateOptions=own)
