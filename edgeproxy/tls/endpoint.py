"""Endpoints to connect to: TCP, with or without TLS."""

from __future__ import annotations

import ipaddress
from typing import Any

from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    wrapClientTLS,
)

from edgeproxy.tls.client import ClientTLS

CONNECT_TIMEOUT = 10.0  # seconds


def client_endpoint(reactor: Any, host: str, port: int, tls: ClientTLS | None) -> Any:
    """Return the endpoint of *port* at *host*, over *tls* where it is given.

    An IP address goes straight to the socket; a name is looked up in a thread.
    """
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        endpoint: Any = HostnameEndpoint(reactor, host, port, timeout=CONNECT_TIMEOUT)
    else:
        kind = TCP4ClientEndpoint if version == 4 else TCP6ClientEndpoint
        endpoint = kind(reactor, host, port, timeout=CONNECT_TIMEOUT)
    return endpoint if tls is None else over_tls(endpoint, tls)


def over_tls(endpoint: Any, tls: ClientTLS) -> Any:
    """Return *endpoint* with *tls* spoken on its connections."""
    return wrapClientTLS(tls, endpoint)
