"""What the Hono door makes of good requests, in both modes."""

from __future__ import annotations

import base64

from twisted.internet.defer import Deferred

from edgeproxy.hono.compat import V_2
from edgeproxy.hono.upload import EMPTY_NOTIFICATION
from edgeproxy.messaging.message import Message
from tests.fakes.site import Answer
from tests.hono.door import DEVICE, GATEWAY, JSON, NOW, DoorTestCase, basic, password


class HonoTestCase(DoorTestCase):
    def is_accepted(self, answer: Answer) -> Message:
        """Check that *answer* says so, and return the last message that was sent."""
        self.assertEqual(answer.line, "202 Accepted")
        self.assertEqual((answer["content-length"], answer.body), ("0", b""))
        return self.network.sent[-1]


class Accepted06Tests(HonoTestCase):
    def test_telemetry_and_events_of_a_device(self) -> None:
        for endpoint in ("telemetry", "event"):
            for path in (f"/{endpoint}", f"/{endpoint}/", f"http://host/{endpoint}"):
                sent = self.is_accepted(self.ask(target=path))
                self.assertEqual(sent.kind, endpoint)
                self.assertEqual((sent.tenant_id, sent.device_id), ("T", "sensor"))

    def test_a_gateway_publishes_for_its_devices(self) -> None:
        for path in ("T/d", "/d", "T/d/"):
            answer = self.ask("PUT", f"/event/{path}", headers=GATEWAY | JSON)
            sent = self.is_accepted(answer)
            self.assertEqual((sent.tenant_id, sent.device_id), ("T", "d"))

    def test_a_device_may_name_itself(self) -> None:
        sent = self.is_accepted(self.ask("PUT", "/telemetry/T/sensor"))
        self.assertEqual(sent.device_id, "sensor")

    def test_ids_are_percent_decoded_one_by_one(self) -> None:
        answer = self.ask("PUT", "/telemetry/T/a%2Fb%3a%C3%A9", headers=GATEWAY | JSON)
        self.assertEqual(self.is_accepted(answer).device_id, "a/b:é")

    def test_the_message_says_all_that_consumers_need(self) -> None:
        trace = {
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "tracestate": "a=b",
        }
        self.ask(target="/telemetry?hono-ttd=60&x=%20y", headers=DEVICE | JSON | trace)
        self.assertEqual(
            self.network.sent,
            [
                Message(
                    kind="telemetry",
                    tenant_id="T",
                    device_id="sensor",
                    payload=b'{"temp": 5}',
                    content_type="application/json",
                    qos=0,
                    creation_time=NOW,
                    properties={
                        "importance": "high",
                        "device_id": "sensor",
                        "qos": 0,
                        "orig_adapter": "hono-http",
                        "orig_address": "/telemetry?hono-ttd=60&x=%20y",
                        "ttd": 60,
                    },
                    trace=trace,
                )
            ],
        )

    def test_a_trace_begins_here_unless_a_good_one_came(self) -> None:
        for headers in ({}, {"traceparent": "00-" + "0" * 32 + "-" + "1" * 16 + "-01"}):
            sent = self.is_accepted(self.ask(headers=DEVICE | JSON | headers))
            self.assertRegex(
                sent.trace["traceparent"],
                "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
            )
            self.assertNotIn("0" * 32, sent.trace["traceparent"])

    def test_parameters_of_the_content_type_are_not_passed_on(self) -> None:
        headers = DEVICE | {"Content-Type": "text/plain; charset=utf-8"}
        self.assertEqual(
            self.is_accepted(self.ask(headers=headers)).content_type, "text/plain"
        )

    def test_the_seconds_a_device_waits(self) -> None:
        for header, query, expected in [
            ("60", "", 60),
            ("", "?hono-ttd=5", 5),
            ("7", "?hono-ttd=5", 7),
            ("", "?x=1&hono%2Dttd=5", 5),
            ("0", "", None),
            ("-1", "", None),
            ("soon", "", None),
            ("99999999999", "", None),
        ]:
            more = {"hono-ttd": header} if header else {}
            answer = self.ask(target="/telemetry" + query, headers=DEVICE | JSON | more)
            sent = self.network.sent[-1]
            self.assertEqual(sent.properties.get("ttd"), expected)
            if expected is not None:
                self.assertEqual(answer.line, "")
                self.door.timer.advance(expected - 0.01)
                self.assertEqual(self.door.answer().line, "")
                self.door.timer.advance(0.01)
                answer = self.door.answer()
            self.is_accepted(answer)

    def test_how_long_an_event_is_of_use(self) -> None:
        for target, headers, expected in [
            ("/event", {"hono-ttl": "5"}, 5),
            ("/event?hono-ttl=0", {}, 0),
            ("/event?hono-ttl=9", {"hono-ttl": "5"}, 5),
            ("/event", {"hono-ttl": "-1"}, None),
            ("/event", {"hono-ttl": "x"}, None),
            ("/telemetry", {"hono-ttl": "5"}, None),
        ]:
            answer = self.ask(target=target, headers=DEVICE | JSON | headers)
            self.assertEqual(self.is_accepted(answer).ttl, expected)

    def test_levels_of_qos(self) -> None:
        for endpoint, level, expected in [
            ("telemetry", None, 0),
            ("telemetry", "1", 1),
            ("event", None, 1),
            ("event", "1", 1),
        ]:
            more = {} if level is None else {"QoS-Level": level}
            answer = self.ask(target=f"/{endpoint}", headers=DEVICE | JSON | more)
            self.assertEqual(self.is_accepted(answer).qos, expected)

    def test_the_answer_waits_for_the_outcome(self) -> None:
        outcome = self.network.answer = Deferred()
        self.assertEqual(self.ask().line, "")
        outcome.callback(None)
        self.is_accepted(self.door.answer())

    def test_a_device_that_left_needs_no_answer(self) -> None:
        outcome = self.network.answer = Deferred()
        self.ask()
        self.door.leave()
        outcome.callback(None)

    def test_a_device_that_leaves_amid_its_body_is_no_fault(self) -> None:
        headers = DEVICE | JSON | {"Content-Length": "15"}
        self.assertEqual(self.ask(body=b"", headers=headers).line, "")
        self.door.leave()
        self.assertEqual(self.network.sent, [])

    def test_a_body_is_asked_for_after_the_login(self) -> None:
        expect = JSON | {"Content-Length": "3", "Expect": "100-continue"}
        self.assertEqual(self.ask(body=b"", headers=expect).status, 401)
        self.open_door()
        answer = self.ask(body=b"", headers=DEVICE | expect)
        self.assertEqual(answer.line, "100 Continue")

    def test_an_empty_notification_has_no_body(self) -> None:
        empty = {"Content-Type": EMPTY_NOTIFICATION}
        sent = self.is_accepted(self.ask(body=b"", headers=DEVICE | empty))
        self.assertEqual(sent.payload, b"")

    def test_a_login_may_be_encoded_twice(self) -> None:
        user = base64.b64encode(b"sensor@T:right").decode()
        self.is_accepted(self.ask(headers=basic(user, "") | JSON))


