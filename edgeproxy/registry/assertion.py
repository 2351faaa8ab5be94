"""Asserts that a device may publish: the last word before a message is built."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from edgeproxy.registry.model import Scalar
from edgeproxy.registry.store import RegistryStore


class AssertionRefused(Exception):
    """The device's registration status cannot be asserted."""


class TenantNotServed(AssertionRefused):
    """The tenant is unknown, disabled, or may not use this adapter."""


class DeviceNotRegistered(AssertionRefused):
    """The device is disabled or not registered."""


class GatewayNotAuthorised(AssertionRefused):
    """The gateway is disabled, not registered, or may not act for the device."""


@attrs.frozen
class Assertion:
    """What the registry vouches for: the defaults for the device's messages.

    A device's own default wins over its tenant's.
    """

    defaults: Mapping[str, Scalar]


def assert_registration(
    store: RegistryStore, tenant_id: str, device_id: str, gateway_id: str | None
) -> Assertion:
    """Return the assertion for *device_id*, or raise an `AssertionRefused`.

    *gateway_id* is the authenticated gateway where it is not the device itself.
    """
    tenant = store.get_tenant(tenant_id)
    if tenant is None or not tenant.enabled:
        raise TenantNotServed("tenant is disabled or not registered")
    if not store.serves(tenant):
        raise TenantNotServed("adapter is disabled")
    device = store.get_device(tenant_id, device_id)
    if device is None or not device.enabled:
        raise DeviceNotRegistered("device is disabled or not registered")
    if gateway_id is not None:
        gateway = store.get_device(tenant_id, gateway_id)
        if gateway is None or not gateway.enabled or not device.accepts(gateway):
            raise GatewayNotAuthorised("gateway is disabled or not registered")
    return Assertion({**tenant.defaults, **device.defaults})
