"""Which heads are known again, and which never are."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.http.limits import Limits
from edgeproxy.http.memo import LONGEST, MOST, HeadMemo
from edgeproxy.http.reader import RequestReader, ResponseReader
from edgeproxy.http.requesthead import RequestHead
from edgeproxy.http.responsehead import ResponseHead


class RequestTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.memo: HeadMemo[RequestHead] = HeadMemo()
        self.reader = RequestReader(Limits(), self.memo)

    def known(self, raw: bytes) -> bool:
        """Read *raw* twice; say whether the second time it was known."""
        heads = []
        for _ in range(2):
            self.reader.feed(raw)
            heads.append(self.reader.head())
            self.reader.whole()
        return heads[0] is heads[1]

    def test_a_head_that_comes_again_is_known(self) -> None:
        self.assertTrue(self.known(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"))
        self.assertTrue(
            self.known(b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx")
        )

    def test_what_holds_a_secret_is_not_kept(self) -> None:
        for field in (
            b"Authorization: Basic eA==",
            b"cookie: authorization=x",
            b"X-XSRF-TOKEN: x",
            b"TFAToken: x",
            b"Proxy-Authorization: x",
        ):
            raw = b"GET / HTTP/1.1\r\nHost: h\r\n%b\r\n\r\n" % field
            self.assertFalse(self.known(raw), field)
        self.assertFalse(
            self.known(b"GET /notification2/?Token=x HTTP/1.1\r\nHost: h\r\n\r\n")
        )

    def test_long_heads_are_not_kept(self) -> None:
        head = b"GET / HTTP/1.1\r\nHost: h\r\nA: %b\r\n\r\n"
        self.assertTrue(self.known(head % (b"a" * (LONGEST - len(head) + 2))))
        self.assertFalse(self.known(head % (b"a" * (LONGEST - len(head) + 3))))

    def test_there_are_never_more_than_that(self) -> None:
        for number in range(3 * MOST):
            self.known(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % number)
        self.assertLessEqual(len(self.memo._heads), MOST)


class ResponseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.memo: HeadMemo[ResponseHead] = HeadMemo()

    def answer(self, raw: bytes, method: bytes = b"GET") -> bytes | None:
        """Return the body of *raw* if its head was known."""
        for _ in range(2):
            reader = ResponseReader(Limits(), self.memo)
            reader.method = method
            reader.feed(raw)
            found = reader.answer()
            reader.next()
        return None if found is None else found[1]

    def test_a_small_answer_is_taken_at_once(self) -> None:
        raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
        self.assertEqual(self.answer(raw), b"ab")

    def test_nothing_else_is(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
        for raw in (
            head + b"\r\na",
            head + b"\r\nabc",
            head + b"Set-Cookie: x\r\n\r\nab",
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 101 Switching\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ):
            self.assertIsNone(self.answer(raw), raw)

    def test_a_head_means_something_else_after_head(self) -> None:
        raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
        self.assertIsNone(self.answer(raw + b"ab", b"HEAD"))
        self.answer(raw + b"ab")
        reader = ResponseReader(Limits(), self.memo)
        reader.method = b"HEAD"
        reader.feed(raw)
        head = reader.next()
        assert isinstance(head, ResponseHead)
        self.assertEqual(head.length, 0)
