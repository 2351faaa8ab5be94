"""What became of a delivery (AMQP 1.0, part 3, §3.4 delivery state)."""

from __future__ import annotations

from enum import Enum

import attrs


class State(Enum):
    """The states in which a delivery can end; `LOST` when its link went away."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    RELEASED = "released"
    MODIFIED = "modified"
    LOST = "lost"


@attrs.frozen
class Outcome:
    """The final *state* of a delivery.

    *condition* and *description* come with a rejection; *undeliverable* says that
    the receiver modified the message as undeliverable here.
    """

    state: State
    condition: str | None = None
    description: str | None = None
    undeliverable: bool = False
    failed: bool = False  # modified: the attempt to deliver it counts
