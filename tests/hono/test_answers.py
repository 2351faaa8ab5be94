"""Every answer of the Hono door, in both modes: one table, each row a test in each.

The rows are those of the table in docs/hono.md, which names the tests made of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs

from edgeproxy.hono.compat import V_0_6, V_2, Compat
from edgeproxy.hono.statuses import Situation as S
from edgeproxy.hono.upload import EMPTY_NOTIFICATION
from edgeproxy.messaging.network import (
    NoConsumer,
    NoOutcome,
    NotProcessed,
    NotSent,
    Rejected,
    StoreFailed,
    Undeliverable,
)
from tests.fakes.site import Answer
from tests.hono.door import DEVICE, GATEWAY, JSON, Door, DoorTestCase, basic

LINES = {
    202: "202 Accepted",
    204: "204 No Content",
    400: "400 Bad Request",
    401: "401 Unauthorized",
    403: "403 Forbidden",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    413: "413 Request Entity Too Large",
    429: "429 Too Many Requests",
    500: "500 Internal Server Error",
    503: "503 Service Unavailable",
}

PAGE = "<html><body><h1>Resource not found</h1></body></html>"

Outcome = tuple[S, str]
ACCEPTED: Outcome = (S.ACCEPTED, "")


@attrs.frozen
class Row:
    """A request, and what becomes of it *in_0_6* and *in_2*: situation and text.

    *answer* is the network's, *before* is called with the door first. *fields* are
    expected in the answer besides. *login* False: devices do not log in at this door.
    """

    in_0_6: Outcome
    in_2: Outcome
    method: str = "POST"
    target: str = "/telemetry"
    body: bytes = b"x"
    headers: dict[str, str] = DEVICE | JSON
    login: bool = True
    answer: Any = None
    before: Callable[[Door], None] | None = None
    fields: dict[str, str] = attrs.field(factory=dict)
    door: dict[str, Any] = attrs.field(factory=dict)


def both(situation: S, text: str, **more: Any) -> Row:
    """Return a row that is the same in both modes."""
    return Row((situation, text), (situation, text), **more)


def qos(endpoint: str, level: str, in_2: Outcome) -> Row:
    return Row(
        (S.BAD_QOS, "Bad QoS Header Value"),
        in_2,
        target=f"/{endpoint}",
        headers=DEVICE | JSON | {"QoS-Level": level},
    )


def sent(situation: S, text: str, answer: Exception) -> Row:
    """Return a row for what the network says."""
    retry = {"retry-after": "2"} if text and isinstance(answer, NotSent) else {}
    if situation not in (S.NOT_SENT, S.RESOURCE_LIMIT, S.UNAVAILABLE):
        retry = {}
    return both(situation, text, answer=answer, fields=retry)


def bad_login(text: str, headers: dict[str, str], situation: S) -> Row:
    return both(situation, text, headers=headers | JSON)


def fail_often(door: Door) -> None:
    for _ in range(10):
        door.ask("POST", "/telemetry", b"x", basic("sensor@T", "wrong") | JSON)


def spend(door: Door) -> None:
    answer = door.ask("POST", "/telemetry", b"x", basic("sensor@SPENT") | JSON)
    assert answer.status == 202, answer.line


def lose_the_registry(door: Door) -> None:
    door.registry.everything_changed()
    door.registry.connection.execute("DROP TABLE credentials")
    door.registry.connection.execute("DROP TABLE tenants")


def fill_the_queue(door: Door) -> None:
    secret = {"hash-function": "bcrypt", "pwd-hash": "$2b$04$" + "a" * 53}
    data = {"type": "hashed-password", "auth-id": "bcrypt", "secrets": [secret]}
    door.registry.put_credentials("T", "sensor", data)


BAD_LEVEL: Outcome = (S.BAD_QOS, "unsupported QoS-Level header value")
NO_TYPE: Outcome = (S.NO_CONTENT_TYPE, "Content-Type header is missing")
TENANT = "tenant is disabled or not registered"
DISABLED = "device is disabled or not registered"
NOT_GATEWAY = "gateway is disabled or not registered"


def mismatch(kind: str) -> Outcome:
    return S.BAD_CONTENT_TYPE, f"content type [{kind}] does not match payload"


ROWS: dict[str, Row] = {
    # What was sent
    "qos_unknown": qos("telemetry", "2", BAD_LEVEL),
    "qos_no_number": qos("telemetry", "one", BAD_LEVEL),
    "qos_0_of_telemetry": qos("telemetry", "0", ACCEPTED),
    "qos_0_of_an_event": qos("event", "0", BAD_LEVEL),
    "qos_2_of_an_event": qos("event", "2", BAD_LEVEL),
    "no_type": Row(NO_TYPE, ACCEPTED, headers=DEVICE),
    "no_type_and_no_body": Row(NO_TYPE, mismatch("null"), body=b"", headers=DEVICE),
    "no_body": Row(mismatch("application/json"), ACCEPTED, body=b""),
    "empty_notification_with_a_body": both(
        *mismatch(EMPTY_NOTIFICATION),
        headers=DEVICE | {"Content-Type": EMPTY_NOTIFICATION},
    ),
    "empty_notification": both(
        *ACCEPTED, body=b"", headers=DEVICE | {"Content-Type": EMPTY_NOTIFICATION}
    ),
    "payload_too_large": both(
        S.TOO_LARGE, "payload is larger than 20 bytes", body=b"x" * 21, headers={}
    ),
    # Who sent it
    "no_authorization": bad_login("Unauthorized", {}, S.UNAUTHORIZED),
    "other_scheme": bad_login(
        "Unauthorized", {"Authorization": "Digest x"}, S.UNAUTHORIZED
    ),
    "authorization_without_space": bad_login(
        "Bad Request", {"Authorization": "Basic"}, S.BAD_REQUEST
    ),
    "authorization_no_base64": bad_login(
        "Bad Request", {"Authorization": "Basic !!!"}, S.BAD_REQUEST
    ),
    "user_without_tenant": bad_login(
        "malformed credentials", basic("sensor"), S.MALFORMED_CREDENTIALS
    ),
    "user_without_colon": bad_login(
        "malformed credentials",
        {"Authorization": "Basic c2Vuc29y"},
        S.MALFORMED_CREDENTIALS,
    ),
    "unknown_auth_id": bad_login(
        "bad credentials", basic("nobody@T"), S.BAD_CREDENTIALS
    ),
    "unknown_tenant": bad_login(
        "bad credentials", basic("sensor@X"), S.BAD_CREDENTIALS
    ),
    "wrong_password": bad_login(
        "bad credentials", basic("sensor@T", "wrong"), S.BAD_CREDENTIALS
    ),
    "credentials_disabled": bad_login(
        "bad credentials", basic("blocked@T"), S.BAD_CREDENTIALS
    ),
    "too_many_failures": both(
        S.TOO_MANY_FAILURES,
        "too many failed logins",
        headers=basic("sensor@T", "other") | JSON,
        before=fail_often,
        fields={"retry-after": "10"},
    ),
    # Whether it may
    "tenant_disabled": bad_login(
        TENANT, basic("sensor@DISABLED", "wrong"), S.TENANT_DISABLED
    ),
    "adapter_disabled": bad_login(
        "adapter is disabled", basic("sensor@NO-HTTP"), S.ADAPTER_DISABLED
    ),
    "adapter_without_enabled": Row(
        ACCEPTED,
        (S.ADAPTER_DISABLED, "adapter is disabled"),
        headers=basic("sensor@SILENT") | JSON,
    ),
    "tenant_unknown_without_login": Row(
        (S.TENANT_UNKNOWN, TENANT),
        (S.TENANT_UNKNOWN, TENANT),
        "PUT",
        "/telemetry/X/d",
        login=False,
    ),
    "tenant_disabled_without_login": both(
        S.TENANT_DISABLED,
        TENANT,
        method="PUT",
        target="/telemetry/DISABLED/d",
        login=False,
    ),
    "adapter_disabled_without_login": both(
        S.ADAPTER_DISABLED,
        "adapter is disabled",
        method="PUT",
        target="/telemetry/NO-HTTP/d",
        login=False,
    ),
    "device_unknown": both(
        S.DEVICE_REFUSED,
        DISABLED,
        method="PUT",
        target="/event/T/nobody",
        headers=GATEWAY | JSON,
    ),
    "device_disabled": both(S.DEVICE_REFUSED, DISABLED, headers=basic("off@T") | JSON),
    "gateway_not_authorised": both(
        S.GATEWAY_REFUSED, NOT_GATEWAY, method="PUT", target="/event/T/d"
    ),
    "gateway_disabled": both(
        S.GATEWAY_REFUSED,
        NOT_GATEWAY,
        method="PUT",
        target="/event/T/d",
        headers=basic("gw-off@T") | JSON,
    ),
    "other_tenant": both(
        S.OTHER_TENANT,
        "not authorized to upload data for device from other tenant",
        method="PUT",
        target="/event/U/d",
        headers=GATEWAY | JSON,
    ),
    "foreign_origin": both(
        S.FOREIGN_ORIGIN,
        "CORS Rejected - Invalid origin",
        headers=DEVICE | JSON | {"Origin": "https://evil.example"},
        door={"allowed_origin": "https://good.example"},
    ),
    # Where it went
    "no_device": both(
        S.NO_DEVICE,
        "request URI must contain device ID",
        method="PUT",
        target="/telemetry/T",
    ),
    "no_device_after_the_slash": both(
        S.NO_DEVICE,
        "request URI must contain device ID",
        method="PUT",
        target="/telemetry//",
    ),
    "no_tenant": both(
        S.NO_TENANT,
        "request URI must contain tenant ID",
        method="PUT",
        target="/telemetry//d",
        login=False,
    ),
    "unknown_path": Row(
        (S.NOT_FOUND, "Resource not found"), (S.NOT_FOUND, PAGE), target="/telemetryx"
    ),
    "too_many_segments": Row(
        (S.NOT_FOUND, "Resource not found"),
        (S.NOT_FOUND, PAGE),
        "PUT",
        "/event/T/d/more",
    ),
    "no_ids_without_login": Row(
        (S.NOT_FOUND, "Resource not found"), (S.NOT_FOUND, PAGE), login=False
    ),
    "id_is_no_text": both(
        S.BAD_REQUEST, "Bad Request", method="PUT", target="/event/T/%FF"
    ),
    "bad_escape": both(
        S.BAD_REQUEST, "Bad Request", method="PUT", target="/event/T/%ZZ"
    ),
    "wrong_method": both(
        S.METHOD_NOT_ALLOWED, "", method="PUT", fields={"allow": "POST"}
    ),
    "post_with_ids": Row(
        ACCEPTED,
        (S.METHOD_NOT_ALLOWED, ""),
        target="/event/T/d",
        headers=GATEWAY | JSON,
    ),
    "post_with_ids_without_login": Row(
        ACCEPTED, (S.METHOD_NOT_ALLOWED, ""), target="/telemetry/T/d", login=False
    ),
    "volume_exceeded": both(
        S.VOLUME_EXCEEDED,
        "tenant's accumulated message data volume exceeds configured maximum value",
        headers=basic("sensor@SPENT") | JSON,
        body=b"x" * 20,
        before=spend,
        fields={"retry-after": "60"},
    ),
    "no_request_id": both(
        S.NO_REQUEST_ID,
        "request URI must contain tenant, device and request ID",
        method="PUT",
        target="/command/res/T/d",
    ),
    "bad_request_id": both(
        S.BAD_COMMAND_RESPONSE,
        "command-request-id [x] or status code [200] is missing/invalid",
        target="/command/res/x?hono-cmd-status=200",
    ),
    "no_command_status": both(
        S.BAD_COMMAND_RESPONSE,
        "command-request-id [x] or status code [null] is missing/invalid",
        target="/command/res/x",
    ),
    # What became of the message
    "no_consumer": sent(
        S.NOT_SENT, "no consumer available", NoConsumer("no consumer available")
    ),
    "released": sent(
        S.NOT_SENT,
        "consumer didn't process the message",
        NotProcessed("consumer didn't process the message"),
    ),
    "no_outcome_in_time": sent(S.NOT_SENT, "too late", NoOutcome("too late")),
    "store_failed": sent(S.NOT_SENT, "disk full", StoreFailed("disk full")),
    "rejected_for_a_limit": sent(
        S.RESOURCE_LIMIT,
        "consumer rejected the message because a resource limit was exceeded, "
        "possibly a (tenant-specific) queue size limit",
        Rejected("amqp:resource-limit-exceeded", "x"),
    ),
    "undeliverable": sent(S.UNDELIVERABLE, "never", Undeliverable("never")),
    "rejected": sent(S.REJECTED, "Error Code: 400", Rejected(None, None)),
    "rejected_with_a_condition": sent(
        S.REJECTED, "why", Rejected("hono:bad-request", "why")
    ),
    "rejected_for_want_of_rights": sent(
        S.NOT_ALLOWED, "no", Rejected("amqp:unauthorized-access", "no")
    ),
    "rejected_by_a_fault": sent(
        S.UNAVAILABLE, "temporarily unavailable", Rejected("amqp:internal-error", "x")
    ),
    "too_many_verifications": both(
        S.UNAVAILABLE,
        "temporarily unavailable",
        headers=basic("bcrypt@T") | JSON,
        before=fill_the_queue,
        fields={"retry-after": "2"},
    ),
    "registry_fails_the_login": both(
        S.UNAVAILABLE,
        "temporarily unavailable",
        before=lose_the_registry,
        fields={"retry-after": "2"},
    ),
    "registry_fails_without_login": both(
        S.UNAVAILABLE,
        "temporarily unavailable",
        method="PUT",
        target="/event/T/d",
        login=False,
        before=lose_the_registry,
        fields={"retry-after": "2"},
    ),
    "fault_of_ours": both(
        S.BROKEN, "Internal Server Error", answer=RuntimeError("secret detail")
    ),
}


class Rows(DoorTestCase):
    """Checks rows in the mode *compat*; the tests are made below."""

    def check(self, row: Row, expected: Outcome) -> None:
        self.authentication = row.login
        self.open_door(**row.door)
        if row.before is not None:
            row.before(self.door)
            self.network.sent.clear()
        self.network.answer = row.answer
        answer = self.ask(row.method, row.target, row.body, row.headers)
        situation, text = expected
        status = self.compat.statuses[situation]
        self.assertEqual(answer.status, status.code)
        seed = status.reason is not None
        line = f"400 {text}" if seed else LINES[status.code]
        if status.code != 413:  # whose standard phrase has changed with the RFCs
            self.assertEqual(answer.line, line)
        self.check_body(answer, text, seed)
        for name, value in row.fields.items():
            self.assertEqual(answer[name], value)
        challenged = 'Basic realm="My \\"Hono\\""' if status.code == 401 else None
        self.assertEqual(answer["www-authenticate"], challenged)
        self.assertEqual(
            bool(self.network.sent), situation is S.ACCEPTED or (row.answer is not None)
        )
        if situation is S.BROKEN:
            self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_other_expectation(self) -> None:
        answer = self.ask(headers=DEVICE | JSON | {"Expect": "x"})
        self.assertEqual(answer.status, 417)

    def check_body(self, answer: Answer, text: str, seed: bool) -> None:
        kind, body = None, text
        if text == PAGE:
            kind = "text/html; charset=utf-8"
        elif text and not seed:
            kind = "text/plain; charset=utf-8"
            if self.compat is V_2:
                kind = "application/json; charset=utf-8"
                self.assertEqual(json.loads(answer.body), {"error": text})
                body = answer.body.decode()
        self.assertEqual(answer.body.decode(), body)
        self.assertEqual(answer["content-type"], kind)
        self.assertEqual(answer["content-length"], str(len(answer.body)))


def tests_of(compat: Compat) -> type[Rows]:
    """Return a test case with one test for each row in the mode *compat*."""

    def test_of(row: Row) -> Callable[[Rows], None]:
        expected = row.in_2 if compat is V_2 else row.in_0_6
        return lambda self: self.check(row, expected)

    methods = {f"test_{name}": test_of(row) for name, row in ROWS.items()}
    return type("", (Rows,), {"compat": compat, "__module__": __name__, **methods})


Mode06 = tests_of(V_0_6)
Mode06.__name__ = Mode06.__qualname__ = "Mode06"
Mode2 = tests_of(V_2)
Mode2.__name__ = Mode2.__qualname__ = "Mode2"


class CompletenessTests(DoorTestCase):
    def test_every_situation_of_the_tables_has_a_row(self) -> None:
        for compat, rows in (
            (V_0_6, {row.in_0_6[0] for row in ROWS.values()}),
            (V_2, {row.in_2[0] for row in ROWS.values()}),
        ):
            missing = set(compat.statuses) - rows
            # Does not come up in mode 2.
            self.assertEqual(missing - {S.NO_CONTENT_TYPE}, set())
