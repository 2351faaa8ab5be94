"""One MQTT connection, seen from the client.

The bytes are the codec's business. Here are the waits: each answer of the server is
expected within a bound, and whatever is still expected fails when the connection ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from edgeproxy.mqtt.decoding import Decoder
from edgeproxy.mqtt.encoding import encode
from edgeproxy.mqtt.errors import (
    CONNACK_TEXTS,
    ConnectRefused,
    NotConnected,
    ProtocolError,
    SessionClosed,
    SubscriptionRefused,
)
from edgeproxy.mqtt.packets import (
    SUBSCRIPTION_REFUSED,
    ConnAck,
    Connect,
    Disconnect,
    Packet,
    PingReq,
    PingResp,
    PubAck,
    Publish,
    SubAck,
    Subscribe,
)

# Gives the topic, the payload, and whether the server had kept the message.
OnMessage = Callable[[str, bytes, bool], None]

# Seconds; a round trip to a cloud over a slow mobile link, three times retransmitted.
RESPONSE_TIMEOUT = 10.0

# Seconds from our goodbye to the end of patience with the peer's.
CLOSE_TIMEOUT = 1.0

# Within the keep-alive there must be a packet; a quarter of it is left for the way.
PING_AFTER = 0.75


class MQTTProtocol(Protocol):
    """A client's side of one connection.

    `login` first, then `subscribe` and `publish`. *ended* fires once, with the
    exception that says why the connection is gone; it never fails.
    """

    _log = Logger()

    def __init__(
        self,
        connect: Connect,
        clock: IReactorTime,
        on_message: OnMessage,
        response_timeout: float = RESPONSE_TIMEOUT,
    ) -> None:
        self.ended: Deferred[BaseException] = Deferred()
        self._connect = connect
        self._clock = clock
        self._on_message = on_message
        self._timeout = response_timeout
        self._decoder = Decoder()
        # What the server owes us: packet identifier (0: the CONNACK) to its waiter.
        self._owed: dict[int, Deferred[Packet]] = {}
        self._last_id = 0
        self._up = False
        self._logged_in = False
        self._pings = LoopingCall(self._ping)
        self._pings.clock = clock
        self._pong: Deferred[None] | None = None
        self._why: Failure | None = None
        self._farewell: IDelayedCall | None = None

    # -- what a client asks for ----------------------------------------------------

    def login(self) -> Deferred[None]:
        """Send CONNECT; fire when the server has accepted it.

        Fails with `ConnectRefused`, or with `SessionClosed` when no answer came.
        """

        def answered(packet: Packet) -> None:
            assert isinstance(packet, ConnAck)
            if packet.code:
                refusal = ConnectRefused(packet.code)
                self.abort(refusal)
                raise refusal
            self._logged_in = True
            if self._connect.keepalive:
                self._pings.start(self._connect.keepalive * PING_AFTER, now=False)

        return self._request(0, self._connect, "CONNECT").addCallback(answered)

    def subscribe(self, topics: Sequence[tuple[str, int]]) -> Deferred[None]:
        """Subscribe to *topics*, pairs of filter and QoS; fail if one is refused."""

        def answered(packet: Packet) -> None:
            assert isinstance(packet, SubAck)
            if len(packet.codes) != len(topics):
                error = ProtocolError("SUBACK of another length [MQTT-3.8.4-5]")
                self.abort(error)
                raise error
            refused = [
                topic
                for (topic, _), code in zip(topics, packet.codes, strict=True)
                if code == SUBSCRIPTION_REFUSED
            ]
            if refused:
                raise SubscriptionRefused(refused)

        packet_id = self._free_id()
        request = Subscribe(packet_id, tuple(topics))
        return self._request(packet_id, request, "SUBSCRIBE").addCallback(answered)

    def publish(
        self, topic: str, payload: bytes, qos: int = 0, retain: bool = False
    ) -> Deferred[None]:
        """Publish; fire when it is written (QoS 0) or acknowledged (QoS 1)."""
        if not self._logged_in:
            return fail(NotConnected("no MQTT connection"))
        if not qos:
            try:
                self._send(Publish(topic, payload, 0, retain))
            except ProtocolError:
                return fail()
            return succeed(None)
        packet_id = self._free_id()
        packet = Publish(topic, payload, qos, retain, packet_id=packet_id)
        return self._request(packet_id, packet, "PUBLISH").addCallback(lambda _: None)

    def check(self) -> None:
        """Have the connection dropped soon unless the server is still there."""
        if self._logged_in:
            self._ping()

    def disconnect(self) -> None:
        """Take leave politely and close."""
        if self._farewell is not None:
            return
        if self._logged_in:
            self._send(Disconnect())
        if self._up:
            assert self.transport is not None
            self.transport.loseConnection()
            # A TLS peer that is gone never says goodbye.
            self._farewell = self._clock.callLater(CLOSE_TIMEOUT, self.abort)

    def abort(self, why: Exception | None = None) -> None:
        """Drop the connection; *why* is what `ended` and all who wait are told."""
        if self._up:
            assert self.transport is not None
            if self._why is None and why is not None:
                self._why = Failure(why)
            transport: Any = self.transport
            transport.abortConnection()

    # -- transport -----------------------------------------------------------------

    def connectionMade(self) -> None:
        self._up = True
        if ITCPTransport.providedBy(self.transport):
            # Nagle against delayed ACK costs 44 ms for each round trip.
            self.transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        try:
            for packet in self._decoder.receive(data):
                if self._why is not None:
                    return
                self._received(packet)
        except ProtocolError as error:
            self.abort(error)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._up = self._logged_in = False
        why = self._why or reason
        if self._pings.running:
            self._pings.stop()
        if self._farewell is not None and self._farewell.active():
            self._farewell.cancel()
        if self._pong is not None:
            self._pong.cancel()
        owed, self._owed = self._owed, {}
        for waiter in owed.values():
            waiter.errback(why)
        assert why.value is not None
        self.ended.callback(why.value)

    # -- inside --------------------------------------------------------------------

    def _received(self, packet: Packet) -> None:
        if isinstance(packet, ConnAck):
            if 0 not in self._owed:
                # Cumulocity says so when it wants a client gone (error signal).
                text = CONNACK_TEXTS[packet.code]
                raise ProtocolError(f"a second CONNACK ({text}) [MQTT-3.2.0-1]")
            self._owed.pop(0).callback(packet)
        elif not self._logged_in:
            raise ProtocolError("a packet before CONNACK [MQTT-3.2.0-1]")
        elif isinstance(packet, Publish):
            self._message(packet)
        elif isinstance(packet, PingResp):
            if self._pong is not None:
                pong, self._pong = self._pong, None
                pong.callback(None)
        elif isinstance(packet, (PubAck, SubAck)):
            # Nobody waits any more when an answer comes after its timeout.
            if waiter := self._owed.pop(packet.packet_id, None):
                waiter.callback(packet)
        else:
            raise ProtocolError(f"{type(packet).__name__} from a server")

    def _message(self, packet: Publish) -> None:
        try:
            self._on_message(packet.topic, packet.payload, packet.retain)
        except Exception:
            self._log.failure("cannot handle a message on {topic}", topic=packet.topic)
        if packet.packet_id is not None and self._up:
            self._send(PubAck(packet.packet_id))

    def _request(self, key: int, packet: Packet, name: str) -> Deferred[Packet]:
        if not self._up:
            return fail(NotConnected("no MQTT connection"))
        try:
            self._send(packet)
        except ProtocolError:
            return fail()
        waiter: Deferred[Packet] = Deferred(lambda _: self._forget(key))
        self._owed[key] = waiter

        def timed_out(result: object, timeout: float) -> Packet:
            why = SessionClosed(f"no answer to {name} within {timeout:g} s")
            if name != "PUBLISH":
                self.abort(why)
            raise why

        return waiter.addTimeout(self._timeout, self._clock, timed_out)

    def _forget(self, key: int) -> None:
        self._owed.pop(key, None)

    def _free_id(self) -> int:
        while True:
            self._last_id = self._last_id % 0xFFFF + 1
            if self._last_id not in self._owed:
                return self._last_id

    def _ping(self) -> None:
        if self._pong is not None:
            return

        def timed_out(result: object, timeout: float) -> None:
            self._pong = None
            self.abort(SessionClosed(f"no PINGRESP within {timeout:g} s"))

        self._pong = Deferred()
        self._pong.addTimeout(self._timeout, self._clock, timed_out)
        # Cancelled when the connection ends first.
        self._pong.addErrback(lambda _: None)
        self._send(PingReq())

    def _send(self, packet: Packet) -> None:
        assert self.transport is not None
        self.transport.write(encode(packet))
