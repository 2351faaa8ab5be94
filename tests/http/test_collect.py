"""Bodies taken whole."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.http.body import Body, NoSource
from edgeproxy.http.collect import TooLarge, collect


class Source(NoSource):
    """Remembers what was asked of it."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def body_wanted(self) -> None:
        self.calls.append("wanted")

    def body_stopped(self) -> None:
        self.calls.append("stopped")


class CollectTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.source = Source()

    def test_all_of_it_comes(self) -> None:
        body = Body(self.source, None)
        collected = collect(body, 5)
        body.push(b"ab")
        body.push(b"cde")
        self.assertNoResult(collected)
        body.end([])
        self.assertEqual(self.successResultOf(collected), b"abcde")

    def test_what_is_announced_as_too_large_is_not_asked_for(self) -> None:
        self.failureResultOf(collect(Body(self.source, 6), 5), TooLarge)
        self.assertEqual(self.source.calls, [])

    def test_what_turns_out_too_large_is_stopped(self) -> None:
        body = Body(self.source, None)
        collected = collect(body, 5)
        body.push(b"abc")
        body.push(b"def")
        self.failureResultOf(collected, TooLarge)
        self.assertEqual(self.source.calls, ["wanted", "stopped"])

    def test_a_body_that_breaks_off_fails(self) -> None:
        body = Body(self.source, 10)
        collected = collect(body, 10)
        body.push(b"abc")
        body.fail(Failure(ConnectionLost()))
        self.failureResultOf(collected, ConnectionLost)

    def test_who_cancels_wants_no_more(self) -> None:
        body = Body(self.source, 10)
        collected = collect(body, 10)
        collected.cancel()
        self.failureResultOf(collected)
        self.assertEqual(self.source.calls, ["wanted", "stopped"])
