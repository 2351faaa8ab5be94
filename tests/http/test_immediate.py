"""Writing at once: nothing lost, nothing out of order, everybody paused in time."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor  # noqa: TID251 - TLS over a real socket
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import (
    CertificateOptions,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase, TestCase

from edgeproxy.http.immediate import AT_ONCE, writer
from tests.http.keys import self_signed


class Registry:
    """A reactor that only remembers who wants to write."""

    def __init__(self) -> None:
        self.writers: set[object] = set()

    def addReader(self, reader: object) -> None: ...

    def removeReader(self, reader: object) -> None: ...

    def addWriter(self, transport: object) -> None:
        self.writers.add(transport)

    def removeWriter(self, transport: object) -> None:
        self.writers.discard(transport)


class ImmediateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Registry()
        ours, self.peer = socket.socketpair()
        self.peer.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        self.transport: Any = Connection(ours, Protocol(), self.reactor)  # type: ignore[arg-type]
        self.transport.connected = 1
        self.write = writer(self.transport)
        self.addCleanup(self.peer.close)
        self.addCleanup(ours.close)

    def read(self) -> bytes:
        data = b""
        try:
            while piece := self.peer.recv(65536):
                data += piece
        except BlockingIOError:
            pass
        return data

    def test_what_fits_is_sent_on_the_spot(self) -> None:
        self.write(b"hello")
        self.assertEqual(self.read(), b"hello")
        self.assertEqual(self.reactor.writers, set())

    def test_what_does_not_fit_follows_in_order(self) -> None:
        data = bytes(range(256)) * 400
        self.write(data)
        self.assertEqual(self.reactor.writers, {self.transport})
        self.write(b"<next>")
        seen = b""
        while self.reactor.writers:
            seen += self.read()
            self.assertIsNone(self.transport.doWrite())
        self.assertEqual(seen + self.read(), data + b"<next>")
        self.write(b"<again>")
        self.assertEqual(self.read(), b"<again>")

    def test_a_full_socket_queues(self) -> None:
        while not self.reactor.writers:
            self.write(b"x" * 1000)
        before = len(self.read())
        self.write(b"y")
        self.assertEqual(self.read(), b"", "what was queued goes first")
        self.transport.doWrite()
        rest = self.read()
        self.assertTrue(rest.endswith(b"y"))
        self.assertEqual((before + len(rest) - 1) % 1000, 0)

    def test_a_producer_is_paused_and_resumed(self) -> None:
        calls = []

        class Producer:
            def pauseProducing(self) -> None:
                calls.append("pause")

            def resumeProducing(self) -> None:
                calls.append("resume")

            def stopProducing(self) -> None: ...

        self.transport.registerProducer(Producer(), True)
        self.write(b"x" * (AT_ONCE - 1))
        self.assertEqual(calls, ["pause"])
        while self.reactor.writers:
            self.read()
            self.transport.doWrite()
        self.assertEqual(calls, ["pause", "resume"])

    def test_more_than_a_transport_sends_in_one_go_is_its_own_business(self) -> None:
        self.write(b"x" * (AT_ONCE + 1))
        self.assertEqual(self.read(), b"")
        self.assertEqual(self.reactor.writers, {self.transport})

    def test_an_error_is_met_by_the_transport(self) -> None:
        self.peer.close()
        self.write(b"x")
        self.assertEqual(self.reactor.writers, {self.transport})
        self.assertIsInstance(self.transport.doWrite(), Exception)

    def test_a_closing_connection_keeps_its_ways(self) -> None:
        self.transport.disconnecting = 1
        self.write(b"x")
        self.assertEqual(self.read(), b"")
        self.transport.connected = 0
        self.write(b"y")
        self.assertEqual(self.read(), b"")

    def test_other_transports_are_left_alone(self) -> None:
        transport = StringTransport()
        self.assertEqual(writer(transport), transport.write)
        self.transport.TLS = True
        self.assertEqual(writer(self.transport), self.transport.write)


class TLSTests(TestCase):
    """Records of TLS leave at once too."""

    timeout = 10

    @inlineCallbacks
    def test_bytes_and_back_pressure_over_tls(self) -> Any:
        certificate = self_signed("localhost")
        size = 3_000_000

        class Server(Protocol):
            def connectionMade(self) -> None:
                self.write = writer(self.transport)

            def dataReceived(self, data: bytes) -> None:
                for _ in range(size // 30_000):
                    self.write(b"x" * 30_000)
                self.transport.loseConnection()

        done: Deferred[int] = Deferred()

        class Client(Protocol):
            seen = 0

            def connectionMade(self) -> None:
                write = writer(self.transport)
                below = self.transport.transport
                assert "write" in vars(below)
                write(b"go")

            def dataReceived(self, data: bytes) -> None:
                self.seen += len(data)

            def connectionLost(self, reason: Any = None) -> None:
                done.callback(self.seen)

        options = CertificateOptions(
            privateKey=certificate.privateKey.original, certificate=certificate.original
        )
        port = reactor.listenTCP(
            0,
            TLSMemoryBIOFactory(options, False, Factory.forProtocol(Server)),
            interface="127.0.0.1",
        )
        client = optionsForClientTLS(
            "localhost", trustRoot=trustRootFromCertificates([certificate])
        )
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        yield endpoint.connect(
            TLSMemoryBIOFactory(client, True, Factory.forProtocol(Client))
        )
        seen = yield done
        yield port.stopListening()
        self.assertEqual(seen, size)
