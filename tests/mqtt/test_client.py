"""The MQTT client: one session, kept usable."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.mqtt import packets as p
from edgeproxy.mqtt.client import MQTTClient
from edgeproxy.mqtt.encoding import encode
from edgeproxy.mqtt.errors import (
    ConnectRefused,
    NotConnected,
    ProtocolError,
    SessionClosed,
    SubscriptionRefused,
)
from tests.fakes.broker import FakeBroker


class ClientTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.broker = FakeBroker(self.clock)
        self.messages: list[tuple[str, bytes, bool]] = []
        self.lines: list[str] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)

    def observe(self, event: Any) -> None:
        if event["log_namespace"].startswith("edgeproxy.mqtt"):
            self.lines.append(event["log_format"].format(**event))

    def client(self, **options: Any) -> MQTTClient:
        options.setdefault("subscriptions", [("down/#", 1)])
        options.setdefault("jitter", lambda: 1.0)
        client = MQTTClient(
            self.broker,  # type: ignore[arg-type]
            self.clock,
            "dev1",
            on_message=lambda *message: self.messages.append(message),
            **options,
        )
        client.startService()
        self.addCleanup(self.stop, client)
        return client

    def stop(self, client: MQTTClient) -> None:
        stopped = client.stopService()
        self.run_for(2)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def run_for(self, seconds: float, step: float = 0.05) -> None:
        self.clock.pump([0, 0, 0])
        self.clock.pump([step] * round(seconds / step))
        self.clock.pump([0, 0, 0])

    def connected(self, **options: Any) -> MQTTClient:
        client = self.client(**options)
        self.run_for(0)
        self.assertTrue(client.connected)
        return client

    # -- becoming usable

    def test_connected_means_subscribed(self) -> None:
        self.broker.mute = {p.Subscribe}
        waiter = self.client().whenConnected()
        self.run_for(1)
        self.assertNoResult(waiter)
        request = self.broker.of(p.Subscribe)[0]
        self.broker.link.send(p.SubAck(request.packet_id, (1,)))
        self.successResultOf(waiter)

    def test_connect_says_who_we_are(self) -> None:
        will = p.Will("status", b"0", 1, True)
        self.connected(username="u", password=b"p", keepalive=7, will=will)
        self.assertEqual(
            self.broker.received[0], p.Connect("dev1", True, 7, will, "u", b"p")
        )

    def test_small_packets_do_not_wait_for_acknowledgements_of_tcp(self) -> None:
        self.connected()
        self.assertTrue(self.broker.link.nodelay)

    def test_connected_is_told_for_each_session(self) -> None:
        told: list[None] = []
        self.connected(on_connected=lambda: told.append(None))
        self.broker.link.lose(ConnectionResetError())
        self.run_for(1)
        self.assertEqual(len(told), 2)

    def test_refusal_is_logged_with_its_text_and_tried_again(self) -> None:
        self.broker.code = 5
        client = self.client()
        self.run_for(5)
        self.assertGreater(len(self.broker.attempts), 3)
        self.assertEqual(
            self.lines, ["MQTT as dev1: refused: CONNACK 5, not authorized"]
        )
        self.broker.code = 0
        self.run_for(10)
        self.assertTrue(client.connected)

    def test_refused_subscription_is_a_failure(self) -> None:
        self.broker.refuse = {"down/#"}
        waiter = self.client().whenConnected(failAfterFailures=1)
        self.run_for(0)
        self.failureResultOf(waiter, SubscriptionRefused)

    def test_waiting_fails_after_that_many_failures(self) -> None:
        self.broker.code = 4
        client = self.client()
        once, twice = client.whenConnected(1), client.whenConnected(2)
        self.run_for(0)
        self.failureResultOf(once, ConnectRefused)
        self.assertNoResult(twice)
        self.run_for(1)
        self.failureResultOf(twice, ConnectRefused)

    def test_silent_server_is_given_up_and_tried_again(self) -> None:
        self.broker.mute = {p.Connect}
        client = self.client(response_timeout=3)
        waiter = client.whenConnected(1)
        self.run_for(3.1)
        self.failureResultOf(waiter, SessionClosed)
        self.assertFalse(self.broker.links[0].up)
        self.broker.mute = set()
        self.run_for(1)
        self.assertTrue(client.connected)

    def test_unanswered_connection_attempt_is_bounded(self) -> None:
        self.broker.connect = lambda factory: Deferred()  # type: ignore[method-assign]
        waiter = self.client(response_timeout=3).whenConnected(1)
        self.run_for(3.1)
        self.failureResultOf(waiter, SessionClosed)

    def test_unsubscribed_answer_is_given_up(self) -> None:
        self.broker.mute = {p.Subscribe}
        waiter = self.client(response_timeout=3).whenConnected(1)
        self.run_for(3.1)
        self.failureResultOf(waiter, SessionClosed)

    def test_answer_for_another_number_of_topics_ends_it(self) -> None:
        self.broker.mute = {p.Subscribe}
        waiter = self.client().whenConnected(1)
        self.run_for(0)
        request = self.broker.of(p.Subscribe)[0]
        answer = p.SubAck(request.packet_id, (1, 1))
        # What comes after the violation is not looked at, even in the same segment.
        self.broker.link.protocol.dataReceived(
            encode(answer) + encode(p.Publish("down/x", b""))
        )
        self.run_for(0)
        self.failureResultOf(waiter, ProtocolError)
        self.assertEqual(self.messages, [])

    # -- losing it

    def test_comes_back_subscribed_within_two_seconds_of_the_broker(self) -> None:
        client = self.connected()
        self.run_for(60)
        self.broker.stop()
        self.run_for(4)
        self.assertFalse(client.connected)
        self.broker.down = False
        self.run_for(2)
        self.assertTrue(client.connected)
        self.assertEqual(len(self.broker.of(p.Subscribe)), 2)

    def test_longest_delay_bounds_the_recovery(self) -> None:
        client = self.connected(max_delay=1.5)
        self.broker.stop()
        self.run_for(600)
        self.broker.down = False
        self.run_for(1.6)
        self.assertTrue(client.connected)

    def test_delays_grow_to_their_bound(self) -> None:
        self.broker.down = True
        self.client(max_delay=8.0)
        self.run_for(120)
        times = self.broker.attempts
        gaps = [b - a for a, b in pairwise(times)]
        self.assertLess(gaps[0], 0.5)
        self.assertApproximates(gaps[-1], 8.0, 0.2)

    def test_delays_are_jittered(self) -> None:
        self.broker.down = True
        self.client(max_delay=8.0, jitter=lambda: 0.0)
        self.run_for(120)
        times = self.broker.attempts
        self.assertApproximates(times[-1] - times[-2], 4.0, 0.2)

    def test_thrown_out_at_once_is_no_reason_to_hurry(self) -> None:
        self.client()
        for _ in range(600):
            self.run_for(0.1)
            self.broker.link.lose(ConnectionResetError())
        self.assertLess(len(self.broker.attempts), 20)

    def test_absence_is_logged_once(self) -> None:
        self.broker.down = True
        self.client()
        self.run_for(60)
        self.assertEqual(len(self.lines), 1)
        self.assertIn("cannot connect: Connection was refused", self.lines[0])

    def test_each_change_is_one_line(self) -> None:
        self.connected(name="the broker")
        self.broker.stop()
        self.run_for(1)
        self.broker.down = False
        self.run_for(3)
        self.assertEqual(
            [line.split(":")[0:2] for line in self.lines],
            [
                ["the broker as dev1", " connected"],
                ["the broker as dev1", " lost"],
                ["the broker as dev1", " cannot connect"],
                ["the broker as dev1", " connected"],
            ],
        )

    def test_pings_keep_it_alive(self) -> None:
        client = self.connected(keepalive=20)
        self.run_for(100, 0.5)
        self.assertTrue(client.connected)
        self.assertEqual(len(self.broker.of(p.PingReq)), 6)

    def test_missing_ping_response_ends_it(self) -> None:
        client = self.connected(keepalive=20, response_timeout=5)
        self.broker.mute = {p.PingReq}
        self.broker.down = True
        self.run_for(20.1)
        self.assertFalse(client.connected)
        self.assertTrue(any("no PINGRESP within 5 s" in line for line in self.lines))

    def test_a_doubt_is_a_ping_but_one_at_a_time(self) -> None:
        client = self.connected(keepalive=20, response_timeout=5)
        client.check()
        self.run_for(1)
        self.assertEqual(len(self.broker.of(p.PingReq)), 1)
        self.broker.mute = {p.PingReq}
        for _ in range(3):
            client.check()
            self.run_for(1)
        self.assertEqual(len(self.broker.of(p.PingReq)), 2)
        self.broker.down = True
        self.run_for(3)
        self.assertFalse(client.connected)
        client.check()  # there is nothing to ask

    def test_a_new_password_counts_from_the_next_connection_on(self) -> None:
        client = self.connected(username="u", password=b"old")
        client.use_password(b"new")
        self.broker.link.lose(ConnectionDone())
        self.run_for(5)
        self.assertTrue(client.connected)
        passwords = [packet.password for packet in self.broker.of(p.Connect)]
        self.assertEqual(passwords, [b"old", b"new"])

    def test_no_keepalive_no_pings(self) -> None:
        self.connected(keepalive=0)
        self.run_for(100, 0.5)
        self.assertEqual(self.broker.of(p.PingReq), [])

    def test_second_connack_is_an_error_signal(self) -> None:
        self.connected()
        self.broker.down = True
        self.broker.link.send(p.ConnAck(5))
        self.run_for(0)
        self.assertFalse(self.broker.link.up)
        self.assertTrue(
            any("a second CONNACK (not authorized)" in line for line in self.lines)
        )

    def test_broken_stream_ends_it(self) -> None:
        for wrong in (p.PingReq(), p.Connect("x"), p.Subscribe(1, (("a", 0),))):
            client = self.connected()
            self.broker.link.send(wrong)
            self.run_for(0)
            self.assertFalse(self.broker.link.up)
            client.stopService()

    def test_packet_before_connack_ends_it(self) -> None:
        self.broker.mute = {p.Connect}
        waiter = self.client().whenConnected(1)
        self.broker.link.send(p.Publish("down/x", b""))
        self.run_for(0)
        self.failureResultOf(waiter, ProtocolError)
        self.assertEqual(self.messages, [])

    # -- messages

    def test_messages_arrive_and_are_acknowledged(self) -> None:
        self.connected()
        self.broker.link.send(
            p.Publish("down/a", b"1", retain=True),
            p.Publish("down/b", b"2", 1, packet_id=9),
        )
        self.assertEqual(
            self.messages, [("down/a", b"1", True), ("down/b", b"2", False)]
        )
        self.assertEqual(self.broker.of(p.PubAck), [p.PubAck(9)])

    def test_failing_handler_does_not_end_the_session(self) -> None:
        client = self.connected()
        self.messages = None  # type: ignore[assignment]
        self.broker.link.send(p.Publish("down/a", b"1", 1, packet_id=9))
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        self.assertEqual(self.broker.of(p.PubAck), [p.PubAck(9)])
        self.assertTrue(client.connected)

    def test_qos_0_is_done_when_written(self) -> None:
        client = self.connected()
        self.successResultOf(client.publish("up", b"x", retain=True))
        self.assertEqual(
            self.broker.of(p.Publish), [p.Publish("up", b"x", retain=True)]
        )

    def test_qos_1_is_done_when_acknowledged(self) -> None:
        client = self.connected()
        self.broker.mute = {p.Publish}
        first, second = (client.publish("up", b"x", 1) for _ in range(2))
        ids = [publish.packet_id for publish in self.broker.of(p.Publish)]
        self.assertEqual(len(set(ids)), 2)
        self.broker.link.send(p.PubAck(ids[1]))
        self.assertNoResult(first)
        self.successResultOf(second)
        self.broker.link.send(p.PubAck(ids[0]), p.PubAck(ids[0]))
        self.successResultOf(first)
        self.assertTrue(client.connected)

    def test_unacknowledged_publish_fails_in_time(self) -> None:
        client = self.connected(response_timeout=3)
        self.broker.mute = {p.Publish}
        published = client.publish("up", b"x", 1)
        self.run_for(3.1)
        self.failureResultOf(published, SessionClosed)
        self.assertTrue(client.connected)

    def test_pending_publishes_fail_with_the_connection(self) -> None:
        client = self.connected()
        self.broker.mute = {p.Publish}
        published = [client.publish("up", b"x", 1) for _ in range(3)]
        self.broker.link.lose(ConnectionResetError())
        for each in published:
            self.failureResultOf(each, ConnectionResetError)

    def test_publish_without_connection_fails_at_once(self) -> None:
        self.broker.down = True
        self.failureResultOf(self.client().publish("up", b"x"), NotConnected)

    def test_unsendable_message_fails_alone(self) -> None:
        client = self.connected()
        self.failureResultOf(client.publish("up/#", b"x"), ProtocolError)
        self.failureResultOf(client.publish("up/#", b"x", 1), ProtocolError)
        self.assertTrue(client.connected)

    def test_packet_identifiers_wrap_and_skip_what_is_pending(self) -> None:
        client = self.connected(response_timeout=1e9, keepalive=0)
        self.broker.mute = {p.Publish}
        pending = client.publish("up", b"first", 1)
        self.run_for(0)
        taken = self.broker.of(p.Publish)[0].packet_id
        self.broker.mute = set()
        for _ in range(0xFFFF):
            client.publish("up", b"", 1)
            self.clock.advance(0)
        ids = [publish.packet_id for publish in self.broker.of(p.Publish)[1:]]
        self.assertFalse(taken in ids)
        self.assertEqual((min(ids), max(ids)), (1, 0xFFFF))
        self.assertNoResult(pending)
        pending.addErrback(lambda failure: None)

    # -- the end

    def test_stopping_says_goodbye_and_waits_for_the_end(self) -> None:
        client = self.connected()
        stopped = client.stopService()
        self.assertNoResult(stopped)
        self.assertEqual(self.broker.received[-1], p.Disconnect())
        self.run_for(0)
        self.successResultOf(stopped)
        self.assertFalse(client.connected)

    def test_stopping_twice_is_stopping_once(self) -> None:
        client = self.connected()
        client.stopService()
        client.stopService()
        self.run_for(0)
        self.assertEqual(self.broker.of(p.Disconnect), [p.Disconnect()])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopping_does_not_wait_for_a_dead_peer(self) -> None:
        client = self.connected()
        self.broker.link.loseConnection = lambda: None  # type: ignore[method-assign]
        stopped = client.stopService()
        self.run_for(1.1)
        self.successResultOf(stopped)

    def test_stopping_while_connecting_fails_those_who_wait(self) -> None:
        self.broker.mute = {p.Connect}
        client = self.client()
        waiter = client.whenConnected()
        self.successResultOf(client.stopService())
        self.failureResultOf(waiter, CancelledError)
        self.run_for(0)
        self.assertFalse(self.broker.link.up)
        self.assertEqual(self.lines, [])

    def test_stopping_between_attempts_ends_them(self) -> None:
        self.broker.down = True
        client = self.client()
        self.run_for(1)
        attempts = len(self.broker.attempts)
        self.successResultOf(client.stopService())
        self.run_for(60)
        self.assertEqual(len(self.broker.attempts), attempts)

    def test_starts_again_after_a_stop(self) -> None:
        client = self.connected()
        client.stopService()
        self.run_for(1)
        client.startService()
        self.run_for(0)
        self.assertTrue(client.connected)

    def test_cancelled_wait_is_forgotten(self) -> None:
        client = self.client()
        waiter = client.whenConnected()
        waiter.cancel()
        self.failureResultOf(waiter, CancelledError)
        self.run_for(0)
        self.assertTrue(client.connected)
