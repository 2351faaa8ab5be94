"""Adds the event store and the AMQP listener."""

from __future__ import annotations

from pathlib import Path

from twisted.cred.portal import Portal
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory

from edgeproxy.amqp.listener import AMQPListenerFactory
from edgeproxy.composition.assembly import Assembly
from edgeproxy.messaging.embedded import EmbeddedNetwork
from edgeproxy.messaging.operator import Operator
from edgeproxy.messaging.store import EventStore
from edgeproxy.portal.avatars import IConsumer
from edgeproxy.portal.consumers import (
    AnonymousChecker,
    ConsumerRealm,
    UsersChecker,
    make_users,
)
from edgeproxy.portal.login import login_as
from edgeproxy.tls.server import ServerTLS

_log = Logger("edgeproxy")


def add_messaging(assembly: Assembly) -> tuple[EmbeddedNetwork, Operator]:
    """Add the event store and the AMQP listener that consumers attach to."""
    table = assembly.config.hono.messaging.embedded
    store = EventStore(table.store_path, assembly.reactor, table.max_bytes)
    network = EmbeddedNetwork(store, assembly.reactor, table.max_age)
    network.setServiceParent(assembly.inner)
    portal, mechanisms = Portal(ConsumerRealm()), []
    path = table.credentials_path
    if not table.allow_anonymous and make_users(path):
        _log.info("a consumer's log-in: {path}", path=path)
    if Path(path).exists():
        certificates = table.ca_path is not None
        users = UsersChecker(path, certificates)
        assembly.reloads.append(("users of AMQP", users.reload))
        portal.registerChecker(users)
        mechanisms += ["EXTERNAL", "PLAIN"] if certificates else ["PLAIN"]
    if table.allow_anonymous:
        portal.registerChecker(AnonymousChecker())
        mechanisms.append("ANONYMOUS")
    factory = AMQPListenerFactory(
        login_as(portal, IConsumer), network, mechanisms, assembly.reactor
    )
    address = table.bind_address
    if table.port:
        assembly.listen("hono.messaging.embedded.port", address, table.port, factory)
    if table.cert_path and table.key_path:
        tls = ServerTLS(table.cert_path, table.key_path, table.ca_path)
        assembly.reloads.append(("certificate for AMQP", tls.reload))
        wrapped = TLSMemoryBIOFactory(tls, False, factory)
        key = "hono.messaging.embedded.tls_port"
        assembly.listen(key, address, table.tls_port, wrapped)
    assembly.status.add_messaging(store, network, mechanisms)
    return network, Operator(store, network.refresh)
