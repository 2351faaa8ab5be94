"""``edgeproxyctl events`` against the running service."""

from __future__ import annotations

import base64
import json
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from proton.utils import BlockingConnection
from twisted.trial.unittest import SynchronousTestCase

from tests.interop.consumer import Consumer
from tests.interop.service import Service

LOGIN = base64.b64encode(b"gw@DEFAULT_TENANT:gw-secret").decode()
EVENT = "event/DEFAULT_TENANT"


class EventsCommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.service = Service(Path(self.mktemp()))
        self.addCleanup(self.service.kill)
        self.service.start()

    def publish(self, body: str) -> None:
        connection = HTTPConnection("127.0.0.1", self.service.hono, timeout=10)
        headers = {"Authorization": f"Basic {LOGIN}", "Content-Type": "text/plain"}
        connection.request("PUT", "/event//4712", body, headers)
        self.assertEqual(connection.getresponse().status, 202)
        connection.close()

    def reject_one(self) -> None:
        connection = BlockingConnection(f"amqp://127.0.0.1:{self.service.amqp}")
        receiver = connection.create_receiver(EVENT, credit=1)
        receiver.receive(timeout=10)
        receiver.reject()
        connection.close()

    def events(self) -> Any:
        return json.loads(self.service.ctl("events", "--json").stdout)

    def test_an_event_that_was_set_aside_can_be_looked_at_and_delivered(self) -> None:
        self.publish("1")
        self.publish("2")
        self.reject_one()
        shown = self.service.ctl("events").stdout
        self.assertIn("DEFAULT_TENANT: 1 waiting, the oldest for 0:00:", shown)
        self.assertIn("rejected", shown)
        (event,) = self.events()["set_aside"]
        self.assertEqual(event["device"], "4712")
        done = self.service.ctl("events", "requeue", str(event["number"]))
        self.assertEqual(done.stdout, "1 events will be delivered again.\n")
        with Consumer(self.service.amqp, EVENT) as consumer:
            self.assertEqual(
                [m.body for m in (consumer.receive(), consumer.receive())],
                [b"1", b"2"],
            )

    def test_nothing_is_purged_without_confirmation(self) -> None:
        self.publish("1")
        refused = self.service.ctl("events", "purge", "--waiting")
        self.assertEqual(refused.returncode, 1)
        self.assertEqual(self.events()["tenants"]["DEFAULT_TENANT"]["waiting"], 1)
        done = self.service.ctl("events", "purge", "--waiting", "--yes")
        self.assertEqual(
            (done.returncode, done.stdout), (0, "1 events were removed.\n")
        )
        self.assertEqual(self.events(), {"tenants": {}, "set_aside": []})
