"""How the client connects to an origin."""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.web.iweb import IPolicyForHTTPS

from edgeproxy.http.client.origin import Origin


class Endpoints:
    """Makes endpoints: TCP by name or address, IPv6 too, with TLS for ``https``.

    *policy* says whom to trust and which certificate to show; *timeout* in seconds is
    for each connection attempt.
    """

    def __init__(
        self, reactor: Any, policy: IPolicyForHTTPS, timeout: float = 10.0
    ) -> None:
        self._reactor = reactor
        self._policy = policy
        self._timeout = timeout

    def __call__(self, origin: Origin) -> IStreamClientEndpoint:
        """Return the endpoint for *origin*."""
        endpoint: Any = HostnameEndpoint(
            self._reactor, origin.host, origin.port, timeout=self._timeout
        )
        if origin.secure:
            host = origin.host.encode("ascii")
            creator = self._policy.creatorForNetloc(host, origin.port)
            endpoint = wrapClientTLS(creator, endpoint)
        return endpoint
