"""What has changed, for whoever remembers something of the registry."""

from __future__ import annotations

# Devices whose last change is known each for itself. Beyond that, changes count for
# the whole tenant: who updates 10,000 devices at once has their tenant log in anew.
DEVICES = 8192


class Changes:
    """Counts the changes to what was there before, and knows whom each concerns.

    What is created concerns nobody, as nothing can be remembered of it. So devices
    that log in are not slowed down by an import.
    """

    def __init__(self) -> None:
        self._count = 0
        self._everybody = 0
        self._tenants: dict[str, int] = {}
        self._devices: dict[tuple[str, str], int] = {}

    def generation(self) -> int:
        """Return the number of changes so far."""
        return self._count

    def last_change(self, tenant_id: str, device_id: str) -> int:
        """Return the generation that the last change made which concerns this device.

        That is one of the device, its credentials or its tenant. Whoever remembers
        something of it of the generation *g* may trust that while this is not above.
        """
        last = self._everybody
        if self._tenants:
            last = max(last, self._tenants.get(tenant_id, 0))
        if self._devices:
            last = max(last, self._devices.get((tenant_id, device_id), 0))
        return last

    def everything_changed(self) -> None:
        """Count a change that may concern everybody."""
        self._count += 1
        self._everybody = self._count
        self._tenants.clear()
        self._devices.clear()

    def tenant_changed(self, tenant_id: str) -> None:
        """Count a change of a tenant."""
        self._count += 1
        if len(self._tenants) >= DEVICES:
            self.everything_changed()
        else:
            self._tenants[tenant_id] = self._count

    def device_changed(self, tenant_id: str, device_id: str) -> None:
        """Count a change of a device or its credentials."""
        self._count += 1
        if len(self._devices) >= DEVICES:
            for tenant, _ in self._devices:
                self._tenants[tenant] = self._count
            self._devices.clear()
            self.tenant_changed(tenant_id)
        else:
            self._devices[tenant_id, device_id] = self._count
