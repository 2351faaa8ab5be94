"""Order, redelivery and fairness of stored events."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import proton
from attrs import evolve
from twisted.internet.defer import gatherResults
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.amqp.outcome import Outcome, State
from edgeproxy.messaging import queue as module
from edgeproxy.messaging.encoding import encode
from edgeproxy.messaging.message import EVENT, Message
from edgeproxy.messaging.queue import (
    FIRST_BACK_OFF,
    MOST_BACK_OFF,
    MOST_UNDELIVERABLE,
    EventQueue,
)
from edgeproxy.messaging.store import EventStore
from edgeproxy.messaging.takers import FIRST_PAUSE, STUCK_AFTER, UNTRIED
from tests.fakes.link import FakeLink
from tests.fakes.threads import ThreadClock


class QueueTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ThreadClock()
        path = str(Path(self.mktemp()) / "events.sqlite")
        self.store = EventStore(path, self.clock, uptime=self.clock.seconds)
        self.store.start()
        self.addCleanup(self.store.close)
        self.queue = EventQueue("T", self.store, self.clock)

    def publish(self, *messages: str) -> None:
        """Publish messages of the form "device-number"."""
        done = []
        for message in messages:
            device = message.partition("-")[0]
            stored = self.store.append("T", device, message.encode(), 1.0)
            done.append(stored.addCallback(self.queue.stored))
        self.clock.wait_for(gatherResults(done))
        self.run_threads()

    def run_threads(self) -> None:
        """Let the store's thread do what it was asked for, and then for more."""
        for _ in range(3):
            self.clock.wait_for(self.store._writer.submit(lambda db: None))
            self.clock.settle()

    def advance(self, seconds: float) -> None:
        """Let time pass, and the store's thread do what falls due."""
        self.clock.advance(seconds)
        self.run_threads()

    def attach(self, credit: int = 100) -> FakeLink:
        link = FakeLink(credit=credit)
        self.queue.add(cast(Any, link))
        self.queue.pump()
        self.run_threads()
        return link

    def depth(self) -> int:
        self.run_threads()
        (count,) = self.store._db.execute(
            "SELECT count(*) FROM events WHERE state = 0"
        ).fetchone()
        return int(count)

    def test_what_waits_is_delivered_when_a_consumer_comes(self) -> None:
        self.publish("a-1", "b-1")
        link = self.attach()
        self.assertEqual(link.messages, [b"a-1", b"b-1"])

    def test_a_device_has_one_event_under_way(self) -> None:
        link = self.attach()
        self.publish("a-1", "a-2", "b-1")
        self.assertEqual(link.messages, [b"a-1", b"b-1"])
        link.settle()
        self.assertEqual(link.messages, [b"a-1", b"b-1", b"a-2"])

    def test_accepted_events_are_forgotten(self) -> None:
        link = self.attach()
        self.publish("a-1", "a-2")
        link.settle()
        self.assertEqual(self.depth(), 1)
        link.settle()
        self.assertEqual(self.depth(), 0)

    def test_without_credit_nothing_is_sent(self) -> None:
        link = self.attach(credit=1)
        self.publish("a-1", "b-1")
        self.assertEqual(link.messages, [b"a-1"])
        link.credit = 1
        self.queue.pump()
        self.assertEqual(link.messages, [b"a-1", b"b-1"])

    def test_consumers_take_turns(self) -> None:
        links = [self.attach(), self.attach()]
        self.publish(*(f"{n}-1" for n in range(10)))
        self.assertEqual([len(link.messages) for link in links], [5, 5])

    def test_a_lost_delivery_comes_again_first(self) -> None:
        link = self.attach()
        self.publish("a-1", "a-2")
        self.queue.discard(cast(Any, link))
        link.lose()
        other = self.attach()
        self.clock.advance(0)
        self.assertEqual(other.messages, [b"a-1"])
        other.settle()
        self.assertEqual(other.messages, [b"a-1", b"a-2"])

    def test_a_released_event_comes_again_after_a_growing_back_off(self) -> None:
        link = self.attach()
        self.publish("a-1", "a-2", "b-1")
        link.settle(State.RELEASED, tag="1")
        self.assertEqual(link.messages, [b"a-1", b"b-1"])
        self.advance(FIRST_BACK_OFF)
        self.assertEqual(link.messages, [b"a-1", b"b-1", b"a-1"])
        link.settle(State.MODIFIED, tag="3")
        self.advance(FIRST_BACK_OFF)
        self.assertEqual(len(link.messages), 3)
        self.advance(FIRST_BACK_OFF)
        self.assertEqual(link.messages[3:], [b"a-1"])
        link.settle(tag="4")
        self.assertEqual(link.messages[4:], [b"a-2"])

    def test_attempts_that_failed_are_counted(self) -> None:
        event = Message(EVENT, "T", "a", b"x", None, 1, 1.0, {}, {})
        for message in (event, evolve(event, ttl=100.0)):
            self.setUp()
            stored = self.store.append("T", "a", encode(message, "1"), 1.0)
            self.clock.wait_for(stored.addCallback(self.queue.stored))
            link = self.attach()
            for _ in range(4):
                link.settle(Outcome(State.RELEASED, failed=True))
                self.advance(MOST_BACK_OFF)
            counts, ttls, bodies = set(), set(), set()
            for encoded in link.messages:
                decoded = proton.Message()
                decoded.decode(encoded)
                counts.add(decoded.delivery_count)
                ttls.add(decoded.ttl)
                bodies.add(bytes(decoded.body))
                self.assertTrue(decoded.durable)
            self.assertEqual(counts, set(range(5)))
            self.assertEqual(ttls, {float(message.ttl or 0)})
            self.assertEqual(bodies, {b"x"})

    def test_who_drains_gets_what_is_there_first(self) -> None:
        self.publish("a-1")
        link = FakeLink(credit=5)
        self.queue.add(cast(Any, link))
        self.queue.pump()
        self.assertTrue(self.queue.reading)
        self.assertEqual(link.drains, 0)
        self.run_threads()
        self.assertEqual(link.messages, [b"a-1"])
        self.assertFalse(self.queue.reading)
        self.assertGreater(link.drains, 0)

    def test_a_device_that_is_held_up_holds_up_nobody_else(self) -> None:
        link = self.attach(credit=1000)
        self.publish(*(f"stuck-{n}" for n in range(5)))
        for number in range(20):
            self.publish(f"other-{number}")
            link.settle(tag=str(len(link.messages)))
        delivered = [m for m in link.messages if m.startswith(b"other")]
        self.assertEqual(delivered, [b"other-%d" % n for n in range(20)])

    def test_a_rejected_event_is_set_aside(self) -> None:
        link = self.attach()
        self.publish("a-1", "a-2")
        link.settle(Outcome(State.REJECTED, "amqp:decode-error", "broken"))
        self.assertEqual(link.messages, [b"a-1", b"a-2"])
        self.assertEqual(self.depth(), 1)
        self.assertEqual(self.store.set_aside_count, 1)

    def test_an_event_that_nobody_can_deliver_is_set_aside(self) -> None:
        link = self.attach()
        self.publish("a-1", "a-2")
        for _ in range(MOST_UNDELIVERABLE):
            self.assertEqual(link.messages[-1], b"a-1")
            link.settle(Outcome(State.MODIFIED, undeliverable=True))
            self.advance(MOST_BACK_OFF)
        self.assertEqual(link.messages[-1], b"a-2")
        self.assertEqual(self.store.set_aside_count, 1)
        self.assertEqual(self.depth(), 1)

    def test_a_stuck_device_with_a_long_backlog_holds_up_nobody(self) -> None:
        """Its backlog is longer than what is held in memory, and older."""
        self.patch(module, "WINDOW", 20)
        self.publish(*(f"stuck-{n}" for n in range(200)))
        self.publish(*(f"{n % 7}-{n}" for n in range(70)))
        link = self.attach(credit=10_000)
        for _ in range(1000):
            if not link.waiting:
                break
            tag = next(iter(link.waiting))
            stuck = link.messages[int(tag) - 1].startswith(b"stuck")
            link.settle(State.RELEASED if stuck else State.ACCEPTED, tag)
            self.run_threads()
            self.assertLessEqual(self.queue._held, 20)
        self.assertEqual(self.depth(), 200)
        for device in range(7):
            mine = [m for m in link.messages if m.startswith(b"%d-" % device)]
            self.assertEqual(
                mine, [b"%d-%d" % (device, n) for n in range(device, 70, 7)]
            )
        stuck_ones = {m for m in link.messages if m.startswith(b"stuck")}
        self.assertEqual(stuck_ones, {b"stuck-0"})

    def test_many_stuck_devices_hold_up_nobody(self) -> None:
        self.patch(module, "WINDOW", 20)
        self.publish(*(f"s{n}-0" for n in range(100)))
        link = self.attach(credit=10_000)
        while link.waiting:
            link.settle(State.RELEASED)
            self.run_threads()
        self.publish("fine-1")
        self.assertEqual(link.messages[-1], b"fine-1")
        link.settle()
        self.advance(FIRST_BACK_OFF)
        self.assertEqual(len(link.waiting), 100)
        while link.waiting:
            link.settle()
            self.run_threads()
        self.assertEqual(self.depth(), 0)

    def test_a_stuck_consumer_holds_up_only_what_it_holds(self) -> None:
        stuck, other = self.attach(credit=3), self.attach(credit=1000)
        self.publish(*(f"{n % 10}-{n}" for n in range(100)))
        while other.waiting:
            other.settle()
            self.run_threads()
        held = {m.partition(b"-")[0] for m in stuck.messages}
        self.assertEqual(len(held), 3)
        for device in range(10):
            if b"%d" % device not in held:
                mine = [m for m in other.messages if m.startswith(b"%d-" % device)]
                expected = [b"%d-%d" % (device, n) for n in range(device, 100, 10)]
                self.assertEqual(mine, expected)
        self.queue.discard(cast(Any, stuck))
        stuck.lose()
        self.advance(0)
        while other.waiting:
            other.settle()
            self.run_threads()
        self.assertEqual(len(other.messages), 100)
        self.assertEqual(self.depth(), 0)

    def test_what_a_stuck_consumer_holds_is_given_to_others(self) -> None:
        stuck = self.attach(credit=1000)
        self.publish(*(f"{n}-0" for n in range(30)), "0-1")
        self.assertEqual(len(stuck.messages), UNTRIED)
        other = self.attach(credit=1000)
        while other.waiting:
            other.settle()
            self.run_threads()
        self.assertEqual(len(other.messages), 30 - UNTRIED)
        self.advance(STUCK_AFTER / 2)
        self.assertEqual(len(stuck.waiting), UNTRIED)
        for _ in range(4):
            self.advance(STUCK_AFTER / 4)
        self.assertEqual(len(stuck.given_up), UNTRIED)
        while other.waiting:
            other.settle()
            self.run_threads()
        self.assertEqual(len(other.messages), 31)
        self.assertGreater(other.messages.index(b"0-1"), other.messages.index(b"0-0"))
        self.assertEqual(self.depth(), 0)

    def test_a_consumer_that_was_stuck_is_tried_again_with_one_event(self) -> None:
        stuck = self.attach(credit=1000)
        self.publish(*(f"{n}-0" for n in range(30)))
        for _ in range(4):
            self.advance(STUCK_AFTER / 4)
        self.assertEqual(len(stuck.waiting), 0)
        for _ in range(5):
            self.advance(FIRST_PAUSE / 4)
        self.assertEqual(len(stuck.waiting), 1)
        stuck.settle()
        self.run_threads()
        self.assertEqual(len(stuck.waiting), 29)

    def test_a_slow_consumer_is_not_taken_for_stuck(self) -> None:
        slow = self.attach(credit=1000)
        self.publish(*(f"{n}-0" for n in range(10)))
        while slow.waiting:
            self.advance(STUCK_AFTER * 0.9)
            slow.settle()
        self.assertEqual(len(slow.messages), 10)
        self.assertEqual(slow.given_up, [])

    def test_what_has_expired_is_not_delivered(self) -> None:
        link = self.attach(credit=0)
        expiring = self.store.append("T", "a", b"a-1", 1.0, ttl=5)
        self.clock.wait_for(expiring.addCallback(self.queue.stored))
        self.publish("a-2")
        self.clock.advance(6)
        link.credit = 10
        self.queue.pump()
        self.assertEqual(link.messages, [b"a-2"])
        self.assertEqual(self.depth(), 1)

    def test_what_came_while_nobody_was_there_comes_in_order(self) -> None:
        link = self.attach()
        self.publish("a-1", "a-2")
        self.queue.discard(cast(Any, link))
        link.lose()
        self.publish("a-3", "b-1")
        other = self.attach()
        while other.waiting:
            other.settle()
            self.run_threads()
        mine = [m for m in other.messages if m.startswith(b"a")]
        self.assertEqual(mine, [b"a-1", b"a-2", b"a-3"])
        self.assertIn(b"b-1", other.messages)

    def test_memory_is_bounded_and_everything_comes_in_order(self) -> None:
        self.patch(module, "WINDOW", 10)
        self.publish(*(f"{n % 7}-{n}" for n in range(100)))
        link = self.attach(credit=1000)
        while link.waiting:
            self.assertLessEqual(self.queue._held, 10)
            link.settle()
            self.run_threads()
        for device in range(7):
            numbers = [
                int(m.partition(b"-")[2])
                for m in link.messages
                if m.startswith(b"%d-" % device)
            ]
            self.assertEqual(numbers, list(range(device, 100, 7)))
        self.assertEqual(self.depth(), 0)

    def test_events_that_come_while_the_window_is_full_are_not_missed(self) -> None:
        self.patch(module, "WINDOW", 3)
        link = self.attach(credit=0)
        self.publish(*(f"{n}-0" for n in range(8)))
        link.credit = 1000
        self.queue.pump()
        while link.waiting:
            link.settle()
            self.run_threads()
        self.assertEqual(link.messages, [b"%d-0" % n for n in range(8)])

    def test_a_consumer_that_settles_at_once_takes_a_long_backlog(self) -> None:
        self.publish(*(f"{n % 3}-{n}" for n in range(3000)))
        link = FakeLink(credit=5000)
        send = link.send

        def send_and_accept(message: bytes, on_outcome: Any) -> str:
            tag = send(message, on_outcome)
            link.settle(tag=tag)
            return tag

        self.patch(link, "send", send_and_accept)
        self.queue.add(cast(Any, link))
        self.queue.pump()
        for _ in range(20):
            self.run_threads()
        self.assertEqual(len(link.messages), 3000)
        self.assertEqual(self.depth(), 0)
