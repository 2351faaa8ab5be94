"""The table of raw requests, against a site: what reaches the resource and the wire."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from edgeproxy.http.limits import Limits
from edgeproxy.http.reader import ResponseReader
from edgeproxy.http.responsehead import ResponseHead
from edgeproxy.http.server.site import Site
from edgeproxy.http.turn import Turn
from tests.http.requests_table import ROWS, Received, Row
from tests.http.wires import connect


class Recorder(Resource):
    """Answers anything and keeps what it was asked."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.received: list[Received] = []

    def render(self, request):  # type: ignore[no-untyped-def]
        self.received.append(
            (request.method, request.uri, request.getHeader(b"host"),
             request.content.read())
        )  # fmt: skip
        if request.method == b"CONNECT":
            request.setResponseCode(405)
        return b"fine"


def statuses(raw: bytes, methods: list[bytes]) -> list[int]:
    """Return the statuses of the responses in *raw*, none of which may be odd."""
    reader = ResponseReader(Limits())
    reader.feed(raw)
    seen: list[int] = []
    reader.method = methods[0] if methods else b"GET"
    while (event := reader.next()) is not None:
        if isinstance(event, ResponseHead):
            seen.append(event.status)
            reader.method = methods[len(seen)] if len(seen) < len(methods) else b"GET"
    assert reader.between, raw
    return seen


class ServerStrictnessTests(SynchronousTestCase):
    def verdict(self, row: Row, step: int, turned: bool) -> object:
        resource, clock = Recorder(), Clock()
        turn = Turn(clock) if turned else None
        site = Site(resource, reactor=clock, turn=turn)
        channel, transport = connect(site)
        for at in range(0, len(row.raw), step):
            channel.dataReceived(row.raw[at : at + step])
        asked = [
            # The site itself answers OPTIONS *; the resource does not see it.
            received
            for received in row.received
            if received[1] != b"*"
        ]
        methods = [received[0] for received in row.received]
        expected = [405 if method == b"CONNECT" else 200 for method in methods]
        if row.refused:
            expected.append(row.refused)
        problems = []
        if resource.received != asked:
            problems.append(("received", resource.received))
        if (got := statuses(transport.value(), methods)) != expected:
            problems.append(("answered", got))
        if transport.closing != (row.refused is not None or b"HTTP/1.0" in row.raw):
            problems.append(("closing", transport.closing))
        return problems

    def test_every_row_of_the_table(self) -> None:
        wrong = [
            (row.name, step, turned, problems)
            for row in ROWS
            for step in (len(row.raw), 7)
            for turned in (False, True)
            if (problems := self.verdict(row, step, turned))
        ]
        self.assertEqual(wrong, [])
