"""What may go wrong at Cumulocity's end, and what the client is told."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import (
    ConnectionAborted,
    ConnectionLost,
    ConnectionRefusedError,
)
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.c8y.forward import BAD_GATEWAY, SILENCE
from edgeproxy.c8y.proxy import ProxyResource
from edgeproxy.http.client.origin import Origin
from edgeproxy.http.client.pool import Pool
from edgeproxy.http.foreign import OwnNames
from edgeproxy.http.limits import Limits
from tests.c8y.test_proxy import Credential
from tests.fakes.site import Exchange
from tests.http.wires import Upstream

GET = b"GET /c8y/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /c8y/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"


class FaultTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.upstream = Clock(), Upstream()
        self.pool = Pool(
            Origin("https", "t", 443),
            self.upstream,  # type: ignore[arg-type]
            self.clock,
        )
        names = OwnNames(["127.0.0.1"])
        self.door = ProxyResource(self.pool, Credential(), {"t"}, names)
        self.client = Exchange(self.door)

    def tearDown(self) -> None:
        self.pool.close()

    def send(self, raw: bytes = GET) -> Any:
        self.client.transport.clear()
        self.client.channel.dataReceived(raw)
        return self.client.answer()

    def was_dropped(self) -> Any:
        """Return the answer once the connection that was dropped has gone."""
        self.assertTrue(self.upstream.wires[-1].aborted)
        self.upstream.lose(reason=ConnectionAborted())
        return self.client.answer()

    def is_bad_gateway(self, answer: Any) -> None:
        self.assertEqual((answer.line, answer.body), ("502 Bad Gateway", BAD_GATEWAY))
        self.assertEqual(answer["content-type"], "text/plain; charset=utf-8")
        self.assertFalse(self.client.transport.closing)

    def test_refused(self) -> None:
        self.upstream.refuse = ConnectionRefusedError()
        self.is_bad_gateway(self.send())

    def test_a_black_hole_that_takes_no_connection(self) -> None:
        self.upstream.hold = True
        self.assertEqual(self.send().line, "")
        self.clock.pump([1.0] * 12)
        self.is_bad_gateway(self.client.answer())

    def test_a_black_hole_that_takes_the_request(self) -> None:
        self.send()
        self.clock.pump([1.0] * int(SILENCE))
        self.assertEqual(self.client.answer().line, "")
        self.clock.pump([1.0] * 3)
        self.is_bad_gateway(self.was_dropped())

    def test_a_reset_before_the_head(self) -> None:
        for raw in (GET, POST):
            self.send(raw)
            self.upstream.lose(reason=ConnectionLost())
            self.is_bad_gateway(self.client.answer())

    def test_a_reset_of_a_connection_that_was_idle_is_not_noticed(self) -> None:
        self.send()
        self.upstream.say(OK)
        self.send()
        self.upstream.lose(0, ConnectionLost())
        self.upstream.say(OK)
        self.assertEqual(self.client.answer().body, b"body")

    def test_what_may_have_been_done_is_not_done_twice(self) -> None:
        self.send()
        self.upstream.say(OK)
        self.send(POST)
        self.upstream.lose(0, ConnectionLost())
        self.is_bad_gateway(self.client.answer())
        self.assertEqual(len(self.upstream.wires), 1)

    def test_a_reset_amid_the_body_is_never_a_clean_end(self) -> None:
        for framing in (b"Content-Length: 99", b"Transfer-Encoding: chunked"):
            self.setUp()
            self.send()
            self.upstream.say(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n4\r\nbody\r\n" % framing)
            self.upstream.lose(reason=ConnectionLost())
            self.assertTrue(self.client.transport.aborted)
            self.assertNotIn(b"\r\n0\r\n\r\n", self.client.transport.value())

    def test_a_date_between_us_and_the_server(self) -> None:
        self.send()
        self.upstream.say(
            b"HTTP/1.1 200 OK\r\nDate: x\r\nConnection: date\r\n"
            b"Content-Length: 0\r\n\r\n"
        )
        answer = self.client.answer()
        self.assertEqual(answer.line, "200 OK")
        self.assertNotEqual(answer["date"], "x")

    def test_a_fault_of_ours_leaves_no_client_waiting(self) -> None:
        def broken(*_: Any) -> Any:
            raise LookupError("ours")

        self.patch(self.door.returned, "head", broken)
        self.send()
        self.upstream.say(OK)
        self.is_bad_gateway(self.client.answer())
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)

    def test_a_client_that_does_not_read_an_early_answer(self) -> None:
        self.send(
            b"POST /c8y/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic eDp5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
        )
        self.upstream.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nzzz")
        self.client.channel.pauseProducing()
        self.client.clock.pump([1.0] * 290)
        self.assertFalse(self.client.transport.aborted)
        self.client.clock.pump([1.0] * 20)
        self.assertTrue(self.client.transport.aborted)

    def test_an_oversized_head(self) -> None:
        self.send()
        field = b"X: %b\r\n" % (b"y" * 1000)
        count = Limits().header_bytes // len(field) + 1
        self.upstream.say(b"HTTP/1.1 200 OK\r\n" + field * count)
        self.is_bad_gateway(self.was_dropped())

    def test_garbage(self) -> None:
        for garbage in (
            b"SSH-2.0-OpenSSH\r\n\r\n",
            b"\x15\x03\x01\x00\x02\x02\x50",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            b"HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n",
        ):
            self.setUp()
            self.send()
            self.upstream.say(garbage)
            self.is_bad_gateway(self.was_dropped())

    def test_being_told_to_wait_passes(self) -> None:
        for status in (b"429 Too Many Requests", b"503 Service Unavailable"):
            self.send()
            self.upstream.say(
                b"HTTP/1.1 %b\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n" % status
            )
            answer = self.client.answer()
            self.assertEqual(
                (answer.line, answer["retry-after"]), (status.decode(), "7")
            )