class Accepted2Tests(Accepted06Tests):
    compat = V_2

    def test_a_body_without_a_type_has_the_default_one(self) -> None:
        sent = self.is_accepted(self.ask(headers=DEVICE))
        self.assertEqual(sent.content_type, "application/octet-stream")
        defaults = {"content-type": "a/b", "content-encoding": "gzip"}
        self.door.registry.put_device("T", "sensor", {"defaults": defaults})
        sent = self.is_accepted(self.ask(headers=DEVICE))
        self.assertEqual((sent.content_type, sent.content_encoding), ("a/b", "gzip"))
        sent = self.is_accepted(self.ask(headers=DEVICE | JSON))
        self.assertEqual(sent.content_type, "application/json")

    def test_any_type_will_do(self) -> None:
        for kind in ("x", "a/b/c", "a b"):
            sent = self.is_accepted(self.ask(headers=DEVICE | {"Content-Type": kind}))
            self.assertEqual(sent.content_type, kind)
        answer = self.ask(headers=DEVICE | {"Content-Type": "é"})
        self.assertEqual(answer.status, 400)


class NextRequestTests(HonoTestCase):
    """What is changed in the registry counts from the very next request on."""

    def setUp(self) -> None:
        super().setUp()
        self.registry = self.door.registry
        for _ in range(2):
            self.is_accepted(self.ask())

    def test_nothing_is_looked_up_without_a_change(self) -> None:
        asked: list[str] = []
        self.registry.connection.set_trace_callback(asked.append)
        self.is_accepted(self.ask())
        self.assertEqual(asked, [])

    def test_a_device_is_disabled_and_enabled(self) -> None:
        self.registry.put_device("T", "sensor", {"enabled": False})
        self.assertEqual(self.ask().status, 403)
        self.registry.put_device("T", "sensor", {})
        self.is_accepted(self.ask())

    def test_a_tenant_is_disabled(self) -> None:
        self.registry.put_tenant("T", {"enabled": False})
        self.assertEqual(self.ask().status, 403)

    def test_a_password_is_changed(self) -> None:
        self.registry.put_credentials("T", "sensor", password("sensor", "new"))
        self.assertEqual(self.ask().status, 401)
        self.is_accepted(self.ask(headers=basic("sensor@T", "new") | JSON))

    def test_credentials_are_disabled(self) -> None:
        data = password("sensor", enabled=False)
        self.registry.put_credentials("T", "sensor", data)
        self.assertEqual(self.ask().status, 401)


class UnauthenticatedTests(HonoTestCase):
    authentication = False

    def test_tenant_and_device_come_from_the_path(self) -> None:
        for method in ("PUT", "POST"):
            sent = self.is_accepted(self.ask(method, "/event/T/d", headers=JSON))
            self.assertEqual((sent.tenant_id, sent.device_id), ("T", "d"))

    def test_nobody_looks_at_a_login(self) -> None:
        headers = basic("sensor@T", "wrong") | JSON
        self.is_accepted(self.ask("PUT", "/event/T/d", headers=headers))
