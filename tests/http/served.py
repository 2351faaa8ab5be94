"""Asks sites over real sockets, and compares stock's with ours."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from twisted.internet import reactor  # noqa: TID251 - real sockets
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from edgeproxy.http.limits import Limits
from edgeproxy.http.reader import ResponseReader
from edgeproxy.http.responsehead import ResponseHead

IGNORED = {b"server", b"date", b"connection", b"transfer-encoding"}


class ResponseSeen(NamedTuple):
    status: int
    reason: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes


def digest(raw: bytes, method: bytes) -> ResponseSeen:
    reader = ResponseReader(Limits())
    reader.method = method
    reader.feed(raw)
    head: ResponseHead | None = None
    body = b""
    while (event := reader.next()) is not None:
        if isinstance(event, ResponseHead):
            assert head is None or head.status < 200, raw
            head = event
        elif isinstance(event, bytes):
            body += event
    reader.eof()
    assert head is not None, raw
    if b"0x" in body:
        body = re.sub(rb"0x[0-9a-f]+", b"0x", body)
        ignored = IGNORED | {b"content-length"}
    else:
        ignored = IGNORED | ({b"content-length"} if not body else set())
    if head.status in (204, 304):
        ignored = ignored | {b"content-type"}
    fields = sorted(
        (name.lower(), re.sub(rb"(SESSION=)[0-9a-f]+", rb"\1X", value))
        for name, value in head.fields
        if name.lower() not in ignored
    )
    return ResponseSeen(head.status, head.reason, fields, body)


class Wants(Protocol):
    """Sends bytes, takes what comes until the end."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.seen = b""
        self.done: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(self.raw)

    def dataReceived(self, data: bytes) -> None:
        self.seen += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.done.callback(self.seen)


def get(
    path: bytes, *fields: bytes, method: bytes = b"GET", body: bytes = b""
) -> bytes:
    fields = (b"Host: localhost:8080", b"Connection: close", *fields)
    if body:
        fields += (b"Content-Length: %d" % len(body),)
    lines = b"".join(field + b"\r\n" for field in fields)
    return method + b" " + path + b" HTTP/1.1\r\n" + lines + b"\r\n" + body


@inlineCallbacks
def ask(site: Any, raw: bytes) -> Any:
    """Return all that *site* answers to *raw*."""
    port = reactor.listenTCP(0, site, interface="127.0.0.1")
    try:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
        client = yield connectProtocol(endpoint, Wants(raw))
        seen = yield client.done
    finally:
        yield port.stopListening()
        for session in list(site.sessions.values()):
            session.expire()
    return seen


def add_comparisons(case: Any, requests: dict[str, bytes]) -> None:
    """Add a test to *case* for each of *requests*.

    ``sites()`` of *case* returns two with the same resources, stock's and ours; both
    have to answer alike and log as many errors.
    """
    for name, raw in requests.items():
        setattr(case, f"test_{name}_is_as_on_stock", _comparison(raw))


def _comparison(raw: bytes) -> Any:
    @inlineCallbacks
    def test(self: Any) -> Any:
        stock, ours = self.sites()
        answers, logged = [], []
        for site in (stock, ours):
            answer = yield ask(site, raw)
            answers.append(digest(answer, raw.partition(b" ")[0]))
            logged.append(len(self.flushLoggedErrors()))
        self.assertEqual(answers[1], answers[0])
        self.assertEqual(logged[1], logged[0])

    return test
