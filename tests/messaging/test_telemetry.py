"""Telemetry: now or never."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.amqp.outcome import Outcome, State
from edgeproxy.messaging.network import (
    NoConsumer,
    NoOutcome,
    NotProcessed,
    Rejected,
    Undeliverable,
)
from edgeproxy.messaging.telemetry import OUTCOME_TIMEOUT, TelemetryLinks
from tests.fakes.link import FakeLink

# (what the consumer says, what the sender is told)
OUTCOMES = [
    (Outcome(State.REJECTED, "hono:bad-request", "no"), Rejected),
    (Outcome(State.REJECTED), Rejected),
    (Outcome(State.RELEASED), NotProcessed),
    (Outcome(State.MODIFIED), NotProcessed),
    (Outcome(State.MODIFIED, undeliverable=True), Undeliverable),
    (Outcome(State.LOST), NotProcessed),
]


class TelemetryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.links = TelemetryLinks(self.clock)

    def add(self, **more: Any) -> FakeLink:
        link = FakeLink("telemetry/T", **more)
        self.links.add(cast(Any, link))
        return link

    def test_without_consumer_or_credit_it_fails(self) -> None:
        self.failureResultOf(self.links.send(b"m", wait=True), NoConsumer)
        self.add(credit=0)
        self.failureResultOf(self.links.send(b"m", wait=False), NoConsumer)

    def test_nobody_waits_for_qos_0(self) -> None:
        link = self.add()
        self.successResultOf(self.links.send(b"m", wait=False))
        self.assertEqual(link.messages, [b"m"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_qos_1_waits_for_the_outcome(self) -> None:
        link = self.add()
        sent = self.links.send(b"m", wait=True)
        self.assertNoResult(sent)
        link.settle()
        self.successResultOf(sent)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_every_other_outcome_is_a_failure_of_its_own(self) -> None:
        for outcome, error in OUTCOMES:
            link = self.add()
            sent = self.links.send(b"m", wait=True)
            link.settle(outcome)
            self.failureResultOf(sent, error)
            self.links.discard(cast(Any, link))

    def test_no_outcome_in_time_is_settled_as_released(self) -> None:
        link = self.add()
        sent = self.links.send(b"m", wait=True)
        self.clock.advance(OUTCOME_TIMEOUT)
        self.failureResultOf(sent, NoOutcome)
        self.assertEqual(link.given_up, ["1"])

    def test_consumers_with_credit_take_turns(self) -> None:
        first, second, without = self.add(), self.add(), self.add(credit=0)
        for number in range(4):
            self.links.send(b"%d" % number, wait=False)
        self.assertEqual(
            [first.messages, second.messages, without.messages],
            [[b"0", b"2"], [b"1", b"3"], []],
        )

    def test_who_left_gets_nothing_more(self) -> None:
        link = self.add()
        self.links.discard(cast(Any, link))
        self.links.discard(cast(Any, link))
        self.failureResultOf(self.links.send(b"m", wait=False), NoConsumer)
