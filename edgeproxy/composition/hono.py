"""Adds the Hono door."""

from __future__ import annotations

from typing import Any

from twisted.cred.portal import Portal

from edgeproxy.composition.assembly import Assembly
from edgeproxy.hono.resource import HonoResource
from edgeproxy.http.server import Deadlines
from edgeproxy.messaging.embedded import EmbeddedNetwork
from edgeproxy.portal.avatars import IDevice
from edgeproxy.portal.devices import DeviceRealm, PasswordChecker
from edgeproxy.portal.login import login_as
from edgeproxy.portal.remembered import RememberedLogins
from edgeproxy.registry.assertion import assert_registration
from edgeproxy.registry.store import RegistryStore


def add_hono_door(
    assembly: Assembly, registry: RegistryStore, network: EmbeddedNetwork
) -> None:
    """Add the Hono door: portal, registration assertion, resource."""
    table = assembly.config.hono.http
    logins = None
    if table.authentication_required:
        checker = PasswordChecker(registry, registry)
        login = login_as(Portal(DeviceRealm(), [checker]), IDevice)
        logins = RememberedLogins(login, registry.generation)

    def assertion(tenant: str, device: str, gateway: str | None) -> Any:
        return assert_registration(registry, tenant, device, gateway)

    resource = HonoResource(
        logins, assertion, network, table.max_payload_size, table.realm
    )
    address, port = table.insecure_port_bind_address, table.insecure_port
    if port:
        idle = table.idle_timeout or float("inf")
        site = assembly.site(resource, deadlines=Deadlines(idle=idle))
        assembly.listen("hono.http.insecure_port", address, port, site)
    assembly.status.add_hono(address, port)
