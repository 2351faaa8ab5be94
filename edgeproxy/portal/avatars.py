"""Who somebody turns out to be: what resources and links see after a login."""

from __future__ import annotations

import attrs
from zope.interface import Interface, implementer


class IDevice(Interface):
    """A device or gateway of a tenant that has authenticated itself."""


class IConsumer(Interface):
    """An application that consumes messages."""


@implementer(IDevice)
@attrs.frozen
class Device:
    """The device (or gateway) *device_id* of the tenant *tenant_id*."""

    tenant_id: str
    device_id: str


@implementer(IConsumer)
@attrs.frozen
class Consumer:
    """An application called *name*, with rights on *tenants* (None: on all)."""

    name: str
    tenants: frozenset[str] | None = None

    def may_use(self, tenant_id: str) -> bool:
        """Say whether this application has rights on *tenant_id*."""
        return self.tenants is None or tenant_id in self.tenants
