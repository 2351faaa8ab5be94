"""Who may use the management API."""

from __future__ import annotations

import ipaddress
from typing import Any

from twisted.cred.error import LoginFailed
from twisted.internet.defer import Deferred, fail, succeed

from edgeproxy.portal.basic import basic_credentials
from edgeproxy.portal.errors import MalformedCredentials
from edgeproxy.portal.login import Login
from edgeproxy.portal.throttle import Throttle
from edgeproxy.registry.management.refusals import Refused

# Who does what is done when nobody has to log in.
NOBODY = "somebody"


class LoginAccess:
    """Operators, who log in by *login* with name and password.

    *throttle* makes those wait who fail again and again.
    """

    def __init__(self, login: Login, throttle: Throttle) -> None:
        self._login = login
        self._throttle = throttle

    def identify(self, request: Any) -> Deferred[str]:
        """Return the name of the operator that *request* is from.

        Fails with `Refused`.
        """
        value = request.getHeader(b"authorization")
        if value is None:
            return fail(Refused(401, "Unauthorized"))
        try:
            credentials = basic_credentials(value)
        except MalformedCredentials:
            return fail(Refused(401, "malformed credentials"))
        who = request.client.host, credentials.username
        if not self._throttle.allows(*who):
            return fail(Refused(429, "too many failed log-ins"))
        return self._login(credentials).addCallbacks(
            lambda operator: operator.name, self._refuse, errbackArgs=who
        )

    def _refuse(self, failure: Any, address: str, name: bytes) -> None:
        failure.trap(LoginFailed)
        self._throttle.failed(address, name)
        raise Refused(401, "bad credentials")


class LocalAccess:
    """Every program on this machine, but no web page in a browser on it.

    So no request with an Origin is served, nor one whose Host is somebody else's name:
    that is what DNS rebinding looks like. *address* is where the API listens.
    """

    def __init__(self, address: str) -> None:
        self._hosts = {address, "localhost"}

    def identify(self, request: Any) -> Deferred[str]:
        """Let *request* pass, or fail with `Refused`."""
        host = request.getHeader(b"host") or b""
        if (
            request.getHeader(b"origin") is not None
            or request.getHeader(b"sec-fetch-site") not in (None, b"none")
            or not self._is_ours(_name_in(host.decode("latin-1")))
        ):
            return fail(Refused(403, "only for programs on this machine"))
        return succeed(NOBODY)

    def _is_ours(self, name: str) -> bool:
        try:
            return name in self._hosts or ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


def _name_in(host: str) -> str:
    """Return the name in a Host field, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
