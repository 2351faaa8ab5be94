"""What holds of the sans-IO core whatever the bytes."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.http import grammar
from edgeproxy.http.errors import ProtocolError
from edgeproxy.http.head import CHUNKED, HeadCheck
from edgeproxy.http.limits import Limits
from edgeproxy.http.memo import HeadMemo
from edgeproxy.http.reader import End, MessageReader, RequestReader, ResponseReader
from edgeproxy.http.requesthead import RequestHead, parse_request_head, request_check
from edgeproxy.http.responsehead import ResponseHead
from edgeproxy.http.writer import BodyWriter
from tests.http import requests_table, responses_table

quick = settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck)
)

SMALL = Limits(
    start_line=64, header_bytes=128, header_count=5, chunk_line=24, trailer_bytes=64
)

# Fragments that come close to being right find more than random bytes.
FRAGMENTS = [
    b"GET / HTTP/1.1\r\n", b"POST /a HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 C\r\n\r\n", b"Host: h\r\n", b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n", b"\r\n", b"\r", b"\n", b" ", b":",
    b"3\r\nabc\r\n",
    b"0\r\n\r\n", b"abc", b"\0", b"A: b\r\n", b"x" * 70, b";a=b", b"1",
    b"0\r\nT: u\r\n",
]  # fmt: skip

streams = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=4), max_size=14).map(
    b"".join
) | st.sampled_from([row.raw for row in requests_table.ROWS if len(row.raw) < 500])

VCHARS = bytes(range(0x21, 0x7F))


def text(alphabet: bytes, least: int, most: int) -> st.SearchStrategy[bytes]:
    return st.lists(st.sampled_from(alphabet), min_size=least, max_size=most).map(bytes)


names = text(bytes(c for c in VCHARS if grammar.TOKEN.match(bytes([c]))), 1, 12)
values = text(VCHARS + b" \t" + bytes(range(0x80, 0x100)), 0, 20).map(
    lambda value: value.strip(b" \t")
)
SPECIAL = {
    b"host", b"content-length", b"transfer-encoding", b"expect", b"connection"
}  # fmt: skip
fields = st.lists(
    st.tuples(names, values).filter(lambda field: field[0].lower() not in SPECIAL),
    max_size=8,
)
methods = text(b"ABCDEFGHINOPRSTU", 1, 8).filter(lambda m: m != b"CONNECT")
targets = text(VCHARS.replace(b"#", b""), 0, 20).map(lambda rest: b"/" + rest)


def describe(event: object) -> object:
    if isinstance(event, RequestHead):
        return (event.method, event.uri, event.fields, event.length, event.keep_alive)
    assert isinstance(event, ResponseHead)
    return (event.status, event.reason, event.fields, event.length, event.keep_alive)


def events(reader: MessageReader, pieces: list[bytes]) -> list[object]:
    """Return all events, with the pieces of each body joined, and how it ended."""
    seen: list[object] = []
    try:
        for piece in pieces:
            reader.feed(piece)
            while (event := reader.next()) is not None:
                if isinstance(event, End):
                    seen.append(("end", reader.trailers))
                elif not isinstance(event, bytes):
                    seen.append(describe(event))
                elif seen and isinstance(seen[-1], bytes):
                    seen[-1] += event
                else:
                    seen.append(event)
        reader.eof()
    except ProtocolError as error:
        seen.append((error.status, error.section, error.detail))
    return seen


def split(raw: bytes, cuts: list[int]) -> list[bytes]:
    at = [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
    return [raw[a:b] for a, b in pairwise(at)]


class CoreProperties(SynchronousTestCase):
    @quick
    @given(
        st.lists(st.sampled_from([row.raw for row in requests_table.ROWS]), max_size=4),
        st.lists(st.integers(0, 600), max_size=6),
    )
    def test_requests_that_are_known_read_as_new_ones_do(
        self, raws: list[bytes], cuts: list[int]
    ) -> None:
        raw = b"".join(raws)
        new = events(RequestReader(SMALL), [raw])
        memo: HeadMemo[RequestHead] = HeadMemo()
        for _ in range(2):
            self.assertEqual(events(RequestReader(SMALL, memo), [raw]), new)
        pieces = split(raw, cuts)
        self.assertEqual(events(RequestReader(SMALL, memo), pieces), new)

    @quick
    @given(
        st.lists(
            st.tuples(
                st.sampled_from([row.raw for row in responses_table.ROWS]),
                st.sampled_from([b"GET", b"HEAD", b"POST", b"CONNECT"]),
            ),
            max_size=4,
        )
    )
    def test_responses_that_are_known_read_as_new_ones_do(
        self, answers: list[tuple[bytes, bytes]]
    ) -> None:
        memo: HeadMemo[ResponseHead] = HeadMemo()
        for _ in range(2):
            for raw, method in answers:
                new, known = ResponseReader(SMALL), ResponseReader(SMALL, memo)
                new.method = known.method = method
                expected = events(new, [raw])
                self.assertEqual(events(known, [raw]), expected)
                at_once = ResponseReader(SMALL, memo)
                at_once.method = method
                at_once.feed(raw)
                answer = at_once.answer()
                if answer is not None:
                    head, body = answer
                    told = [describe(head), *([body] if body else []), ("end", [])]
                    self.assertEqual(told, expected)
                    self.assertTrue(at_once.between)

    @quick
    @given(streams, st.lists(st.integers(0, 600), max_size=12))
    def test_any_split_of_requests_gives_the_same_events(
        self, raw: bytes, cuts: list[int]
    ) -> None:
        whole = events(RequestReader(SMALL), [raw])
        self.assertEqual(events(RequestReader(SMALL), split(raw, cuts)), whole)
        self.assertEqual(
            events(RequestReader(SMALL), [raw[i : i + 1] for i in range(len(raw))]),
            whole,
        )

    @quick
    @given(
        streams | st.sampled_from([row.raw for row in responses_table.ROWS]),
        st.lists(st.integers(0, 600), max_size=12),
    )
    def test_any_split_of_responses_gives_the_same_events(
        self, raw: bytes, cuts: list[int]
    ) -> None:
        whole = events(ResponseReader(SMALL), [raw])
        self.assertEqual(events(ResponseReader(SMALL), split(raw, cuts)), whole)

    @quick
    @given(st.binary(max_size=300))
    def test_no_input_raises_anything_but_the_protocol_error(self, raw: bytes) -> None:
        events(RequestReader(SMALL), [raw])
        events(ResponseReader(SMALL), [raw])

    @quick
    @given(streams)
    def test_the_one_pass_and_the_walk_agree(self, raw: bytes) -> None:
        """What the expressions accept, the line by line check has no fault with."""
        limits = Limits()
        silent = HeadCheck(limits, frozenset(range(256)), lambda line: None, 1, 1, 1)
        try:
            parsed = parse_request_head(raw, 0, limits, silent)
        except ProtocolError:
            return
        if parsed is not None:
            request_check(limits).walk(raw, 0)

    @quick
    @given(methods, targets, fields)
    def test_a_request_head_survives_the_wire(
        self, method: bytes, target: bytes, others: list[tuple[bytes, bytes]]
    ) -> None:
        head = RequestHead(method, target, 1, [(b"Host", b"h:1"), *others])
        reader = RequestReader(Limits())
        reader.feed(head.serialise())
        again = reader.next()
        assert isinstance(again, RequestHead)
        self.assertEqual(
            (again.method, again.target, again.fields, again.minor),
            (method, target, head.fields, 1),
        )
        self.assertEqual(reader.pending, 0)

    @quick
    @given(st.integers(200, 599), values, fields)
    def test_a_response_head_survives_the_wire(
        self, status: int, reason: bytes, others: list[tuple[bytes, bytes]]
    ) -> None:
        head = ResponseHead(b"GET", 1, status, reason, others)
        reader = ResponseReader(Limits())
        reader.feed(head.serialise())
        again = reader.next()
        assert isinstance(again, ResponseHead)
        self.assertEqual(
            (again.status, again.reason, again.fields), (status, reason, others)
        )

    @quick
    @given(st.lists(st.binary(max_size=50)), st.booleans(), fields)
    def test_a_body_survives_the_wire(
        self, pieces: list[bytes], chunked: bool, trailers: list[tuple[bytes, bytes]]
    ) -> None:
        body = b"".join(pieces)
        length = CHUNKED if chunked else len(body)
        framing = (
            (b"Transfer-Encoding", b"chunked")
            if chunked
            else (b"Content-Length", b"%d" % len(body))
        )
        head = RequestHead(b"PUT", b"/", 1, [(b"Host", b"h"), framing])
        writer = BodyWriter(length)
        raw = head.serialise() + b"".join(map(writer.data, pieces))
        raw += writer.end(trailers if chunked else None)
        seen = events(RequestReader(Limits()), [raw])
        expected = [describe(head), body, ("end", trailers if chunked else [])]
        self.assertEqual(seen, [item for item in expected if item != b""])

    def test_a_writer_lets_neither_more_nor_less_out_than_announced(self) -> None:
        writer = BodyWriter(3)
        self.assertEqual(writer.data(b"ab"), b"ab")
        self.assertRaises(ValueError, writer.data, b"cd")
        self.assertRaises(ValueError, writer.end)

    def test_no_expression_backtracks(self) -> None:
        """What repeats cannot give back, so a long line costs its length."""
        long = b"a" * 100_000
        self.assertIsNone(grammar.FIELD_LINE.match(long))
        self.assertIsNone(grammar.CHUNK_LINE.match(b"1" + b";a" * 50_000))
        self.assertIsNone(grammar.HOST.fullmatch(long + b"/"))
