"""What defaults and limits of tenant and device make of a message, in both modes."""

from __future__ import annotations

from typing import Any

from edgeproxy.hono.compat import V_0_6, V_2, Compat
from edgeproxy.messaging.message import Message
from tests.hono.door import DEVICE, JSON, DoorTestCase


class ComposingTestCase(DoorTestCase):
    def send(
        self,
        compat: Compat,
        tenant: dict[str, Any],
        device: dict[str, Any],
        target: str = "/telemetry",
        headers: dict[str, str] | None = None,
    ) -> Message:
        """Return the message of a device with these registrations."""
        self.compat = compat
        self.open_door()
        self.door.registry.put_tenant("T", tenant)
        self.door.registry.put_device("T", "sensor", device)
        headers = DEVICE | JSON if headers is None else headers
        answer = self.ask(target=target, headers=headers)
        self.assertEqual(answer.status, 202, answer.body)
        return self.network.sent[-1]


class DefaultsTests(ComposingTestCase):
    def test_a_devices_default_wins_over_its_tenants(self) -> None:
        for compat in (V_0_6, V_2):
            message = self.send(
                compat,
                {"defaults": {"a": 1, "b": "tenant"}},
                {"defaults": {"b": "device", "c": True}},
            )
            found = {name: message.properties[name] for name in "abc"}
            self.assertEqual(found, {"a": 1, "b": "device", "c": True})

    def test_the_message_wins_over_both(self) -> None:
        mine = {"device_id": "x", "qos": 9, "orig_adapter": "x", "orig_address": "x"}
        message = self.send(V_2, {"defaults": mine}, {"defaults": mine})
        self.assertEqual(
            message.properties,
            {
                "device_id": "sensor",
                "qos": 0,
                "orig_adapter": "hono-http",
                "orig_address": "/telemetry",
            },
        )

    def test_in_0_6_only_the_content_type_is_a_standard_property(self) -> None:
        defaults = {"content-encoding": "gzip", "ttl": 5, "content-type": "a/b"}
        message = self.send(V_0_6, {}, {"defaults": defaults}, "/event")
        self.assertEqual((message.content_encoding, message.ttl), (None, None))
        # The request's own wins, and without one it is refused.
        self.assertEqual(message.content_type, "application/json")

    def test_in_2_there_are_encoding_and_time_to_live_as_well(self) -> None:
        defaults = {"content-encoding": "gzip", "ttl": 5, "content-type": "a/b"}
        message = self.send(V_2, {}, {"defaults": defaults}, "/event", DEVICE)
        self.assertEqual(message.content_type, "a/b")
        self.assertEqual((message.content_encoding, message.ttl), ("gzip", 5))

    def test_no_standard_property_becomes_one_of_the_applications(self) -> None:
        names = ["ttl", "to", "subject", "content-type", "correlation-id"]
        names += ["ttl-telemetry-qos0", "ttl-telemetry-qos1", "ttl-command-response"]
        for compat in (V_0_6, V_2):
            defaults = dict.fromkeys(names, 7)
            message = self.send(compat, {"defaults": defaults}, {})
            self.assertEqual(set(message.properties) & set(names), set())

    def test_a_default_that_fits_nowhere_is_left_out(self) -> None:
        defaults = {"content-encoding": "é", "content-type": 7, "ttl": "x"}
        message = self.send(V_2, {}, {"defaults": defaults}, headers=DEVICE)
        self.assertIsNone(message.content_encoding)
        self.assertEqual(message.content_type, "application/octet-stream")
        self.assertIsNone(message.ttl)


class TimeToLiveTests(ComposingTestCase):
    def test_where_it_comes_from_and_what_caps_it(self) -> None:
        for target, asked, default, limits, expected in [
            ("/event", None, {}, {}, None),
            ("/event", "9", {"ttl": 5}, {}, 9),
            ("/event", None, {"ttl": 5}, {}, 5),
            ("/event", "9", {}, {"max-ttl": 7}, 7),
            ("/event", "0", {}, {"max-ttl": 7}, 0),
            ("/event", None, {}, {"max-ttl": 7}, 7),
            ("/event", None, {"ttl": 5}, {"max-ttl": -1}, 5),
            ("/telemetry", "9", {}, {"max-ttl": 7}, None),
            ("/telemetry", None, {"ttl": 5}, {}, 5),
            ("/telemetry", None, {"ttl-telemetry-qos0": 4}, {}, 4),
            ("/telemetry", None, {"ttl-telemetry-qos1": 4}, {}, None),
            ("/telemetry", None, {}, {"max-ttl-telemetry-qos0": 3}, 3),
            ("/telemetry", None, {}, {"max-ttl-telemetry-qos1": 3}, None),
        ]:
            more = {} if asked is None else {"hono-ttl": asked}
            message = self.send(
                V_2,
                {"resource-limits": limits},
                {"defaults": default},
                target,
                DEVICE | JSON | more,
            )
            self.assertEqual(message.ttl, expected, (target, asked, default, limits))
