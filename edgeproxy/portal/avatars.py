"""Who somebody turns out to be: what resources and links see after a login."""

from __future__ import annotations

import attrs
from zope.interface import Interface, implementer

from edgeproxy.portal.registered import RegisteredDevice


class IDevice(Interface):
    """A device or gateway of a tenant that has authenticated itself."""


class IConsumer(Interface):
    """An application that consumes messages."""


@implementer(IDevice)
@attrs.frozen
class Device:
    """The device (or gateway) *device_id* of the tenant *tenant_id*.

    *not_before* and *not_after*, in Unix seconds, bound the time in which the secret
    counts that it has logged in with. *registered* is what the registry knew of it at
    its *generation* or later, if it knew anything.
    """

    tenant_id: str
    device_id: str
    not_before: float | None = attrs.field(default=None, eq=False)
    not_after: float | None = attrs.field(default=None, eq=False)
    generation: int = attrs.field(default=0, eq=False)
    registered: RegisteredDevice | None = attrs.field(default=None, eq=False)

    def counts_at(self, now: float) -> bool:
        """Say whether the login counts at *now*, in Unix seconds."""
        return (self.not_before is None or self.not_before < now) and (
            self.not_after is None or now < self.not_after
        )


@implementer(IConsumer)
@attrs.frozen
class Consumer:
    """An application called *name*, with rights on *tenants* (None: on all)."""

    name: str
    tenants: frozenset[str] | None = None

    def may_use(self, tenant_id: str) -> bool:
        """Say whether this application has rights on *tenant_id*."""
        return self.tenants is None or tenant_id in self.tenants
