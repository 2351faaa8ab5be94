"""What arrives in one turn is handled together."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from edgeproxy.http.client.connection import Connection
from edgeproxy.http.client.origin import Origin
from edgeproxy.http.client.pool import Pool
from edgeproxy.http.immediate import turned
from edgeproxy.http.server.site import Site
from edgeproxy.http.turn import Turn
from tests.http.wires import Upstream, Wire

GET = b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n"


class Page(Resource):
    isLeaf = True

    def __init__(self, log: list[str]) -> None:
        super().__init__()
        self.log = log

    def render(self, request: Any) -> bytes:
        self.log.append(f"handled {request.uri.decode()}")
        return b"answer"


class LoggedWire(Wire):
    def __init__(self, log: list[str]) -> None:
        super().__init__()
        self.log = log

    def write(self, data: bytes) -> None:
        self.log.append("sent")
        super().write(data)

    def loseConnection(self) -> None:
        self.log.append("closed")
        super().loseConnection()


class PoolTests(SynchronousTestCase):
    def test_what_arrives_unasked_answers_no_request(self) -> None:
        def ok(body: bytes) -> bytes:
            return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (
                len(body),
                body,
            )

        def arrives(number: int, data: bytes) -> None:
            """Let *data* arrive, and the turn go on."""
            Connection.dataReceived(upstream.protocols[number], data)

        clock, upstream = Clock(), Upstream()
        pool = Pool(Origin("http", "h", 80), upstream, clock, turn=Turn(clock))
        answers: list[Any] = []
        first = pool.request(b"GET", b"/1", [])
        pool.request(b"GET", b"/2", []).addCallback(lambda _: None)
        arrives(1, ok(b"2"))
        clock.advance(0)
        # In one turn: the first is answered, which asks for more, and the other
        # connection, idle now, says something of its own.
        first.addCallback(lambda _: pool.request(b"POST", b"/3", [], b"x"))
        first.addCallback(lambda response: answers.append(response.take()))
        last = ok(b"1").replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        arrives(0, last)
        arrives(1, ok(b"unasked"))
        clock.advance(0)
        self.assertEqual(answers, [])
        self.assertTrue(upstream.wires[1].closing)
        arrives(2, ok(b"3"))
        clock.advance(0)
        self.assertEqual(answers, [b"3"])
        pool.close()


class TurnTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.turn = Turn(self.clock)
        self.log: list[str] = []
        self.serve(Page(self.log))

    def serve(self, resource: Resource) -> None:
        self.site = Site(resource, reactor=self.clock, turn=self.turn)

    def connect(self) -> tuple[Any, Wire]:
        channel, wire = self.site.buildProtocol(None), LoggedWire(self.log)
        channel.makeConnection(wire)
        return channel, wire

    def test_requests_are_handled_together_and_answers_sent_together(self) -> None:
        for number in range(3):
            channel, _ = self.connect()
            channel.dataReceived(GET % number)
        self.assertEqual(self.log, [])
        self.clock.advance(0)
        self.assertEqual(self.log, [f"handled /{n}" for n in range(3)] + 3 * ["sent"])

    def test_pieces_of_one_turn_are_one(self) -> None:
        channel, wire = self.connect()
        whole = GET % 1 + GET % 2
        channel.dataReceived(whole[:20])
        channel.dataReceived(whole[20:])
        self.clock.advance(0)
        self.assertEqual(self.log, ["handled /1", "handled /2", "sent"])
        self.assertEqual(wire.value().count(b"answer"), 2)

    def test_what_arrived_before_the_end_is_handled(self) -> None:
        channel, _ = self.connect()
        channel.dataReceived(GET % 1)
        channel.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.log, ["handled /1", "sent"])
        self.clock.advance(0)
        self.assertEqual(self.log, ["handled /1", "sent"])

    def test_an_answer_is_sent_before_its_connection_closes(self) -> None:
        channel, _ = self.connect()
        channel.dataReceived(b"GET / HTTP/1.0\r\n\r\n")
        self.clock.advance(0)
        self.assertEqual(self.log, ["handled /", "sent", "closed"])

    def test_one_that_fails_harms_no_other(self) -> None:
        bad, bad_wire = self.connect()
        bad.handle = lambda: 1 // 0
        good, good_wire = self.connect()
        bad.dataReceived(GET % 1)
        good.dataReceived(GET % 2)
        self.clock.advance(0)
        self.assertTrue(bad_wire.aborted)
        self.assertIn(b"answer", good_wire.value())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_an_answer_that_comes_later_is_sent_at_once(self) -> None:
        waiting: list[Any] = []

        class Later(Resource):
            isLeaf = True

            def render(self, request: Any) -> int:
                waiting.append(request)
                return NOT_DONE_YET

        self.serve(Later())
        channel, wire = self.connect()
        channel.dataReceived(GET % 1)
        self.clock.advance(0)
        waiting[0].write(b"answer")
        self.assertIn(b"answer", wire.value())

    def test_order_is_kept_between_the_two_ways_of_writing(self) -> None:
        wire = Wire()
        write, flush = turned(wire, self.turn)
        self.turn.handling = True
        write(b"a")
        write(b"b")
        self.assertEqual(wire.value(), b"")
        self.turn.handling = False
        write(b"c")
        flush()
        self.assertEqual(wire.value(), b"abc")
