"""The client's pool: what goes out, what comes back, who waits for whom."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import IConsumer
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface import implementer
from zope.interface.verify import verifyObject

from edgeproxy.http.client.failures import (
    ConnectionFailed,
    Overloaded,
    RequestFailed,
    TimedOut,
)
from edgeproxy.http.client.origin import Origin
from edgeproxy.http.client.pool import Pool
from edgeproxy.http.client.sender import Sender
from edgeproxy.http.client.settings import PoolSettings
from edgeproxy.http.errors import ProtocolError
from edgeproxy.http.turn import Turn
from tests.http import responses_table
from tests.http.test_server import Receiver
from tests.http.wires import Upstream, in_turns

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@implementer(IBodyProducer)
class Parts:
    """A body that tests produce piece by piece."""

    def __init__(self, length: Any = UNKNOWN_LENGTH) -> None:
        self.length = length
        self.consumer: Any = None
        self.calls: list[str] = []
        self.done: Deferred[None] = Deferred()

    def startProducing(self, consumer: Any) -> Deferred[None]:
        self.consumer = consumer
        return self.done

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        self.calls.append("resume")

    def stopProducing(self) -> None:
        self.calls.append("stop")


class PoolCase(SynchronousTestCase):
    turned = False

    def setUp(self) -> None:
        self.clock = Clock()
        self.upstream = Upstream()
        self.pending: list[Any] = []
        self.make()

    def make(self, origin: Origin | None = None, **settings: Any) -> Pool:
        self.pool = Pool(
            origin or Origin("http", "h", 80),
            self.upstream,
            self.clock,
            PoolSettings(**settings),
            turn=Turn(self.clock) if self.turned else None,
        )
        return self.pool

    def tearDown(self) -> None:
        self.pool.close()
        for protocol in self.upstream.protocols:
            if protocol.exchange is not None:
                protocol.connectionLost(Failure(ConnectionLost()))
        for done in self.pending:
            done.addErrback(lambda reason: None)
        self.assertEqual(self.pool.open_connections, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def get(self, target: bytes = b"/", **options: Any) -> Any:
        done = self.pool.request(b"GET", target, [], **options)
        self.pending.append(done)
        return done

    def sent(self, which: int = -1) -> bytes:
        return self.upstream.wires[which].take()

    def pass_time(self, seconds: int) -> None:
        self.clock.pump([1.0] * seconds)


class RequestTests(PoolCase):
    def test_nothing_is_invented(self) -> None:
        self.pool.request(b"GET", b"/a%2Fb?c=|d", [(b"x-Y", b"z"), (b"A", b"b")])
        self.assertEqual(
            self.sent(),
            b"GET /a%2Fb?c=|d HTTP/1.1\r\nHost: h\r\nx-Y: z\r\nA: b\r\n\r\n",
        )
        self.assertTrue(self.upstream.wires[0].no_delay)
        self.upstream.say(OK)

    def test_a_host_that_is_given_stays(self) -> None:
        self.pool.request(b"GET", b"/", [(b"A", b"b"), (b"hOST", b"other")])
        self.assertEqual(self.sent(), b"GET / HTTP/1.1\r\nA: b\r\nhOST: other\r\n\r\n")
        self.upstream.say(OK)

    def test_the_host_is_the_origin(self) -> None:
        for origin, host in (
            (Origin("http", "h", 8080), b"h:8080"),
            (Origin("https", "h", 443), b"h"),
            (Origin("https", "h", 80), b"h:80"),
            (Origin("http", "::1", 8001), b"[::1]:8001"),
            (Origin("http", "::1", 80), b"[::1]"),
        ):
            self.make(origin)
            self.get()
            self.assertIn(b"\r\nHost: " + host + b"\r\n", self.sent())
            self.upstream.say(OK)
            self.pool.close()

    def test_head_and_body_are_one_write(self) -> None:
        self.pool.request(b"POST", b"/", [], b"body")
        (write,) = self.upstream.wires[0].writes
        self.assertTrue(write.endswith(b"\r\nContent-Length: 4\r\n\r\nbody"))
        self.upstream.say(OK)

    def test_framing_follows_from_the_body_alone(self) -> None:
        wrong = [(b"Content-Length", b"9"), (b"transfer-encoding", b"chunked")]
        self.pool.request(b"POST", b"/", wrong, b"body")
        seen = self.sent()
        self.assertEqual(seen.lower().count(b"content-length"), 1)
        self.assertNotIn(b"chunked", seen)
        self.upstream.say(OK)
        self.pool.request(b"POST", b"/", [], None)
        self.assertIn(b"Content-Length: 0\r\n", self.sent())
        self.upstream.say(OK)

    def test_what_would_be_two_requests_is_not_written(self) -> None:
        for method, target, fields in (
            (b"GET", b"/ HTTP/1.1\r\nA: b", []),
            (b"GET", b"/a b", []),
            (b"GET", b"", []),
            (b"G T", b"/", []),
            (b"GET", b"/", [(b"A", b"b\r\nC: d")]),
            (b"GET", b"/", [(b"A\r\nB", b"c")]),
            (b"GET", b"/", [(b"A", b"b\n")]),
        ):
            self.assertRaises(ValueError, self.pool.request, method, target, fields)
        self.assertEqual(self.upstream.wires, [])

    def test_a_body_is_streamed_in_chunks(self) -> None:
        body = Parts()
        verifyObject(IBodyProducer, body)
        self.pool.request(b"PUT", b"/", [], body)
        self.assertIn(b"Transfer-Encoding: chunked\r\n", self.sent())
        verifyObject(IConsumer, body.consumer)
        body.consumer.write(b"abc")
        self.assertEqual(self.sent(), b"3\r\nabc\r\n")
        body.done.callback(None)
        self.assertEqual(self.sent(), b"0\r\n\r\n")
        self.upstream.say(OK)
        self.assertEqual(self.pool.open_connections, 1)

    def test_the_server_pauses_the_body(self) -> None:
        body = Parts(6)
        self.pool.request(b"PUT", b"/", [], body)
        self.assertIn(b"Content-Length: 6\r\n", self.sent())
        transport = self.upstream.wires[0]
        assert isinstance(transport.producer, Sender)
        transport.producer.pauseProducing()
        transport.producer.resumeProducing()
        self.assertEqual(body.calls, ["pause", "resume"])
        body.consumer.write(b"abcdef")
        body.done.callback(None)
        self.assertIsNone(transport.producer)
        self.upstream.say(OK)

    def test_a_server_that_never_reads_on_is_given_up(self) -> None:
        done = self.pool.request(b"PUT", b"/", [], Parts())
        self.upstream.wires[0].producer.pauseProducing()  # type: ignore[attr-defined]
        self.pass_time(61)
        self.assertTrue(self.upstream.wires[0].aborted)
        self.upstream.lose()
        self.assertEqual(self.failureResultOf(done, TimedOut).value.phase, "body")

    def test_a_slow_source_is_not_the_servers_fault(self) -> None:
        body = Parts()
        done = self.pool.request(b"PUT", b"/", [], body)
        self.pass_time(1000)
        self.assertFalse(self.upstream.wires[0].aborted)
        body.done.callback(None)
        self.upstream.say(OK)
        self.successResultOf(done)

    def test_a_body_of_another_length_than_announced_aborts(self) -> None:
        for write in (b"ab", b"abcd"):
            body = Parts(3)
            done = self.pool.request(b"PUT", b"/", [], body)
            try:
                body.consumer.write(write)
            except ValueError as error:
                body.done.errback(error)
            else:
                body.done.callback(None)
            self.assertTrue(self.upstream.wires[-1].aborted)
            self.upstream.lose()
            self.failureResultOf(done, ValueError)

    def test_a_source_that_fails_aborts(self) -> None:
        body = Parts()
        done = self.pool.request(b"PUT", b"/", [], body)
        body.done.errback(KeyError("gone"))
        self.assertTrue(self.upstream.wires[0].aborted)
        self.assertNotIn(b"0\r\n\r\n", self.sent())
        self.upstream.lose()
        self.failureResultOf(done, KeyError)

    def test_an_early_answer_stops_the_body_and_ends_the_connection(self) -> None:
        body = Parts()
        done = self.pool.request(b"PUT", b"/", [], body)
        self.upstream.say(b"HTTP/1.1 413 Too Big\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(self.successResultOf(done).status, 413)
        self.assertEqual(body.calls, ["stop"])
        self.assertTrue(self.upstream.wires[0].closing)
        body.consumer.write(b"late")
        self.assertNotIn(b"late", self.sent())

    def test_the_body_waits_for_continue(self) -> None:
        for body in (Parts(2), b"ab"):
            done = self.pool.request(b"PUT", b"/", [(b"Expect", b"100-continue")], body)
            self.assertTrue(self.sent().endswith(b"\r\n\r\n"))
            self.upstream.say(b"HTTP/1.1 100 Continue\r\n\r\n")
            if isinstance(body, Parts):
                body.consumer.write(b"ab")
                body.done.callback(None)
            self.assertEqual(self.sent(), b"ab")
            self.upstream.say(OK)
            self.assertEqual(self.successResultOf(done).take(), b"ok")

    def test_the_body_does_not_wait_for_ever_for_continue(self) -> None:
        self.pool.request(b"PUT", b"/", [(b"Expect", b"100-continue")], b"ab")
        self.sent()
        self.pass_time(4)
        self.assertEqual(self.sent(), b"ab")
        self.upstream.say(OK)


class ResponseTests(PoolCase):
    def test_every_row_of_the_table(self) -> None:
        wrong = []
        for row in responses_table.ROWS:
            for step in (len(row.raw), 5):
                if len(row.raw) > 2000 and step == 5:
                    continue
                self.setUp()
                done = self.pool.request(row.method, b"/", [])
                for at in range(0, len(row.raw), step):
                    if self.upstream.protocols[0].exchange is not None:
                        self.upstream.say(row.raw[at : at + step])
                receiver = Receiver()
                done.addCallback(self.deliver, receiver).addErrback(lambda _: None)
                if row.eof or self.upstream.wires[0].closing:
                    self.upstream.lose()
                got = self.successResultOf(done)
                if got is not None:
                    got = (*got, receiver.data) if receiver.over == "ended" else None
                if got != row.received:
                    wrong.append((row.name, step, got, receiver.over))
                self.tearDown()
        self.assertEqual(wrong, [])

    def deliver(self, response: Any, receiver: Receiver) -> tuple[int, bytes]:
        response.deliver(receiver)
        return response.status, response.reason

    def test_fields_keep_order_and_case(self) -> None:
        done = self.get()
        self.upstream.say(
            b"HTTP/1.1 200 OK\r\nx-B: 1\r\nX-b: 2\r\nContent-Length: 0\r\n\r\n"
        )
        response = self.successResultOf(done)
        self.assertEqual(response.fields[:2], [(b"x-B", b"1"), (b"X-b", b"2")])
        self.assertEqual(response.get(b"x-b"), b"2")

    def test_a_small_body_is_taken_without_a_receiver(self) -> None:
        done = self.get()
        self.upstream.say(OK)
        response = self.successResultOf(done)
        self.assertEqual((response.length, response.take()), (2, b"ok"))

    def test_the_server_is_paused_while_nobody_reads(self) -> None:
        done = self.get()
        wire = self.upstream.wires[0]
        self.upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab")
        response = self.successResultOf(done)
        self.assertTrue(wire.paused)
        receiver = Receiver()
        response.deliver(receiver)
        self.assertFalse(wire.paused)
        self.assertEqual(receiver.data, b"ab")
        response.body.pauseProducing()
        self.upstream.say(b"cd")
        self.assertTrue(wire.paused)
        self.assertEqual(receiver.data, b"ab")
        self.pass_time(1000)
        self.assertFalse(wire.aborted, "who pauses is not the server's fault")
        response.body.resumeProducing()
        self.assertFalse(wire.paused)
        self.upstream.say(b"ef")
        self.assertEqual((receiver.data, receiver.over), (b"abcdef", "ended"))

    def test_the_end_of_the_last_response_is_waited_for(self) -> None:
        # Over TLS the server's close_notify has to be read, or nothing ever ends.
        done = self.get()
        self.upstream.say(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nab"
        )
        response = self.successResultOf(done)
        response.deliver(Receiver())
        response.body.pauseProducing()
        self.upstream.say(b"cd")
        wire = self.upstream.wires[0]
        self.assertTrue(wire.paused)
        response.body.resumeProducing()
        self.assertTrue(wire.closing)
        self.assertFalse(wire.paused)

    def test_a_response_nobody_reads_is_aborted(self) -> None:
        done = self.get()
        self.upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab")
        response = self.successResultOf(done)
        self.pass_time(31)
        self.assertTrue(self.upstream.wires[0].aborted)
        self.upstream.lose()
        receiver = Receiver()
        response.deliver(receiver)
        self.assertEqual(getattr(receiver.over, "phase", None), "unread")

    def test_a_connection_lost_within_the_body_fails_its_receiver(self) -> None:
        done = self.get()
        self.upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab")
        receiver = Receiver()
        self.successResultOf(done).deliver(receiver)
        self.upstream.lose()
        self.assertIsInstance(receiver.over, ProtocolError)

    def test_a_reset_does_not_end_a_body_well(self) -> None:
        done = self.get()
        self.upstream.say(b"HTTP/1.1 200 OK\r\n\r\nab")
        receiver = Receiver()
        self.successResultOf(done).deliver(receiver)
        self.upstream.lose(reason=ConnectionLost())
        self.assertIsInstance(receiver.over, ConnectionFailed)

    def test_giving_a_body_up_drops_the_connection(self) -> None:
        done = self.get()
        self.upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab")
        self.successResultOf(done).abort()
        self.assertTrue(self.upstream.wires[0].aborted)
        self.assertEqual(self.pool.open_connections, 0)

    def test_a_connection_can_be_taken_over(self) -> None:
        class Echo(Protocol):
            seen = b""
            over = False

            def dataReceived(self, data: bytes) -> None:
                self.seen += data

            def connectionLost(self, reason: Any = None) -> None:
                self.over = True

        done = self.pool.request(b"GET", b"/", [(b"Upgrade", b"x")])
        self.upstream.say(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nearly ")
        response = self.successResultOf(done)
        echo = Echo()
        response.detach(echo)
        self.upstream.say(b"late")
        self.assertEqual(echo.seen, b"early late")
        self.assertEqual(self.pool.open_connections, 0)
        self.pass_time(1000)
        self.assertFalse(self.upstream.wires[0].closing)
        self.upstream.lose()
        self.assertTrue(echo.over)

    def test_a_protocol_that_is_switched_unasked_is_an_error(self) -> None:
        done = self.get()
        self.upstream.say(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nearly ")
        self.assertTrue(self.upstream.wires[0].aborted)
        self.upstream.lose()
        error = self.failureResultOf(done, ProtocolError).value
        self.assertEqual((error.status, error.section), (502, "9110 15.2.2"))

    def test_an_answer_to_nobody_ends_the_connection(self) -> None:
        self.get()
        self.upstream.say(OK)
        self.upstream.say(OK)
        self.assertTrue(self.upstream.wires[0].closing)
        self.assertEqual(self.pool.open_connections, 0)

    def test_bytes_after_a_response_end_the_connection(self) -> None:
        done = self.get()
        self.upstream.say(OK + b"HTTP/1.1 200 OK\r\n")
        self.successResultOf(done)
        self.assertTrue(self.upstream.wires[0].closing)


class SharingTests(PoolCase):
    def test_the_last_connection_used_is_the_next(self) -> None:
        for _ in range(3):
            self.get()
        for which in (0, 2, 1):
            self.upstream.say(OK, which)
        for wire in self.upstream.wires:
            wire.take()
        self.get()
        self.assertTrue(self.sent(1))
        self.assertEqual(len(self.upstream.wires), 3)

    def test_no_more_connections_than_may_be_and_the_rest_waits(self) -> None:
        self.make(connections=2)
        done = [self.get(b"/%d" % n) for n in range(4)]
        self.assertEqual((len(self.upstream.wires), self.pool.waiting), (2, 2))
        self.sent(0)
        self.upstream.say(OK, 0)
        self.assertIn(b"GET /2 ", self.sent(0))
        self.successResultOf(done[0])
        self.upstream.say(OK, 0)
        self.assertIn(b"GET /3 ", self.sent(0))
        self.upstream.say(OK, 0)
        self.upstream.say(OK, 1)
        for each in done[1:]:
            self.successResultOf(each)

    def test_a_long_queue_overflows(self) -> None:
        self.make(connections=1, queue=1)
        self.get()
        self.get()
        self.failureResultOf(self.get(), Overloaded)

    def test_waiting_has_an_end(self) -> None:
        self.make(connections=1, patience=100.0)
        self.get()
        done = self.get()
        self.pass_time(10)
        self.assertNoResult(done)
        self.pass_time(1)
        failed = self.failureResultOf(done, TimedOut).value
        self.assertEqual((failed.phase, failed.sent), ("queue", False))

    def test_long_polls_and_downloads_do_not_starve_the_others(self) -> None:
        self.make(connections=64)
        for _ in range(64):
            self.get(head_timeout=float("inf"))
        done = self.get()
        self.assertEqual(self.pool.waiting, 1)
        self.pass_time(3)
        self.assertEqual((len(self.upstream.wires), self.pool.waiting), (65, 0))
        self.upstream.say(OK)
        self.successResultOf(done)
        self.pass_time(1000)
        self.assertFalse(any(wire.aborted for wire in self.upstream.wires))

    def test_even_those_have_a_bound(self) -> None:
        self.make(connections=2, most=3)
        for _ in range(9):
            self.get(head_timeout=float("inf"))
        self.pass_time(9)
        self.assertEqual(len(self.upstream.wires), 3)

    def test_idle_connections_are_closed_in_time(self) -> None:
        self.get()
        self.upstream.say(OK)
        self.pass_time(50)
        self.assertFalse(self.upstream.wires[0].closing)
        self.pass_time(1)
        self.assertTrue(self.upstream.wires[0].closing)
        self.assertEqual(self.pool.open_connections, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_connection_close_is_honoured(self) -> None:
        done = self.get()
        self.upstream.say(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
        self.successResultOf(done)
        self.assertTrue(self.upstream.wires[0].closing)
        self.get()
        self.assertEqual(len(self.upstream.wires), 2)

    def test_after_a_renewal_old_connections_are_not_used(self) -> None:
        self.get()
        busy = self.get()
        self.upstream.say(OK, 0)
        self.pool.renew()
        self.assertTrue(self.upstream.wires[0].closing)
        self.assertFalse(self.upstream.wires[1].closing)
        self.upstream.say(OK, 1)
        self.successResultOf(busy)
        self.assertTrue(self.upstream.wires[1].closing)

    def test_a_refused_connection_fails_one_request(self) -> None:
        self.upstream.refuse = ConnectionRefusedError()
        failed = self.failureResultOf(self.get(), ConnectionFailed).value
        self.assertFalse(failed.sent)
        self.assertIsInstance(failed.reason, ConnectionRefusedError)

    def test_connecting_has_an_end(self) -> None:
        self.upstream.hold = True
        done = self.get()
        self.pass_time(11)
        self.assertEqual(self.upstream.cancelled, 1)
        self.assertIn(
            self.failureResultOf(done, TimedOut).value.phase, ("connect", "queue")
        )

    def test_whoever_is_free_first_takes_the_next(self) -> None:
        self.get()
        self.upstream.hold = True
        second = self.get(b"/second")
        self.sent(0)
        self.upstream.say(OK, 0)
        self.assertIn(b"GET /second ", self.sent(0))
        self.upstream.say(OK, 0)
        self.successResultOf(second)
        self.upstream.let()
        self.assertEqual(self.pool.open_connections, 2)


class EndingTests(PoolCase):
    def reused(self) -> None:
        self.get()
        self.upstream.say(OK)
        self.sent()

    def test_the_head_has_a_deadline(self) -> None:
        done = self.get()
        self.pass_time(61)
        self.assertTrue(self.upstream.wires[0].aborted)
        self.upstream.lose()
        self.assertEqual(self.failureResultOf(done, TimedOut).value.phase, "head")

    def test_silence_has_a_deadline(self) -> None:
        receiver = Receiver()
        done = self.get()
        self.upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
        self.successResultOf(done).deliver(receiver)
        for _ in range(5):
            self.pass_time(40)
            self.upstream.say(b"x")
        self.assertFalse(self.upstream.wires[0].aborted)
        self.pass_time(62)
        self.assertTrue(self.upstream.wires[0].aborted)
        self.upstream.lose()
        self.assertEqual(getattr(receiver.over, "phase", None), "body")

    def test_cancelling_aborts(self) -> None:
        done = self.get()
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertTrue(self.upstream.wires[0].aborted)
        self.assertEqual(self.pool.open_connections, 0)

    def test_cancelling_while_waiting_sends_nothing(self) -> None:
        self.make(connections=1)
        self.get()
        done = self.get()
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.upstream.say(OK)
        self.assertEqual(self.upstream.wires[0].value().count(b"GET"), 1)

    def test_cancelling_while_connecting_sends_nothing(self) -> None:
        self.upstream.hold = True
        done = self.get()
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.upstream.let()
        self.assertEqual(self.sent(), b"")

    def test_a_stale_connection_is_replaced_once(self) -> None:
        self.reused()
        done = self.get()
        self.upstream.lose(0, ConnectionLost())
        self.assertEqual(len(self.upstream.wires), 2)
        self.assertIn(b"GET / ", self.sent())
        self.upstream.lose(1, ConnectionLost())
        self.assertTrue(self.failureResultOf(done, ConnectionFailed).value.sent)
        self.assertEqual(len(self.upstream.wires), 2)

    def test_the_second_attempt_takes_no_other_old_connection(self) -> None:
        self.get()
        self.get()
        self.upstream.say(OK, 0)
        self.upstream.say(OK, 1)
        done = self.get()
        self.upstream.lose(1)
        self.assertEqual(len(self.upstream.wires), 3)
        self.upstream.say(OK, 2)
        self.successResultOf(done)

    def test_what_may_have_been_done_is_not_done_again(self) -> None:
        for method, fields, body in (
            (b"POST", [], b""),
            (b"PATCH", [], b"x"),
            (b"GET", [(b"X-HTTP-Method", b"POST")], None),
            (b"GET", [(b"x-http-method-override", b"POST")], None),
            (b"PUT", [], Parts()),
        ):
            self.reused()
            made = len(self.upstream.wires)
            done = self.pool.request(method, b"/", fields, body)
            self.upstream.lose()
            self.failureResultOf(done, ConnectionFailed)
            self.assertEqual(len(self.upstream.wires), made)

    def test_idempotent_bodies_are_sent_again(self) -> None:
        self.reused()
        done = self.pool.request(b"PUT", b"/", [], b"body")
        self.upstream.lose()
        self.assertTrue(self.sent().endswith(b"body"))
        self.upstream.say(OK)
        self.successResultOf(done)

    def test_a_fresh_connection_that_ends_is_believed(self) -> None:
        done = self.get()
        self.upstream.lose()
        self.failureResultOf(done, ConnectionFailed)
        self.assertEqual(len(self.upstream.wires), 1)

    def test_a_connection_that_said_something_is_believed(self) -> None:
        self.reused()
        done = self.get()
        self.upstream.say(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.upstream.lose()
        self.failureResultOf(done, ConnectionFailed)
        self.assertEqual(len(self.upstream.wires), 1)

    def test_closing_ends_everything(self) -> None:
        self.make(connections=1)
        first, second = self.get(), self.get()
        self.pool.close()
        self.assertTrue(self.upstream.wires[0].aborted)
        self.upstream.lose()
        self.failureResultOf(first, RequestFailed)
        self.failureResultOf(second, RequestFailed)


in_turns(globals(), PoolCase)
