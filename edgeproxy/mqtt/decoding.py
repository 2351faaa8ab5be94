"""From bytes to packets, strictly.

What the standard calls a violation ends the stream: a peer that breaks one rule cannot
be trusted to keep the framing either. Each rule names its conformance statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edgeproxy.mqtt import grammar
from edgeproxy.mqtt.errors import CONNACK_TEXTS, ProtocolError
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
    UnsubAck,
    Unsubscribe,
    Will,
)

# Four times what Cumulocity lets through (16,184 bytes of payload).
MAX_PACKET_SIZE = 65_536


class Decoder:
    """Collects bytes and gives the packets in them.

    *max_packet_size* counts the whole packet, in bytes; a longer one is refused as
    soon as its length is known, before it is collected.
    """

    def __init__(self, max_packet_size: int = MAX_PACKET_SIZE) -> None:
        self._max_packet_size = max_packet_size
        self._buffer = bytearray()
        self._error: ProtocolError | None = None

    def receive(self, data: bytes) -> Iterator[Packet]:
        """Take *data* and iterate over the packets that are complete now.

        `ProtocolError` comes in its place in the stream: after the packets before it,
        and again from every later call.
        """
        if self._error is None:
            self._buffer += data
        return self._packets()

    def _packets(self) -> Iterator[Packet]:
        while True:
            try:
                packet = self._next()
            except ProtocolError as error:
                self._error = error
                self._buffer.clear()
                raise
            if packet is None:
                return
            yield packet

    def _next(self) -> Packet | None:
        if self._error is not None:
            raise self._error
        buffer = self._buffer
        if not buffer:
            return None
        kind, flags = buffer[0] >> 4, buffer[0] & 0x0F
        _check_first_byte(kind, flags)
        length = shift = 0
        start = 1
        while True:
            if start == len(buffer):
                return None
            digit = buffer[start]
            length |= (digit & 0x7F) << shift
            start += 1
            if not digit & 0x80:
                break
            shift += 7
            if start == 5:
                raise ProtocolError("remaining length longer than four bytes (§2.2.3)")
        if start + length > self._max_packet_size:
            raise ProtocolError(f"packet longer than {self._max_packet_size} bytes")
        if len(buffer) < start + length:
            return None
        body = bytes(buffer[start : start + length])
        del buffer[: start + length]
        fields = _Fields(body)
        packet = (
            _publish(fields, flags)
            if kind == grammar.PUBLISH
            else _DECODERS[kind](fields)
        )
        fields.end()
        return packet


def _check_first_byte(kind: int, flags: int) -> None:
    if kind == grammar.PUBLISH:
        qos = grammar.check_qos(flags >> 1 & 3)
        if flags & 0x08 and not qos:
            raise ProtocolError("DUP with QoS 0 [MQTT-3.3.1-2]")
    elif kind in (grammar.PUBREC, grammar.PUBREL, grammar.PUBCOMP):
        raise ProtocolError("QoS 2 is not supported")
    elif kind not in grammar.RESERVED_FLAGS:
        raise ProtocolError("reserved packet type (§2.2.1)")
    elif flags != grammar.RESERVED_FLAGS[kind]:
        raise ProtocolError("reserved flags [MQTT-2.2.2-2]")


class _Fields:
    """Reads the fields of one packet from its body."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    @property
    def more(self) -> bool:
        return self._at < len(self._body)

    def take(self, count: int) -> bytes:
        data = self._body[self._at : self._at + count]
        if len(data) < count:
            raise ProtocolError("packet ends inside a field")
        self._at += count
        return data

    def byte(self) -> int:
        return self.take(1)[0]

    def integer(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def binary(self) -> bytes:
        return self.take(self.integer())

    def string(self) -> str:
        try:
            return grammar.check_string(self.binary().decode("utf-8"))
        except UnicodeDecodeError:
            raise ProtocolError("string is not UTF-8 [MQTT-1.5.3-1]") from None

    def packet_id(self) -> int:
        return grammar.check_packet_id(self.integer())

    def rest(self) -> bytes:
        return self.take(len(self._body) - self._at)

    def end(self) -> None:
        if self.more:
            raise ProtocolError("trailing bytes in a packet")


def _connect(fields: _Fields) -> Connect:
    name, level = fields.string(), fields.byte()
    if (name, level) != (grammar.PROTOCOL_NAME, grammar.PROTOCOL_LEVEL):
        raise ProtocolError(
            f"protocol {name!r} level {level} [MQTT-3.1.2-2]", connack=1
        )
    flags, keepalive = fields.byte(), fields.integer()
    if flags & 0x01:
        raise ProtocolError("reserved connect flag [MQTT-3.1.2-3]")
    if not flags & 0x04 and flags & 0x38:
        raise ProtocolError("will flags without a will [MQTT-3.1.2-11]")
    if flags & 0x40 and not flags & 0x80:
        raise ProtocolError("password without user name [MQTT-3.1.2-22]")
    will_qos = grammar.check_qos(flags >> 3 & 3)
    clean = bool(flags & 0x02)
    client_id = fields.string()
    if not client_id and not clean:
        raise ProtocolError("empty client identifier [MQTT-3.1.3-8]", connack=2)
    will = None
    if flags & 0x04:
        topic = grammar.check_topic(fields.string())
        will = Will(topic, fields.binary(), will_qos, bool(flags & 0x20))
    username = fields.string() if flags & 0x80 else None
    password = fields.binary() if flags & 0x40 else None
    return Connect(client_id, clean, keepalive, will, username, password)


def _connack(fields: _Fields) -> ConnAck:
    flags, code = fields.byte(), fields.byte()
    if flags & 0xFE:
        raise ProtocolError("reserved CONNACK flags (§3.2.2.1)")
    if code not in CONNACK_TEXTS:
        raise ProtocolError("reserved CONNACK return code (§3.2.2.3)")
    if code and flags:
        raise ProtocolError("session present in a refusal [MQTT-3.2.2-4]")
    return ConnAck(code, bool(flags))


def _publish(fields: _Fields, flags: int) -> Publish:
    topic = grammar.check_topic(fields.string())
    qos = flags >> 1 & 3
    packet_id = fields.packet_id() if qos else None
    dup, retain = bool(flags & 0x08), bool(flags & 0x01)
    return Publish(topic, fields.rest(), qos, retain, dup, packet_id)


def _subscribe(fields: _Fields) -> Subscribe:
    packet_id = fields.packet_id()
    topics = []
    while fields.more:
        topic, qos = grammar.check_filter(fields.string()), fields.byte()
        # 2 is fine here: it is a wish, and the server grants what it speaks.
        if qos > 2:
            raise ProtocolError("requested QoS out of range [MQTT-3-8.3-4]")
        topics.append((topic, qos))
    if not topics:
        raise ProtocolError("no topic filter [MQTT-3.8.3-3]")
    return Subscribe(packet_id, tuple(topics))


def _suback(fields: _Fields) -> SubAck:
    packet_id, codes = fields.packet_id(), tuple(fields.rest())
    if not codes:
        raise ProtocolError("no return code (§3.9.3)")
    if any(code > 2 and code != SUBSCRIPTION_REFUSED for code in codes):
        raise ProtocolError("reserved SUBACK return code [MQTT-3.9.3-2]")
    return SubAck(packet_id, codes)


def _unsubscribe(fields: _Fields) -> Unsubscribe:
    packet_id = fields.packet_id()
    topics = []
    while fields.more:
        topics.append(grammar.check_filter(fields.string()))
    if not topics:
        raise ProtocolError("no topic filter [MQTT-3.10.3-2]")
    return Unsubscribe(packet_id, tuple(topics))


_DECODERS: dict[int, Callable[[_Fields], Packet]] = {
    grammar.CONNECT: _connect,
    grammar.CONNACK: _connack,
    grammar.PUBACK: lambda fields: PubAck(fields.packet_id()),
    grammar.SUBSCRIBE: _subscribe,
    grammar.SUBACK: _suback,
    grammar.UNSUBSCRIBE: _unsubscribe,
    grammar.UNSUBACK: lambda fields: UnsubAck(fields.packet_id()),
    grammar.PINGREQ: lambda fields: PingReq(),
    grammar.PINGRESP: lambda fields: PingResp(),
    grammar.DISCONNECT: lambda fields: Disconnect(),
}
