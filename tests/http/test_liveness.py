"""What the kernel is told about connections to servers."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.http.client.liveness import ASK_AFTER, UNACKNOWLEDGED, watch
from edgeproxy.tls.client import ClientTLS


class Transport:
    """What TLS has below it: a socket."""

    disconnecting = False

    def __init__(self, handle: socket.socket) -> None:
        self.handle = handle

    def getHandle(self) -> socket.socket:
        return self.handle

    def write(self, data: bytes) -> None: ...


class WatchTests(SynchronousTestCase):
    def socket(self, family: socket.AddressFamily) -> socket.socket:
        handle = socket.socket(family)
        self.addCleanup(handle.close)
        return handle

    def is_watched(self, handle: socket.socket) -> None:
        def option(level: int, name: int) -> int:
            return handle.getsockopt(level, name)

        self.assertEqual(option(socket.SOL_SOCKET, socket.SO_KEEPALIVE), 1)
        self.assertEqual(option(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), ASK_AFTER)
        self.assertEqual(
            option(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT), UNACKNOWLEDGED * 1000
        )

    def test_tcp(self) -> None:
        handle = self.socket(socket.AF_INET)
        watch(Transport(handle))
        self.is_watched(handle)

    def test_tls(self) -> None:
        handle = self.socket(socket.AF_INET)
        inner: Any = Factory.forProtocol(Protocol)
        factory = TLSMemoryBIOFactory(ClientTLS("t.example.com", None), True, inner)
        tls = factory.buildProtocol(None)
        tls.makeConnection(Transport(handle))
        watch(tls)
        self.is_watched(handle)

    def test_what_is_no_tcp_is_left_alone(self) -> None:
        watch(object())
        watch(Transport(self.socket(socket.AF_UNIX)))
        closed = self.socket(socket.AF_INET)
        closed.close()
        watch(Transport(closed))
