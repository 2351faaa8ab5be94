"""Health, status and metrics as probes see them."""

from __future__ import annotations

import json
from types import SimpleNamespace

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.ops.hangup import Reloader
from edgeproxy.ops.health import ops_resource
from edgeproxy.ops.status import Status
from tests.fakes.site import Answer, Exchange


class HealthTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.status = Status(self.clock, sandbox=False)
        self.store = SimpleNamespace(
            failing=None,
            damaged=None,
            used=4096,
            depth={"T": 2, "U": 0},
            set_aside_count=1,
        )
        network = SimpleNamespace(attached=3)
        self.status.add_messaging(self.store, network, ["PLAIN"])
        self.status.add_hono("127.0.0.1", 8080)
        self.credential = SimpleNamespace(healthy=True, detail="fine")

    def get(self, path: str) -> Answer:
        resource = ops_resource(self.status.checks, self.status.report)
        return Exchange(resource).ask("GET", path)

    def test_everything_is_up(self) -> None:
        self.status.add_c8y("https://t.example.com", self.credential)
        for path in ("/liveness", "/readiness", "/started"):
            answer = self.get(path)
            self.assertEqual(answer.status, 200)
            self.assertEqual(json.loads(answer.body)["status"], "UP")

    def test_what_is_down_is_named(self) -> None:
        self.status.add_c8y("https://t.example.com", self.credential)
        self.credential.healthy, self.credential.detail = False, "no broker"
        self.store.failing = "disk full"
        answer = self.get("/readiness")
        self.assertEqual(answer.status, 503)
        found = json.loads(answer.body)
        self.assertEqual(found["status"], "DOWN")
        self.assertEqual(
            {c["name"]: (c["status"], c["data"]["detail"]) for c in found["checks"]},
            {
                "event-store": ("DOWN", "disk full"),
                "event-store-file": ("UP", "sound"),
                "c8y-token": ("DOWN", "no broker"),
            },
        )
        self.assertEqual(self.get("/liveness").status, 200)

    def test_the_status_is_complete(self) -> None:
        self.status.c8y_waits("waits for c8y.url")
        self.clock.advance(61)
        report = json.loads(self.get("/status").body)
        self.assertEqual(report["uptime"], 61)
        self.assertEqual(report["c8y"], {"open": False, "detail": "waits for c8y.url"})
        self.assertEqual(report["messaging"]["waiting"], {"T": 2})
        self.assertEqual(report["messaging"]["consumers"], 3)

    def test_metrics_are_prometheus_text(self) -> None:
        answer = self.get("/metrics")
        self.assertIn(b"edgeproxy_events_waiting", answer.body)

    def test_other_paths_do_not_exist(self) -> None:
        self.assertEqual(self.get("/x").status, 404)


class ReloaderTests(SynchronousTestCase):
    def test_one_that_fails_does_not_keep_others_from_reloading(self) -> None:
        done: list[str] = []

        def fail() -> None:
            raise ValueError("bad file")

        Reloader(Clock(), [("a", fail), ("b", lambda: done.append("b"))]).reload()
        self.assertEqual(done, ["b"])
