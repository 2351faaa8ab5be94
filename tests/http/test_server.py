"""The server's connections: order, limits, deadlines, endings."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IConsumer, IProtocol, IPushProducer
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer
from zope.interface.verify import verifyObject

from edgeproxy.http.body import Body
from edgeproxy.http.interfaces import IBodyReceiver, IStreamingResource
from edgeproxy.http.server.site import CLIENT_LEFT, Deadlines, Site
from edgeproxy.http.server.wire import READ_AHEAD
from edgeproxy.http.turn import Turn
from tests.http.wires import connect, in_turns

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
LOST = Failure(ConnectionLost())


def numbered(n: int) -> bytes:
    return b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % n


class Page(Resource):
    """Renders by a function and keeps the requests."""

    isLeaf = True

    def __init__(self, render: Any = lambda request: b"") -> None:
        super().__init__()
        self._render = render
        self.requests: list[Any] = []

    def render(self, request: Any) -> Any:
        self.requests.append(request)
        return self._render(request)


@implementer(IStreamingResource)
class Stream(Page):
    streaming = True


@implementer(IBodyReceiver)
class Receiver:
    def __init__(self) -> None:
        self.data = b""
        self.over: object = None

    def dataReceived(self, data: bytes) -> None:
        assert data and self.over is None
        self.data += data

    def ended(self) -> None:
        assert self.over is None
        self.over = "ended"

    def failed(self, reason: Failure) -> None:
        assert self.over is None
        self.over = reason.value


class ServerCase(SynchronousTestCase):
    turned = False

    def serve(self, page: Resource, **options: Any) -> tuple[Any, Any]:
        self.clock = Clock()
        self.logged: list[tuple[bytes, int]] = []
        options.setdefault(
            "access_log",
            lambda request: self.logged.append((request.uri, request.code)),
        )
        turn = Turn(self.clock) if self.turned else None
        self.site = Site(page, reactor=self.clock, turn=turn, **options)
        return connect(self.site)

    def pass_time(self, seconds: int) -> None:
        self.clock.pump([1.0] * seconds)

    def lose(self, channel: Any) -> None:
        channel.connectionLost(LOST)
        self.assertEqual(self.site.open_connections, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ConnectionTests(ServerCase):
    def test_head_and_body_are_one_write_without_delay(self) -> None:
        channel, wire = self.serve(Page(lambda request: b"body"))
        channel.dataReceived(GET)
        self.assertEqual(len(wire.writes), 1)
        self.assertTrue(wire.writes[0].endswith(b"\r\n\r\nbody"))
        self.assertTrue(wire.no_delay)
        self.assertNotIn(b"Server:", wire.value())

    def test_pipelined_requests_are_answered_in_order(self) -> None:
        page = Page(lambda request: NOT_DONE_YET)
        channel, wire = self.serve(page)
        channel.dataReceived(b"".join(map(numbered, range(3))))
        for n in range(3):
            self.assertEqual(len(page.requests), n + 1)
            self.assertEqual(page.requests[n].uri, b"/%d" % n)
            page.requests[n].write(b"<%d>" % n)
            page.requests[n].finish()
        self.assertEqual(re.findall(rb"<\d>", wire.value()), [b"<0>", b"<1>", b"<2>"])
        self.assertEqual(self.logged, [(b"/0", 200), (b"/1", 200), (b"/2", 200)])

    def test_a_thousand_pipelined_requests_do_not_recurse(self) -> None:
        channel, wire = self.serve(Page(lambda request: b"x"))
        channel.dataReceived(GET * 2000)
        self.assertEqual(wire.value().count(b"HTTP/1.1 200 OK"), 2000)

    def test_reading_stops_while_many_requests_wait(self) -> None:
        page = Page(lambda request: NOT_DONE_YET)
        channel, wire = self.serve(page)
        channel.dataReceived(GET * (READ_AHEAD // len(GET) + 2))
        self.assertTrue(wire.paused)
        while len(page.requests) < 3 or wire.paused:
            page.requests[-1].finish()
        self.assertFalse(wire.paused)

    def test_nothing_new_is_started_while_the_peer_does_not_read(self) -> None:
        page = Page(lambda request: b"x")
        channel, _wire = self.serve(page)
        channel.pauseProducing()
        channel.dataReceived(GET)
        self.assertEqual(page.requests, [])
        channel.resumeProducing()
        self.assertEqual(len(page.requests), 1)

    def test_http_1_0_is_answered_and_closed(self) -> None:
        channel, wire = self.serve(Page(lambda request: b"x"))
        channel.dataReceived(b"GET / HTTP/1.0\r\n\r\n")
        self.assertIn(b"Connection: close\r\n", wire.value())
        self.assertTrue(wire.closing)

    def test_http_1_0_is_kept_alive_when_asked_and_the_length_is_known(self) -> None:
        channel, wire = self.serve(Page(lambda request: b"x"))
        channel.dataReceived(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
        self.assertIn(b"Connection: keep-alive\r\n", wire.value())
        self.assertFalse(wire.closing)

    def test_http_1_0_gets_no_chunks(self) -> None:
        def render(request: Any) -> int:
            request.write(b"a")
            request.write(b"b")
            request.finish()
            return NOT_DONE_YET

        channel, wire = self.serve(Page(render))
        channel.dataReceived(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        self.assertTrue(wire.value().endswith(b"\r\n\r\nab"))
        self.assertTrue(wire.closing)

    def test_connection_close_is_honoured_from_either_side(self) -> None:
        def render(request: Any) -> bytes:
            request.setHeader("connection", "close")
            return b"x"

        channel, wire = self.serve(Page(render))
        channel.dataReceived(GET)
        self.assertEqual(wire.value().count(b"Connection: close"), 1)
        self.assertTrue(wire.closing)
        channel, wire = self.serve(Page())
        channel.dataReceived(
            b"GET / HTTP/1.1\r\nHost: h\r\nConnection: a, Close\r\n\r\n"
        )
        self.assertTrue(wire.closing)

    def test_a_connection_too_many_is_turned_away(self) -> None:
        self.serve(Page(), max_connections=1)
        self.assertIsNone(self.site.buildProtocol(None))
        self.assertEqual((self.site.turned_away, self.site.open_connections), (1, 1))

    def test_a_refusal_counts_and_is_not_read_on(self) -> None:
        page = Page()
        channel, wire = self.serve(page)
        channel.dataReceived(b"GET /\r\n\r\n" + GET)
        channel.dataReceived(GET)
        self.assertEqual((self.site.refused, page.requests), (1, []))
        self.assertEqual(wire.value().count(b"HTTP/1.1"), 1)
        self.pass_time(7)
        self.assertTrue(wire.aborted)

    def test_interfaces_are_provided(self) -> None:
        page = Stream(lambda request: NOT_DONE_YET)
        channel, _ = self.serve(page)
        channel.dataReceived(GET)
        verifyObject(IRequest, page.requests[0])
        verifyObject(IConsumer, page.requests[0])
        verifyObject(IProtocol, channel)
        verifyObject(IPushProducer, channel)
        verifyObject(IPushProducer, page.requests[0].body)
        verifyObject(IStreamingResource, page)
        verifyObject(IBodyReceiver, Receiver())


class ResponseTests(ServerCase):
    def respond(self, render: Any, raw: bytes = GET, **options: Any) -> bytes:
        self.page = Page(render)
        self.channel, self.wire = self.serve(self.page, **options)
        self.channel.dataReceived(raw)
        return self.wire.take()

    def test_a_reason_phrase_reaches_the_wire(self) -> None:
        def render(request: Any) -> bytes:
            request.setResponseCode(400, b"Bad QoS Header Value")
            return b""

        self.assertTrue(
            self.respond(render).startswith(b"HTTP/1.1 400 Bad QoS Header Value\r\n")
        )

    def test_fields_go_out_in_order_and_case(self) -> None:
        def render(request: Any) -> int:
            request.respond(200, None, [(b"x-B", b"1"), (b"A", b"2")], b"body")
            return NOT_DONE_YET

        seen = self.respond(render)
        self.assertTrue(
            seen.startswith(
                b"HTTP/1.1 200 OK\r\nx-B: 1\r\nA: 2\r\nContent-Length: 4\r\n"
            )
        )
        self.assertEqual(len(self.logged), 1)

    def test_a_streamed_response_goes_out_as_it_comes(self) -> None:
        self.respond(lambda request: NOT_DONE_YET)
        request = self.page.requests[0]
        request.start(200, b"Fine", [(b"A", b"b")], None)
        self.assertIn(b"Transfer-Encoding: chunked\r\n", self.wire.take())
        request.write(b"abc")
        self.assertEqual(self.wire.take(), b"3\r\nabc\r\n")
        request.write(b"")
        request.finish()
        self.assertEqual(self.wire.take(), b"0\r\n\r\n")

    def test_no_field_breaks_out_of_its_line(self) -> None:
        def render(request: Any) -> int:
            request.respond(200, None, [(b"A", b"b\r\nSet-Cookie: c")], b"")
            return NOT_DONE_YET

        self.assertTrue(self.respond(render).startswith(b"HTTP/1.1 500"))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_no_reason_breaks_out_of_its_line(self) -> None:
        def render(request: Any) -> bytes:
            request.setResponseCode(200, b"OK\r\nA: b")
            return b""

        self.assertTrue(self.respond(render).startswith(b"HTTP/1.1 500"))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_a_header_name_is_a_token(self) -> None:
        self.respond(lambda request: request.setHeader(b"a b", b"c"))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_more_body_than_announced_is_not_let_out(self) -> None:
        self.respond(lambda request: NOT_DONE_YET)
        request = self.page.requests[0]
        request.setHeader(b"content-length", b"3")
        request.write(b"ab")
        self.wire.take()
        self.assertRaises(ValueError, request.write, b"cd")
        self.assertEqual(self.wire.take(), b"")

    def test_less_body_than_announced_is_seen_as_cut_short(self) -> None:
        self.respond(lambda request: NOT_DONE_YET)
        request = self.page.requests[0]
        request.setHeader(b"content-length", b"3")
        request.write(b"ab")
        request.finish()
        self.assertTrue(self.wire.aborted)

    def test_204_and_304_have_no_body_and_no_length(self) -> None:
        for status in (204, 304):

            def render(request: Any, status: int = status) -> bytes:
                request.setResponseCode(status)
                return b"body"

            seen = self.respond(render)
            self.assertTrue(seen.endswith(b"\r\n\r\n"))
            self.assertNotIn(b"Content-Length", seen)
            self.assertNotIn(b"Content-Type", seen)

    def test_no_content_type_when_the_site_says_so(self) -> None:
        seen = self.respond(lambda request: b"x", default_content_type=None)
        self.assertNotIn(b"Content-Type", seen)

    def test_date_is_made_once_per_second(self) -> None:
        asked = []

        def wall() -> float:
            asked.append(1)
            return 784111777.0

        seen = self.respond(lambda request: b"", GET * 5, wall=wall)
        self.assertEqual(seen.count(b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), 5)
        self.assertEqual(len(asked), 1)
        self.pass_time(3)
        self.assertEqual(len(asked), 4)

    def test_an_exception_after_the_head_cuts_the_response_short(self) -> None:
        def render(request: Any) -> bytes:
            request.write(b"a")
            raise ValueError

        self.respond(render)
        self.assertTrue(self.wire.aborted)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_a_push_producer_is_paused_with_the_peer(self) -> None:
        calls = []

        class Producer:
            def pauseProducing(self) -> None:
                calls.append("pause")

            def resumeProducing(self) -> None:
                calls.append("resume")

            def stopProducing(self) -> None:
                calls.append("stop")

        self.respond(lambda request: NOT_DONE_YET)
        self.page.requests[0].registerProducer(Producer(), True)
        self.channel.pauseProducing()
        self.channel.resumeProducing()
        self.lose(self.channel)
        self.assertEqual(calls, ["pause", "resume", "stop"])

    def test_a_pull_producer_is_asked_until_the_peer_is_full(self) -> None:
        pulled = []

        class Producer:
            def resumeProducing(inner) -> None:
                pulled.append(1)
                request.write(b"x")
                if len(pulled) % 3 == 0:
                    self.channel.pauseProducing()

            def stopProducing(inner) -> None:
                pulled.append(0)

        self.respond(lambda request: NOT_DONE_YET)
        request = self.page.requests[0]
        request.registerProducer(Producer(), False)
        self.assertEqual(pulled, [])
        for n in (3, 6):
            self.clock.pump([0] * 5)
            self.assertEqual(len(pulled), n)
            self.channel.resumeProducing()
        request.unregisterProducer()
        self.clock.pump([0] * 5)
        self.assertEqual(len(pulled), 6)
        request.finish()
        self.lose(self.channel)

    def test_a_client_that_left_is_told_of_and_written_to_in_vain(self) -> None:
        self.respond(lambda request: NOT_DONE_YET)
        request = self.page.requests[0]
        left = self.failureResultOf
        gone = request.notifyFinish()
        self.lose(self.channel)
        left(gone, ConnectionLost)
        request.write(b"x")
        self.assertRaises(RuntimeError, request.finish)
        self.assertEqual(self.wire.take(), b"")
        self.assertEqual(self.logged, [(b"/", CLIENT_LEFT)])

    def test_a_client_that_left_amid_the_response(self) -> None:
        self.respond(lambda request: NOT_DONE_YET)
        request = self.page.requests[0]
        request.setResponseCode(201)
        request.write(b"x")
        self.lose(self.channel)
        self.assertRaises(RuntimeError, request.finish)
        self.assertEqual(self.logged, [(b"/", 201)])

    def test_finish_is_told_of(self) -> None:
        self.respond(lambda request: NOT_DONE_YET)
        request = self.page.requests[0]
        done = request.notifyFinish()
        request.finish()
        self.assertIsNone(self.successResultOf(done))
        self.assertRaises(RuntimeError, request.write, b"x")

    def test_a_connection_can_be_handed_over(self) -> None:
        class Echo(Protocol):
            lost = None

            def dataReceived(self, data: bytes) -> None:
                self.transport.write(b"<" + data + b">")

            def connectionLost(self, reason: Any = None) -> None:
                self.lost = reason

        self.respond(lambda request: NOT_DONE_YET, GET + b"early")
        request = self.page.requests[0]
        request.start(
            101, None, [(b"Upgrade", b"x"), (b"Connection", b"upgrade")], None
        )
        head = self.wire.take()
        self.assertNotIn(b"Transfer-Encoding", head)
        self.assertNotIn(b"close", head)
        echo = Echo()
        request.detach(echo)
        self.channel.dataReceived(b"late")
        self.assertEqual(self.wire.take(), b"<early><late>")
        self.assertEqual(self.logged, [(b"/", 101)])
        self.pass_time(1000)
        self.assertFalse(self.wire.closing)
        self.lose(self.channel)
        self.assertIs(echo.lost, LOST)


class BodyTests(ServerCase):
    def head(self, *fields: bytes) -> bytes:
        lines = b"".join(field + b"\r\n" for field in fields)
        return b"POST / HTTP/1.1\r\nHost: h\r\n" + lines + b"\r\n"

    def test_a_resource_gets_its_body_whole(self) -> None:
        page = Page(lambda request: request.content.read())
        channel, wire = self.serve(page)
        channel.dataReceived(self.head(b"Content-Length: 4") + b"ab")
        self.assertEqual(page.requests, [])
        channel.dataReceived(b"cd" + GET)
        self.assertEqual(wire.take().count(b"abcd"), 1)
        self.assertEqual(len(page.requests), 2)

    def test_an_announced_body_too_big_is_413_at_once(self) -> None:
        page = Page()
        channel, wire = self.serve(page, max_content=3)
        channel.dataReceived(self.head(b"Content-Length: 4", b"Expect: 100-continue"))
        self.assertTrue(wire.take().startswith(b"HTTP/1.1 413"))
        self.assertEqual(page.requests, [])
        self.assertTrue(wire.closing)
        self.assertEqual(self.logged, [(b"/", 413)])

    def test_a_chunked_body_too_big_is_413_when_it_is(self) -> None:
        channel, wire = self.serve(Page(), max_content=3)
        channel.dataReceived(self.head(b"Transfer-Encoding: chunked") + b"2\r\nab\r\n")
        self.assertEqual(wire.take(), b"")
        channel.dataReceived(b"2\r\ncd\r\n")
        self.assertTrue(wire.take().startswith(b"HTTP/1.1 413"))

    def test_a_small_body_too_big_is_413_even_when_it_is_here(self) -> None:
        page = Page()
        channel, wire = self.serve(page, max_content=3)
        channel.dataReceived(self.head(b"Content-Length: 4") + b"abcd")
        self.assertTrue(wire.take().startswith(b"HTTP/1.1 413"))
        self.assertEqual(page.requests, [])

    def test_a_bad_form_is_400(self) -> None:
        page = Page()
        channel, wire = self.serve(page)
        kind = b"Content-Type: multipart/form-data; boundary=x"
        channel.dataReceived(self.head(b"Content-Length: 2", kind) + b"ab")
        self.assertTrue(wire.take().startswith(b"HTTP/1.1 400"))
        self.assertEqual(page.requests, [])

    def test_continue_is_sent_before_a_whole_body_is_read(self) -> None:
        channel, wire = self.serve(Page(lambda request: b"got it"))
        channel.dataReceived(self.head(b"Content-Length: 2", b"Expect: 100-Continue"))
        self.assertEqual(wire.take(), b"HTTP/1.1 100 Continue\r\n\r\n")
        channel.dataReceived(b"ab")
        self.assertTrue(wire.take().startswith(b"HTTP/1.1 200"))

    def test_no_continue_for_a_body_that_has_begun(self) -> None:
        channel, wire = self.serve(Page())
        channel.dataReceived(
            self.head(b"Content-Length: 2", b"Expect: 100-continue") + b"a"
        )
        self.assertEqual(wire.take(), b"")

    def test_a_streaming_resource_may_answer_without_reading(self) -> None:
        def render(request: Any) -> bytes:
            request.setResponseCode(401)
            return b"no"

        channel, wire = self.serve(Stream(render))
        channel.dataReceived(self.head(b"Content-Length: 2", b"Expect: 100-continue"))
        seen = wire.take()
        self.assertTrue(seen.startswith(b"HTTP/1.1 401"))
        self.assertIn(b"Connection: close\r\n", seen)
        self.assertTrue(wire.closing)

    def stream(self, *fields: bytes, first: bytes = b"") -> tuple[Any, Any, Any, Body]:
        page = Stream(lambda request: NOT_DONE_YET)
        channel, wire = self.serve(page)
        channel.dataReceived(self.head(*fields) + first)
        return channel, wire, page.requests[0], page.requests[0].body

    def test_continue_is_sent_when_the_resource_asks(self) -> None:
        channel, wire, request, body = self.stream(
            b"Content-Length: 4", b"Expect: 100-continue"
        )
        self.assertEqual(wire.take(), b"")
        receiver = Receiver()
        body.deliver(receiver)
        self.assertEqual(wire.take(), b"HTTP/1.1 100 Continue\r\n\r\n")
        channel.dataReceived(b"ab")
        self.assertEqual((receiver.data, receiver.over), (b"ab", None))
        channel.dataReceived(b"cd")
        self.assertEqual((receiver.data, receiver.over), (b"abcd", "ended"))
        request.respond(202, None, [], b"")
        self.assertFalse(wire.closing)
        channel.dataReceived(GET)
        self.assertEqual(self.site.requests, 2)

    def test_a_small_body_can_be_taken_without_a_receiver(self) -> None:
        _, _, _, body = self.stream(b"Content-Length: 2", first=b"ab" + GET)
        self.assertTrue(body.complete)
        self.assertEqual((body.take(), body.take(), body.length), (b"ab", b"", 2))
        _, _, _, body = self.stream(b"Content-Length: 3", first=b"ab")
        self.assertIsNone(body.take())

    def test_no_body_is_a_complete_one(self) -> None:
        _, _, _, body = self.stream()
        receiver = Receiver()
        body.deliver(receiver)
        self.assertEqual((receiver.data, receiver.over), (b"", "ended"))

    def test_the_client_is_paused_while_nobody_wants_its_body(self) -> None:
        channel, wire, _request, body = self.stream(b"Transfer-Encoding: chunked")
        chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
        sent = 0
        while not wire.paused:
            channel.dataReceived(chunk)
            sent += 1
        self.assertLess(sent, 10)
        receiver = Receiver()
        body.deliver(receiver)
        self.assertFalse(wire.paused)
        self.assertEqual(len(receiver.data), sent * 4096)
        body.pauseProducing()
        while not wire.paused:
            channel.dataReceived(chunk)
            sent += 1
        self.assertLess(sent, 20)
        self.pass_time(500)
        self.assertFalse(wire.closing, "who pauses is not the client's fault")
        body.resumeProducing()
        channel.dataReceived(b"0\r\nT: u\r\n\r\n")
        self.assertEqual(len(receiver.data), sent * 4096)
        self.assertEqual((receiver.over, body.trailers), ("ended", [(b"T", b"u")]))

    def test_a_receiver_that_pauses_is_not_called(self) -> None:
        channel, _wire, _request, body = self.stream(b"Transfer-Encoding: chunked")

        class Sip(Receiver):
            def dataReceived(self, data: bytes) -> None:
                super().dataReceived(data)
                body.pauseProducing()

        sip = Sip()
        body.deliver(sip)
        channel.dataReceived(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n")
        for seen, over in ((b"a", None), (b"ab", None)):
            self.assertEqual((sip.data, sip.over), (seen, over))
            body.resumeProducing()
        self.assertEqual(sip.over, "ended")

    def test_a_malformed_body_fails_its_receiver_and_is_400(self) -> None:
        channel, wire, request, body = self.stream(b"Transfer-Encoding: chunked")
        receiver = Receiver()
        body.deliver(receiver)
        channel.dataReceived(b"zz\r\n")
        self.assertEqual(getattr(receiver.over, "status", None), 400)
        self.assertTrue(wire.take().startswith(b"HTTP/1.1 400"))
        request.write(b"in vain")
        self.assertEqual(wire.take(), b"")
        self.assertEqual(self.logged, [(b"/", 400)])

    def test_a_client_that_leaves_fails_the_receiver(self) -> None:
        channel, _wire, _request, body = self.stream(b"Content-Length: 9")
        receiver = Receiver()
        body.deliver(receiver)
        self.lose(channel)
        self.assertIsInstance(receiver.over, ConnectionLost)


class DeadlineTests(ServerCase):
    DEADLINES = Deadlines(idle=10, head=5, body=4, stalled=20, linger=3)

    def start(self, render: Any = lambda request: b"") -> tuple[Any, Any]:
        return self.serve(Stream(render), deadlines=self.DEADLINES)

    def test_an_idle_connection_is_closed(self) -> None:
        channel, wire = self.start()
        channel.dataReceived(GET)
        wire.take()
        self.pass_time(10)
        self.assertFalse(wire.closing)
        self.pass_time(1)
        self.assertTrue(wire.closing)
        self.assertEqual(wire.take(), b"")

    def test_a_head_in_drops_is_408(self) -> None:
        channel, wire = self.start()
        for byte in GET[:5]:
            channel.dataReceived(bytes([byte]))
            self.pass_time(1)
        self.assertFalse(wire.closing)
        self.pass_time(1)
        self.assertTrue(wire.take().startswith(b"HTTP/1.1 408"))
        self.assertTrue(wire.closing)

    def test_a_body_that_stops_is_408(self) -> None:
        channel, wire = self.start(lambda request: request.body.deliver(receiver) or 1)
        receiver = Receiver()
        channel.dataReceived(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n")
        for _ in range(8):
            channel.dataReceived(b"x")
            self.pass_time(3)
        self.assertFalse(wire.closing)
        self.pass_time(2)
        self.assertEqual(getattr(receiver.over, "status", None), 408)
        self.assertTrue(wire.take().startswith(b"HTTP/1.1 408"))

    def test_an_answer_may_take_as_long_as_it_likes(self) -> None:
        channel, wire = self.start(lambda request: NOT_DONE_YET)
        channel.dataReceived(GET)
        self.pass_time(1000)
        self.assertFalse(wire.closing)

    def test_a_peer_that_does_not_read_is_dropped(self) -> None:
        channel, wire = self.start(lambda request: NOT_DONE_YET)
        channel.dataReceived(GET)
        channel.pauseProducing()
        self.pass_time(20)
        self.assertFalse(wire.aborted)
        self.pass_time(1)
        self.assertTrue(wire.aborted)

    def test_a_peer_that_is_answered_early_may_read_for_long(self) -> None:
        channel, wire = self.start(lambda request: request.body.deliver(receiver) or 1)
        receiver = Receiver()
        channel.dataReceived(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n")
        (request,) = self.site.resource.requests
        request.write(b"early")
        request.body.pauseProducing()
        for _ in range(10):
            channel.pauseProducing()
            self.pass_time(10)
            channel.resumeProducing()
        self.assertFalse(wire.aborted)
        channel.pauseProducing()
        self.pass_time(25)
        self.assertTrue(wire.aborted)

    def test_a_peer_may_read_the_last_response_slowly(self) -> None:
        request = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        channel, wire = self.serve(Page(), deadlines=self.DEADLINES)
        channel.dataReceived(request)
        self.assertTrue(wire.closing)
        self.pass_time(20)
        self.assertFalse(wire.aborted)
        self.pass_time(1)
        self.assertTrue(wire.aborted)

    def test_a_peer_that_still_reads_a_response_is_not_idle(self) -> None:
        channel, wire = self.serve(
            Page(lambda request: NOT_DONE_YET), deadlines=self.DEADLINES
        )
        channel.dataReceived(GET)
        channel.pauseProducing()
        (request,) = self.site.resource.requests
        request.write(b"large")
        request.finish()
        self.pass_time(18)
        self.assertFalse(wire.closing)
        channel.resumeProducing()
        self.pass_time(10)
        self.assertFalse(wire.closing)
        self.pass_time(1)
        self.assertTrue(wire.closing)
        self.assertFalse(wire.aborted)

    def test_there_is_one_timer_whatever_the_number_of_connections(self) -> None:
        channels = [self.start()[0]]
        channels += [connect(self.site)[0] for _ in range(50)]
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        for channel in channels:
            channel.connectionLost(LOST)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class DrainTests(ServerCase):
    def test_idle_ones_close_and_busy_ones_finish(self) -> None:
        page = Page(lambda request: NOT_DONE_YET)
        idle, idle_wire = self.serve(page)
        busy, busy_wire = connect(self.site)
        busy.dataReceived(GET + GET)
        drained = self.site.drain(30)
        self.assertTrue(idle_wire.closing)
        idle.connectionLost(LOST)
        self.assertFalse(busy_wire.closing)
        self.assertIsNone(self.site.buildProtocol(None))
        page.requests[0].finish()
        self.assertIn(b"Connection: close\r\n", busy_wire.take())
        self.assertTrue(busy_wire.closing)
        self.assertEqual(len(page.requests), 1)
        self.assertNoResult(drained)
        busy.connectionLost(LOST)
        self.successResultOf(drained)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_response_that_had_begun_is_the_last_one_too(self) -> None:
        page = Page(lambda request: NOT_DONE_YET)
        channel, wire = self.serve(page)
        channel.dataReceived(GET)
        page.requests[0].write(b"begun")
        drained = self.site.drain(30)
        self.assertFalse(wire.closing)
        page.requests[0].finish()
        self.assertTrue(wire.closing)
        channel.connectionLost(LOST)
        self.successResultOf(drained)

    def test_what_is_lost_last_is_logged_before_the_end(self) -> None:
        channel, _ = self.serve(Page(lambda request: NOT_DONE_YET))
        channel.dataReceived(GET)
        logged: list[Any] = []
        drained = self.site.drain(30)
        drained.addCallback(lambda _: logged.extend(self.logged))
        self.lose(channel)
        self.assertEqual(logged, [(b"/", CLIENT_LEFT)])

    def test_what_does_not_finish_is_dropped(self) -> None:
        channel, wire = self.serve(Page(lambda request: NOT_DONE_YET))
        channel.dataReceived(GET)
        drained = self.site.drain(30)
        self.pass_time(30)
        self.assertTrue(wire.aborted)
        channel.connectionLost(LOST)
        self.successResultOf(drained)

    def test_nothing_to_drain_is_drained(self) -> None:
        channel, _ = self.serve(Page())
        self.lose(channel)
        self.successResultOf(self.site.drain(30))
        self.assertEqual(self.clock.getDelayedCalls(), [])


in_turns(globals(), ServerCase)
