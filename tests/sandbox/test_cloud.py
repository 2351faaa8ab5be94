"""The sandbox cloud over real sockets: HTTPS, its log, its control."""

from __future__ import annotations

import json
import stat
from base64 import b64encode
from pathlib import Path
from typing import Any

from twisted.internet import reactor  # noqa: TID251 - real sockets
from twisted.internet.error import CannotListenError
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, readBody
from twisted.web.http_headers import Headers

from edgeproxy.sandbox.sandbox import Sandbox
from tests.awaited import awaited
from tests.sandbox.body import Body

V = "application/vnd.com.nsn.cumulocity."
JSON = "application/json"
BASIC = {"authorization": "Basic " + b64encode(b"t1/demo:sandbox").decode()}
OBJECTS = "/inventory/managedObjects"


class Reply:
    """Status, fields and JSON body of an answer."""

    def __init__(self, response: Any, body: bytes) -> None:
        self.status = response.code
        self.headers = response.headers
        self.raw = body
        self.json = json.loads(body) if body else None

    def field(self, name: str) -> str:
        values = self.headers.getRawHeaders(name)
        return values[0] if values else ""


class CloudTests(TestCase):
    timeout = 20

    @awaited
    async def setUp(self) -> None:
        self.now = 1_700_000_000.0
        self.directory = Path(self.mktemp())
        self.sandbox = Sandbox(
            reactor,
            self.directory,
            https_port=0,
            mqtt_port=0,
            token_lifetime=60,
            wall=lambda: self.now,
        )
        await self.sandbox.listen()
        self.sandbox.startService()
        self.addCleanup(self.sandbox.stopService)
        ca = Certificate.loadPEM(self.sandbox.ca_file.read_bytes())
        policy = BrowserLikePolicyForHTTPS(trustRootFromCertificates([ca]))
        self.agent = Agent(reactor, policy)

    def bearer(self) -> dict[str, str]:
        token = self.sandbox.tokens.token("dev1")
        return {"authorization": f"Bearer {token}"}

    async def ask(
        self, method: str, target: str, body: Any = None, **fields: str
    ) -> Reply:
        headers = Headers()
        for name, value in fields.items():
            headers.addRawHeader(name.replace("_", "-"), value)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        response = await self.agent.request(
            method.encode(),
            f"https://localhost:{self.sandbox.https_port}{target}".encode(),
            headers,
            Body(body) if body is not None else None,
        )
        return Reply(response, await readBody(response))

    def log(self) -> list[dict[str, Any]]:
        lines = self.sandbox.requests.path.read_text().splitlines()
        return [json.loads(line) for line in lines]

    # -- who may

    @awaited
    async def test_current_tenant_with_a_token(self) -> None:
        reply = await self.ask("GET", "/tenant/currentTenant", **self.bearer())
        self.assertEqual((reply.status, reply.json["name"]), (200, "t1"))
        self.assertEqual(
            reply.field("content-type"),
            V + "currenttenant+json;charset=UTF-8;ver=0.9",
        )

    @awaited
    async def test_head_is_answered_like_get_without_body(self) -> None:
        reply = await self.ask("HEAD", "/tenant/currentTenant", **self.bearer())
        self.assertEqual((reply.status, reply.raw), (200, b""))
        self.assertGreater(int(reply.field("content-length")), 0)
        self.assertEqual((await self.ask("HEAD", "/tenant/currentTenant")).status, 401)

    @awaited
    async def test_unauthenticated_requests_get_cumulocitys_own_words(self) -> None:
        bad = ("security/Unauthorized", "Invalid credentials! : Bad credentials")
        none = (
            "security/Unauthorized",
            "Full authentication is required to access this resource",
        )
        expired = self.bearer()
        self.now += 60
        for fields, words in [
            ({}, none),
            (expired, bad),
            ({"authorization": "Bearer garbage"}, bad),
            ({"authorization": "Bearer"}, bad),
            ({"authorization": "Basic ???"}, bad),
            ({"authorization": "Basic " + b64encode(b"demo").decode()}, bad),
            ({"authorization": "Basic " + b64encode(b"t1/demo:no").decode()}, bad),
            ({"authorization": "Basic " + b64encode(b"t2/demo:sandbox").decode()}, bad),
            ({"authorization": "Foo x"}, bad),
        ]:
            reply = await self.ask("GET", "/tenant/currentTenant", **fields)
            self.assertEqual(reply.status, 401, fields)
            self.assertEqual((reply.json["error"], reply.json["message"]), words)
            self.assertEqual(
                reply.field("content-type"), V + "error+json;charset=UTF-8;ver=0.9"
            )
            self.assertEqual(
                reply.field("www-authenticate"), 'Basic realm="Cumulocity"'
            )

    @awaited
    async def test_demo_user_is_let_in(self) -> None:
        plain = {"authorization": "Basic " + b64encode(b"demo:sandbox").decode()}
        for fields in (BASIC, plain):
            reply = await self.ask("GET", "/tenant/currentTenant", **fields)
            self.assertEqual(reply.status, 200)

    @awaited
    async def test_log_tells_who_and_why_but_never_the_token(self) -> None:
        fields = self.bearer()
        await self.ask("GET", "/tenant/currentTenant?a=b", **fields)
        await self.ask("GET", "/tenant/currentTenant", **BASIC)
        await self.ask("GET", "/tenant/currentTenant")
        self.now += 61.5
        await self.ask("GET", "/tenant/currentTenant", **fields)
        good, basic, none, late = self.log()
        self.assertEqual(good["target"], "/tenant/currentTenant?a=b")
        self.assertEqual((good["status"], good["auth"]), (200, "bearer"))
        self.assertEqual(good["user"], "device_dev1")
        self.assertEqual((basic["auth"], basic["user"]), ("basic", "demo"))
        self.assertEqual((none["status"], none["auth"]), (401, "none"))
        self.assertEqual((late["auth"], late["jti"]), ("refused", good["jti"]))
        self.assertEqual(late["why"], "expired 1.5 s ago")
        text = self.sandbox.requests.path.read_text()
        for part in fields["authorization"].split(" ")[1].split("."):
            self.assertNotIn(part, text)

    @awaited
    async def test_control_revokes(self) -> None:
        fields = self.bearer()
        self.assertEqual((await self.ask("POST", "/sandbox/revoke", b"")).status, 200)
        reply = await self.ask("GET", "/tenant/currentTenant", **fields)
        self.assertEqual(reply.json["error"], "Authentication failed/Unauthorized")
        self.assertEqual(self.log()[-1]["why"], "revoked")
        reply = await self.ask("GET", "/tenant/currentTenant", **self.bearer())
        self.assertEqual(reply.status, 200)

    @awaited
    async def test_control_revokes_and_repeats(self) -> None:
        await self.ask("GET", "/tenant/currentTenant", **self.bearer())
        await self.ask("POST", "/sandbox/revoke?repeat=true", b"")
        reply = await self.ask("GET", "/tenant/currentTenant", **self.bearer())
        self.assertEqual(reply.status, 401)

    @awaited
    async def test_control_is_not_for_those_behind_a_proxy(self) -> None:
        fields = self.bearer()
        reply = await self.ask("POST", "/sandbox/revoke", b"", **fields)
        self.assertEqual(reply.status, 403)
        reply = await self.ask("GET", "/tenant/currentTenant", **fields)
        self.assertEqual(reply.status, 200)

    # -- what they get

    async def create(self, fragments: Any, **fields: str) -> Reply:
        return await self.ask("POST", OBJECTS, fragments, **BASIC, **fields)

    @awaited
    async def test_changes_answer_with_a_body_only_if_accept_is_given(self) -> None:
        for fields, filled in [({}, False), ({"accept": "*/*"}, False)] + [
            ({"accept": JSON}, True),
            ({"accept": V + "managedObject+json"}, True),
        ]:
            made = await self.create({"name": "x"}, **fields)
            self.assertEqual((made.status, bool(made.raw)), (201, filled), fields)
            where = made.field("location")
            self.assertTrue(where.startswith("https://t1.sandbox.invalid" + OBJECTS))
            target = where.removeprefix("https://t1.sandbox.invalid")
            put = await self.ask("PUT", target, {"a": 1}, **BASIC, **fields)
            self.assertEqual((put.status, bool(put.raw)), (200, filled), fields)
            got = await self.ask("GET", target, **BASIC)
            self.assertEqual((got.json["name"], got.json["a"]), ("x", 1))

    @awaited
    async def test_update_merges_at_the_first_level(self) -> None:
        made = (await self.create({"a": {"x": 1}, "b": 2}, accept=JSON)).json
        change = {"a": {"y": 1}, "b": None, "c": [3], "id": "0", "creationTime": ""}
        target = f"{OBJECTS}/{made['id']}"
        put = await self.ask("PUT", target, change, accept=JSON, **BASIC)
        expected = {**made, "a": {"y": 1}, "c": [3]}
        del expected["b"]
        self.assertEqual(put.json, expected)

    @awaited
    async def test_sign_of_life_is_answered_with_the_id_only(self) -> None:
        made = (await self.create({"a": 1}, accept=JSON)).json
        target = f"{OBJECTS}/{made['id']}"
        put = await self.ask("PUT", target, {"id": made["id"]}, accept=JSON, **BASIC)
        self.assertEqual(put.json, {"id": made["id"]})

    @awaited
    async def test_deleted_objects_are_not_found(self) -> None:
        target = f"{OBJECTS}/{(await self.create({}, accept=JSON)).json['id']}"
        reply = await self.ask("DELETE", target, **BASIC)
        self.assertEqual((reply.status, reply.raw), (204, b""))
        reply = await self.ask("GET", target, **BASIC)
        self.assertEqual(
            (reply.status, reply.json["error"]), (404, "inventory/Not Found")
        )

    @awaited
    async def test_method_override_on_post(self) -> None:
        target = f"{OBJECTS}/{(await self.create({}, accept=JSON)).json['id']}"
        fields = {**BASIC, "x-http-method": "DELETE"}
        self.assertEqual((await self.ask("GET", target, **fields)).status, 200)
        self.assertEqual((await self.ask("POST", target, b"", **fields)).status, 204)

    @awaited
    async def test_lists_come_page_by_page(self) -> None:
        for number in range(7):
            await self.create({"type": "n", "number": number})
        await self.create({"type": "other"})
        target = f"{OBJECTS}?type=n"
        first = (await self.ask("GET", target, **BASIC)).json
        self.assertEqual(first["statistics"], {"currentPage": 1, "pageSize": 5})
        self.assertEqual(
            [o["number"] for o in first["managedObjects"]], [0, 1, 2, 3, 4]
        )
        self.assertIn("currentPage=2", first["next"])
        self.assertNotIn("prev", first)
        target += "&currentPage=2&withTotalPages=true&withTotalElements=true"
        last = (await self.ask("GET", target, **BASIC)).json
        self.assertEqual(
            last["statistics"],
            {"currentPage": 2, "pageSize": 5, "totalPages": 2, "totalElements": 7},
        )
        self.assertEqual([o["number"] for o in last["managedObjects"]], [5, 6])
        self.assertNotIn("next", last)
        self.assertTrue(last["self"].startswith("https://t1.sandbox.invalid/"))
        cut = (await self.ask("GET", OBJECTS + "?pageSize=99999", **BASIC)).json
        self.assertEqual(cut["statistics"]["pageSize"], 2000)

    @awaited
    async def test_reports_are_taken_and_listed(self) -> None:
        source = {"id": (await self.create({}, accept=JSON)).json["id"]}
        common = {"source": source, "type": "t", "time": "2026-01-01T00:00:00Z"}
        extra = {"text": "x", "severity": "MINOR", "c8y_T": {"T": {"value": 1}}}
        for api in ("measurement", "event", "alarm"):
            target = f"/{api}/{api}s"
            one = await self.ask(
                "POST", target, common | extra, accept=JSON, **self.bearer()
            )
            self.assertEqual((one.status, one.json["c8y_T"]), (201, extra["c8y_T"]))
            listed = await self.ask("GET", f"{target}?source={source['id']}", **BASIC)
            self.assertEqual(listed.json[f"{api}s"], [one.json])
            again = await self.ask("GET", f"{target}/{one.json['id']}", **BASIC)
            self.assertEqual(again.json, one.json)

    @awaited
    async def test_measurements_are_taken_in_bulk_all_or_none(self) -> None:
        source = {"id": (await self.create({}, accept=JSON)).json["id"]}
        one = {"source": source, "type": "t", "time": "2026-01-01T00:00:00Z"}
        target = "/measurement/measurements"
        many = {"measurements": [one, one]}
        reply = await self.ask("POST", target, many, accept=JSON, **BASIC)
        self.assertEqual(len(reply.json["measurements"]), 2)
        many = {"measurements": [one, {"source": source}]}
        self.assertEqual((await self.ask("POST", target, many, **BASIC)).status, 422)
        listed = await self.ask("GET", target, **BASIC)
        self.assertEqual(len(listed.json["measurements"]), 2)

    @awaited
    async def test_errors_are_cumulocitys(self) -> None:
        event: dict[str, Any] = {"source": {"id": "1"}, "type": "t", "time": "x"}
        for method, target, body, status, error in [
            ("GET", "/nothing", None, 404, "general/Not Found"),
            ("GET", "/", None, 404, "general/Not Found"),
            ("GET", OBJECTS + "/0", None, 404, "inventory/Not Found"),
            ("GET", "/event/events/0", None, 404, "event/Not Found"),
            ("POST", "/tenant/currentTenant", {}, 405, "general/methodNotAllowed"),
            ("PATCH", OBJECTS, {}, 405, "general/methodNotAllowed"),
            ("POST", OBJECTS, b"{", 400, "general/badRequest"),
            ("POST", OBJECTS, b"\xff", 400, "general/badRequest"),
            ("POST", OBJECTS, b"", 422, "undefined/validationError"),
            ("POST", OBJECTS, b"[]", 422, "undefined/validationError"),
            ("POST", "/event/events", event, 422, "undefined/validationError"),
            ("POST", "/event/events", event | {"text": "x"}, 422, "event/Unprocess"),
            ("GET", OBJECTS + "?pageSize=x", None, 422, "undefined/validationError"),
            ("GET", OBJECTS + "?currentPage=0", None, 422, "undefined/validation"),
        ]:
            reply = await self.ask(method, target, body, **BASIC)
            self.assertEqual(reply.status, status, (method, target, body))
            self.assertTrue(reply.json["error"].startswith(error), reply.json)
            self.assertEqual(
                reply.field("content-type"), V + "error+json;charset=UTF-8;ver=0.9"
            )
        self.assertEqual(self.log()[5]["status"], 405)

    @awaited
    async def test_refused_methods_say_what_is_allowed(self) -> None:
        reply = await self.ask("PATCH", OBJECTS, {}, **BASIC)
        self.assertEqual(reply.field("allow"), "GET, HEAD, POST")

    # -- the service

    @awaited
    async def test_busy_port_fails_to_listen_and_leaves_nothing_open(self) -> None:
        for ports in (
            {"https_port": self.sandbox.https_port, "mqtt_port": 0},
            {"https_port": 0, "mqtt_port": self.sandbox.mqtt_port},
        ):
            other = Sandbox(reactor, self.directory, **ports)
            ready = other.whenReady()
            with self.assertRaises(CannotListenError):
                await other.listen()
            with self.assertRaises(CannotListenError):
                await ready

    @awaited
    async def test_starting_listens_and_tells_of_a_busy_port(self) -> None:
        other = Sandbox(
            reactor, self.directory, https_port=self.sandbox.https_port, mqtt_port=0
        )
        ready = other.whenReady()
        with capturedLogs() as events:
            other.startService()
            with self.assertRaises(CannotListenError):
                await ready
        await other.stopService()
        critical = [each for each in events if each["log_level"] is LogLevel.critical]
        self.assertEqual(len(critical), 1)

    @awaited
    async def test_it_can_be_started_again(self) -> None:
        await self.sandbox.stopService()
        self.sandbox.startService()
        await self.sandbox.whenReady()
        reply = await self.ask("GET", "/tenant/currentTenant", **self.bearer())
        self.assertEqual(reply.status, 200)

    @awaited
    async def test_ports_are_the_actual_ones(self) -> None:
        self.assertNotIn(0, (self.sandbox.https_port, self.sandbox.mqtt_port))
        await self.sandbox.whenReady()

    @awaited
    async def test_state_is_kept_where_it_was_told(self) -> None:
        names = {path.name for path in self.directory.iterdir()}
        self.assertIn("requests.log", names)
        mode = self.sandbox.device_key.stat().st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)
