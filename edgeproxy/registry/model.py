"""Tenants and devices as the registry knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

Scalar = str | int | float | bool

ADAPTER = "hono-http"  # the type name of this door among a tenant's adapters


@attrs.frozen
class Tenant:
    """A tenant: whether it may use doors, and defaults for its messages.

    *adapters* maps an adapter's type name to whether it is enabled; empty means that
    every one is (Hono's Tenant API).
    """

    tenant_id: str
    enabled: bool = True
    adapters: Mapping[str, bool] = attrs.field(factory=dict)
    defaults: Mapping[str, Scalar] = attrs.field(factory=dict)

    def may_use(self, adapter: str) -> bool:
        """Say whether devices of this tenant may use the adapter of this type."""
        return not self.adapters or self.adapters.get(adapter, False)


@attrs.frozen
class RegisteredDevice:
    """A device: its gateways (*via*) and defaults for its messages."""

    tenant_id: str
    device_id: str
    enabled: bool = True
    via: tuple[str, ...] = ()
    defaults: Mapping[str, Scalar] = attrs.field(factory=dict)


def tenant_from_json(tenant_id: str, data: Mapping[str, Any]) -> Tenant:
    """Return the tenant that Hono's JSON form *data* describes.

    An adapter entry without ``enabled`` is enabled (seed 002, tenant configuration).
    """
    return Tenant(
        tenant_id,
        data.get("enabled", True),
        {a["type"]: a.get("enabled", True) for a in data.get("adapters", ())},
        data.get("defaults", {}),
    )


def device_from_json(
    tenant_id: str, device_id: str, data: Mapping[str, Any]
) -> RegisteredDevice:
    """Return the device that Hono's JSON form *data* describes.

    ``via`` is a list today and was a single string in 0.6.
    """
    via = data.get("via", ())
    return RegisteredDevice(
        tenant_id,
        device_id,
        data.get("enabled", True),
        (via,) if isinstance(via, str) else tuple(via),
        data.get("defaults", {}),
    )
