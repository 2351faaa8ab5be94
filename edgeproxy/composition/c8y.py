"""Adds the /c8y door."""

from __future__ import annotations

from typing import Any

from twisted.cred.portal import Portal

from edgeproxy.c8y.proxy import ProxyResource
from edgeproxy.c8y.redirect import RedirectResource
from edgeproxy.c8y.visitors import Visitors
from edgeproxy.composition.assembly import Assembly
from edgeproxy.composition.credential import device_credential
from edgeproxy.composition.upstream import cloud_endpoint
from edgeproxy.http.client.origin import Origin
from edgeproxy.http.client.pool import Pool
from edgeproxy.http.foreign import OwnNames
from edgeproxy.portal.local import (
    CertificateNameChecker,
    ILocalClient,
    LocalClientRealm,
)
from edgeproxy.portal.login import login_as
from edgeproxy.tls.client import ClientTLS
from edgeproxy.tls.oneport import OnePortFactory
from edgeproxy.tls.server import ServerTLS

HTTPS = 443  # where Cumulocity is unless a port is given


def add_c8y_door(assembly: Assembly) -> None:
    """Add the /c8y door: upstream, device credential, resource, listeners."""
    c8y = assembly.config.c8y
    origin = c8y.http or c8y.url
    if origin is None:
        assembly.status.c8y_waits("waits for c8y.url")
        return
    upstream = _upstream(assembly)
    credential = device_credential(assembly)
    credential.setServiceParent(assembly.inner)
    proxy = c8y.proxy
    resource = ProxyResource(
        upstream,
        credential,
        {known.host for known in (c8y.http, c8y.url) if known is not None},
        OwnNames(proxy.bind.address, [proxy.client.host]),
        secure=proxy.cert_path is not None,
        visitors=_visitors(assembly),
    )
    tls = None
    if proxy.cert_path and proxy.key_path:
        tls = ServerTLS(proxy.cert_path, proxy.key_path, proxy.ca_path, required=True)
        assembly.reloads.append(("certificate of the /c8y door", tls.reload))
    for address in proxy.bind.address:
        factory: Any = assembly.site(resource)
        if tls is not None:
            plain = assembly.site(RedirectResource())
            factory = OnePortFactory(tls, factory, plain, assembly.reactor)
        assembly.listen("c8y.proxy.bind.port", address, proxy.bind.port, factory)
    scheme, authority = upstream.origin.scheme, upstream.authority.decode()
    assembly.status.add_c8y(f"{scheme}://{authority}", credential)


def _upstream(assembly: Assembly) -> Pool:
    c8y = assembly.config.c8y
    origin = c8y.http or c8y.url
    assert origin is not None
    port = origin.port or (80 if origin.plain else HTTPS)
    tls = None
    if not origin.plain:
        tls = ClientTLS(origin.host, c8y.root_cert_path)
        assembly.reloads.append(("trust in Cumulocity", tls.reload))
    endpoint = cloud_endpoint(assembly, origin.host, port, tls)
    where = Origin("http" if origin.plain else "https", origin.host, port)
    upstream = Pool(where, endpoint, assembly.reactor, turn=assembly.turn)
    assembly.closing.append(upstream.close)
    if tls is not None:
        assembly.reloads.append(("connections to Cumulocity", upstream.renew))
    return upstream


def _visitors(assembly: Assembly) -> Visitors | None:
    proxy = assembly.config.c8y.proxy
    if proxy.ca_path is None:
        return None
    checker = CertificateNameChecker(proxy.allowed_cn)
    return Visitors(login_as(Portal(LocalClientRealm(), [checker]), ILocalClient))
