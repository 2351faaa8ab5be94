"""The access log: complete, in batches, and without secrets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.ops import accesslog as module
from edgeproxy.ops.accesslog import FLUSH, AccessLog


class AccessLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.log = AccessLog(self.clock)
        self.written: list[str] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)

    def observe(self, event: Any) -> None:
        if event.get("log_namespace") == "edgeproxy.access":
            self.written.append(event["lines"])

    def request(self, path: str = "/c8y/x") -> None:
        self.log(
            SimpleNamespace(
                peer_host="10.0.0.1",
                number="run-1",
                head=SimpleNamespace(summary=f"GET {path}"),
                code=200,
                sentLength=17,
            )
        )

    def test_lines_are_written_together_after_a_while(self) -> None:
        self.request()
        self.request("/%FF")
        self.assertEqual(self.written, [])
        self.clock.advance(FLUSH)
        lines = "10.0.0.1 GET /c8y/x 200 17 run-1\n10.0.0.1 GET /%FF 200 17 run-1"
        self.assertEqual(self.written, [lines])
        self.clock.advance(FLUSH)
        self.assertEqual(len(self.written), 1)

    def test_memory_is_bounded(self) -> None:
        self.patch(module, "MOST", 10)
        for _ in range(25):
            self.request()
        self.assertEqual([len(w.split("\n")) for w in self.written], [10, 10])

    def test_nothing_is_lost_when_the_service_stops(self) -> None:
        self.log.startService()
        self.request()
        self.log.stopService()
        self.assertEqual(len(self.written), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
