"""Both ends of the engine on real sockets: slow peers, and peers that vanish."""

from __future__ import annotations

import random
from typing import Any

from twisted.internet import reactor  # noqa: TID251 - real sockets
from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from edgeproxy.http.client.origin import Origin
from edgeproxy.http.client.pool import Pool
from edgeproxy.http.client.prepared import Prepared
from edgeproxy.http.client.settings import PoolSettings
from edgeproxy.http.interfaces import IBodyReceiver, IStreamingResource
from edgeproxy.http.relay import RequestRelay
from edgeproxy.http.server.site import Site
from edgeproxy.http.turn import Turn

MEGABYTE = 1 << 20


@implementer(IStreamingResource)
class Forward(Resource):
    """The least a proxy can be: both bodies streamed, both sides ended together."""

    isLeaf = True
    streaming = True

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self.pool = pool
        self.open = 0

    def render(self, request: Any) -> int:
        body = None
        if request.head.length:
            body = request.body.take()
            if body is None:
                body = RequestRelay(request.body)
        self.open += 1
        Relay(self, request, body)
        return NOT_DONE_YET


@implementer(IBodyReceiver)
class Relay:
    def __init__(self, resource: Forward, request: Any, body: Any) -> None:
        self.resource, self.request = resource, request
        self.response: Any = None
        self.gone = False
        request.notifyFinish().addBoth(self.over)
        pool = resource.pool
        prepared = Prepared(pool.authority, request.method, request.uri, [])
        self.exchange = pool.send(prepared, body, self)

    def over(self, result: object) -> None:
        self.resource.open -= 1
        if isinstance(result, Failure):
            self.gone = True
            if self.response is not None:
                self.response.abort()
            else:
                self.exchange.cancel()

    def responded(self, response: Any) -> None:
        self.response = response
        body = response.take()
        if body is not None:
            self.request.respond(response.status, response.reason, [], body)
            return
        self.request.start(response.status, response.reason, [], response.length)
        self.request.registerProducer(response.body, True)
        response.deliver(self)

    def dataReceived(self, data: bytes) -> None:
        self.request.write(data)

    def ended(self) -> None:
        self.request.unregisterProducer()
        self.request.finish()

    def failed(self, reason: Failure) -> None:
        if self.gone:
            return
        if self.response is None:
            self.request.respond(502, None, [], b"")
        else:
            self.request.unregisterProducer()
            self.request.loseConnection()


class Slow(Resource):
    """An upstream that takes its time."""

    isLeaf = True

    def render_GET(self, request: Any) -> Any:
        if request.path in (b"/big", b"/some"):
            size = MEGABYTE if request.path == b"/big" else 16384
            request.setHeader(b"content-length", b"%d" % (64 * size))
            request.registerProducer(Pieces(request, size), False)
            return NOT_DONE_YET
        request.write(b"begun")
        call = reactor.callLater(random.random() * 0.05, request.finish)
        request.notifyFinish().addErrback(lambda reason: call.cancel())
        return NOT_DONE_YET

    def render_POST(self, request: Any) -> bytes:
        return b"%d" % len(request.content.read())


class Pieces:
    def __init__(self, request: Any, size: int) -> None:
        self.request = request
        self.piece = b"x" * size
        self.left = 64

    def resumeProducing(self) -> None:
        self.left -= 1
        self.request.write(self.piece)
        if not self.left:
            self.request.unregisterProducer()
            self.request.finish()

    def stopProducing(self) -> None:
        self.left = 0


@implementer(IStreamingResource)
class Sink(Resource):
    """An upstream that reads only when told to."""

    isLeaf = True
    streaming = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []
        self.received = 0

    def render(self, request: Any) -> int:
        self.requests.append(request)
        return NOT_DONE_YET

    def read(self) -> Deferred[int]:
        done: Deferred[int] = Deferred()
        sink = self

        class Count:
            def dataReceived(self, data: bytes) -> None:
                sink.received += len(data)

            def ended(self) -> None:
                sink.requests[0].respond(200, None, [], b"")
                done.callback(sink.received)

            def failed(self, reason: Failure) -> None:
                done.errback(reason)

        self.requests[0].body.deliver(Count())
        return done


class Client(Protocol):
    """Sends some bytes; counts what comes, or does not read at all."""

    def __init__(self, raw: bytes = b"", reads: bool = True) -> None:
        self.raw = raw
        self.reads = reads
        self.seen = 0
        self.tail = b""
        self.over: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        if not self.reads:
            self.transport.pauseProducing()
        self.transport.write(self.raw)

    def dataReceived(self, data: bytes) -> None:
        self.seen += len(data)
        self.tail = (self.tail + data)[-200:]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.over.callback(None)


