"""Ways to Cumulocity: by TCP or a proxy, with or without TLS."""

from __future__ import annotations

from typing import Any

from edgeproxy.composition.assembly import Assembly, first_line, read_first_line
from edgeproxy.http.client.connectproxy import ConnectProxyEndpoint, goes_direct
from edgeproxy.tls.client import ClientTLS
from edgeproxy.tls.endpoint import client_endpoint, over_tls


def cloud_endpoint(
    assembly: Assembly, host: str, port: int, tls: ClientTLS | None
) -> Any:
    """Return the endpoint of *port* at *host*, by the outbound proxy if there is one.

    That never is between us and this machine.
    """
    proxy, reactor = assembly.config.proxy, assembly.reactor
    direct = ("localhost", "127.0.0.0/8", "::1/128", *proxy.no_proxy)
    if proxy.address is None or goes_direct(host, direct):
        return client_endpoint(reactor, host, port, tls)
    there = proxy.address
    to_proxy = ClientTLS(there.host, None) if there.secure else None
    endpoint = client_endpoint(reactor, there.host, there.port, to_proxy)
    tunnel = ConnectProxyEndpoint(endpoint, host, port, reactor)
    username = proxy.username
    if username is not None:
        tunnel.log_in_as(username, _text(first_line(proxy.password_file)))

        def reload() -> None:
            tunnel.log_in_as(username, _text(read_first_line(proxy.password_file)))

        assembly.reloads.append(("login at the outbound proxy", reload))
    return tunnel if tls is None else over_tls(tunnel, tls)


def _text(password: bytes | None) -> str:
    return (password or b"").decode("utf-8")
