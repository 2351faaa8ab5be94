"""Finds the device, or the gateway, that a command goes to (facts of Hono, §6.5)."""

from __future__ import annotations

import random
from collections.abc import Callable

from edgeproxy.amqp.outcome import Outcome, State
from edgeproxy.hono.requestids import RequestIds
from edgeproxy.hono.waiters import Settle, Waiter, Waiters
from edgeproxy.messaging.commands import BAD_REQUEST, Command
from edgeproxy.metrics import counters
from edgeproxy.portal.packed import PackedMemory
from edgeproxy.portal.registered import RegisteredDevice, full_name
from edgeproxy.registry.assertion import Assertion, AssertionRefused
from edgeproxy.registry.store import RegistryError

# Bytes of what is known of devices: through which gateway they were last heard of.
# Some 40 for each.
MOST = 8 * 1024 * 1024

_NOBODY = Outcome(State.RELEASED)

Assert = Callable[[str, str, str | None], Assertion]


class Commander:
    """Gives commands to those of *waiters* who wait for them.

    *assertion* vouches for devices, *request_ids* names commands to them. Commands are
    not kept: for a device that does not wait they are released, and it is the
    application that tries again.
    """

    def __init__(
        self, waiters: Waiters, assertion: Assert, request_ids: RequestIds
    ) -> None:
        self.waiters = waiters
        self.request_ids = request_ids
        self._assertion = assertion
        self._gateways: PackedMemory[str] = PackedMemory(MOST, str, str)

    def heard_of(self, device: RegisteredDevice, gateway_id: str) -> None:
        """Know that *device* was last heard of through this gateway."""
        if len(device.via) > 1 or device.via_groups:
            key = self._key_of(device)
            if self._gateways.get(key) != gateway_id:
                self._gateways.put(key, gateway_id)

    def _key_of(self, device: RegisteredDevice) -> bytes:
        return self._gateways.key_of(full_name(device.tenant_id, device.device_id))

    def take(self, command: Command, settle: Settle) -> None:
        """Give *command* to whoever waits; *settle* is called with what became of it.

        Accepted is one that was written to the device's connection.
        """

        def settled(outcome: Outcome) -> None:
            counters.COMMANDS[outcome.state.value] += 1
            settle(outcome)

        try:
            assertion = self._assertion(command.tenant_id, command.device_id, None)
        except AssertionRefused as refused:
            settled(Outcome(State.REJECTED, BAD_REQUEST, str(refused)))
            return
        except RegistryError:
            settled(_NOBODY)
            return
        waiter = self.waiters.find(command.tenant_id, command.device_id)
        if waiter is None or not self._still_may(waiter):
            waiter = self._gateway_of(assertion.device)
        if waiter is None:
            settled(_NOBODY)
        else:
            self.waiters.give(waiter, command, settled)

    def _still_may(self, waiter: Waiter) -> bool:
        """Whether the device itself waits, or a gateway that may act for it."""
        return waiter.gateway_id is None or self._may_act(
            waiter.gateway_id, waiter.tenant_id, waiter.device_id
        )

    def _may_act(self, gateway_id: str, tenant_id: str, device_id: str) -> bool:
        """Whether the gateway may act for the device now, whatever it did before."""
        try:
            self._assertion(tenant_id, device_id, gateway_id)
        except AssertionRefused:
            return False
        return True

    def _gateway_of(self, device: RegisteredDevice) -> Waiter | None:
        """Return the gateway that waits and may act for *device*: the last known one.

        Any of them where that does not wait.
        """
        tenant_id = device.tenant_id
        found = dict.fromkeys(device.via)
        for group in device.via_groups:
            found |= dict.fromkeys(self.waiters.members_of(tenant_id, group))
        waiting: dict[str, Waiter] = {}
        for gateway_id in found:
            waiter = self.waiters.find(tenant_id, gateway_id)
            # One that a gateway waits for in another device's stead is no gateway.
            if waiter is None or waiter.gateway_id is not None:
                continue
            if self._may_act(gateway_id, tenant_id, device.device_id):
                waiting[gateway_id] = waiter
        if not waiting:
            return None
        last = self._gateways.get(self._key_of(device))
        if last in waiting:
            return waiting[last]
        return random.choice(list(waiting.values()))  # noqa: S311 - any will do
