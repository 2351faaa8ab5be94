"""From the credentials of SASL to those of twisted.cred."""

from __future__ import annotations

from typing import Any

from twisted.cred.credentials import Anonymous as AnonymousCredentials
from twisted.cred.credentials import UsernamePassword
from twisted.cred.error import UnauthorizedLogin

from edgeproxy.amqp.sasl import External, Plain, SaslCredentials
from edgeproxy.tls.peer import CommonName


def for_cred(credentials: SaslCredentials, common_name: str | None) -> Any:
    """Return what the portal is asked to check.

    *common_name* is that of the client's certificate, if it has shown one. Raises
    `UnauthorizedLogin` for who wants to act as somebody else.
    """
    if isinstance(credentials, Plain):
        return UsernamePassword(credentials.username, credentials.password)
    if isinstance(credentials, External):
        if credentials.authorization_id not in (b"", (common_name or "").encode()):
            raise UnauthorizedLogin("nobody may act as somebody else")
        return CommonName(common_name or "")
    return AnonymousCredentials()
