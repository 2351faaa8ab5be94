"""Adds the Hono door."""

from __future__ import annotations

import os
import time
from functools import partial

from twisted.cred.portal import Portal
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.threadpool import ThreadPool

from edgeproxy.composition.assembly import Assembly
from edgeproxy.hono.authentication import Authentication
from edgeproxy.hono.commanding import Assert, Commander
from edgeproxy.hono.compat import MODES
from edgeproxy.hono.requestids import RequestIds, key_in
from edgeproxy.hono.resource import HonoResource
from edgeproxy.hono.volume import Volumes
from edgeproxy.hono.waiters import Waiters, WaitersService
from edgeproxy.http.server.site import Deadlines
from edgeproxy.messaging.embedded import EmbeddedNetwork
from edgeproxy.metrics import counters
from edgeproxy.ops.startup import cannot_start
from edgeproxy.portal.avatars import IDevice
from edgeproxy.portal.certificates import CertificateChecker
from edgeproxy.portal.devices import DeviceRealm, PasswordChecker
from edgeproxy.portal.login import login_as
from edgeproxy.portal.passwords import PasswordVerifier
from edgeproxy.portal.remembered import RememberedLogins
from edgeproxy.portal.throttle import Throttle
from edgeproxy.registry.assertion import assert_registration
from edgeproxy.registry.store import RegistryStore
from edgeproxy.tls.server import ServerTLS

# In the state folder: with another one, devices could not answer to commands that they
# were given before.
COMMAND_KEY = "command.key"

# In the state folder as well: what tenants with a limit have sent in this period.
VOLUMES = "volumes.json"


def add_hono_door(
    assembly: Assembly, registry: RegistryStore, network: EmbeddedNetwork
) -> None:
    """Add the Hono door: portal, registration assertion, resource, its two ports."""
    table = assembly.config.hono.http
    assertion = partial(assert_registration, registry)
    commander = _commander(assembly, assertion)
    network.on_command = commander.take
    volumes = Volumes(assembly.state / VOLUMES, assembly.reactor, time.time)
    volumes.setServiceParent(assembly.inner)
    resource = HonoResource(
        _authentication(assembly, registry) if table.authentication_required else None,
        assertion,
        network,
        commander,
        volumes,
        MODES[assembly.config.hono.compat],
        table.max_payload_size,
        table.realm,
        table.cors_allowed_origin,
        table.idle_timeout,
    )
    deadlines = Deadlines(idle=table.idle_timeout or float("inf"))
    address, port = table.insecure_port_bind_address, table.insecure_port
    if port:
        site = assembly.site(resource, deadlines=deadlines)
        assembly.listen("hono.http.insecure_port", address, port, site)
    secure = None
    if table.cert_path and table.key_path:
        tls = ServerTLS(
            table.cert_path, table.key_path, any_client=table.authentication_required
        )
        assembly.reloads.append(("certificate for devices", tls.reload))
        site = assembly.site(resource, deadlines=deadlines)
        secure = (table.bind_address, table.port)
        wrapped = TLSMemoryBIOFactory(tls, False, site)
        assembly.listen("hono.http.port", *secure, wrapped)
    assembly.status.add_hono(address, port, secure)


def _commander(assembly: Assembly, assertion: Assert) -> Commander:
    """Return what gives commands to devices that wait for them."""
    waiters = Waiters(assembly.reactor)
    WaitersService(waiters).setServiceParent(assembly.doors)
    counters.DEVICES_WAITING.set_function(lambda: len(waiters))
    file = assembly.state / COMMAND_KEY
    try:
        return Commander(waiters, assertion, RequestIds(key_in(file)))
    except OSError as error:
        cannot_start(f"{file}: {error.strerror}")


def _authentication(assembly: Assembly, registry: RegistryStore) -> Authentication:
    """Return what logs devices in, by certificates and by passwords."""
    # One processor is left to everything else, if there are several. No thread runs
    # before the first bcrypt: a service that cannot start has to end.
    threads = ThreadPool(0, max(1, (os.cpu_count() or 1) - 1), "passwords")
    threads.start()
    assembly.closing.append(threads.stop)
    verifier = PasswordVerifier(assembly.reactor, threads)
    checkers = [
        CertificateChecker(registry, registry),
        PasswordChecker(registry, registry, verifier),
    ]
    login = login_as(Portal(DeviceRealm(), checkers), IDevice)
    logins = RememberedLogins(login, registry)
    return Authentication(logins, Throttle(assembly.reactor))
