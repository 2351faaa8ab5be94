"""One port for TLS and for those who come without it, on real sockets."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from twisted.internet import reactor  # noqa: TID251 - real sockets
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.static import Data

from edgeproxy.c8y.redirect import NO_HOST, RedirectResource
from edgeproxy.http.server.site import Site
from edgeproxy.sandbox.certificates import Certificates
from edgeproxy.tls import oneport
from edgeproxy.tls.client import ClientTLS
from edgeproxy.tls.oneport import OnePortFactory
from edgeproxy.tls.server import ServerTLS

BIG = 32 << 20
GET = b"GET /x HTTP/1.1\r\nHost: localhost\r\n%b\r\n"
CLOSE = b"Connection: close\r\n"


class Client(Protocol):
    def __init__(self) -> None:
        self.seen = b""
        self.count = 0
        self.over: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.count += len(data)
        if self.count < 100_000:
            self.seen += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.over.callback(self.seen)


class OnePortTests(TestCase):
    timeout = 30

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.files = Certificates(self.folder / "one", "client")
        self.files.ensure()
        self.tls = ServerTLS(str(self.files.server_cert), str(self.files.server_key))
        leaf = Data(b"x" * BIG, "text/plain")
        leaf.isLeaf = True
        self.secure = Site(leaf, reactor=reactor)
        self.plain = Site(RedirectResource(), reactor=reactor)
        factory = OnePortFactory(self.tls, self.secure, self.plain, reactor)  # type: ignore[arg-type]
        self.port = reactor.listenTCP(0, factory, interface="127.0.0.1")

    @inlineCallbacks
    def tearDown(self) -> Any:
        yield self.port.stopListening()
        yield self.secure.drain(1)
        yield self.plain.drain(1)

    def connect(self, client: Client, tls: ClientTLS | None = None) -> Any:
        number = self.port.getHost().port
        endpoint: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", number)
        if tls is not None:
            endpoint = wrapClientTLS(tls, endpoint)
        return connectProtocol(endpoint, client)

    @inlineCallbacks
    def ask_plainly(self, *pieces: bytes) -> Any:
        client = yield self.connect(Client())
        client.transport.setTcpNoDelay(True)
        for piece in pieces:
            client.transport.write(piece)
            yield deferLater(reactor, 0.005)
        answer = yield client.over
        return answer

    @inlineCallbacks
    def test_plain_requests_are_sent_to_https(self) -> Any:
        raw = b"POST /c8y/x?y=%20z HTTP/1.1\r\nHost: gw:8001\r\n"
        raw += b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"
        whole = yield self.ask_plainly(raw)
        self.assertTrue(whole.startswith(b"HTTP/1.1 307 Temporary Redirect\r\n"))
        self.assertIn(b"\r\nLocation: https://gw:8001/c8y/x?y=%20z\r\n", whole)
        # However it is split, as by a slow client.
        for size in (1, 7, 19):
            pieces = [raw[i : i + size] for i in range(0, len(raw), size)]
            answer = yield self.ask_plainly(*pieces)
            self.assertEqual(answer.split(b"\r\n")[0], whole.split(b"\r\n")[0])

    @inlineCallbacks
    def test_a_request_without_a_host_is_told_to_use_https(self) -> Any:
        answer = yield self.ask_plainly(b"GET / HTTP/1.0\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 Bad Request\r\n"))
        self.assertTrue(answer.endswith(NO_HOST))

    @inlineCallbacks
    def test_what_is_neither_is_refused(self) -> Any:
        answer = yield self.ask_plainly(b"\x00\x01\x02\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "))

    @inlineCallbacks
    def test_a_silent_connection_is_not_kept(self) -> Any:
        self.patch(oneport, "FIRST_BYTE", 0.1)
        client = yield self.connect(Client())
        yield client.over

    @inlineCallbacks
    def test_there_are_only_so_many_silent_ones(self) -> Any:
        self.patch(oneport, "MOST_UNDECIDED", 2)
        silent = []
        for _ in range(2):
            client = yield self.connect(Client())
            silent.append(client)
        yield deferLater(reactor, 0.05)
        refused = yield self.connect(Client())
        yield refused.over
        for client in silent:
            client.transport.loseConnection()
            yield client.over
        yield deferLater(reactor, 0.05)
        answer = yield self.ask_plainly(b"GET / HTTP/1.0\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "))

    @inlineCallbacks
    def test_tls_is_served(self) -> Any:
        client = yield self.connect(
            Client(), ClientTLS("localhost", str(self.files.ca))
        )
        client.transport.write(GET % CLOSE)
        seen = yield client.over
        self.assertTrue(seen.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertGreater(client.count, BIG)

    def serial(self, client: Client) -> int:
        number: int = client.transport.getPeerCertificate().get_serial_number()
        return number

    @inlineCallbacks
    def test_a_renewed_certificate_is_shown_next_and_downloads_go_on(self) -> Any:
        trust = ClientTLS("localhost", str(self.files.ca))
        download = yield self.connect(Client(), trust)
        download.transport.write(GET % CLOSE)
        while not download.count:
            yield deferLater(reactor, 0.01)
        download.transport.pauseProducing()
        renewed = Certificates(self.folder / "two", "client")
        renewed.ensure()
        # The certificate comes before its key, as tools write them.
        shutil.copy(renewed.server_cert, self.files.server_cert)
        between = yield self.connect(Client(), trust)
        between.transport.write(GET % CLOSE)
        yield between.over
        shutil.copy(renewed.server_key, self.files.server_key)
        after = yield self.connect(Client(), ClientTLS("localhost", str(renewed.ca)))
        after.transport.write(GET % CLOSE)
        while not after.count:
            yield deferLater(reactor, 0.01)
        self.assertNotEqual(self.serial(after), self.serial(download))
        yield after.over
        download.transport.resumeProducing()
        yield download.over
        self.assertGreater(download.count, BIG)
