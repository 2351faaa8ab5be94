"""The SASL layer, byte by byte."""

from __future__ import annotations

from itertools import pairwise

import proton
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.amqp.sasl import (
    AUTH_FAILED,
    OK,
    SASL_HEADER,
    Anonymous,
    Plain,
    SaslError,
    SaslServer,
    _frame,
)

INIT = 0x41


def init(mechanism: str, response: bytes | None) -> bytes:
    return _frame(INIT, [proton.symbol(mechanism), response])


PLAIN = init("PLAIN", b"\0user\0pass\xc3\xa9")

# (what the peer sends after its header, how it is refused)
BAD = [
    (b"\x00\x00\x00\x07\x02\x01\x00\x00", b""),  # smaller than its own header
    (b"\x00\x00\x02\x01\x02\x01\x00\x00", b""),  # larger than 512 bytes
    (b"\x00\x00\x00\x08\x02\x00\x00\x00", b""),  # an AMQP frame
    (b"\x00\x00\x00\x08\x01\x01\x00\x00", b""),  # data offset within the header
    (b"\x00\x00\x00\x08\x02\x01\x00\x00", b""),  # empty
    (b"\x00\x00\x00\x0c\x02\x01\x00\x00\x00SA\x00", b""),  # no list
    (b"\x00\x00\x00\x0c\x02\x01\x00\x00\x00SA\x45", b""),  # an empty list
    (_frame(0x44, [proton.ubyte(0)]), b""),  # an outcome
    (b"\x00\x00\x00\x0d\x02\x01\x00\x00\x73\xd0\x00\x00\x00", b""),  # no character
    (init("PLAIN", None), SaslServer([]).outcome(AUTH_FAILED)),
    (init("PLAIN", b"user\0pass"), SaslServer([]).outcome(AUTH_FAILED)),
    (init("EXTERNAL", b""), SaslServer([]).outcome(AUTH_FAILED)),
]


class SaslTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sasl = SaslServer(["PLAIN", "ANONYMOUS"])

    def test_mechanisms_are_offered_after_the_header(self) -> None:
        reply, credentials = self.sasl.receive(SASL_HEADER)
        self.assertTrue(reply.startswith(SASL_HEADER + b"\x00\x00\x00"))
        self.assertIn(b"PLAIN", reply)
        self.assertIn(b"ANONYMOUS", reply)
        self.assertIsNone(credentials)

    def test_plain_credentials(self) -> None:
        _, credentials = self.sasl.receive(SASL_HEADER + PLAIN + b"AMQP")
        self.assertEqual(credentials, Plain(b"user", b"pass\xc3\xa9"))
        self.sasl.hold(b"rest")
        self.assertEqual(self.sasl.rest(), b"AMQPrest")
        self.assertNotIn("pass", repr(credentials))

    def test_anonymous_credentials(self) -> None:
        for response in (None, b"", b"trace"):
            sasl = SaslServer(["ANONYMOUS"])
            _, found = sasl.receive(SASL_HEADER + init("ANONYMOUS", response))
            self.assertEqual(found, Anonymous())

    def test_the_outcome_is_a_frame(self) -> None:
        self.assertEqual(self.sasl.outcome(OK)[:8], b"\x00\x00\x00\x16\x02\x01\x00\x00")

    def test_another_protocol_is_told_what_we_speak(self) -> None:
        for header in (b"AMQP\x00\x01\x00\x00", b"GET / HTTP/1.1\r\n", b"GET"):
            with self.assertRaises(SaslError) as caught:
                SaslServer(["PLAIN"]).receive(header)
            self.assertEqual(caught.exception.args[0], SASL_HEADER)

    def test_bad_frames_are_refused(self) -> None:
        for frame, reply in BAD:
            sasl = SaslServer(["PLAIN", "ANONYMOUS"])
            with self.assertRaises(SaslError) as caught:
                sasl.receive(SASL_HEADER + frame)
            self.assertEqual(caught.exception.args[0], reply, frame)

    @given(st.lists(st.integers(0, len(SASL_HEADER + PLAIN)), max_size=6))
    def test_any_split_gives_the_same_credentials(self, cuts: list[int]) -> None:
        data, sasl, found = SASL_HEADER + PLAIN, SaslServer(["PLAIN"]), []
        edges = [0, *sorted(cuts), len(data)]
        for start, end in pairwise(edges):
            _, credentials = sasl.receive(data[start:end])
            if credentials is not None:
                found.append(credentials)
        self.assertEqual(found, [Plain(b"user", b"pass\xc3\xa9")])

    @given(st.binary(max_size=200))
    def test_no_input_raises_anything_else(self, data: bytes) -> None:
        for prefix in (b"", SASL_HEADER, SASL_HEADER + b"\x00\x00\x00\x20\x02\x01\0\0"):
            try:
                SaslServer(["PLAIN"]).receive(prefix + data)
            except SaslError:
                pass
