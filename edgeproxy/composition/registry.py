"""Adds the device registry."""

from __future__ import annotations

from edgeproxy.composition.assembly import Assembly
from edgeproxy.registry.demo import fill_with_demo
from edgeproxy.registry.store import RegistryStore


def open_registry(assembly: Assembly, demo: bool) -> RegistryStore:
    """Return the device registry, with the demo devices where *demo* is set."""
    registry = RegistryStore(assembly.config.hono.registry.path)
    assembly.closing.append(registry.close)
    if demo:
        fill_with_demo(registry)
    return registry
