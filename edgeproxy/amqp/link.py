"""A link over which the listener sends, and what whoever owns its address sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import proton
from zope.interface import Interface

from edgeproxy.amqp.incoming import IncomingLink
from edgeproxy.amqp.outcome import Outcome, State

if TYPE_CHECKING:
    from edgeproxy.amqp.connection import AMQPConnection

OnOutcome = Callable[[Outcome], None]

# Deliveries of one link that a peer may leave unsettled before it gets no more; it
# may grant more credit than that, and settle nothing.
MOST_UNSETTLED = 1000

# Deliveries whose outcome nobody waits for are settled from here when there are more
# of them: a peer that just looks on need not answer.
MOST_UNWATCHED = 200

# Deliveries of one link that wait for the turn to end, or for the peer to open the
# window of the session.
MOST_QUEUED = 1000

_STATES = {
    proton.Delivery.ACCEPTED: State.ACCEPTED,
    proton.Delivery.REJECTED: State.REJECTED,
    proton.Delivery.RELEASED: State.RELEASED,
    proton.Delivery.MODIFIED: State.MODIFIED,
}


class AttachRefused(Exception):
    """A link cannot be attached; *condition* is the AMQP error that says why."""

    def __init__(self, condition: str, description: str) -> None:
        self.condition, self.description = condition, description
        super().__init__(f"{condition}: {description}")


class IAddressSpace(Interface):
    """Decides what the addresses of a listener mean."""

    def attach(link: OutgoingLink, avatar: object) -> None:  # type: ignore[misc]
        """Take *link*, on which *avatar* receives; raises `AttachRefused`."""

    def attach_sender(link: IncomingLink, avatar: object) -> None:  # type: ignore[misc]
        """Take *link*, on which *avatar* sends; raises `AttachRefused`."""

    def writable(link: OutgoingLink) -> bool:  # type: ignore[misc]
        """Be told that *link* has credit again or more than before.

        Returns whether messages for it are being looked for; `OutgoingLink.drained` is
        called when that is over.
        """

    def detached(link: OutgoingLink) -> None:  # type: ignore[misc]
        """Be told that *link* is gone; its deliveries have been told `State.LOST`."""


class OutgoingLink:
    """One receiver of a peer, seen from here; *copies* says that it only browses."""

    def __init__(self, connection: AMQPConnection, sender: Any) -> None:
        self._connection = connection
        self._sender = sender
        self._waiting: dict[str, tuple[Any, OnOutcome]] = {}
        self._unwatched: dict[str, Any] = {}
        self.address: str = sender.remote_source.address or ""
        self.copies = (
            sender.remote_source.distribution_mode == proton.Terminus.DIST_MODE_COPY
        )
        self.presettled = sender.remote_snd_settle_mode == proton.Link.SND_SETTLED

    @property
    def peer(self) -> str:
        """Who is at the other end, for people."""
        return self._connection.peer

    @property
    def credit(self) -> int:
        """How many messages may be sent now; none while the peer does not read."""
        if not self._connection.flowing:
            return 0
        return min(
            int(self._sender.credit),
            MOST_UNSETTLED - len(self._waiting),
            # What the window of the session holds back is kept in memory.
            MOST_QUEUED - int(self._sender.queued),
        )

    def drained(self) -> None:
        """Give credit back to a peer that drains: there is nothing for it now."""
        if self._connection.flowing and self._sender.drain_mode:
            self._sender.drained()
            self._connection.flush_soon()

    def send(self, message: bytes, on_outcome: OnOutcome | None) -> str:
        """Send the encoded *message*; return the tag of its delivery.

        *on_outcome* is called once (None: nobody wants to know); at once if the peer
        asked for settled messages, as then there is no more to be learned.
        """
        tag = next(self._connection.tags)
        delivery = self._sender.delivery(tag)
        self._sender.stream(message)
        self._sender.advance()
        if self.presettled:
            delivery.settle()
        elif on_outcome is not None:
            self._waiting[tag] = (delivery, on_outcome)
            self._connection.sent[tag] = self
        else:
            self._unwatched[tag] = delivery
            self._connection.sent[tag] = self
            if len(self._unwatched) > MOST_UNWATCHED:
                oldest = next(iter(self._unwatched))
                self._forget(oldest)
                self._unwatched.pop(oldest).settle()
        self._connection.flush_soon()
        if self.presettled and on_outcome is not None:
            on_outcome(Outcome(State.ACCEPTED))
        return tag

    def give_up(self, tag: str) -> None:
        """Settle a delivery as released: its outcome is of no use any more."""
        waiting = self._waiting.pop(tag, None)
        if waiting is not None:
            self._forget(tag)
            waiting[0].update(proton.Delivery.RELEASED)
            waiting[0].settle()
            self._connection.flush_soon()

    def _forget(self, tag: str) -> None:
        self._connection.sent.pop(tag, None)

    def updated(self, delivery: Any) -> None:
        """Take the peer's disposition of *delivery*."""
        state = _STATES.get(delivery.remote_state)
        if state is None and not delivery.settled:
            return  # "received" and the like tell nothing final
        tag = delivery.tag
        self._forget(tag)
        self._unwatched.pop(tag, None)
        full = len(self._waiting) >= MOST_UNSETTLED
        _, on_outcome = self._waiting.pop(tag, (None, None))
        remote = delivery.remote
        outcome = Outcome(
            # Settled without a state means the same as released (part 3, §3.4).
            state or State.RELEASED,
            *_error(remote.condition if state is State.REJECTED else None),
            undeliverable=state is State.MODIFIED and bool(remote.undeliverable),
            failed=state is State.MODIFIED and bool(remote.failed),
        )
        delivery.settle()
        if on_outcome is not None:
            on_outcome(outcome)
        if full:
            self._connection.has_room(self)

    def lost(self) -> None:
        """Tell everybody who waits that there will be no outcome."""
        for tag in (*self._waiting, *self._unwatched):
            self._forget(tag)
        self._unwatched.clear()
        waiting, self._waiting = self._waiting, {}
        for _, on_outcome in waiting.values():
            on_outcome(Outcome(State.LOST))


def _error(condition: Any) -> tuple[str | None, str | None]:
    if condition is None:
        return None, None
    return str(condition.name), condition.description
