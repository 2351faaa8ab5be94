"""An MQTT broker in memory, driven by a Clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from edgeproxy.mqtt import packets as p
from edgeproxy.mqtt.decoding import Decoder
from edgeproxy.mqtt.encoding import encode


@implementer(ITCPTransport)
class Link(StringTransport):
    """The client's transport: gives what is written to the broker's decoder."""

    nodelay = False

    def __init__(self, broker: FakeBroker) -> None:
        super().__init__()
        self.broker = broker
        self.decoder = Decoder()
        self.up = True

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.nodelay = enabled

    def write(self, data: bytes) -> None:
        for packet in self.decoder.receive(data):
            self.broker.received.append(packet)
            self.broker.clock.callLater(0, self.broker.answer, self, packet)

    def send(self, *packets: p.Packet) -> None:
        """Deliver *packets* to the client now."""
        for packet in packets:
            if self.up:
                self.protocol.dataReceived(encode(packet))

    def lose(self, reason: Exception) -> None:
        if self.up:
            self.up = False
            self.protocol.connectionLost(Failure(reason))

    def loseConnection(self) -> None:
        super().loseConnection()
        self.broker.clock.callLater(0, self.lose, ConnectionDone())

    def abortConnection(self) -> None:
        self.broker.clock.callLater(0, self.lose, ConnectionAborted())


class FakeBroker:
    """Answers what a broker answers, as long as a test does not say otherwise.

    It is its own client endpoint. *down* refuses connections, *code* is the CONNACK
    return code, *mute* lists packet types that get no answer, *refuse* topics that
    may not be subscribed to; *on_publish* sees what clients publish.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.received: list[p.Packet] = []
        self.links: list[Link] = []
        self.down = False
        self.code = 0
        self.mute: set[type] = set()
        self.refuse: set[str] = set()
        self.on_publish: Callable[[p.Publish], None] = lambda publish: None
        self.attempts: list[float] = []

    @property
    def link(self) -> Link:
        return self.links[-1]

    def connect(self, factory: Any) -> Deferred[Any]:
        self.attempts.append(self.clock.seconds())
        if self.down:
            return fail(Refused())
        protocol = factory.buildProtocol(None)
        link = Link(self)
        link.protocol = protocol
        self.links.append(link)
        protocol.makeConnection(link)
        return succeed(protocol)

    def of(self, kind: type) -> list[Any]:
        """Return what was received of one packet type."""
        return [packet for packet in self.received if type(packet) is kind]

    def stop(self) -> None:
        """Go down, and lose the connections."""
        self.down = True
        self.link.lose(ConnectionDone())

    def answer(self, link: Link, packet: p.Packet) -> None:
        if type(packet) in self.mute:
            return
        if isinstance(packet, p.Connect):
            link.send(p.ConnAck(self.code))
            if self.code:
                link.lose(ConnectionDone())
        elif isinstance(packet, p.Subscribe):
            codes = (0x80 if t in self.refuse else qos for t, qos in packet.topics)
            link.send(p.SubAck(packet.packet_id, tuple(codes)))
        elif isinstance(packet, p.PingReq):
            link.send(p.PingResp())
        elif isinstance(packet, p.Publish):
            if packet.packet_id is not None:
                link.send(p.PubAck(packet.packet_id))
            self.on_publish(packet)
