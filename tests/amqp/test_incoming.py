"""Links over which a peer sends, against proton's client, in memory."""

from __future__ import annotations

from typing import Any

import proton
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.amqp.connection import AMQPConnection
from edgeproxy.amqp.incoming import CREDIT, MOST_BYTES, IncomingLink, Settle
from edgeproxy.amqp.link import AttachRefused
from edgeproxy.amqp.outcome import Outcome, State
from tests.fakes.peer import Peer


class Space:
    """Keeps what is sent, and what settles it."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, Settle]] = []
        self.links: list[IncomingLink] = []

    def attach_sender(self, link: IncomingLink, avatar: object) -> None:
        if link.address == "no":
            raise AttachRefused("amqp:not-found", "no such address")
        link.on_message = lambda data, settle: self.received.append((data, settle))
        self.links.append(link)


class IncomingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.space = Space()
        self.listener = AMQPConnection("me", self.space, "peer", lambda: None)  # type: ignore[arg-type]
        self.peer = Peer()

    def pump(self) -> None:
        """Exchange bytes until both are silent."""
        while True:
            there, back = self.peer.output(), self.listener.output()
            if not there and not back:
                return
            self.listener.receive(there)
            self.peer.receive(back)

    def sender(self, address: str = "command/T") -> Any:
        link = self.peer.session.sender(address)
        link.target.address = address
        link.open()
        self.pump()
        return link

    def send(self, link: Any, data: bytes, tag: str = "1") -> Any:
        delivery = link.delivery(tag)
        link.stream(data)
        link.advance()
        self.pump()
        return delivery

    def test_a_message_comes_whole_and_is_settled_later(self) -> None:
        link = self.sender()
        self.assertEqual(link.credit, CREDIT)
        delivery = self.send(link, b"hello")
        ((data, settle),) = self.space.received
        self.assertEqual(data, b"hello")
        self.assertFalse(delivery.settled)
        settle(Outcome(State.ACCEPTED))
        self.pump()
        self.assertTrue(delivery.settled)
        self.assertEqual(delivery.remote_state, proton.Delivery.ACCEPTED)
        self.assertEqual(link.credit, CREDIT)

    def test_a_message_that_is_aborted_is_none(self) -> None:
        link = self.sender()
        delivery = link.delivery("1")
        link.stream(b"half of")
        self.pump()
        delivery.abort()
        self.pump()
        self.assertEqual(self.space.received, [])
        self.assertEqual(link.credit, CREDIT)
        self.send(link, b"whole", "2")
        self.assertEqual(self.space.received[0][0], b"whole")

    def test_each_outcome_arrives(self) -> None:
        link = self.sender()
        for number, outcome in enumerate(
            [
                Outcome(State.RELEASED),
                Outcome(State.REJECTED, "hono:bad-request", "malformed"),
            ]
        ):
            delivery = self.send(link, b"x", str(number))
            self.space.received.pop()[1](outcome)
            self.pump()
            self.assertEqual(
                delivery.remote_state,
                {
                    State.RELEASED: proton.Delivery.RELEASED,
                    State.REJECTED: proton.Delivery.REJECTED,
                }[outcome.state],
            )
            if outcome.condition:
                condition = delivery.remote.condition
                self.assertEqual(condition.name, outcome.condition)
                self.assertEqual(condition.description, outcome.description)

    def test_a_large_message_comes_in_pieces(self) -> None:
        link = self.sender()
        data = bytes(range(256)) * (MOST_BYTES // 256)
        self.send(link, data)
        self.assertEqual(self.space.received.pop()[0], data)

    def test_one_that_is_too_large_is_rejected(self) -> None:
        link = self.sender()
        delivery = self.send(link, b"x" * (MOST_BYTES * 3))
        self.assertEqual(self.space.received, [])
        self.assertEqual(delivery.remote_state, proton.Delivery.REJECTED)
        self.assertEqual(
            delivery.remote.condition.name, "amqp:link:message-size-exceeded"
        )
        self.send(link, b"small", "2")
        self.assertEqual(self.space.received.pop()[0], b"small")

    def test_several_may_be_under_way_and_are_settled_in_any_order(self) -> None:
        link = self.sender()
        deliveries = [self.send(link, b"%d" % n, str(n)) for n in range(3)]
        for number in (2, 0, 1):
            self.space.received[number][1](Outcome(State.ACCEPTED))
            self.pump()
            self.assertTrue(deliveries[number].settled)

    def test_tags_of_both_directions_are_not_confused(self) -> None:
        # The listener's first delivery has the tag "1" as well.
        link = self.sender()
        self.send(link, b"x", "1")
        self.assertEqual(len(self.space.received), 1)

    def test_what_comes_late_is_no_fault(self) -> None:
        link = self.sender()
        self.send(link, b"x")
        link.close()
        self.pump()
        self.space.received.pop()[1](Outcome(State.ACCEPTED))
        self.pump()
        link = self.sender("command/U")
        self.send(link, b"x", "2")
        self.listener.lost()
        self.space.received.pop()[1](Outcome(State.ACCEPTED))

    def test_a_refused_link_is_detached_with_the_condition(self) -> None:
        link = self.sender("no")
        self.assertEqual(link.remote_condition.name, "amqp:not-found")
        self.assertIsNone(link.remote_target.address)
