"""A consumer's link, without a connection."""

from __future__ import annotations

from collections.abc import Callable

from edgeproxy.amqp.outcome import Outcome, State

OnOutcome = Callable[[Outcome], None]


class FakeLink:
    """Takes messages while it has *credit*; the test settles them."""

    def __init__(
        self, address: str = "event/T", credit: int = 10, copies: bool = False
    ) -> None:
        self.address, self.credit, self.copies = address, credit, copies
        self.presettled = False
        self.peer = "fake"
        self.messages: list[bytes] = []
        self.waiting: dict[str, OnOutcome] = {}
        self.given_up: list[str] = []
        self.drains = 0

    def send(self, message: bytes, on_outcome: OnOutcome | None) -> str:
        assert self.credit > 0
        self.credit -= 1
        self.messages.append(message)
        tag = str(len(self.messages))
        if on_outcome is not None:
            self.waiting[tag] = on_outcome
        return tag

    def drained(self) -> None:
        self.drains += 1

    def give_up(self, tag: str) -> None:
        self.given_up.append(tag)
        del self.waiting[tag]

    def settle(self, outcome: Outcome | State = State.ACCEPTED, tag: str = "") -> None:
        """Settle the oldest delivery, or that of *tag*."""
        on_outcome = self.waiting.pop(tag or next(iter(self.waiting)))
        on_outcome(outcome if isinstance(outcome, Outcome) else Outcome(outcome))

    def lose(self) -> None:
        """Go away."""
        waiting, self.waiting = self.waiting, {}
        for on_outcome in waiting.values():
            on_outcome(Outcome(State.LOST))
