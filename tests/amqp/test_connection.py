"""The listener's side of AMQP against proton's client, in memory."""

from __future__ import annotations

from typing import Any

import proton
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.amqp import connection as module
from edgeproxy.amqp import link as link_module
from edgeproxy.amqp.connection import IDLE_TIMEOUT, TOLD_TIMEOUT, AMQPConnection
from edgeproxy.amqp.link import AttachRefused, OutgoingLink
from edgeproxy.amqp.outcome import Outcome, State
from tests.fakes.peer import Peer


class Space:
    """Takes every link but those on ``no``."""

    def __init__(self) -> None:
        self.links: list[OutgoingLink] = []
        self.looking = False
        self.events: list[str] = []

    def attach(self, link: OutgoingLink, avatar: object) -> None:
        if link.address == "no":
            raise AttachRefused("amqp:not-found", "no such address")
        self.links.append(link)

    def writable(self, link: OutgoingLink) -> bool:
        self.events.append(f"writable {link.address} {link.credit}")
        return self.looking

    def detached(self, link: OutgoingLink) -> None:
        self.events.append(f"detached {link.address}")


class ConnectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.space = Space()
        self.flushes = 0
        self.listener = AMQPConnection("me", self.space, "peer", self.flush_soon)  # type: ignore[arg-type]
        self.peer = Peer()

    def flush_soon(self) -> None:
        self.flushes += 1

    def pump(self) -> None:
        """Exchange bytes until both are silent."""
        while True:
            there, back = self.peer.output(), self.listener.output()
            if not there and not back:
                return
            self.listener.receive(there)
            self.peer.receive(back)

    def attach(self, address: str = "a", **more: Any) -> OutgoingLink:
        self.remote = self.peer.receiver(address, **more)
        self.pump()
        return self.space.links[-1]

    def send(self, link: OutgoingLink, message: bytes = b"m") -> list[Outcome]:
        outcomes: list[Outcome] = []
        link.send(message, outcomes.append)
        self.pump()
        return outcomes

    def test_a_receiver_is_attached_and_told_its_credit(self) -> None:
        link = self.attach("a", credit=3)
        self.assertEqual((link.address, link.credit, link.peer), ("a", 3, "peer"))
        self.assertIn("writable a 3", self.space.events)
        self.assertEqual(self.remote.remote_source.address, "a")
        self.assertFalse(link.copies)

    def test_who_browses_says_so(self) -> None:
        self.assertTrue(self.attach("a", copies=True).copies)

    def test_who_settles_nothing_gets_no_more_than_a_bounded_number(self) -> None:
        self.patch(link_module, "MOST_UNSETTLED", 3)
        link = self.attach(credit=1000)
        for _ in range(3):
            link.send(b"m", lambda outcome: None)
        self.assertEqual(link.credit, 0)
        self.pump()
        self.space.events.clear()
        delivery, _ = self.peer.received[0]
        delivery.update(proton.Delivery.ACCEPTED)
        delivery.settle()
        self.pump()
        self.assertEqual(link.credit, 1)
        self.assertEqual(self.space.events, ["writable a 1"])

    def test_whose_outcome_nobody_waits_for_is_settled_in_the_end(self) -> None:
        self.patch(link_module, "MOST_UNWATCHED", 3)
        link = self.attach(credit=1000)
        for _ in range(10):
            link.send(b"m", None)
            self.pump()
        self.assertEqual(len(self.peer.received), 10)
        self.assertEqual(link._sender.unsettled, 3)
        for delivery, _ in self.peer.received:
            delivery.update(proton.Delivery.ACCEPTED)
            delivery.settle()
        self.pump()
        self.assertEqual(link._sender.unsettled, 0)
        self.assertEqual(link._unwatched, {})

    def test_filters_are_not_said_to_be_there(self) -> None:
        remote = self.peer.session.receiver("x")
        remote.source.address = "a"
        remote.source.filter.put_object({proton.symbol("selector"): "x = 1"})
        remote.open()
        self.pump()
        self.assertEqual(remote.remote_source.address, "a")
        self.assertFalse(remote.remote_source.filter.next())

    def test_transactions_and_dynamic_addresses_are_refused(self) -> None:
        sender = self.peer.session.sender("tx")
        sender.target.type = proton.Terminus.COORDINATOR
        sender.open()
        receiver = self.peer.session.receiver("dynamic")
        receiver.source.dynamic = True
        receiver.open()
        self.pump()
        for link in (sender, receiver):
            self.assertTrue(link.state & proton.Endpoint.REMOTE_CLOSED)
            self.assertEqual(link.remote_condition.name, "amqp:not-implemented")

    def test_a_refused_link_is_detached_with_the_condition(self) -> None:
        link = self.peer.receiver("no")
        self.pump()
        self.assertTrue(link.state & proton.Endpoint.REMOTE_CLOSED)
        self.assertEqual(link.remote_condition.name, "amqp:not-found")
        self.assertIsNone(link.remote_source.address)

    def test_links_are_bounded(self) -> None:
        self.patch(module, "MAX_LINKS", 2)
        links = [self.peer.receiver("a", name=str(n)) for n in range(3)]
        self.pump()
        self.assertEqual(len(self.space.links), 2)
        condition = links[-1].remote_condition
        self.assertEqual(condition.name, "amqp:resource-limit-exceeded")

    def test_a_message_goes_out_and_uses_credit(self) -> None:
        link = self.attach(credit=2)
        self.send(link, b"hello")
        self.assertEqual([m for _, m in self.peer.received], [b"hello"])
        self.assertEqual(link.credit, 1)
        self.assertEqual(self.flushes, 1)

    def test_dispositions_become_outcomes(self) -> None:
        link = self.attach()
        for state, expected in [
            (proton.Delivery.ACCEPTED, Outcome(State.ACCEPTED)),
            (proton.Delivery.RELEASED, Outcome(State.RELEASED)),
            (proton.Delivery.MODIFIED, Outcome(State.MODIFIED)),
            (proton.Delivery.REJECTED, Outcome(State.REJECTED)),
        ]:
            outcomes = self.send(link)
            self.assertEqual(outcomes, [])
            delivery, _ = self.peer.received[-1]
            delivery.update(state)
            delivery.settle()
            self.pump()
            self.assertEqual(outcomes, [expected])

    def test_a_rejection_carries_its_condition(self) -> None:
        outcomes = self.send(self.attach())
        delivery, _ = self.peer.received[-1]
        delivery.local.condition = proton.Condition("hono:bad-request", "broken")
        delivery.update(proton.Delivery.REJECTED)
        delivery.settle()
        self.pump()
        self.assertEqual(
            outcomes, [Outcome(State.REJECTED, "hono:bad-request", "broken")]
        )

    def test_undeliverable_here_is_passed_on(self) -> None:
        outcomes = self.send(self.attach())
        delivery, _ = self.peer.received[-1]
        delivery.local.undeliverable = True
        delivery.update(proton.Delivery.MODIFIED)
        delivery.settle()
        self.pump()
        self.assertEqual(outcomes, [Outcome(State.MODIFIED, undeliverable=True)])

    def test_settling_without_a_state_counts_as_released(self) -> None:
        outcomes = self.send(self.attach())
        self.peer.received[-1][0].settle()
        self.pump()
        self.assertEqual(outcomes, [Outcome(State.RELEASED)])

    def test_a_settled_delivery_has_no_other_outcome(self) -> None:
        link = self.attach(settled=True)
        self.assertTrue(link.presettled)
        self.assertEqual(self.send(link), [Outcome(State.ACCEPTED)])
        self.assertTrue(self.peer.received[-1][0].settled)

    def test_what_was_given_up_has_no_outcome(self) -> None:
        link = self.attach()
        outcomes: list[Outcome] = []
        link.give_up(link.send(b"m", outcomes.append))
        self.pump()
        delivery, _ = self.peer.received[-1]
        self.assertTrue(delivery.settled)
        self.assertEqual(delivery.remote_state, proton.Delivery.RELEASED)
        delivery.update(proton.Delivery.ACCEPTED)
        delivery.settle()
        self.pump()
        self.assertEqual(outcomes, [])

    def test_a_peer_that_does_not_read_gets_nothing(self) -> None:
        link = self.attach(credit=5)
        self.listener.flowing = False
        self.assertEqual(link.credit, 0)
        self.space.events.clear()
        self.listener.resume()
        self.assertEqual(self.space.events, ["writable a 5"])

    def test_a_peer_that_drains_gets_its_credit_back(self) -> None:
        self.attach(credit=0)
        self.remote.drain(7)
        self.pump()
        self.assertEqual(self.remote.credit, 0)

    def test_what_goes_away_is_lost(self) -> None:
        def link_closes() -> None:
            self.remote.close()

        def session_closes() -> None:
            self.peer.session.close()

        def connection_closes() -> None:
            self.peer.connection.close()

        for goes_away in (link_closes, session_closes, connection_closes):
            self.setUp()
            outcomes = self.send(self.attach())
            goes_away()
            self.pump()
            self.assertEqual(outcomes, [Outcome(State.LOST)])
            self.assertEqual(self.space.events[-1], "detached a")

    def test_a_lost_connection_loses_its_links(self) -> None:
        outcomes = self.send(self.attach())
        self.listener.lost()
        self.assertEqual(outcomes, [Outcome(State.LOST)])
        self.assertEqual(self.space.events[-1], "detached a")

    def test_stopping_tells_the_peer_to_reconnect(self) -> None:
        self.attach()
        self.listener.shut_down()
        self.pump()
        condition = self.peer.connection.remote_condition
        self.assertEqual(condition.name, "amqp:connection:forced")
        self.peer.connection.close()
        self.pump()
        self.assertTrue(self.listener.finished)

    def test_a_silent_peer_is_given_up_but_not_as_soon_as_it_was_told(self) -> None:
        self.attach()
        self.assertEqual(self.peer.transport.remote_idle_timeout, TOLD_TIMEOUT / 2)
        now = 1000.0
        self.assertIsNotNone(self.listener.tick(now))
        for after, finished in (
            (TOLD_TIMEOUT, False),
            (IDLE_TIMEOUT - 1, False),
            (IDLE_TIMEOUT + 1, True),
        ):
            self.listener.tick(now + after)
            self.listener.output()
            self.assertIs(self.listener.finished, finished)

    def test_what_the_window_holds_back_is_bounded(self) -> None:
        self.patch(link_module, "MOST_QUEUED", 10)
        self.peer.transport.max_frame_size = 512
        self.peer.session.incoming_capacity = 2048
        link = self.attach(credit=100_000)
        for _ in range(5):
            sent = 0
            while link.credit > 0 and sent < 100:
                link.send(b"\0SuA" + b"x" * 400, None)
                sent += 1
            self.assertLessEqual(sent, 10)
            self.pump()

    def test_credit_is_given_back_when_nothing_is_looked_for_any_more(self) -> None:
        for looking in (False, True):
            self.setUp()
            link = self.attach(credit=0)
            self.space.looking = looking
            self.remote.drain(5)
            self.pump()
            self.assertEqual(self.remote.credit, 5 if looking else 0)
            link.drained()
            self.pump()
            self.assertEqual(self.remote.credit, 0)

    def test_nothing_is_kept_of_links_and_sessions_that_are_closed(self) -> None:
        for end in ("close", "detach"):
            for number in range(20):
                self.attach(f"{end} {number}")
                getattr(self.remote, end)()
                self.pump()
        for _ in range(20):
            session = self.peer.connection.session()
            session.open()
            self.pump()
            session.close()
            self.pump()
        connection, left = self.listener._connection, []
        for first, following in (
            (connection.link_head(0), "next"),
            (connection.session_head(0), "next"),
        ):
            count = 0
            while first is not None:
                count, first = count + 1, getattr(first, following)(0)
            left.append(count)
        self.assertEqual(left, [0, 1])

    def test_garbage_ends_the_connection(self) -> None:
        self.pump()
        self.listener.receive(b"\x00\x00\x00\x01garbage")
        self.listener.output()
        self.assertTrue(self.listener.finished)
