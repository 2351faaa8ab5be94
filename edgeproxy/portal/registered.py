"""What a registry knows of a device that logs in, or that a gateway speaks for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs

Scalar = str | int | float | bool

# Shared by all that have none: a dict for each of 100,000 devices is 6 MiB.
NOTHING: Mapping[str, Any] = MappingProxyType({})


@attrs.frozen
class RegisteredDevice:
    """A device: the gateways that may act for it, and defaults for its messages.

    Those are the ones in *via*, and the members of the groups in *via_groups*: a
    gateway is one of the groups in its own *member_of*.
    """

    tenant_id: str
    device_id: str
    enabled: bool = True
    via: tuple[str, ...] = ()
    via_groups: tuple[str, ...] = ()
    member_of: tuple[str, ...] = ()
    defaults: Mapping[str, Scalar] = NOTHING

    def accepts(self, gateway: RegisteredDevice) -> bool:
        """Say whether *gateway*, which is of the same tenant, may act for the device.

        Gateways that are disabled are the caller's to refuse.
        """
        return gateway.device_id in self.via or (
            bool(self.via_groups)
            and not set(self.via_groups).isdisjoint(gateway.member_of)
        )


def full_name(tenant_id: str, device_id: str) -> bytes:
    """Return one name of a tenant's device, whatever is in its two ids."""
    # The length says where the first one ends.
    return f"{len(tenant_id)} {tenant_id}{device_id}".encode()


def flatten(device: RegisteredDevice) -> tuple[Any, ...]:
    """Return *device* as plain data, its two ids first; see `restore`."""
    *rest, defaults = attrs.astuple(device, recurse=False)
    return *rest, dict(defaults)


def restore(
    tenant_id: str,
    device_id: str,
    enabled: bool,
    via: tuple[str, ...],
    via_groups: tuple[str, ...],
    member_of: tuple[str, ...],
    defaults: dict[str, Scalar],
) -> RegisteredDevice:
    """Return the device of which `flatten` makes these values."""
    return RegisteredDevice(
        tenant_id,
        device_id,
        enabled,
        via,
        via_groups,
        member_of,
        defaults or NOTHING,
    )
