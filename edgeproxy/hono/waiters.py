"""Devices that wait for a command: one structure and one timer for all of them."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from edgeproxy.amqp.outcome import Outcome
from edgeproxy.messaging.commands import Command

Settle = Callable[[Outcome], None]

_log = Logger()

# Entries of those who wait no more that may be kept until their time has come.
MOST_GONE = 1000


class Waiter:
    """Somebody who waits for a command for *device_id*.

    *gateway_id* is the gateway that waits in the device's stead, if it does; *groups*
    are those that whoever waits is a member of. One of *on_command* and *on_expiry* is
    called, once, and neither after `Waiters.leave`.
    """

    __slots__ = (
        "device_id",
        "gateway_id",
        "groups",
        "on_command",
        "on_expiry",
        "tenant_id",
        "waits",
    )

    def __init__(
        self,
        tenant_id: str,
        device_id: str,
        gateway_id: str | None,
        groups: tuple[str, ...],
        on_command: Callable[[Command, Settle], None],
        on_expiry: Callable[[], None],
    ) -> None:
        self.tenant_id = tenant_id
        self.device_id = device_id
        self.gateway_id = gateway_id
        self.groups = groups
        self.on_command = on_command
        self.on_expiry = on_expiry
        self.waits = True

    def expire(self) -> None:
        """Call *on_expiry*; its faults are logged, as others may be due too."""
        try:
            self.on_expiry()
        except Exception:
            _log.failure("a device that has waited was not answered")


class Waiters:
    """Everybody who waits; *clock* tells monotonic seconds.

    Of several who wait for the same device the newest gets the command: the others are
    most likely connections that the device has given up. They wait on in vain.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._by_device: dict[tuple[str, str], Waiter] = {}
        self._by_group: dict[tuple[str, str], dict[str, None]] = {}
        self._deadlines: list[tuple[float, int, Waiter]] = []
        self._numbers = count()
        self._gone = 0
        self._timer: IDelayedCall | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._deadlines) - self._gone

    def join(self, waiter: Waiter, seconds: float) -> None:
        """Have *waiter* wait for *seconds*, counted from now; never for less."""
        if self._closed:
            waiter.waits = False
            self._clock.callLater(0, waiter.expire)
            return
        key = (waiter.tenant_id, waiter.device_id)
        previous = self._by_device.get(key)
        if previous is not None:
            self._forget(previous)
        self._by_device[key] = waiter
        for group in waiter.groups:
            members = self._by_group.setdefault((waiter.tenant_id, group), {})
            members[waiter.device_id] = None
        deadline = self._clock.seconds() + seconds
        heapq.heappush(self._deadlines, (deadline, next(self._numbers), waiter))
        if self._deadlines[0][2] is waiter:
            self._set_timer()

    def find(self, tenant_id: str, device_id: str) -> Waiter | None:
        """Return who waits for a command for this device."""
        return self._by_device.get((tenant_id, device_id))

    def members_of(self, tenant_id: str, group: str) -> list[str]:
        """Return the ids of those waiting that are members of *group*."""
        return list(self._by_group.get((tenant_id, group), ()))

    def give(self, waiter: Waiter, command: Command, settle: Settle) -> None:
        """Give *command* to *waiter*, who then waits no more."""
        self._end(waiter)
        waiter.on_command(command, settle)

    def leave(self, waiter: Waiter) -> None:
        """Have *waiter* wait no more: nothing of it is called."""
        if waiter.waits:
            self._end(waiter)

    def close(self) -> None:
        """Let nobody wait any more: the service is about to end."""
        self._closed = True
        for _, _, waiter in list(self._deadlines):
            if waiter.waits:
                self._end(waiter)
                waiter.expire()
        self._deadlines.clear()
        self._gone = 0
        self._set_timer()

    def _end(self, waiter: Waiter) -> None:
        waiter.waits = False
        self._forget(waiter)
        self._gone += 1
        if self._gone > MOST_GONE and self._gone > len(self._deadlines) // 2:
            self._deadlines = [each for each in self._deadlines if each[2].waits]
            heapq.heapify(self._deadlines)
            self._gone = 0

    def _forget(self, waiter: Waiter) -> None:
        key = (waiter.tenant_id, waiter.device_id)
        if self._by_device.get(key) is not waiter:
            return
        del self._by_device[key]
        # A registration may name a group twice.
        for group in dict.fromkeys(waiter.groups):
            members = self._by_group[waiter.tenant_id, group]
            members.pop(waiter.device_id, None)
            if not members:
                del self._by_group[waiter.tenant_id, group]

    def _set_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if self._deadlines:
            delay = max(0.0, self._deadlines[0][0] - self._clock.seconds())
            self._timer = self._clock.callLater(delay, self._expire)

    def _expire(self) -> None:
        self._timer = None
        now: float = self._clock.seconds()
        due: list[Waiter] = []
        while self._deadlines and self._deadlines[0][0] <= now:
            waiter = heapq.heappop(self._deadlines)[2]
            if waiter.waits:
                waiter.waits = False
                self._forget(waiter)
                due.append(waiter)
            else:
                self._gone -= 1
        self._set_timer()
        for waiter in due:
            waiter.expire()


class WaitersService(Service):
    """Lets nobody of *waiters* wait any more when the service stops."""

    def __init__(self, waiters: Waiters) -> None:
        self._waiters = waiters

    def stopService(self) -> None:
        """Answer those who wait: their messages have been sent."""
        super().stopService()
        self._waiters.close()


def seconds_to_wait(
    asked: int | None, max_ttd: int | None, idle_timeout: float
) -> int | None:
    """Return how long a device that *asked* for it may wait, in seconds; None: not.

    *max_ttd* is the tenant's bound (None: 60, Hono's default). A connection that is
    closed after *idle_timeout* (0: never) bounds it to four fifths of that, as in Hono.
    """
    if not asked:
        return None
    bounds = [asked, 60 if max_ttd is None else max_ttd]
    if idle_timeout:
        bounds.append(max(1, int(idle_timeout * 0.8)))
    return min(bounds) or None
