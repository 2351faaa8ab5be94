"""Delivers the stored events of one tenant: in order per device, at least once."""

from __future__ import annotations

from collections import deque
from functools import partial

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from edgeproxy.amqp.link import OutgoingLink
from edgeproxy.amqp.outcome import Outcome, State
from edgeproxy.messaging.encoding import with_delivery_count
from edgeproxy.messaging.rows import StoredEvent, Wanted
from edgeproxy.messaging.store import EventStore
from edgeproxy.messaging.takers import STUCK_AFTER, Taker, Takers
from edgeproxy.metrics import counters

# Events held in memory per tenant: enough to keep several consumers busy while the
# next ones are read, little enough for a gateway (500 × some hundred bytes).
WINDOW = 500

# Of which at most so many of one device, and devices that are read for at once.
PER_DEVICE, AT_ONCE = 32, 64

# Seconds until a released event is offered again: doubled each time, up to the most.
FIRST_BACK_OFF, MOST_BACK_OFF = 0.1, 30.0

# How often consumers may declare an event undeliverable before it is set aside: the
# first one's verdict may be about itself.
MOST_UNDELIVERABLE = 3


@attrs.define(eq=False)
class _Device:
    """What is known of a device that has events waiting.

    In memory are *events*, the next ones in order; on disk, if *more*, are others with
    numbers greater than *last*. *busy* says that somebody comes back to it: it is in a
    line, being read, under way or in its back-off. A stuck device keeps no message in
    memory.
    """

    name: str
    events: deque[StoredEvent] = attrs.field(factory=deque)
    last: int = 0
    more: bool = True
    busy: bool = False
    tries: int = 0  # of the first event: how often released, how often undeliverable
    undeliverable: int = 0
    failed: int = 0


