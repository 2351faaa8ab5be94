"""Connections through an HTTP proxy."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectionDone,
    ConnectionRefusedError,
    TimeoutError,
)
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from edgeproxy.http.client.connectproxy import (
    PATIENCE,
    ConnectProxyEndpoint,
    ProxyRefused,
    goes_direct,
)
from tests.http.wires import Upstream, Wire


class Proxy:
    """The endpoint of the proxy."""

    def __init__(self) -> None:
        self.wire = Wire()

    def connect(self, factory: Any) -> Deferred[Any]:
        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.wire)
        done: Deferred[Any] = Deferred()
        done.callback(self.protocol)
        return done


class Inner(Protocol):
    def __init__(self) -> None:
        self.received = b""
        self.lost: object = None

    def connectionMade(self) -> None:
        self.transport.write(b"hello")

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = reason


class ConnectTests(SynchronousTestCase):
    def connect(self, host: str = "t.example.com", login: Any = None) -> Any:
        self.clock, self.proxy, self.inner = Clock(), Proxy(), Inner()
        endpoint = ConnectProxyEndpoint(
            self.proxy,  # type: ignore[arg-type]
            host,
            443,
            self.clock,
        )
        if login is not None:
            endpoint.log_in_as(*login)
        verifyObject(IStreamClientEndpoint, endpoint)
        return endpoint.connect(Factory.forProtocol(lambda: self.inner))  # type: ignore[arg-type]

    def test_the_tunnel_is_asked_for_and_given_over(self) -> None:
        done = self.connect()
        self.assertEqual(
            self.proxy.wire.take(),
            b"CONNECT t.example.com:443 HTTP/1.1\r\nHost: t.example.com:443\r\n\r\n",
        )
        self.proxy.protocol.dataReceived(b"HTTP/1.1 200 Connection ")
        self.assertNoResult(done)
        self.proxy.protocol.dataReceived(
            b"established\r\nContent-Length: 5\r\n\r\nearly"
        )
        self.assertIs(self.successResultOf(done), self.inner)
        self.assertEqual(self.inner.received, b"early")
        self.assertEqual(self.proxy.wire.take(), b"hello")
        self.proxy.protocol.dataReceived(b" bird")
        self.assertEqual(self.inner.received, b"early bird")
        self.proxy.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertIsNotNone(self.inner.lost)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_login_is_sent_to_the_proxy(self) -> None:
        self.connect("2001:db8::1", ("me", "sec:ret"))
        self.assertEqual(
            self.proxy.wire.take(),
            b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n"
            b"Proxy-Authorization: Basic bWU6c2VjOnJldA==\r\n\r\n",
        )

    def test_what_the_proxy_says_is_the_failure(self) -> None:
        for answer, words in (
            (b"HTTP/1.1 407 Who are you\r\n\r\n", "answers 407 Who are you"),
            (b"HTTP/1.1 302 F\r\nLocation: /\r\n\r\n", "answers 302 F"),
            (b"SSH-2.0\r\n", "speaks no HTTP"),
        ):
            done = self.connect()
            self.proxy.protocol.dataReceived(answer)
            failure = self.failureResultOf(done, ProxyRefused)
            self.assertIn(words, str(failure.value))
            self.assertTrue(self.proxy.wire.aborted)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_proxy_that_closes_or_is_silent(self) -> None:
        done = self.connect()
        self.proxy.protocol.connectionLost(Failure(ConnectionDone()))
        self.failureResultOf(done, ProxyRefused)
        done = self.connect()
        self.clock.advance(PATIENCE)
        self.failureResultOf(done, TimeoutError)

    def test_a_proxy_that_is_down(self) -> None:
        clock, down = Clock(), Upstream()
        down.refuse = ConnectionRefusedError()
        endpoint = ConnectProxyEndpoint(down, "t.example.com", 443, clock)  # type: ignore[arg-type]
        done = endpoint.connect(Factory.forProtocol(Inner))  # type: ignore[arg-type]
        self.failureResultOf(done, ConnectionRefusedError)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_cancelling_gives_up(self) -> None:
        done = self.connect()
        done.cancel()
        self.failureResultOf(done, CancelledError, ProxyRefused)
        self.assertTrue(self.proxy.wire.aborted)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class DirectTests(SynchronousTestCase):
    def test_exceptions(self) -> None:
        for host, exceptions, expected in (
            ("t.example.com", [], False),
            ("t.example.com", ["*"], True),
            ("t.example.com", ["example.com"], True),
            ("t.example.com", [".example.com"], True),
            ("t.example.com", ["*.Example.com"], True),
            ("example.com", [".example.com"], True),
            ("badexample.com", ["example.com"], False),
            ("10.1.2.3", ["10.0.0.0/8"], True),
            ("10.1.2.3", ["10.1.2.3"], True),
            ("10.1.2.3", ["11.0.0.0/8", "nonsense"], False),
            ("2001:db8::1", ["2001:db8::/32"], True),
            ("localhost", ["localhost", "127.0.0.0/8"], True),
        ):
            found = goes_direct(host, exceptions)
            self.assertEqual(found, expected, (host, exceptions))
