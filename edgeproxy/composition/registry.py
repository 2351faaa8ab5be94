"""Adds the device registry."""

from __future__ import annotations

from edgeproxy.composition.assembly import Assembly
from edgeproxy.registry.demo import fill_with_demo
from edgeproxy.registry.store import RegistryStore


def open_registry(assembly: Assembly, demo: bool) -> RegistryStore:
    """Return the device registry, with the demo devices where *demo* is set."""
    table = assembly.config.hono
    # What an adapter is that a tenant lists without saying whether it is enabled.
    adapters_default = table.compat == "0.6"
    registry = RegistryStore(table.registry.path, adapters_default)
    assembly.closing.append(registry.close)
    if demo:
        fill_with_demo(registry)
    return registry
