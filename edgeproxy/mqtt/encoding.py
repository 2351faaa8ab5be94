"""From packets to bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
)


def encode(packet: Packet) -> bytes:
    """Return the bytes of *packet*; `ProtocolError` if it breaks a rule itself."""
    kind, body_of = _ENCODERS[type(packet)]
    flags = (
        _publish_flags(packet)
        if isinstance(packet, Publish)
        else grammar.RESERVED_FLAGS[kind]
    )
    body = body_of(packet)
    return bytes([kind << 4 | flags]) + remaining_length(len(body)) + body


def remaining_length(length: int) -> bytes:
    """Return *length* as one to four bytes, seven bits each, lowest first (§2.2.3)."""
    if length > grammar.LARGEST_REMAINING_LENGTH:
        raise ProtocolError("packet too long (§2.2.3)")
    out = bytearray()
    while True:
        length, digit = length >> 7, length & 0x7F
        out.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(out)


def _binary(data: bytes) -> bytes:
    if len(data) > grammar.LONGEST_FIELD:
        raise ProtocolError("field longer than 65,535 bytes (§1.5.3)")
    return len(data).to_bytes(2, "big") + data


def _string(text: str) -> bytes:
    try:
        return _binary(grammar.check_string(text).encode("utf-8"))
    except UnicodeEncodeError:
        raise ProtocolError("surrogate in a string [MQTT-1.5.3-1]") from None


def _packet_id(packet_id: int | None) -> bytes:
    return grammar.check_packet_id(packet_id).to_bytes(2, "big")


def _connect(packet: Connect) -> bytes:
    if not packet.client_id and not packet.clean_session:
        raise ProtocolError("empty client identifier [MQTT-3.1.3-7]")
    if packet.password is not None and packet.username is None:
        raise ProtocolError("password without user name [MQTT-3.1.2-22]")
    if not 0 <= packet.keepalive <= 0xFFFF:
        raise ProtocolError("keep-alive out of range (§3.1.2.10)")
    flags = 0x02 if packet.clean_session else 0
    payload = _string(packet.client_id)
    if packet.will is not None:
        will = packet.will
        flags |= 0x04 | grammar.check_qos(will.qos) << 3 | will.retain << 5
        payload += _string(grammar.check_topic(will.topic)) + _binary(will.payload)
    if packet.username is not None:
        flags |= 0x80
        payload += _string(packet.username)
    if packet.password is not None:
        flags |= 0x40
        payload += _binary(packet.password)
    return (
        _string(grammar.PROTOCOL_NAME)
        + bytes([grammar.PROTOCOL_LEVEL, flags])
        + packet.keepalive.to_bytes(2, "big")
        + payload
    )


def _connack(packet: ConnAck) -> bytes:
    if packet.code not in CONNACK_TEXTS:
        raise ProtocolError("reserved CONNACK return code (§3.2.2.3)")
    if packet.code and packet.session_present:
        raise ProtocolError("session present in a refusal [MQTT-3.2.2-4]")
    return bytes([packet.session_present, packet.code])


def _publish_flags(packet: Publish) -> int:
    if packet.dup and not packet.qos:
        raise ProtocolError("DUP with QoS 0 [MQTT-3.3.1-2]")
    return packet.dup << 3 | grammar.check_qos(packet.qos) << 1 | packet.retain


def _publish(packet: Publish) -> bytes:
    topic = _string(grammar.check_topic(packet.topic))
    if packet.qos:
        return topic + _packet_id(packet.packet_id) + packet.payload
    if packet.packet_id is not None:
        raise ProtocolError("packet identifier with QoS 0 [MQTT-2.3.1-5]")
    return topic + packet.payload


def _acknowledgement(packet: PubAck | UnsubAck) -> bytes:
    return _packet_id(packet.packet_id)


def _subscribe(packet: Subscribe) -> bytes:
    if not packet.topics:
        raise ProtocolError("no topic filter [MQTT-3.8.3-3]")
    if any(not 0 <= qos <= 2 for _, qos in packet.topics):
        raise ProtocolError("requested QoS out of range [MQTT-3-8.3-4]")
    return _packet_id(packet.packet_id) + b"".join(
        _string(grammar.check_filter(topic)) + bytes([qos])
        for topic, qos in packet.topics
    )


def _suback(packet: SubAck) -> bytes:
    if not packet.codes:
        raise ProtocolError("no return code (§3.9.3)")
    if any(code not in (0, 1, 2, SUBSCRIPTION_REFUSED) for code in packet.codes):
        raise ProtocolError("reserved SUBACK return code [MQTT-3.9.3-2]")
    return _packet_id(packet.packet_id) + bytes(packet.codes)


def _unsubscribe(packet: Unsubscribe) -> bytes:
    if not packet.topics:
        raise ProtocolError("no topic filter [MQTT-3.10.3-2]")
    return _packet_id(packet.packet_id) + b"".join(
        _string(grammar.check_filter(topic)) for topic in packet.topics
    )


def _nothing(packet: Packet) -> bytes:
    return b""


_ENCODERS: dict[type, tuple[int, Callable[[Any], bytes]]] = {
    Connect: (grammar.CONNECT, _connect),
    ConnAck: (grammar.CONNACK, _connack),
    Publish: (grammar.PUBLISH, _publish),
    PubAck: (grammar.PUBACK, _acknowledgement),
    Subscribe: (grammar.SUBSCRIBE, _subscribe),
    SubAck: (grammar.SUBACK, _suback),
    Unsubscribe: (grammar.UNSUBSCRIBE, _unsubscribe),
    UnsubAck: (grammar.UNSUBACK, _acknowledgement),
    PingReq: (grammar.PINGREQ, _nothing),
    PingResp: (grammar.PINGRESP, _nothing),
    Disconnect: (grammar.DISCONNECT, _nothing),
}
