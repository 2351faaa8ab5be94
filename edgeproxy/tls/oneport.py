"""One port for TLS and for those who come without it."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

# The first byte of a TLS connection: content type handshake (RFC 8446, section 5.1).
# No HTTP method begins with it.
_HANDSHAKE = 0x16

# Seconds until that has to be there. Afterwards the protocol has deadlines of its own.
FIRST_BYTE = 20.0

# Connections that have said nothing yet; more are turned away, as nobody needs them.
MOST_UNDECIDED = 1000


class OnePortFactory(ServerFactory):
    """Gives connections that begin with a handshake to *secure*, others to *plain*.

    *tls* is the ``IOpenSSLServerConnectionCreator``. One byte decides, however few of
    them arrive at first.
    """

    noisy = False

    def __init__(self, tls: Any, secure: Any, plain: Any, clock: IReactorTime) -> None:
        self.secure = TLSMemoryBIOFactory(tls, False, secure)
        self.secure.noisy = False
        self.wrappedFactory, self.plain = secure, plain
        self.clock = clock
        self.undecided = 0

    def startFactory(self) -> None:
        self.secure.doStart()
        self.plain.doStart()

    def stopFactory(self) -> None:
        self.secure.doStop()
        self.plain.doStop()

    def buildProtocol(self, addr: Any) -> Any:
        if self.undecided >= MOST_UNDECIDED:
            return None
        return _FirstByte(self, addr)


class _FirstByte(Protocol):
    """Waits for the byte that decides, and gives the connection away."""

    transport: Any

    def __init__(self, factory: OnePortFactory, addr: Any) -> None:
        self._factory = factory
        self._address = addr
        self._late: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._factory.undecided += 1
        clock = self._factory.clock
        self._late = clock.callLater(FIRST_BYTE, self.transport.abortConnection)

    def dataReceived(self, data: bytes) -> None:
        self._decided()
        factory = self._factory
        chosen = factory.secure if data[0] == _HANDSHAKE else factory.plain
        protocol: Any = chosen.buildProtocol(self._address)
        if protocol is None:
            self.transport.abortConnection()
            return
        # From here on the transport's calls go straight to the chosen one.
        self.dataReceived = protocol.dataReceived  # type: ignore[method-assign]
        self.connectionLost = protocol.connectionLost  # type: ignore[method-assign]
        protocol.makeConnection(self.transport)
        protocol.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._decided()

    def _decided(self) -> None:
        if self._late is not None:
            self._factory.undecided -= 1
            if self._late.active():
                self._late.cancel()
            self._late = None
