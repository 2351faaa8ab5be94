"""Tenants and devices as the doors see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from edgeproxy.portal.interfaces import TrustAnchor
from edgeproxy.portal.registered import NOTHING, RegisteredDevice, Scalar
from edgeproxy.registry.anchors import anchors_of

ADAPTER = "hono-http"  # the type name of this door among a tenant's adapters


@attrs.frozen
class Adapter:
    """What a tenant says of one type of door.

    *enabled* is None where it does not say. *max_ttd* is in seconds (None: 60, which
    is the door's to know).
    """

    enabled: bool | None = None
    max_ttd: int | None = None


@attrs.frozen
class Tenant:
    """A tenant: whether it may use doors, what bounds it, whom it trusts.

    *adapters* is by type name; empty means that every one is enabled (Hono's Tenant
    API). *resource_limits*, *registration_limits* and *ext* are as Hono's JSON has
    them; *minimum_message_size* is in bytes.
    """

    tenant_id: str
    enabled: bool = True
    adapters: Mapping[str, Adapter] = NOTHING
    defaults: Mapping[str, Scalar] = NOTHING
    resource_limits: Mapping[str, Any] = NOTHING
    registration_limits: Mapping[str, Any] = NOTHING
    minimum_message_size: int = 0
    trusted_ca: tuple[TrustAnchor, ...] = ()
    alias: str | None = None
    ext: Mapping[str, Any] = NOTHING

    def may_use(self, adapter: str, default: bool = True) -> bool:
        """Say whether devices of this tenant may use the adapter of this type.

        *default* is for an entry without ``enabled``: true in Hono 0.6, false today.
        """
        if not self.adapters:
            return True
        found = self.adapters.get(adapter)
        if found is None:
            return False
        return default if found.enabled is None else found.enabled

    def max_ttd(self, adapter: str) -> int | None:
        """Return the most seconds that a device may wait at this adapter, if said."""
        found = self.adapters.get(adapter)
        return None if found is None else found.max_ttd


def tenant_from_json(tenant_id: str, data: Mapping[str, Any]) -> Tenant:
    """Return the tenant that Hono's JSON form *data* describes; raises `ValueError`.

    Both that of today and that of 0.6, where ``trusted-ca`` was an object.
    """
    return Tenant(
        tenant_id,
        enabled=data.get("enabled", True),
        adapters={a["type"]: _adapter(a) for a in data.get("adapters") or ()},
        defaults=data.get("defaults") or NOTHING,
        resource_limits=data.get("resource-limits") or NOTHING,
        registration_limits=data.get("registration-limits") or NOTHING,
        minimum_message_size=int(data.get("minimum-message-size", 0)),
        trusted_ca=anchors_of(data.get("trusted-ca")),
        alias=data.get("alias"),
        ext=data.get("ext") or NOTHING,
    )


def _adapter(data: Mapping[str, Any]) -> Adapter:
    ext = data.get("ext") or data.get("extensions") or NOTHING
    max_ttd = ext.get("max-ttd", data.get("max-ttd"))  # it stood outside before 1.0
    if type(max_ttd) is not int or max_ttd < 0:
        max_ttd = None
    return Adapter(data.get("enabled"), max_ttd)


def device_from_json(
    tenant_id: str, device_id: str, data: Mapping[str, Any]
) -> RegisteredDevice:
    """Return the device that Hono's JSON form *data* describes.

    ``via`` is a list today and was a single string in 0.6.
    """
    return RegisteredDevice(
        tenant_id,
        device_id,
        enabled=data.get("enabled", True),
        via=_names(data.get("via")),
        via_groups=_names(data.get("viaGroups")),
        member_of=_names(data.get("memberOf")),
        defaults=data.get("defaults") or NOTHING,
    )


def _names(value: Any) -> tuple[str, ...]:
    """Return the ids in *value*."""
    if not value:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)
