"""Asserts that a device may publish: the last word before a message is built."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from edgeproxy.registry.model import RegisteredDevice, Scalar, Tenant
from edgeproxy.registry.store import RegistryStore


class AssertionRefused(Exception):
    """The device's registration status cannot be asserted."""


class TenantNotServed(AssertionRefused):
    """The tenant is unknown, disabled, or may not use this adapter."""


class TenantUnknown(TenantNotServed):
    """There is no such tenant."""


class TenantDisabled(TenantNotServed):
    """The tenant is disabled."""


class AdapterNotServed(TenantNotServed):
    """The tenant may not use this adapter."""


class DeviceNotRegistered(AssertionRefused):
    """The device is disabled or not registered."""


class GatewayNotAuthorised(AssertionRefused):
    """The gateway is disabled, not registered, or may not act for the device."""


@attrs.frozen
class Assertion:
    """What the registry vouches for: the *device* and its *tenant*, as they are now.

    *defaults* are those for the device's messages: its own win over its tenant's.
    """

    tenant: Tenant
    device: RegisteredDevice
    defaults: Mapping[str, Scalar]


def assert_registration(
    store: RegistryStore, tenant_id: str, device_id: str, gateway_id: str | None
) -> Assertion:
    """Return the assertion for *device_id*, or raise an `AssertionRefused`.

    *gateway_id* is the authenticated gateway where it is not the device itself.
    """
    tenant = store.get_tenant(tenant_id)
    if tenant is None:
        raise TenantUnknown("tenant is disabled or not registered")
    if not tenant.enabled:
        raise TenantDisabled("tenant is disabled or not registered")
    if not store.serves(tenant):
        raise AdapterNotServed("adapter is disabled")
    device = store.get_device(tenant_id, device_id)
    if device is None or not device.enabled:
        raise DeviceNotRegistered("device is disabled or not registered")
    if gateway_id is not None:
        gateway = store.get_device(tenant_id, gateway_id)
        if gateway is None or not gateway.enabled or not device.accepts(gateway):
            raise GatewayNotAuthorised("gateway is disabled or not registered")
    defaults = device.defaults
    if tenant.defaults:
        defaults = {**tenant.defaults, **defaults}
    return Assertion(tenant, device, defaults)