class EventQueue:
    """The events of one tenant, between the store and its consumers.

    A device has at most one event under way, so its events are accepted in the order
    of their arrival; a consumer that keeps one of them holds up that device alone, and
    not for ever.
    """

    _log = Logger()

    def __init__(self, tenant_id: str, store: EventStore, clock: IReactorTime) -> None:
        self._tenant_id = tenant_id
        self._store = store
        self._clock = clock
        self._takers = Takers(store.age)
        self._watching = False
        self._devices: dict[str, _Device] = {}
        self._ready: deque[_Device] = deque()  # those with an event in memory
        self._hungry: deque[_Device] = deque()  # those with events only on disk
        self._held = 0
        self._listed = False  # every device with events waiting is known
        self.reading = False
        self._generation = 0  # of what is in memory; see `refresh`
        self._pumping = False

    def add(self, link: OutgoingLink) -> None:
        """Let *link* take part."""
        self._takers.add(link)

    def discard(self, link: OutgoingLink) -> None:
        """Let *link* take part no more; without any, forget what is on disk as well."""
        self._takers.discard(link)
        if not self._takers:
            self.refresh()

    def refresh(self) -> None:
        """Forget what is in memory: the store has changed, or nobody wants it."""
        self._generation += 1
        self._listed = False
        for device in (*self._ready, *self._hungry):
            device.busy = False
        self._ready.clear()
        self._hungry.clear()
        for device in self._devices.values():
            self._let_go(device, 0)
        # Who is busy is still to come back; who was released keeps its back-off.
        self._devices = {n: d for n, d in self._devices.items() if d.busy or d.tries}
        self.pump()

    def stored(self, event: StoredEvent) -> None:
        """Take notice of an event that has just been put to disk."""
        if not self._listed:
            self.pump()  # the list, when it comes, has it
            return
        device = self._devices.get(event.device_id)
        if device is None:
            device = self._devices[event.device_id] = _Device(event.device_id)
            device.more, device.last = False, event.number - 1
        if device.more or self._held >= WINDOW or len(device.events) >= PER_DEVICE:
            device.more = True
        else:
            self._hold(device, [event])
        self._line_up(device)
        self.pump()

    def pump(self) -> None:
        """Send what may be sent, and read more when there is room."""
        if self._pumping:
            return  # an outcome that came at once: the loop below goes on by itself
        self._pumping = True
        try:
            while self._ready and (taker := self._takers.next()) is not None:
                self._send(self._ready.popleft(), taker)
        finally:
            self._pumping = False
        if self._takers and not self.reading:
            if not self._listed:
                self._list()
            elif self._hungry and self._held < WINDOW:
                self._read()
        if not self.reading:
            self._takers.drained()

    def _send(self, device: _Device, taker: Taker) -> None:
        event = device.events.popleft()
        self._held -= 1
        if event.expires is not None and event.expires <= self._store.age():
            counters.EVENTS_REMOVED.labels("expired").inc()
            self._done(device)
            self._store.remove(self._tenant_id, event.number)
        else:
            message = event.message
            if device.failed:
                message = with_delivery_count(message, device.failed)
            taker.send(message, partial(self._settled, device, event.number))
            self._watch()

    def _watch(self) -> None:
        """Look after a while whether a consumer is stuck."""
        if not self._watching:
            self._watching = True
            self._clock.callLater(STUCK_AFTER / 4, self._look)

    def _look(self) -> None:
        self._watching = False
        for taker in self._takers.stuck():
            self._log.warn(
                "consumer {peer} of events of {tenant} is stuck: {count} events are"
                " taken back",
                peer=taker.link.peer,
                tenant=self._tenant_id,
                count=taker.take_back(),
            )
        if self._takers.are_watched:
            self._watch()
        self.pump()

    def _hold(self, device: _Device, events: list[StoredEvent]) -> None:
        self._held += len(events)
        device.events += events
        device.last = events[-1].number

    def _let_go(self, device: _Device, last: int) -> None:
        """Forget the events of *device* in memory; those after *last* are on disk."""
        self._held -= len(device.events)
        device.events.clear()
        device.more, device.last = True, last

    def _line_up(self, device: _Device, first: bool = False) -> None:
        """Put *device* into the line that it belongs to, unless somebody has it."""
        if device.busy:
            return
        if device.events or device.more:
            device.busy = True
            line = self._ready if device.events else self._hungry
            line.appendleft(device) if first else line.append(device)
        else:
            self._devices.pop(device.name, None)

    def _free(self, device: _Device, first: bool = False) -> None:
        """Let *device*, which somebody had, line up again."""
        device.busy = False
        self._devices[device.name] = device
        self._line_up(device, first)

    def _list(self) -> None:
        """Ask the store which devices have events waiting."""
        self.reading = True
        generation = self._generation

        def listed(names: list[str]) -> None:
            self.reading = False
            if generation == self._generation:
                self._listed = True
                for name in names:
                    self._line_up(self._devices.setdefault(name, _Device(name)))
            self.pump()

        self._store.devices(self._tenant_id).addCallbacks(listed, self._unreadable)

    def _read(self) -> None:
        """Ask the store for the next events of those who have none in memory."""
        self.reading = True
        generation = self._generation
        asked = [self._hungry.popleft() for _ in range(min(AT_ONCE, len(self._hungry)))]
        most = min(PER_DEVICE, max(1, (WINDOW - self._held) // len(asked)))
        wanted = [Wanted(device.name, device.last, most) for device in asked]

        def read(found: list[list[StoredEvent]]) -> None:
            self.reading = False
            for device, events in zip(asked, found, strict=True):
                if generation == self._generation:
                    device.more = len(events) == most
                    news = [e for e in events if not self._store.is_settled(e.number)]
                    if news:
                        self._hold(device, news)
                    if events:
                        device.last = events[-1].number
                self._free(device)
            self.pump()

        def failed(failure: Failure) -> None:
            for device in reversed(asked):
                self._free(device, first=True)
            self._unreadable(failure)

        self._store.load(self._tenant_id, wanted).addCallbacks(read, failed)

    def _unreadable(self, failure: Failure) -> None:
        self.reading = False
        self._log.error(
            "events of {tenant} cannot be read: {reason}",
            tenant=self._tenant_id,
            reason=failure.getErrorMessage(),
        )
        self._takers.drained()
        self._clock.callLater(MOST_BACK_OFF, self.pump)

    def _settled(self, device: _Device, number: int, outcome: Outcome) -> None:
        state = outcome.state
        if state is State.ACCEPTED:
            self._store.remove(self._tenant_id, number)
            self._done(device)
            self.pump()
        elif state is State.REJECTED:
            what = f"{outcome.condition or 'no condition'}: {outcome.description or ''}"
            self._set_aside(device, number, f"rejected ({what})")
        elif state is State.LOST:
            self._let_go(device, number - 1)
            self._free(device, first=True)
            # Not at once: the link that was lost is still among ours.
            self._clock.callLater(0, self.pump)
        else:
            device.tries += 1
            device.undeliverable += outcome.undeliverable
            device.failed += outcome.failed
            if device.undeliverable >= MOST_UNDELIVERABLE:
                self._set_aside(device, number, "undeliverable")
                return
            self._let_go(device, number - 1)
            delay = FIRST_BACK_OFF * 2 ** min(device.tries - 1, 10)
            self._clock.callLater(min(delay, MOST_BACK_OFF), self._again, device)

    def _set_aside(self, device: _Device, number: int, reason: str) -> None:
        self._log.error(
            "event {number} of device {device} set aside: {reason}",
            number=number,
            device=f"{self._tenant_id}/{device.name}",
            reason=reason,
        )
        self._store.set_aside(self._tenant_id, number, reason)
        self._done(device)
        self.pump()

    def _done(self, device: _Device) -> None:
        """Let the next event of *device* have its turn."""
        device.tries = device.undeliverable = device.failed = 0
        self._free(device)

    def _again(self, device: _Device) -> None:
        self._free(device, first=True)
        self.pump()
