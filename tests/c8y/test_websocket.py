"""WebSockets through the door: the handshake, and bytes both ways, on real sockets."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor  # noqa: TID251 - real sockets
from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from edgeproxy.c8y.proxy import ProxyResource
from edgeproxy.http import tunnel
from edgeproxy.http.client.origin import Origin
from edgeproxy.http.client.pool import Pool
from edgeproxy.http.foreign import OwnNames
from edgeproxy.http.server.site import Site
from edgeproxy.http.turn import Turn
from tests.c8y.test_proxy import Credential

HANDSHAKE = (
    b"GET /c8y/notification2/consumer/?token=a%%2Bb.c HTTP/1.1\r\n"
    b"Host: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: binary, other\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n%b\r\n"
)
ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    b"Sec-WebSocket-Protocol: binary\r\n\r\n"
)


@implementer(IHalfCloseableProtocol)
class Peer(Protocol):
    """Takes what comes; *halves* counts how often the other side half closed.

    Unless it *stays*, it closes then.
    """

    stays = False

    def __init__(self) -> None:
        self.seen = b""
        self.count = self.halves = 0
        self.over: Deferred[None] = Deferred()
        self._waiting: list[tuple[bytes, Deferred[None]]] = []

    def dataReceived(self, data: bytes) -> None:
        self.count += len(data)
        if self.count > 1 << 20:
            return
        self.seen += data
        for wanted, done in self._waiting[:]:
            if wanted in self.seen:
                self._waiting.remove((wanted, done))
                done.callback(None)

    def until(self, wanted: bytes) -> Deferred[None]:
        """Fire once *wanted* has arrived."""
        if wanted in self.seen:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._waiting.append((wanted, done))
        return done

    def readConnectionLost(self) -> None:
        self.halves += 1
        if not self.stays:
            self.transport.loseConnection()

    def writeConnectionLost(self) -> None: ...

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.over.callback(None)


class WebSocketTests(TestCase):
    timeout = 10

    def setUp(self) -> None:
        self.cloud: list[Peer] = []

        def connected(_: object = None) -> Peer:
            self.cloud.append(Peer())
            return self.cloud[-1]

        factory = Factory.forProtocol(connected)  # type: ignore[arg-type]
        upstream = reactor.listenTCP(0, factory, interface="127.0.0.1")
        origin = Origin("http", "127.0.0.1", upstream.getHost().port)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", origin.port)
        turn: Any = Turn(reactor)  # type: ignore[arg-type]
        self.pool = Pool(origin, endpoint, reactor, turn=turn)
        self.credential = Credential()
        self.door = ProxyResource(
            self.pool, self.credential, {"127.0.0.1"}, OwnNames(["127.0.0.1"])
        )
        self.site = Site(self.door, reactor=reactor, turn=turn)
        self.front = reactor.listenTCP(0, self.site, interface="127.0.0.1")
        self.addCleanup(upstream.stopListening)

    @inlineCallbacks
    def tearDown(self) -> Any:
        yield self.front.stopListening()
        yield self.site.drain(1)
        self.pool.close()
        for peer in self.cloud:
            peer.transport.abortConnection()
            yield peer.over
        self.assertEqual(self.pool.open_connections, 0)

    @inlineCallbacks
    def handshake(self, *fields: bytes, answer: bytes = ACCEPTED) -> Any:
        """Return the client, its handshake answered by the cloud with *answer*."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.front.getHost().port)
        client = yield connectProtocol(endpoint, Peer())
        extra = b"".join(field + b"\r\n" for field in fields)
        client.transport.write(HANDSHAKE % extra)
        while not self.cloud:
            yield deferLater(reactor, 0.01)
        yield self.cloud[-1].until(b"\r\n\r\n")
        self.cloud[-1].transport.write(answer)
        yield client.until(b"\r\n\r\n")
        return client

    @inlineCallbacks
    def close(self, client: Peer) -> Any:
        client.transport.loseConnection()
        yield client.over
        yield self.cloud[-1].over

    @inlineCallbacks
    def test_the_handshake_is_between_the_two_ends(self) -> Any:
        client = yield self.handshake()
        line, *fields = self.cloud[0].seen.split(b"\r\n")[:-2]
        self.assertEqual(line, b"GET /notification2/consumer/?token=a%2Bb.c HTTP/1.1")
        self.assertEqual(
            sorted(fields),
            sorted(
                [
                    b"Host: " + self.pool.authority,
                    b"Connection: Upgrade",
                    b"Upgrade: websocket",
                    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                    b"Sec-WebSocket-Version: 13",
                    b"Sec-WebSocket-Protocol: binary, other",
                    b"Sec-WebSocket-Extensions: permessage-deflate",
                    b"Authorization: Bearer one",
                ]
            ),
        )
        head = client.seen.lower()
        self.assertTrue(head.startswith(b"http/1.1 101 switching protocols\r\n"))
        for field in ACCEPTED.lower().split(b"\r\n")[1:-2]:
            self.assertEqual(head.count(field), 1, field)
        self.assertNotIn(b"content-length", head)
        yield self.close(client)

    @inlineCallbacks
    def test_a_login_of_its_own_is_the_only_one(self) -> Any:
        client = yield self.handshake(b"Authorization: Basic x")
        self.assertEqual(self.cloud[0].seen.count(b"uthorization: "), 1)
        self.assertIn(b"Authorization: Basic x", self.cloud[0].seen)
        yield self.close(client)

    @inlineCallbacks
    def test_bytes_pass_as_they_are_both_ways(self) -> Any:
        early = b"\x81\x05early"
        client = yield self.handshake(answer=ACCEPTED + early)
        yield client.until(early)
        for number in range(50):
            client.transport.write(b"\x82up%d" % number)
            self.cloud[0].transport.write(b"\x82down%d" % number)
        yield self.cloud[0].until(b"up49")
        yield client.until(b"down49")
        self.assertTrue(self.cloud[0].seen.endswith(b"\x82up48\x82up49"))
        yield self.close(client)

    @inlineCallbacks
    def test_what_the_client_sends_at_once_waits_for_the_101(self) -> Any:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.front.getHost().port)
        client = yield connectProtocol(endpoint, Peer())
        client.transport.write(HANDSHAKE % b"" + b"\x81eager")
        while not self.cloud:
            yield deferLater(reactor, 0.01)
        yield self.cloud[0].until(b"\r\n\r\n")
        self.assertNotIn(b"eager", self.cloud[0].seen)
        self.cloud[0].transport.write(ACCEPTED)
        yield self.cloud[0].until(b"\x81eager")
        yield self.close(client)

    @inlineCallbacks
    def test_what_cumulocity_answers_instead_is_what_the_client_sees(self) -> Any:
        answer = b"HTTP/1.1 403 No Role\r\nContent-Length: 2\r\n\r\nno"
        client = yield self.handshake(answer=answer)
        yield client.until(b"\r\n\r\nno")
        self.assertIn(b"HTTP/1.1 403 No Role\r\n", client.seen)
        client.transport.loseConnection()
        yield client.over

    @inlineCallbacks
    def test_a_401_is_refreshed_once(self) -> Any:
        answer = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.front.getHost().port)
        client = yield connectProtocol(endpoint, Peer())
        client.transport.write(HANDSHAKE % b"")
        while not self.cloud:
            yield deferLater(reactor, 0.01)
        yield self.cloud[0].until(b"Bearer one")
        self.cloud[0].transport.write(answer)
        yield self.cloud[-1].until(b"Bearer two")
        self.cloud[-1].transport.write(ACCEPTED)
        yield client.until(b" 101 ")
        self.assertEqual(self.credential.asked, [b"Bearer one"])
        yield self.close(client)

    @inlineCallbacks
    def test_either_end_may_close_half(self) -> Any:
        client = yield self.handshake()
        self.cloud[0].stays = True
        client.transport.write(b"\x88last")
        client.transport.loseWriteConnection()
        yield self.cloud[0].until(b"\x88last")
        while not self.cloud[0].halves:
            yield deferLater(reactor, 0.01)
        # The other half goes on.
        self.cloud[0].transport.write(b"\x88bye")
        yield client.until(b"\x88bye")
        self.cloud[0].transport.loseConnection()
        yield client.over
        yield self.cloud[0].over

    @inlineCallbacks
    def test_one_that_has_closed_for_good_is_not_waited_for(self) -> Any:
        self.patch(tunnel, "LINGER", 0.2)
        client = yield self.handshake()
        self.cloud[0].stays = True
        client.transport.loseConnection()
        yield client.over
        while self.site.open_connections:
            yield deferLater(reactor, 0.01)

    @inlineCallbacks
    def test_an_end_that_vanishes_takes_the_other_along(self) -> Any:
        for end in ("client", "cloud"):
            client = yield self.handshake()
            ends = {"client": client, "cloud": self.cloud[-1]}
            ends[end].transport.abortConnection()
            yield client.over
            yield self.cloud[-1].over
            self.cloud.clear()

    @inlineCallbacks
    def test_a_reader_that_is_slow_slows_the_writer(self) -> Any:
        client = yield self.handshake()
        client.transport.pauseProducing()
        written, chunk = 0, b"\0" * (1 << 20)
        pauses: list[bool] = []

        class Writer:
            def pauseProducing(self) -> None:
                pauses.append(True)

            def resumeProducing(self) -> None: ...

            def stopProducing(self) -> None: ...

        self.cloud[0].transport.registerProducer(Writer(), True)
        for _ in range(64):
            self.cloud[0].transport.write(chunk)
            written += len(chunk)
            yield deferLater(reactor, 0.01)
        self.assertTrue(pauses)
        (channel,) = self.site._channels
        self.assertLess(len(channel.transport.dataBuffer), 8 << 20)
        self.cloud[0].transport.unregisterProducer()
        client.transport.resumeProducing()
        while client.count < written:
            yield deferLater(reactor, 0.01)
        yield self.close(client)

    @inlineCallbacks
    def test_tunnels_take_no_place_from_other_requests(self) -> Any:
        client = yield self.handshake()
        self.assertEqual(self.pool._places, 0)
        yield self.close(client)

    @inlineCallbacks
    def test_stopping_ends_them(self) -> Any:
        client = yield self.handshake()
        yield self.site.drain(5)
        yield client.over
        yield self.cloud[0].over

    @inlineCallbacks
    def test_a_page_of_somebody_else_gets_none(self) -> Any:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.front.getHost().port)
        client = yield connectProtocol(endpoint, Peer())
        client.transport.write(HANDSHAKE % b"Origin: http://evil.example\r\n")
        yield client.until(b" 403 ")
        self.assertEqual(self.cloud, [])
        client.transport.loseConnection()
        yield client.over
