"""Asserts that a device may publish: the last word before a message is built."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from edgeproxy.portal.avatars import Device
from edgeproxy.portal.registered import RegisteredDevice, Scalar
from edgeproxy.registry.model import Tenant
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
    store: RegistryStore,
    tenant_id: str,
    device_id: str,
    gateway_id: str | None,
    login: Device | None = None,
) -> Assertion:
    """Return the assertion for *device_id*, or raise an `AssertionRefused`.

    *gateway_id* is the gateway where one acts for the device. *login* is that of the
    gateway, or of the device without one, where they have logged in.
    """
    tenant = store.get_tenant(tenant_id)
    if tenant is None:
        raise TenantUnknown("tenant is disabled or not registered")
    if not tenant.enabled:
        raise TenantDisabled("tenant is disabled or not registered")
    if not store.serves(tenant):
        raise AdapterNotServed("adapter is disabled")
    if login is None:
        sender = store.get_device(tenant_id, gateway_id or device_id)
    else:
        sender = store.registered(login)
    device = sender if gateway_id is None else store.get_device(tenant_id, device_id)
    if device is None or not device.enabled:
        raise DeviceNotRegistered("device is disabled or not registered")
    if gateway_id is not None and (
        sender is None or not sender.enabled or not device.accepts(sender)
    ):
        raise GatewayNotAuthorised("gateway is disabled or not registered")
    defaults = device.defaults
    if tenant.defaults:
        defaults = {**tenant.defaults, **defaults}
    return Assertion(tenant, device, defaults)
