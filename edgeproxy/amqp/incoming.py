"""A link over which a peer sends, and what whoever owns its address sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import proton

from edgeproxy.amqp.outcome import Outcome, State

if TYPE_CHECKING:
    from edgeproxy.amqp.connection import AMQPConnection

# Messages that a peer may have under way on one link.
CREDIT = 100

# Bytes of a message that is taken; a larger one is rejected.
MOST_BYTES = 65536

Settle = Callable[[Outcome], None]

_STATES = {
    State.ACCEPTED: proton.Delivery.ACCEPTED,
    State.REJECTED: proton.Delivery.REJECTED,
    State.RELEASED: proton.Delivery.RELEASED,
}

_TOO_LARGE = Outcome(
    State.REJECTED,
    "amqp:link:message-size-exceeded",
    f"larger than {MOST_BYTES} bytes",
)


class IncomingLink:
    """One sender of a peer, seen from here.

    *on_message* is called with each encoded message, and what settles it: to be called
    once, with `State.ACCEPTED`, `REJECTED` or `RELEASED`.
    """

    def __init__(self, connection: AMQPConnection, receiver: Any) -> None:
        self._connection = connection
        self._receiver = receiver
        self._chunks: list[bytes] = []
        self._size = 0
        self.address: str = receiver.remote_target.address or ""
        self.on_message: Callable[[bytes, Settle], None] = lambda _, settle: settle(
            Outcome(State.RELEASED)
        )

    def opened(self) -> None:
        """Let the peer send."""
        self._receiver.flow(CREDIT)

    def updated(self, delivery: Any) -> None:
        """Take what has come of *delivery*."""
        # To read what was aborted raises.
        while not delivery.aborted and (
            data := self._receiver.recv(max(delivery.pending, 1))
        ):
            self._size += len(data)
            if self._size <= MOST_BYTES:
                self._chunks.append(bytes(data))
            else:
                self._chunks.clear()
        if delivery.partial:
            return
        size, message = self._size, b"".join(self._chunks)
        self._size, self._chunks = 0, []
        aborted = delivery.aborted
        self._receiver.advance()
        if aborted:
            delivery.settle()
            self._receiver.flow(1)
            return
        settle = self._settler(delivery)
        if size > MOST_BYTES:
            settle(_TOO_LARGE)
        else:
            self.on_message(message, settle)

    def _settler(self, delivery: Any) -> Settle:
        def settle(outcome: Outcome) -> None:
            if self._receiver is None:
                return  # there is nobody to tell any more
            if outcome.condition is not None:
                delivery.local.condition = proton.Condition(
                    outcome.condition, outcome.description
                )
            delivery.update(_STATES[outcome.state])
            delivery.settle()
            self._receiver.flow(1)
            self._connection.flush_soon()

        return settle

    def lost(self) -> None:
        """Be told that the link is gone: nothing can be settled any more."""
        self._receiver = None
