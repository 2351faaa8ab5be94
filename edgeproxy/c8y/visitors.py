"""Who comes to the /c8y door, where client certificates tell."""

from __future__ import annotations

from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.logger import Logger
from twisted.python.failure import Failure

from edgeproxy.portal.local import LocalClient
from edgeproxy.portal.login import Login
from edgeproxy.tls.peer import CommonName, common_name_of


class Visitors:
    """Has each connection's certificate log in, once, with *login*.

    That the certificate is genuine is the TLS context's to see to, which lets nobody
    in without one.
    """

    _log = Logger()

    def __init__(self, login: Login) -> None:
        self._login = login

    def admit(self, request: Any) -> bool:
        """Say whether *request* may go on; one that may not has been answered 403."""
        channel = request.channel
        if channel.known_as is None:
            channel.known_as = self._avatar(request.transport)
        if isinstance(channel.known_as, LocalClient):
            return True
        text = (b"Content-Type", b"text/plain; charset=utf-8")
        request.respond(403, None, [text], channel.known_as)
        return False

    def _avatar(self, transport: Any) -> LocalClient | bytes:
        """Return who is at the other end, or why nobody is let in."""
        name = common_name_of(transport)
        if name is None:
            return b"The client certificate has no common name.\n"
        found: list[Any] = []
        # This portal looks nothing up, so the outcome is there at once.
        self._login(CommonName(name)).addBoth(found.append)
        (outcome,) = found
        if isinstance(outcome, Failure):
            outcome.trap(UnauthorizedLogin)
            self._log.warn("{reason}", reason=outcome.getErrorMessage())
            return b"This client certificate is not allowed here.\n"
        assert isinstance(outcome, LocalClient)
        return outcome
