"""Remembers who has logged in, so that a device's next request need not ask again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from edgeproxy.portal.avatars import Device
from edgeproxy.portal.interfaces import IDevices
from edgeproxy.portal.login import Login
from edgeproxy.portal.packed import PackedMemory
from edgeproxy.portal.registered import flatten, restore

# Bytes of remembered logins. With UUIDs for ids, a certificate and a gateway they take
# 171 each, so that at least 190,000 are remembered; with short ids it is 60. Devices
# beyond that are verified now and then.
MOST = 64 * 1024 * 1024


class RememberedLogins:
    """Logs devices in with *login*, and recalls those that came before.

    An entry is found by a keyed hash of what proved it (`key_of`): the value of an
    Authorization field, or a chain of certificates. So no secret stays in memory, and
    any other proof asks the portal. It counts within the validity of the secret that
    matched, and until something changes in *registry* that concerns the device.
    """

    def __init__(
        self,
        login: Login,
        registry: IDevices,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._login = login
        self._registry = registry
        self._last_change = registry.last_change
        self._wall_clock = wall_clock
        self._devices: PackedMemory[Device] = PackedMemory(MOST, _flatten, _restore)
        self.key_of = self._devices.key_of
        self._under_way: dict[tuple[bytes, int], list[Deferred[Device]]] = {}

    def recall(self, key: bytes) -> Device | None:
        """Return who logged in with *key* before, if that still counts."""
        device = self._devices.get(key)
        if device is None:
            return None
        if self._last_change(device.tenant_id, device.device_id) > device.generation:
            self._devices.forget(key)
            return None
        return device if device.counts_at(self._wall_clock()) else None

    def log_in(self, key: bytes, credentials: Any) -> Deferred[Device]:
        """Log *credentials* in at the portal; *key* is that of what proves them.

        Those who come with the same while that is under way share its outcome.
        """
        done: Deferred[Device] = Deferred()
        # A change meanwhile may concern what is being verified.
        generation = self._registry.generation()
        waiting = self._under_way.get((key, generation))
        if waiting is not None:
            waiting.append(done)
            return done
        self._under_way[key, generation] = [done]
        login = maybeDeferred(self._login, credentials)
        login.addCallback(self._keep, key, generation)
        login.addBoth(self._tell, (key, generation))
        return done

    def _keep(self, device: Device, key: bytes, generation: int) -> Device:
        registered = self._registry.read_device(device.tenant_id, device.device_id)
        device = attrs.evolve(device, generation=generation, registered=registered)
        self._devices.put(key, device)
        return device

    def _tell(self, result: Device | Failure, asked: tuple[bytes, int]) -> None:
        for done in self._under_way.pop(asked):
            if isinstance(result, Failure):
                done.errback(result)
            else:
                done.callback(result)


def _flatten(login: Device) -> Any:
    """Return *login* as plain data: what is registered last, without its ids."""
    registered = login.registered
    return (
        login.tenant_id,
        login.device_id,
        login.not_before,
        login.not_after,
        login.generation,
        *(() if registered is None else flatten(registered)[2:]),
    )


def _restore(plain: Any) -> Device:
    tenant_id, device_id, not_before, not_after, generation, *rest = plain
    registered = restore(tenant_id, device_id, *rest) if rest else None
    return Device(tenant_id, device_id, not_before, not_after, generation, registered)
