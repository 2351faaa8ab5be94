"""Rules that hold in both directions: strings, topics, packet types and flags."""

from __future__ import annotations

from edgeproxy.mqtt.errors import ProtocolError

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = range(1, 8)
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = range(8, 15)

# Table 2.2; PUBLISH carries DUP, QoS and RETAIN there and is checked by itself.
RESERVED_FLAGS = {
    CONNECT: 0,
    CONNACK: 0,
    PUBACK: 0,
    SUBSCRIBE: 2,
    SUBACK: 0,
    UNSUBSCRIBE: 2,
    UNSUBACK: 0,
    PINGREQ: 0,
    PINGRESP: 0,
    DISCONNECT: 0,
}

PROTOCOL_NAME = "MQTT"
PROTOCOL_LEVEL = 4

# §2.2.3: four bytes of seven bits.
LARGEST_REMAINING_LENGTH = 268_435_455

# §1.5.3: strings and binary fields carry a length of two bytes.
LONGEST_FIELD = 65_535


def check_string(text: str) -> str:
    """Return *text* if it may be a UTF-8 encoded string [MQTT-1.5.3-2]."""
    if "\0" in text:
        raise ProtocolError("NUL in a string [MQTT-1.5.3-2]")
    return text


def check_topic(topic: str) -> str:
    """Return *topic* if a message may be published to it."""
    if not topic:
        raise ProtocolError("empty topic name [MQTT-4.7.3-1]")
    if "+" in topic or "#" in topic:
        raise ProtocolError("wildcard in a topic name [MQTT-3.3.2-2]")
    return check_string(topic)


def check_filter(topic: str) -> str:
    """Return *topic* if one may subscribe to it (§4.7.1)."""
    if not topic:
        raise ProtocolError("empty topic filter [MQTT-4.7.3-1]")
    levels = topic.split("/")
    if any("#" in level for level in levels[:-1]) or (
        "#" in levels[-1] and levels[-1] != "#"
    ):
        raise ProtocolError("'#' is not the whole last level [MQTT-4.7.1-2]")
    if any("+" in level and level != "+" for level in levels):
        raise ProtocolError("'+' is not a whole level [MQTT-4.7.1-3]")
    return check_string(topic)


def check_qos(qos: int) -> int:
    """Return *qos* if it is one that edgeproxy speaks."""
    if qos == 2:
        raise ProtocolError("QoS 2 is not supported")
    if not 0 <= qos <= 2:
        raise ProtocolError("QoS out of range [MQTT-3.3.1-4]")
    return qos


def check_packet_id(packet_id: int | None) -> int:
    """Return *packet_id* if it is a packet identifier [MQTT-2.3.1-1]."""
    if packet_id is None or not 1 <= packet_id <= 0xFFFF:
        raise ProtocolError("packet identifier out of range [MQTT-2.3.1-1]")
    return packet_id
