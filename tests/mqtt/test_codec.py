"""The MQTT codec: bytes of the standard, round trips, and what must be refused."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.mqtt import packets as p
from edgeproxy.mqtt.decoding import Decoder
from edgeproxy.mqtt.encoding import encode, remaining_length
from edgeproxy.mqtt.errors import ProtocolError
from tests.mqtt.strategies import packets

# MQTT 3.1.1: figure 3.6 (CONNECT), 3.8 (CONNACK), table 3.9 (PUBLISH), §3.4, §3.8.3
# (SUBSCRIBE a/b and c/d), §3.9.3 (SUBACK), §3.10.3, §3.11 to §3.14.
EXAMPLES: list[tuple[p.Packet, bytes]] = [
    (
        p.Connect("c", True, 10, p.Will("w", b"bye", 1), "u", b"p"),
        b"\x10\x1b\x00\x04MQTT\x04\xce\x00\x0a"
        b"\x00\x01c\x00\x01w\x00\x03bye\x00\x01u\x00\x01p",
    ),
    (p.Connect("", True, 60), b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"),
    (p.Connect("x", False, 0), b"\x10\x0d\x00\x04MQTT\x04\x00\x00\x00\x00\x01x"),
    (p.ConnAck(), b"\x20\x02\x00\x00"),
    (p.ConnAck(0, True), b"\x20\x02\x01\x00"),
    (p.ConnAck(5), b"\x20\x02\x00\x05"),
    (p.Publish("a/b", b"", 1, packet_id=10), b"\x32\x07\x00\x03a/b\x00\x0a"),
    (p.Publish("a/b", b"hi", 1, True, True, 10), b"\x3b\x09\x00\x03a/b\x00\x0ahi"),
    (p.Publish("s/uat", b""), b"\x30\x07\x00\x05s/uat"),
    (p.Publish("a", b"\0\xff", retain=True), b"\x31\x05\x00\x01a\x00\xff"),
    (p.PubAck(0x1234), b"\x40\x02\x12\x34"),
    (
        p.Subscribe(10, (("a/b", 1), ("c/d", 2))),
        b"\x82\x0e\x00\x0a\x00\x03a/b\x01\x00\x03c/d\x02",
    ),
    (p.SubAck(10, (0, 2, 0x80)), b"\x90\x05\x00\x0a\x00\x02\x80"),
    (
        p.Unsubscribe(10, ("a/b", "c/d")),
        b"\xa2\x0c\x00\x0a\x00\x03a/b\x00\x03c/d",
    ),
    (p.UnsubAck(10), b"\xb0\x02\x00\x0a"),
    (p.PingReq(), b"\xc0\x00"),
    (p.PingResp(), b"\xd0\x00"),
    (p.Disconnect(), b"\xe0\x00"),
    # §1.5.3.1: U+2A6D4 and a byte order mark stay what they are.
    (p.Publish("A\U0002a6d4", b""), b"\x30\x07\x00\x05A\xf0\xaa\x9b\x94"),
    (p.Publish("\ufeff", b""), b"\x30\x05\x00\x03\xef\xbb\xbf"),
]

# Table 2.4.
LENGTHS = [
    (0, b"\x00"),
    (127, b"\x7f"),
    (128, b"\x80\x01"),
    (16_383, b"\xff\x7f"),
    (16_384, b"\x80\x80\x01"),
    (2_097_151, b"\xff\xff\x7f"),
    (2_097_152, b"\x80\x80\x80\x01"),
    (268_435_455, b"\xff\xff\xff\x7f"),
]

HEAD = b"\x00\x04MQTT\x04"

# What a receiver must refuse: the rule, then the bytes.
VIOLATIONS: list[tuple[str, bytes]] = [
    ("reserved packet type 0", b"\x00\x00"),
    ("reserved packet type 15", b"\xf0\x00"),
    ("CONNECT with flags", b"\x11\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"),
    ("SUBSCRIBE without its flags", b"\x80\x06\x00\x0a\x00\x01a\x00"),
    ("UNSUBSCRIBE without its flags", b"\xa0\x05\x00\x0a\x00\x01a"),
    ("PINGREQ with a body", b"\xc0\x01x"),
    ("remaining length of five bytes", b"\x30\x80\x80\x80\x80\x01"),
    ("longer than allowed", b"\x30\x80\x80\x04"),
    ("QoS 2", b"\x34\x05\x00\x01a\x00\x01"),
    ("QoS 3", b"\x36\x05\x00\x01a\x00\x01"),
    ("DUP with QoS 0", b"\x38\x03\x00\x01a"),
    ("PUBREC", b"\x50\x02\x00\x01"),
    ("PUBREL", b"\x62\x02\x00\x01"),
    ("PUBCOMP", b"\x70\x02\x00\x01"),
    ("packet identifier 0", b"\x32\x05\x00\x01a\x00\x00"),
    ("PUBACK 0", b"\x40\x02\x00\x00"),
    ("PUBACK with trailing bytes", b"\x40\x03\x00\x01x"),
    ("no topic name", b"\x30\x02\x00\x00"),
    ("'#' in a topic name", b"\x30\x03\x00\x01#"),
    ("'+' in a topic name", b"\x30\x05\x00\x03a/+"),
    ("NUL in a topic name", b"\x30\x03\x00\x01\x00"),
    ("surrogate in a topic name", b"\x30\x05\x00\x03\xed\xa0\x80"),
    ("overlong UTF-8", b"\x30\x04\x00\x02\xc0\x80"),
    ("string beyond the packet", b"\x30\x03\x00\x09a"),
    ("half a length", b"\x30\x01\x00"),
    ("unknown level", b"\x10\x0c\x00\x04MQTT\x05\x02\x00\x3c\x00\x00"),
    ("3.1", b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x00"),
    ("reserved connect flag", b"\x10\x0c" + HEAD + b"\x03\x00\x3c\x00\x00"),
    ("will QoS without will", b"\x10\x0c" + HEAD + b"\x0a\x00\x3c\x00\x00"),
    ("will retain without will", b"\x10\x0c" + HEAD + b"\x22\x00\x3c\x00\x00"),
    ("will QoS 2", b"\x10\x12" + HEAD + b"\x16\x00\x3c\x00\x00\x00\x01w\x00\x01x"),
    ("password alone", b"\x10\x0f" + HEAD + b"\x42\x00\x3c\x00\x00\x00\x01p"),
    ("no identifier, no clean session", b"\x10\x0c" + HEAD + b"\x00\x00\x3c\x00\x00"),
    ("CONNECT with trailing bytes", b"\x10\x0d" + HEAD + b"\x02\x00\x3c\x00\x00x"),
    ("CONNACK flags", b"\x20\x02\x02\x00"),
    ("CONNACK code", b"\x20\x02\x00\x06"),
    ("session present in a refusal", b"\x20\x02\x01\x05"),
    ("CONNACK too short", b"\x20\x01\x00"),
    ("SUBSCRIBE without filter", b"\x82\x02\x00\x0a"),
    ("SUBSCRIBE QoS 3", b"\x82\x06\x00\x0a\x00\x01a\x03"),
    ("SUBSCRIBE reserved QoS bits", b"\x82\x06\x00\x0a\x00\x01a\x80"),
    ("SUBSCRIBE without QoS", b"\x82\x05\x00\x0a\x00\x01a"),
    ("empty filter", b"\x82\x05\x00\x0a\x00\x00\x00"),
    ("'#' before the end", b"\x82\x08\x00\x0a\x00\x03#/a\x00"),
    ("'#' inside a level", b"\x82\x07\x00\x0a\x00\x02a#\x00"),
    ("'+' inside a level", b"\x82\x07\x00\x0a\x00\x02a+\x00"),
    ("SUBACK without code", b"\x90\x02\x00\x0a"),
    ("SUBACK reserved code", b"\x90\x03\x00\x0a\x03"),
    ("UNSUBSCRIBE without filter", b"\xa2\x02\x00\x0a"),
]

# What must not leave either: the same rules on the sending side.
UNSENDABLE: list[tuple[str, p.Packet]] = [
    ("QoS 2", p.Publish("a", b"", 2, packet_id=1)),
    ("QoS 3", p.Publish("a", b"", 3, packet_id=1)),
    ("QoS 1 without identifier", p.Publish("a", b"", 1)),
    ("QoS 0 with identifier", p.Publish("a", b"", 0, packet_id=1)),
    ("DUP with QoS 0", p.Publish("a", b"", 0, dup=True)),
    ("wildcard", p.Publish("a/#", b"")),
    ("empty topic", p.Publish("", b"")),
    ("NUL", p.Publish("\0", b"")),
    ("surrogate", p.Publish("\ud800", b"")),
    ("topic too long", p.Publish("a" * 65_536, b"")),
    ("identifier too large", p.PubAck(65_536)),
    ("password alone", p.Connect("c", password=b"p")),
    ("keep-alive too large", p.Connect("c", keepalive=65_536)),
    ("negative keep-alive", p.Connect("c", keepalive=-1)),
    ("no identifier, no clean session", p.Connect("", False)),
    ("will QoS 2", p.Connect("c", will=p.Will("w", b"", 2))),
    ("CONNACK code", p.ConnAck(6)),
    ("session present in a refusal", p.ConnAck(5, True)),
    ("no filter", p.Subscribe(1, ())),
    ("requested QoS", p.Subscribe(1, (("a", 3),))),
    ("bad filter", p.Subscribe(1, (("a#", 0),))),
    ("no code", p.SubAck(1, ())),
    ("SUBACK code", p.SubAck(1, (3,))),
    ("nothing to unsubscribe", p.Unsubscribe(1, ())),
]


def decode(data: bytes) -> list[p.Packet]:
    return list(Decoder().receive(data))


def outcome(decoder: Decoder, chunks: list[bytes]) -> tuple[list[p.Packet], str]:
    """Return the packets of *chunks*, and the error that ended them."""
    got: list[p.Packet] = []
    try:
        for chunk in chunks:
            for packet in decoder.receive(chunk):
                got.append(packet)
    except ProtocolError as error:
        return got, error.reason
    return got, ""


class CodecTests(SynchronousTestCase):
    def test_examples_are_encoded_byte_for_byte(self) -> None:
        for packet, data in EXAMPLES:
            self.assertEqual(encode(packet), data, packet)

    def test_examples_are_decoded(self) -> None:
        for packet, data in EXAMPLES:
            self.assertEqual(decode(data), [packet], data)

    def test_remaining_lengths_are_those_of_table_2_4(self) -> None:
        for length, data in LENGTHS:
            self.assertEqual(remaining_length(length), data)
        with self.assertRaises(ProtocolError):
            remaining_length(268_435_456)

    def test_violations_are_refused(self) -> None:
        for rule, data in VIOLATIONS:
            with self.assertRaises(ProtocolError, msg=rule):
                decode(data)

    def test_violations_are_not_sent(self) -> None:
        for rule, packet in UNSENDABLE:
            with self.assertRaises(ProtocolError, msg=rule):
                encode(packet)

    def test_unknown_protocol_level_says_what_to_answer(self) -> None:
        for data in (
            b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00",
            b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x00",
        ):
            error = self.assertRaises(ProtocolError, decode, data)
            self.assertEqual(error.connack, 1)

    def test_rejected_identifier_says_what_to_answer(self) -> None:
        error = self.assertRaises(
            ProtocolError, decode, b"\x10\x0c" + HEAD + b"\x00\x00\x3c\x00\x00"
        )
        self.assertEqual(error.connack, 2)

    def test_too_long_a_packet_is_refused_before_its_body_arrives(self) -> None:
        decoder = Decoder(max_packet_size=10)
        self.assertEqual(
            list(decoder.receive(b"\x30\x08\x00\x01a12345")), [p.Publish("a", b"12345")]
        )
        with self.assertRaises(ProtocolError):
            list(decoder.receive(b"\x30\x09"))

    def test_packets_before_a_violation_are_delivered(self) -> None:
        got, error = outcome(Decoder(), [b"\xc0\x00\xd0\x00\xf0\x00"])
        self.assertEqual(got, [p.PingReq(), p.PingResp()])
        self.assertIn("reserved packet type", error)

    def test_nothing_comes_after_a_violation(self) -> None:
        decoder = Decoder()
        self.assertRaises(ProtocolError, list, decoder.receive(b"\xf0"))
        self.assertRaises(ProtocolError, list, decoder.receive(b"\xc0\x00"))

    def test_passwords_and_payloads_stay_out_of_reprs(self) -> None:
        text = repr(p.Connect("c", username="u", password=b"hunter2"))
        text += repr(p.Publish("t", b"hunter2"))
        self.assertNotIn("hunter2", text)

    @settings(deadline=None)
    @given(packets)
    def test_what_is_encoded_decodes_to_the_same(self, packet: p.Packet) -> None:
        self.assertEqual(decode(encode(packet)), [packet])

    @settings(deadline=None)
    @given(st.lists(packets, max_size=4), st.binary(max_size=8), st.data())
    def test_any_split_gives_the_same_packets(
        self, sent: list[p.Packet], rest: bytes, data: st.DataObject
    ) -> None:
        stream = b"".join(map(encode, sent)) + rest
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=9)))
        edges = [0, *cuts, len(stream)]
        chunks = [stream[a:b] for a, b in pairwise(edges)]
        whole = outcome(Decoder(), [stream])
        self.assertEqual(outcome(Decoder(), chunks), whole)
        self.assertEqual(whole[0][: len(sent)], sent)

    @settings(deadline=None)
    @given(st.lists(st.binary(max_size=40), max_size=5))
    def test_no_input_raises_anything_else(self, chunks: list[bytes]) -> None:
        outcome(Decoder(), chunks)

    @settings(deadline=None)
    @given(packets, st.data())
    def test_no_damaged_packet_raises_anything_else(
        self, packet: p.Packet, data: st.DataObject
    ) -> None:
        damaged = bytearray(encode(packet))
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
        outcome(Decoder(), [bytes(damaged)])
