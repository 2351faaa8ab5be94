"""Who takes events: consumers' links, in turns, and what is done about stuck ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count

import attrs

from edgeproxy.amqp.link import OnOutcome, OutgoingLink
from edgeproxy.amqp.outcome import Outcome, State

# Seconds without a single outcome after which a consumer that has events is stuck. One
# that is merely slow gives an outcome now and then, however much it has prefetched.
STUCK_AFTER = 60.0

# Seconds in which a stuck consumer gets nothing: doubled each time, up to the most.
# Then it is given one event, to see whether it has come to life.
FIRST_PAUSE, MOST_PAUSE = 60.0, 3600.0

# Events for a consumer that has never given an outcome: each holds up its device.
UNTRIED = 10

_ANY_NUMBER = 1 << 30


@attrs.define(eq=False)
class Taker:
    """One consumer's *link*; *now* gives monotonic seconds."""

    link: OutgoingLink
    _now: Callable[[], float]
    _under_way: dict[int, tuple[str, OnOutcome]] = attrs.field(factory=dict)
    _keys: count[int] = attrs.field(factory=count)
    _most: int = UNTRIED
    _progress: float = 0.0
    _paused_until: float = 0.0
    _pause: float = FIRST_PAUSE

    @property
    def can_take(self) -> bool:
        """Whether it may be given an event."""
        return (
            self.link.credit > 0
            and len(self._under_way) < self._most
            and (not self._paused_until or self._now() >= self._paused_until)
        )

    @property
    def is_stuck(self) -> bool:
        """Whether it has events, and has said nothing for too long."""
        waited = self._now() - self._progress
        return bool(self._under_way) and waited >= STUCK_AFTER

    @property
    def is_watched(self) -> bool:
        """Whether something is to be done about it in time."""
        return bool(self._under_way) or bool(self._paused_until)

    def send(self, message: bytes, on_outcome: OnOutcome) -> None:
        """Give it the encoded *message*."""
        if not self._under_way:
            self._progress = self._now()
        key = next(self._keys)
        self._under_way[key] = "", on_outcome

        def settled(outcome: Outcome) -> None:
            self._under_way.pop(key, None)
            if outcome.state is not State.LOST:
                self._progress = self._now()
                self._most, self._pause = _ANY_NUMBER, FIRST_PAUSE
                self._paused_until = 0.0
            on_outcome(outcome)

        tag = self.link.send(message, settled)
        if key in self._under_way:
            self._under_way[key] = tag, on_outcome

    def take_back(self) -> int:
        """Take all events back, as if they were lost; return how many."""
        under_way, self._under_way = self._under_way, {}
        self._most = 1
        self._paused_until = self._now() + self._pause
        self._pause = min(self._pause * 2, MOST_PAUSE)
        for tag, on_outcome in under_way.values():
            self.link.give_up(tag)
            on_outcome(Outcome(State.LOST))
        return len(under_way)


class Takers:
    """The consumers of one tenant's events; *now* gives monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._takers: deque[Taker] = deque()

    def __bool__(self) -> bool:
        return bool(self._takers)

    def add(self, link: OutgoingLink) -> None:
        """Let *link* take part."""
        self._takers.append(Taker(link, self._now))

    def discard(self, link: OutgoingLink) -> None:
        """Let *link* take part no more."""
        self._takers = deque(t for t in self._takers if t.link is not link)

    def next(self) -> Taker | None:
        """Return whose turn it is; None if nobody can take anything."""
        for _ in range(len(self._takers)):
            taker = self._takers[0]
            self._takers.rotate(-1)
            if taker.can_take:
                return taker
        return None

    def drained(self) -> None:
        """Let those who drain know that there is nothing more for them now."""
        for taker in self._takers:
            taker.link.drained()

    def stuck(self) -> list[Taker]:
        """Return those that are stuck."""
        return [taker for taker in self._takers if taker.is_stuck]

    @property
    def are_watched(self) -> bool:
        """Whether something is to be done about one of them in time."""
        return any(taker.is_watched for taker in self._takers)
