"""What the door passes on parses to the same message, whatever the message."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.c8y.proxy import ProxyResource
from edgeproxy.http.client.origin import Origin
from edgeproxy.http.client.pool import Pool
from edgeproxy.http.fields import HOP_BY_HOP
from edgeproxy.http.foreign import OwnNames
from edgeproxy.http.limits import Limits
from edgeproxy.http.reader import END, MessageReader, RequestReader, ResponseReader
from tests.c8y.test_proxy import Credential
from tests.fakes.site import Exchange
from tests.http.test_core_properties import fields, methods, quick, targets
from tests.http.wires import Upstream

# What is the door's own business, each way; the rest must come through.
OURS = HOP_BY_HOP | {b"host", b"content-length", b"authorization", b"origin", b"date"}
OURS |= {b"expect", b"location", b"set-cookie", b"sec-fetch-site", b"cookie"}

others = fields.map(
    lambda pairs: [
        (n, v)
        for n, v in pairs
        if n.lower() not in OURS and not n.lower().startswith(b"x-http-method")
    ]
)
bodies = st.none() | st.binary(max_size=200)


def message(line: bytes, pairs: list[tuple[bytes, bytes]], body: bytes | None) -> bytes:
    lines = [line, *(b": ".join(pair) for pair in pairs)]
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body or b""])


def read(reader: MessageReader, raw: bytes) -> tuple[Any, bytes]:
    """Return the head and body of the one message in *raw*."""
    reader.feed(raw)
    head, body = reader.next(), b""
    while (event := reader.next()) is not END:
        assert isinstance(event, bytes), raw
        body += event
    assert reader.between, raw
    return head, body


class ForwardingProperties(SynchronousTestCase):
    def setUp(self) -> None:
        self.upstream = Upstream()
        endpoint: Any = self.upstream
        self.pool = Pool(Origin("https", "t", 443), endpoint, Clock())
        door = ProxyResource(self.pool, Credential(), {"t"}, OwnNames(["127.0.0.1"]))
        self.client = Exchange(door)

    def kept(self, head: Any) -> list[tuple[bytes, bytes]]:
        return [pair for pair in head.fields if pair[0].lower() not in OURS]

    @quick
    @given(methods, targets, others, bodies)
    def test_requests(
        self, method: bytes, target: bytes, pairs: Any, body: bytes | None
    ) -> None:
        # As somebody else, so that no path is refused.
        login = (b"Authorization", b"Basic x")
        self.setUp()
        host = (b"Host", b"localhost")
        raw = message(
            b"%b /c8y%b HTTP/1.1" % (method, target), [host, login, *pairs], body
        )
        self.client.channel.dataReceived(raw)
        if method == b"TRACE":
            self.assertEqual(self.client.answer().status, 405)
            return
        head, got = read(RequestReader(Limits()), self.upstream.wires[0].take())
        self.assertEqual((head.method, head.target), (method, target))
        self.assertEqual(self.kept(head), pairs)
        self.assertEqual(
            (head.index[b"host"], head.index[b"authorization"]), (b"t", login[1])
        )
        self.assertEqual(got, body or b"")
        self.pool.close()

    @quick
    @given(
        st.integers(200, 599).filter(lambda status: status not in (204, 304, 401)),
        others,
        st.binary(max_size=200),
        st.booleans(),
    )
    def test_responses(
        self, status: int, pairs: Any, body: bytes, chunked: bool
    ) -> None:
        self.setUp()
        self.client.channel.dataReceived(
            b"GET /c8y/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        line = b"HTTP/1.1 %d Reason" % status
        if chunked:
            raw = message(line, [*pairs, (b"Transfer-Encoding", b"chunked")], None)
            raw += b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            raw += b"0\r\n\r\n"
        else:
            raw = message(line, pairs, body)
        # Known from the second time on.
        for _ in range(2):
            self.upstream.say(raw)
            head, got = read(ResponseReader(Limits()), self.client.transport.value())
            self.assertEqual((head.status, head.reason), (status, b"Reason"))
            self.assertEqual(self.kept(head), pairs)
            self.assertEqual(got, body)
            self.client.transport.clear()
            self.client.channel.dataReceived(
                b"GET /c8y/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
            )
        self.pool.close()
