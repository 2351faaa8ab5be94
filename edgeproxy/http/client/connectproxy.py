"""Through an HTTP proxy to somewhere else (CONNECT, RFC 9110 section 9.3.6)."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, TimeoutError
from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from edgeproxy.http.errors import ProtocolError
from edgeproxy.http.limits import Limits
from edgeproxy.http.reader import ResponseReader
from edgeproxy.http.responsehead import ResponseHead

# Seconds for the proxy to reach the host and say so.
PATIENCE = 10.0


class ProxyRefused(ConnectError):
    """The proxy does not connect; the text says what it answered."""


@implementer(IStreamClientEndpoint)
class ConnectProxyEndpoint:
    """Connects to *host* and *port* by the proxy that *proxy* connects to.

    What is spoken over the connection, TLS say, is between the host and whoever
    connects.
    """

    def __init__(
        self,
        proxy: IStreamClientEndpoint,
        host: str,
        port: int,
        clock: IReactorTime,
    ) -> None:
        name = f"[{host}]" if ":" in host else host
        authority = f"{name}:{port}"
        self._head = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n".encode()
        self._login = b""
        self._proxy, self._clock = proxy, clock

    def log_in_as(self, username: str, password: str) -> None:
        """Show these to the proxy from the next connection on."""
        pair = base64.b64encode(f"{username}:{password}".encode())
        self._login = b"Proxy-Authorization: Basic %s\r\n" % pair

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        """Return the protocol of *protocolFactory*, connected; see the interface."""
        request = self._head + self._login + b"\r\n"
        asking = _Asking(request, protocolFactory, self._clock)
        factory = Factory.forProtocol(lambda: asking)  # type: ignore[arg-type]
        factory.noisy = False
        connecting = self._proxy.connect(factory)
        done: Deferred[Any] = Deferred(
            lambda _: connecting.cancel() if not connecting.called else asking.give_up()
        )
        connecting.addCallbacks(lambda _: asking.answered, lambda failed: failed)
        connecting.addCallbacks(done.callback, done.errback)
        return done


class _Asking(Protocol):
    """Asks for the tunnel; its transport then belongs to the wrapped protocol."""

    transport: Any

    def __init__(self, request: bytes, factory: Any, clock: IReactorTime) -> None:
        self._request, self._factory = request, factory
        self._reader = ResponseReader(Limits())
        self._reader.method = b"CONNECT"
        self._clock = clock
        self._late: IDelayedCall | None = None
        self._inner: Any = None
        self.answered: Deferred[Any] = Deferred()

    def connectionMade(self) -> None:
        self._late = self._clock.callLater(PATIENCE, self._too_late)
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            head = self._reader.next()
            while isinstance(head, ResponseHead) and head.status < 200:
                head = self._reader.next()
        except ProtocolError as error:
            self._failed(ProxyRefused(string=f"the proxy speaks no HTTP: {error}"))
            return
        if not isinstance(head, ResponseHead):
            return
        if head.status >= 300:
            reason = head.reason.decode("latin-1")
            text = f"the proxy answers {head.status} {reason}"
            self._failed(ProxyRefused(string=text))
            return
        self._in_time()
        inner = self._factory.buildProtocol(self.transport.getPeer())
        # From here on the transport's calls go straight to it.
        self.dataReceived = inner.dataReceived  # type: ignore[method-assign]
        self.connectionLost = inner.connectionLost  # type: ignore[method-assign]
        inner.makeConnection(self.transport)
        rest = self._reader.rest()
        if rest:
            inner.dataReceived(rest)
        self.answered.callback(inner)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._failed(ProxyRefused(string="the proxy closed the connection"))

    def give_up(self) -> None:
        """Want no connection any more."""
        self._failed(ProxyRefused(string="cancelled"))

    def _too_late(self) -> None:
        self._failed(TimeoutError(string="the proxy does not answer"))

    def _in_time(self) -> None:
        late, self._late = self._late, None
        if late is not None and late.active():
            late.cancel()

    def _failed(self, error: Exception) -> None:
        self._in_time()
        if not self.answered.called:
            self.transport.abortConnection()
            self.answered.errback(error)


def goes_direct(host: str, exceptions: Iterable[str]) -> bool:
    """Say whether *host* is among the *exceptions* that need no proxy.

    Each is a host name, a domain (with or without a leading dot or ``*.``, which holds
    for all below it), an address, a network in CIDR form, or ``*``.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    for exception in exceptions:
        if exception == "*":
            return True
        if address is not None:
            try:
                if address in ipaddress.ip_network(exception.strip("[]"), strict=False):
                    return True
            except ValueError:
                continue
        else:
            domain = exception.lower().removeprefix("*").lstrip(".")
            if f".{host.lower()}".endswith(f".{domain}"):
                return True
    return False
