"""Pages of other origins: what their browsers ask, and what they may read."""

from __future__ import annotations

from tests.hono.door import DEVICE, JSON, DoorTestCase

ORIGIN = {"Origin": "https://page.example"}
ASKS = ORIGIN | {"Access-Control-Request-Method": "POST"}


def listed(value: str | None) -> set[str]:
    """Return the items of a list in a header field."""
    return {item.strip() for item in (value or "").split(",")}


class CorsTests(DoorTestCase):
    def test_a_preflight_needs_no_login(self) -> None:
        for target, method, names in [
            ("/telemetry", "POST", {"QoS-Level", "hono-ttd"}),
            ("/event", "POST", {"hono-ttd", "hono-ttl"}),
            ("/telemetry/T/d", "PUT, POST", {"QoS-Level", "hono-ttd"}),
            ("/event//d", "PUT, POST", {"hono-ttd", "hono-ttl"}),
        ]:
            answer = self.ask("OPTIONS", target, b"", ASKS)
            self.assertEqual(answer.line, "204 No Content")
            self.assertEqual(answer["access-control-allow-origin"], "*")
            self.assertEqual(answer["access-control-allow-methods"], method)
            allowed = listed(answer["access-control-allow-headers"])
            wanted = names | {"authorization", "content-type"}
            self.assertEqual(wanted - allowed, set())

    def test_other_options_are_a_method_like_any_other(self) -> None:
        for headers in ({}, ORIGIN):
            answer = self.ask("OPTIONS", "/telemetry", b"", headers)
            self.assertEqual((answer.status, answer["allow"]), (405, "POST"))
        self.assertEqual(self.ask("OPTIONS", "/x", b"", ASKS).status, 404)

    def test_a_page_may_read_what_is_for_it(self) -> None:
        for headers, status in ((DEVICE, 202), ({}, 401)):
            answer = self.ask(headers=headers | JSON | ORIGIN)
            self.assertEqual(answer.status, status)
            self.assertEqual(answer["access-control-allow-origin"], "*")
            exposed = listed(answer["access-control-expose-headers"])
            wanted = {"hono-command", "hono-cmd-req-id", "hono-cmd-target-device"}
            self.assertEqual(wanted - exposed, set())

    def test_who_sends_no_origin_is_told_nothing(self) -> None:
        self.assertIsNone(self.ask()["access-control-allow-origin"])

    def test_one_origin_only(self) -> None:
        self.open_door(allowed_origin=ORIGIN["Origin"])
        answer = self.ask(headers=DEVICE | JSON | ORIGIN)
        self.assertEqual(answer.status, 202)
        self.assertEqual(answer["access-control-allow-origin"], ORIGIN["Origin"])
        self.assertEqual(answer["vary"], "Origin")
        for method, more in (("POST", DEVICE | JSON), ("OPTIONS", ASKS)):
            foreign = more | {"Origin": "https://other.example"}
            answer = self.ask(method, headers=foreign)
            self.assertEqual(answer.status, 403)
            self.assertIsNone(answer["access-control-expose-headers"])
        self.assertEqual(len(self.network.sent), 1)
