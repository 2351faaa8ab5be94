"""What an operator asks of the event store, over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import gatherResults
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from edgeproxy.messaging.operator import Operator
from edgeproxy.messaging.store import EventStore
from edgeproxy.ops.events import EventsResource
from tests.fakes.site import Answer, Exchange
from tests.fakes.threads import ThreadClock


class EventsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ThreadClock()
        path = str(Path(self.mktemp()) / "events.sqlite")
        self.store = EventStore(path, self.clock, uptime=self.clock.seconds)
        self.store.start()
        self.addCleanup(self.store.close)
        self.refreshes = 0
        self.peer = "127.0.0.1"
        appended = [
            self.store.append(tenant, device, b"m", 1_700_000_000.0)
            for tenant, device in (("T", "a"), ("T", "b"), ("U", "a"), ("T", "a"))
        ]
        self.clock.wait_for(gatherResults(appended))
        self.clock.wait_for(self.store.set_aside("T", 2, "rejected"))
        self.clock.advance(60)

    def refresh(self) -> None:
        self.refreshes += 1

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        root = Resource()
        operator = Operator(self.store, self.refresh)
        root.putChild(b"events", EventsResource(operator, "127.0.0.1"))
        exchange = Exchange(root)
        exchange.transport.peerAddr = IPv4Address("TCP", self.peer, 4)
        data = b"" if body is None else json.dumps(body).encode()
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = exchange.ask(method, f"/events{path}", data, fields)
        if not answer.status:
            self.clock.wait_for(self.store.run_apart(lambda db: None))
            answer = exchange.answer()
        return answer

    def post(self, path: str, body: Any, **headers: str) -> int:
        return self.ask("POST", path, body, **headers).status

    def test_what_waits_and_what_is_set_aside(self) -> None:
        found = self.overview()
        self.assertEqual(
            found["tenants"],
            {
                "T": {"waiting": 2, "set_aside": 1, "oldest": 60},
                "U": {"waiting": 1, "set_aside": 0, "oldest": 60},
            },
        )
        self.assertEqual(
            found["set_aside"],
            [
                {
                    "number": 2,
                    "tenant": "T",
                    "device": "b",
                    "stored": 1_700_000_000.0,
                    "bytes": 1,
                    "reason": "rejected",
                }
            ],
        )

    def overview(self) -> Any:
        operator = Operator(self.store, self.refresh)
        found = operator.overview()
        self.clock.wait_for(found)
        return self.successResultOf(found)

    def test_it_is_shown_as_json(self) -> None:
        answer = self.ask("GET", "")
        self.assertEqual(answer.status, 200)
        self.assertIn(b'"waiting": 2', answer.body)

    def test_requeued_events_wait_again(self) -> None:
        self.assertEqual(self.post("/requeue", {"numbers": [1, 2, 99]}), 200)
        self.assertEqual(self.store.depth, {"T": 3, "U": 1})
        self.assertEqual(self.store.set_aside_count, 0)
        self.assertEqual(self.refreshes, 1)

    def test_purged_events_are_gone(self) -> None:
        self.assertEqual(self.post("/purge", {"state": "set-aside"}), 200)
        self.assertEqual(self.store.set_aside_count, 0)
        waiting = {"state": "waiting", "tenant": "T"}
        self.assertEqual(self.post("/purge", waiting), 200)
        self.assertEqual(self.store.depth, {"U": 1})
        self.assertEqual(self.overview()["set_aside"], [])

    def test_bad_requests_change_nothing(self) -> None:
        before = self.overview()
        for path, body in (
            ("/purge", {}),
            ("/purge", {"state": "all"}),
            ("/purge", {"state": "waiting", "tenant": 3}),
            ("/purge", {"state": "waiting", "numbers": "1"}),
            ("/purge", {"state": "waiting", "device": "a"}),
            ("/requeue", [1]),
            ("/requeue", {"numbers": [True]}),
        ):
            self.assertEqual(self.post(path, body), 400, body)
        self.assertEqual(self.ask("GET", "/purge").status, 405)
        self.assertEqual(self.overview(), before)

    def test_web_pages_and_other_machines_are_refused(self) -> None:
        before = self.overview()
        body = {"state": "waiting"}
        for headers in (
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Sec_Fetch_Site": "cross-site"},
            {"Host": "evil.example"},
            {"Host": "127.0.0.1.evil.example:8088"},
        ):
            self.assertEqual(self.post("/purge", body, **headers), 403, headers)
        self.peer = "192.0.2.1"
        self.assertEqual(self.post("/purge", body), 403)
        self.assertEqual(self.ask("GET", "").status, 403)
        self.assertEqual(self.overview(), before)

    def test_every_name_of_this_machine_is_good(self) -> None:
        for host in ("127.0.0.1:8088", "localhost", "[::1]:8088", "127.0.0.2"):
            self.assertEqual(self.post("/requeue", {}, Host=host), 200)
