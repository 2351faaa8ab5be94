"""Delivers the stored events of one tenant: in order per device, at least once."""

from __future__ import annotations

from collections import deque
from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from edgeproxy.amqp.link import OutgoingLink
from edgeproxy.amqp.outcome import Outcome, State
from edgeproxy.messaging.store import EventStore, StoredEvent

# Events held in memory per tenant: enough to keep several consumers busy while the
# next ones are read, little enough for a gateway (500 × some hundred bytes).
WINDOW = 500

# Seconds until a released event is offered again: doubled each time, up to the most.
FIRST_BACK_OFF, MOST_BACK_OFF = 0.1, 30.0


class EventQueue:
    """The events of one tenant, between the store and its consumers.

    A device has at most one event under way, so its events are accepted in the order
    of their arrival; a consumer that keeps one of them holds up that device alone.
    """

    _log = Logger("edgeproxy.messaging")

    def __init__(self, tenant_id: str, store: EventStore, clock: IReactorTime) -> None:
        self._tenant_id = tenant_id
        self._store = store
        self._clock = clock
        self._links: deque[OutgoingLink] = deque()
        self._devices: dict[str, deque[StoredEvent]] = {}
        self._ready: deque[str] = deque()  # devices whose first event may go out
        self._tries: dict[str, int] = {}  # by device, of its first event
        self._held = 0
        self._loaded = 0  # the newest event that is or was in memory
        self._more = True  # the store has newer ones
        self._loading = False
        self._pumping = False

    def add(self, link: OutgoingLink) -> None:
        """Let *link* take part."""
        self._links.append(link)

    def discard(self, link: OutgoingLink) -> None:
        """Let *link* take part no more."""
        if link in self._links:
            self._links.remove(link)

    def stored(self, event: StoredEvent) -> None:
        """Take notice of an event that has just been put to disk."""
        if self._more or self._loading or not self._links or self._held >= WINDOW:
            self._more = True
        else:
            self._hold(event)
        self.pump()

    def pump(self) -> None:
        """Send what may be sent, and read more when there is room."""
        if self._pumping:
            return  # an outcome that came at once: the loop below goes on by itself
        self._pumping = True
        try:
            while self._ready and (link := self._next_link()) is not None:
                device = self._ready.popleft()
                event = self._devices[device][0]
                link.send(event.message, partial(self._settled, device, event))
        finally:
            self._pumping = False
        if self._more and not self._loading and self._links and self._held < WINDOW:
            self._load()

    def _next_link(self) -> OutgoingLink | None:
        for _ in range(len(self._links)):
            link = self._links[0]
            self._links.rotate(-1)
            if link.credit > 0:
                return link
        return None

    def _hold(self, event: StoredEvent) -> None:
        self._held += 1
        self._loaded = event.number
        events = self._devices.setdefault(event.device_id, deque())
        events.append(event)
        if len(events) == 1:
            self._ready.append(event.device_id)

    def _load(self) -> None:
        self._loading, self._more = True, False
        room = WINDOW - self._held

        def loaded(events: list[StoredEvent]) -> None:
            self._loading = False
            self._more = self._more or len(events) == room
            for event in events:
                self._hold(event)
            self.pump()

        def failed(failure: Failure) -> None:
            self._loading, self._more = False, True
            self._log.error(
                "events of {tenant} cannot be read: {reason}",
                tenant=self._tenant_id,
                reason=failure.getErrorMessage(),
            )
            self._clock.callLater(MOST_BACK_OFF, self.pump)

        loading = self._store.load(self._tenant_id, self._loaded, room)
        loading.addCallbacks(loaded, failed)

    def _settled(self, device: str, event: StoredEvent, outcome: Outcome) -> None:
        if outcome.state is State.ACCEPTED:
            self._done(device, event)
            self._forget(event)
        elif outcome.state is State.REJECTED:
            self._log.error(
                "event {number} of device {device} set aside: consumer rejected it"
                " ({condition}: {description})",
                number=event.number,
                device=f"{self._tenant_id}/{device}",
                condition=outcome.condition,
                description=outcome.description,
            )
            self._done(device, event)
            self._watch(self._store.set_aside(self._tenant_id, event.number))
        elif outcome.state is State.LOST:
            self._ready.appendleft(device)
            self._clock.callLater(0, self.pump)
        else:
            tries = self._tries[device] = self._tries.get(device, 0) + 1
            delay = min(FIRST_BACK_OFF * 2 ** min(tries - 1, 10), MOST_BACK_OFF)
            self._clock.callLater(delay, self._again, device)

    def _done(self, device: str, event: StoredEvent) -> None:
        """Let the next event of *device* have its turn."""
        events = self._devices[device]
        events.popleft()
        self._held -= 1
        self._tries.pop(device, None)
        if events:
            self._ready.append(device)
        else:
            del self._devices[device]
        self.pump()

    def _again(self, device: str) -> None:
        self._ready.appendleft(device)
        self.pump()

    def _forget(self, event: StoredEvent) -> None:
        self._watch(self._store.remove(self._tenant_id, event.number))

    def _watch(self, written: object) -> None:
        """Log a change that did not reach the disk: the event will come once more."""
        written.addErrback(  # type: ignore[attr-defined]
            lambda failure: self._log.error(
                "outcome of an event of {tenant} not stored, it will be delivered"
                " again after a restart: {reason}",
                tenant=self._tenant_id,
                reason=failure.getErrorMessage(),
            )
        )
