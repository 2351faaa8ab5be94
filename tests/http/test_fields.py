"""Which fields end at a hop (RFC 9110, section 7.6.1)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.http.fields import HOP_BY_HOP, end_to_end
from edgeproxy.http.requesthead import RequestHead

# (fields sent, names that are forwarded)
CASES = [
    ([("A", "1"), ("B", "2")], ["A", "B"]),
    ([("Connection", "close"), ("A", "1")], ["A"]),
    ([("Connection", "keep-alive"), ("Keep-Alive", "timeout=5"), ("A", "1")], ["A"]),
    ([("CONNECTION", "a , B"), ("A", "1"), ("b", "2"), ("C", "3")], ["C"]),
    ([("Connection", "a"), ("A", "1"), ("Connection", "c"), ("C", "3")], []),
    ([("Connection", ", ,"), ("A", "1")], ["A"]),
    ([("TE", "trailers"), ("Trailer", "x"), ("Upgrade", "y"), ("A", "1")], ["A"]),
    ([("Proxy-Authorization", "x"), ("proxy-connection", "y"), ("A", "1")], ["A"]),
    ([("Set-Cookie", "a"), ("Set-Cookie", "b"), ("te", "c")], ["Set-Cookie"] * 2),
    ([("Mine", "1"), ("A", "2")], ["A"]),
]


class EndToEndTests(SynchronousTestCase):
    def test_what_is_forwarded(self) -> None:
        for sent, expected in CASES:
            fields = [(name.encode(), value.encode()) for name, value in sent]
            head = RequestHead(b"GET", b"/", 0, fields)
            kept = end_to_end(head, HOP_BY_HOP | {b"mine"})
            self.assertEqual([name.decode() for name, _ in kept], expected, sent)
            self.assertEqual(kept, [field for field in fields if field in kept])
