"""The Hono door in mode 0.6: every answer, as it leaves."""

from __future__ import annotations

import base64
from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from edgeproxy.hono.resource import HonoResource
from edgeproxy.messaging.message import Message
from edgeproxy.messaging.network import (
    INetwork,
    NoConsumer,
    NoOutcome,
    NotProcessed,
    Rejected,
    StoreFailed,
    Undeliverable,
)
from edgeproxy.portal.avatars import Device
from edgeproxy.portal.errors import TenantRefused
from edgeproxy.portal.remembered import RememberedLogins
from edgeproxy.registry.assertion import (
    Assertion,
    DeviceNotRegistered,
    GatewayNotAuthorised,
    TenantNotServed,
)
from tests.fakes.site import Answer, Exchange

JSON = {"Content-Type": "application/json"}
REALM = 'Basic realm="My \\"Hono\\""'
TEXT = "text/plain; charset=utf-8"


def basic(user: str, password: str = "right") -> dict[str, str]:
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


DEVICE = basic("sensor@T")
GATEWAY = basic("gw@T")


@implementer(INetwork)
class Network:
    """Keeps what is sent and answers with *answer*."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.answer: Any = None

    def send(self, message: Message) -> Deferred[None]:
        self.sent.append(message)
        if isinstance(self.answer, Exception):
            return fail(self.answer)
        return self.answer or succeed(None)


class HonoTestCase(SynchronousTestCase):
    authentication = True

    def setUp(self) -> None:
        self.network = Network()
        self.asserted: list[tuple[str, str, str | None]] = []
        self.refusal: Exception | None = None
        self.exchange = Exchange(
            HonoResource(
                RememberedLogins(self.login, lambda: 0)
                if self.authentication
                else None,
                self.assertion,
                self.network,
                max_payload=20,
                realm='My "Hono"',
                wall_clock=lambda: 1700000000.5,
            )
        )

    def login(self, credentials: Any) -> Deferred[Device]:
        user = credentials.username.decode()
        if user == "sensor@off":
            return fail(TenantRefused("tenant is disabled"))
        if credentials.password != b"right" or "@T" not in user:
            return fail(UnauthorizedLogin("bad credentials"))
        return succeed(Device("T", user.partition("@")[0]))

    def assertion(self, tenant: str, device: str, gateway: str | None) -> Assertion:
        self.asserted.append((tenant, device, gateway))
        if self.refusal is not None:
            raise self.refusal
        return Assertion(
            {"importance": "high", "content-type": "x/y", "to": "z", "qos": 7}
        )

    def ask(
        self,
        method: str = "POST",
        target: str = "/telemetry",
        body: bytes = b'{"temp": 5}',
        headers: dict[str, str] | None = None,
    ) -> Answer:
        return self.exchange.ask(
            method, target, body, DEVICE | JSON if headers is None else headers
        )

    def check(
        self, answer: Answer, line: str, body: str = "", content_type: str | None = None
    ) -> None:
        self.assertEqual(answer.line, line)
        self.assertEqual(answer.body, body.encode())
        self.assertEqual(answer["content-length"], str(len(body)))
        self.assertEqual(answer["content-type"], content_type)
        challenge = REALM if line.startswith("401") else None
        self.assertEqual(answer["www-authenticate"], challenge)


class AcceptedTests(HonoTestCase):
    def test_telemetry_and_events_of_a_device(self) -> None:
        for endpoint in ("telemetry", "event"):
            for path in (f"/{endpoint}", f"/{endpoint}/", f"http://host/{endpoint}"):
                self.check(self.ask(target=path), "202 Accepted")
                self.assertEqual(self.network.sent[-1].kind, endpoint)
                self.assertEqual(self.asserted[-1], ("T", "sensor", None))

    def test_a_gateway_publishes_for_its_devices(self) -> None:
        for method in ("PUT", "POST"):
            for tenant in ("T", ""):
                answer = self.ask(method, f"/event/{tenant}/d", headers=GATEWAY | JSON)
                self.check(answer, "202 Accepted")
                self.assertEqual(self.asserted[-1], ("T", "d", "gw"))
                self.assertEqual(self.network.sent[-1].device_id, "d")

    def test_a_device_may_name_itself(self) -> None:
        self.check(self.ask("PUT", "/telemetry/T/sensor"), "202 Accepted")
        self.assertEqual(self.asserted, [("T", "sensor", None)])

    def test_ids_are_percent_decoded_one_by_one(self) -> None:
        self.ask("PUT", "/telemetry/T/a%2Fb%3a%C3%A9", headers=GATEWAY | JSON)
        self.assertEqual(self.network.sent[-1].device_id, "a/b:é")

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
                    creation_time=1700000000.5,
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
            self.ask(headers=DEVICE | JSON | headers)
            self.assertRegex(
                self.network.sent[-1].trace["traceparent"],
                "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
            )
            self.assertNotIn("0" * 32, self.network.sent[-1].trace["traceparent"])

    def test_parameters_of_the_content_type_are_not_passed_on(self) -> None:
        headers = DEVICE | {"Content-Type": "text/plain; charset=utf-8"}
        self.ask(headers=headers)
        self.assertEqual(self.network.sent[-1].content_type, "text/plain")

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
            self.ask(target="/telemetry" + query, headers=DEVICE | JSON | more)
            self.assertEqual(self.network.sent[-1].properties.get("ttd"), expected)

    def test_qos_levels(self) -> None:
        for endpoint, level, expected in [
            ("telemetry", None, 0),
            ("telemetry", "1", 1),
            ("event", None, 1),
            ("event", "1", 1),
        ]:
            more = {} if level is None else {"QoS-Level": level}
            answer = self.ask(target=f"/{endpoint}", headers=DEVICE | JSON | more)
            self.check(answer, "202 Accepted")
            self.assertEqual(self.network.sent[-1].qos, expected)

    def test_the_answer_waits_for_the_outcome(self) -> None:
        outcome = self.network.answer = Deferred()
        self.assertEqual(self.ask().line, "")
        outcome.callback(None)
        self.check(self.exchange.answer(), "202 Accepted")

    def test_a_device_that_left_needs_no_answer(self) -> None:
        outcome = self.network.answer = Deferred()
        self.ask()
        self.exchange.leave()
        outcome.callback(None)

    def test_an_empty_notification_has_no_body(self) -> None:
        empty = {"Content-Type": "application/vnd.eclipse-hono-empty-notification"}
        self.check(self.ask(body=b"", headers=DEVICE | empty), "202 Accepted")
        self.assertEqual(self.network.sent[-1].payload, b"")


class RefusedTests(HonoTestCase):
    def test_a_bad_qos_level_is_the_seeds_reason_phrase(self) -> None:
        for level in ("0", "2", "-1", "1.0", "one"):
            for target in ("/telemetry", "/event"):
                answer = self.ask(
                    target=target, headers=DEVICE | JSON | {"QoS-Level": level}
                )
                self.check(answer, "400 Bad QoS Header Value", "Bad QoS Header Value")
                self.assertEqual(answer["content-length"], "20")

    def test_bodies_that_do_not_fit_their_content_type(self) -> None:
        empty = "application/vnd.eclipse-hono-empty-notification"
        missing = "Content-Type header is missing"
        for body, content_type, text in [
            (b"x", None, missing),
            (b"", None, missing),
            (b"", "text/plain", "content type [text/plain] does not match payload"),
            (b"x", empty, f"content type [{empty}] does not match payload"),
            (b"x", "nonsense", "content type [nonsense] does not match payload"),
        ]:
            more = {} if content_type is None else {"Content-Type": content_type}
            answer = self.ask(body=body, headers=DEVICE | more)
            self.check(answer, "400 Bad Request", text, TEXT)

    def test_who_does_not_log_in_is_challenged(self) -> None:
        for headers, text in [
            ({}, "Unauthorized"),
            ({"Authorization": "Bearer x"}, "Unauthorized"),
            (basic("sensor@T", "wrong"), "bad credentials"),
            (basic("sensor@other"), "bad credentials"),
        ]:
            answer = self.ask(headers=headers | JSON)
            self.check(answer, "401 Unauthorized", text, TEXT)

    def test_credentials_without_a_colon_are_malformed(self) -> None:
        encoded = base64.b64encode(b"sensor").decode()
        answer = self.ask(headers={"Authorization": f"Basic {encoded}"} | JSON)
        self.check(answer, "401 Unauthorized", "malformed credentials", TEXT)

    def test_an_authorization_that_cannot_be_read_is_a_bad_request(self) -> None:
        for value in ("Basic", "Basic !!!", "Basic YQ"):
            answer = self.ask(headers={"Authorization": value} | JSON)
            self.check(answer, "400 Bad Request", "Bad Request", TEXT)

    def test_a_disabled_tenant_is_forbidden(self) -> None:
        answer = self.ask(headers=basic("sensor@off", "wrong") | JSON)
        self.check(answer, "403 Forbidden", "tenant is disabled", TEXT)

    def test_a_foreign_tenant_is_forbidden(self) -> None:
        answer = self.ask("PUT", "/telemetry/other/d", headers=GATEWAY | JSON)
        text = "not authorized to upload data for device from other tenant"
        self.check(answer, "403 Forbidden", text, TEXT)

    def test_a_registration_that_cannot_be_asserted_is_forbidden(self) -> None:
        for error in (TenantNotServed, DeviceNotRegistered, GatewayNotAuthorised):
            self.refusal = error("because")
            self.check(self.ask(), "403 Forbidden", "because", TEXT)
        self.assertEqual(self.network.sent, [])

    def test_paths_that_do_not_exist(self) -> None:
        for target in ("/", "/x", "/telemetryx", "/Telemetry", "/event/T/d/more"):
            answer = self.ask("PUT", target)
            self.check(answer, "404 Not Found", "Resource not found", TEXT)

    def test_a_path_without_a_device(self) -> None:
        for target in ("/telemetry/T", "/telemetry/T/", "/telemetry//"):
            answer = self.ask("PUT", target)
            text = "request URI must contain device ID"
            self.check(answer, "404 Not Found", text, TEXT)

    def test_an_id_that_is_no_text_is_a_bad_request(self) -> None:
        self.assertEqual(self.ask("PUT", "/telemetry/T/%FF").status, 400)

    def test_other_methods_are_told_which_there_are(self) -> None:
        for method, target, allowed in [
            ("GET", "/telemetry", "POST"),
            ("PUT", "/event", "POST"),
            ("DELETE", "/event/T/d", "PUT, POST"),
            ("FOO", "/event/T/d", "PUT, POST"),
        ]:
            answer = self.ask(method, target)
            self.check(answer, "405 Method Not Allowed")
            self.assertEqual(answer["allow"], allowed)

    def test_a_large_payload_is_refused_before_the_login(self) -> None:
        self.check(self.ask(body=b"x" * 20), "202 Accepted")
        answer = self.ask(body=b"x" * 21, headers={})
        text = "payload is larger than 20 bytes"
        self.assertEqual((answer.status, answer.body), (413, text.encode()))

    def test_what_the_consumer_says(self) -> None:
        limit = (
            "consumer rejected the message because a resource limit was exceeded, "
            "possibly a (tenant-specific) queue size limit"
        )
        for error, line, text in [
            (NoConsumer("no consumer available"), 503, "no consumer available"),
            (NotProcessed("released"), 503, "released"),
            (NoOutcome("too late"), 503, "too late"),
            (StoreFailed("disk full"), 503, "disk full"),
            (Undeliverable("never"), 404, "never"),
            (Rejected(None, None), 400, "Error Code: 400"),
            (Rejected("hono:bad-request", "why"), 400, "why"),
            (Rejected("hono:bad-request", None), 400, "Bad Request"),
            (Rejected("amqp:resource-limit-exceeded", "x"), 503, limit),
            (Rejected("amqp:unauthorized-access", "no"), 403, "no"),
            (Rejected("amqp:internal-error", "x"), 503, "temporarily unavailable"),
        ]:
            self.network.answer = error
            answer = self.ask()
            self.assertEqual((answer.status, answer.body), (line, text.encode()))
            retry = "2" if line == 503 else None
            self.assertEqual(answer["retry-after"], retry)

    def test_a_fault_of_ours_says_nothing_about_itself(self) -> None:
        self.network.answer = RuntimeError("secret detail")
        answer = self.ask()
        self.check(answer, "500 Internal Server Error", "Internal Server Error", TEXT)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class UnauthenticatedTests(HonoTestCase):
    authentication = False

    def test_tenant_and_device_come_from_the_path(self) -> None:
        for method in ("PUT", "POST"):
            self.check(self.ask(method, "/event/T/d", headers=JSON), "202 Accepted")
            self.assertEqual(self.asserted[-1], ("T", "d", None))

    def test_paths_without_ids_do_not_exist(self) -> None:
        self.assertEqual(self.ask(headers=JSON).status, 404)

    def test_a_tenant_must_be_named(self) -> None:
        answer = self.ask("PUT", "/telemetry//d", headers=JSON)
        text = "request URI must contain tenant ID"
        self.check(answer, "404 Not Found", text, TEXT)

    def test_an_unknown_tenant_is_forbidden(self) -> None:
        self.refusal = TenantNotServed("tenant is disabled or not registered")
        self.assertEqual(self.ask("PUT", "/telemetry/U/d", headers=JSON).status, 403)
