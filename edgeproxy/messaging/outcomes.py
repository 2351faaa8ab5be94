"""What a consumer's disposition means for whoever sent the message."""

from __future__ import annotations

from edgeproxy.amqp.outcome import Outcome, State
from edgeproxy.messaging.network import (
    NotProcessed,
    NotSent,
    Rejected,
    Undeliverable,
)


def to_failure(outcome: Outcome) -> NotSent | None:
    """Return why a message with this *outcome* was not sent; None if it was.

    The texts are Hono's (facts of Hono, §1.6 and §5.3).
    """
    if outcome.state is State.ACCEPTED:
        return None
    if outcome.state is State.REJECTED:
        return Rejected(outcome.condition, outcome.description)
    if outcome.undeliverable:
        return Undeliverable(
            "consumer declared message as undeliverable, it should not be redelivered"
        )
    return NotProcessed("consumer didn't process the message")
