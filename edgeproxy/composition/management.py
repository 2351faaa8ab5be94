"""Adds the management API of the registry."""

from __future__ import annotations

from typing import Any

from twisted.cred.portal import Portal
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory

from edgeproxy.composition.assembly import Assembly
from edgeproxy.portal.login import Login, login_as
from edgeproxy.portal.operators import (
    IOperator,
    OperatorRealm,
    OperatorsChecker,
    make_operators,
)
from edgeproxy.registry.management.service import Management
from edgeproxy.registry.store import RegistryStore
from edgeproxy.tls.server import ServerTLS

_log = Logger("edgeproxy")

_KEY = "hono.registry.http.port"


def add_management(assembly: Assembly, registry: RegistryStore) -> None:
    """Add the management API: who may use it, and what it listens on."""
    table = assembly.config.hono.registry.http
    if not table.port:
        return
    login = _operators(assembly) if table.authentication_required else None
    management = Management(
        registry,
        assembly.reactor,
        login,
        table.bind_address,
        table.cors_allowed_origin,
    )
    management.setServiceParent(assembly.inner)
    factory: Any = assembly.site(management.resource)
    if table.cert_path and table.key_path:
        tls = ServerTLS(table.cert_path, table.key_path)
        assembly.reloads.append(("certificate for the management API", tls.reload))
        factory = TLSMemoryBIOFactory(tls, False, factory)
    assembly.listen(_KEY, table.bind_address, table.port, factory)


def _operators(assembly: Assembly) -> Login:
    """Return the log-in of operators; the first start makes one."""
    path = assembly.config.hono.registry.http.credentials_path
    if make_operators(path):
        _log.info("operator's log-in for the management API: {path}", path=path)
    operators = OperatorsChecker(path)
    assembly.reloads.append(("operators", operators.reload))
    return login_as(Portal(OperatorRealm(), [operators]), IOperator)