class EnduranceCase(TestCase):
    timeout = 60

    def start(self, upstream: Resource) -> None:
        self.back = Site(upstream, reactor=reactor)
        back = reactor.listenTCP(0, self.back, 500, "127.0.0.1")
        origin = Origin("http", "127.0.0.1", back.getHost().port)
        endpoint = TCP4ClientEndpoint(reactor, origin.host, origin.port)
        turn: Any = Turn(reactor)  # type: ignore[arg-type]
        few = PoolSettings(connections=32)
        self.pool = Pool(origin, endpoint, reactor, few, turn=turn)
        self.forward = Forward(self.pool)
        self.front = Site(self.forward, reactor=reactor, turn=turn)
        front = reactor.listenTCP(0, self.front, 500, "127.0.0.1")
        self.port = front.getHost().port
        self.addCleanup(front.stopListening)
        self.addCleanup(back.stopListening)

    def connect(self, client: Client) -> Any:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        return connectProtocol(endpoint, client)

    @inlineCallbacks
    def stop(self) -> Any:
        yield self.front.drain(2)
        self.pool.close()
        yield self.back.drain(2)
        self.assertEqual(self.forward.open, 0)
        self.assertEqual(self.pool.open_connections, 0)

    def held(self) -> int:
        """Return how many bytes wait in our own buffers, of all connections."""
        ours = [*self.front._channels, *self.back._channels, *self.pool._busy]
        return sum(
            len(c.transport.dataBuffer) + c.transport._tempDataLen + c._reader.pending
            for c in ours
        )


class SlowPeers(EnduranceCase):
    @inlineCallbacks
    def test_a_slow_reader_holds_up_its_upstream_and_not_our_memory(self) -> Any:
        self.start(Slow())
        client = Client(b"GET /big HTTP/1.1\r\nHost: h\r\n\r\n", reads=False)
        yield self.connect(client)
        for _ in range(10):
            yield deferLater(reactor, 0.03, lambda: None)
            self.assertLess(self.held(), 4 * MEGABYTE)
        self.assertLess(client.seen, 64 * MEGABYTE)
        client.transport.resumeProducing()
        while client.seen < 64 * MEGABYTE:
            yield deferLater(reactor, 0.01, lambda: None)
            self.assertLess(self.held(), 4 * MEGABYTE)
        client.transport.loseConnection()
        yield client.over
        yield self.stop()

    @inlineCallbacks
    def test_a_slow_upstream_holds_up_the_client_and_not_our_memory(self) -> Any:
        sink = Sink()
        self.start(sink)
        size = 48 * MEGABYTE
        client = Client(
            b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size
        )
        yield self.connect(client)
        client.transport.write(b"x" * size)
        for _ in range(10):
            yield deferLater(reactor, 0.03, lambda: None)
            self.assertLess(self.held(), MEGABYTE)
        waiting = len(client.transport.dataBuffer) + client.transport._tempDataLen  # type: ignore[attr-defined]
        self.assertGreater(waiting, size // 2, "the client is held up")
        received = yield sink.read()
        self.assertEqual(received, size)
        while b"200 OK" not in client.tail:
            yield deferLater(reactor, 0.01, lambda: None)
        client.transport.loseConnection()
        yield client.over
        yield self.stop()


class VanishingPeers(EnduranceCase):
    @inlineCallbacks
    def test_a_thousand_vanishing_clients_leave_nothing_behind(self) -> Any:
        self.start(Slow())
        chance = random.Random(5)
        whole = [
            b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n" * 2,
            b"GET /some HTTP/1.1\r\nHost: h\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\n"
            + b"x" * 90000,
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\nhello\r\n0\r\n\r\n",
        ]

        @inlineCallbacks
        def come_and_go() -> Any:
            raw = chance.choice(whole)
            client = Client(
                raw[: chance.randrange(len(raw) + 1)], chance.random() < 0.7
            )
            yield self.connect(client)
            yield deferLater(reactor, chance.random() * 0.05, lambda: None)
            client.transport.abortConnection()
            yield client.over

        for _ in range(10):
            yield gatherResults([come_and_go() for _ in range(100)])
        for _ in range(100):
            if not self.front.open_connections and not self.forward.open:
                break
            yield deferLater(reactor, 0.02, lambda: None)
        self.assertEqual(self.front.open_connections, 0)
        self.assertEqual((self.forward.open, len(self.pool._busy)), (0, 0))
        self.assertEqual(self.pool.waiting, 0)
        yield self.stop()
