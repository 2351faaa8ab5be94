"""Who may use the API, from where, and what else is served."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from twisted.internet.defer import inlineCallbacks
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.portal.operators import (
    OperatorsFileError,
    make_operators,
    read_operators,
)
from edgeproxy.portal.throttle import OF_NAME
from tests.registry.management.api import ApiTestCase


class LoginTests(ApiTestCase):
    @inlineCallbacks
    def test_a_login_is_needed(self) -> Any:
        for auth, text in (
            (None, "Unauthorized"),
            (("op", "wrong"), "bad credentials"),
            (("nobody", "s3cret"), "bad credentials"),
        ):
            for method, path in (("GET", "/tenants"), ("POST", "/tenants/T")):
                got = yield self.refuses(401, text, method, path, auth=auth)
                challenge = got.header("WWW-Authenticate")
                self.assertEqual(challenge, 'Basic realm="edgeproxy registry"')
        for value in ("Bearer x", "Basic", "Basic !", "Basic eA=="):
            yield self.refuses(
                401,
                "malformed credentials",
                "GET",
                "/tenants",
                auth=None,
                Authorization=value,
            )
        self.assertIsNone(self.store.get_tenant("T"))

    @inlineCallbacks
    def test_who_guesses_has_to_wait(self) -> Any:
        wrong = ("op", "wrong")
        for _ in range(OF_NAME):
            yield self.answers(401, "GET", "/tenants", auth=wrong)
        text = "too many failed log-ins"
        for auth in (wrong, ("op", "s3cret")):
            got = yield self.refuses(429, text, "GET", "/tenants", auth=auth)
            self.assertEqual(got.header("Retry-After"), "6")
        # Others are not concerned.
        yield self.answers(401, "GET", "/tenants", auth=("other", "wrong"))

    @inlineCallbacks
    def test_who_has_no_login_learns_nothing(self) -> Any:
        body = b"x" * 20_000
        yield self.answers(401, "PUT", "/tenants/%20", body=body, auth=None)

    @inlineCallbacks
    def test_each_change_leaves_an_audit_line(self) -> Any:
        lines: list[tuple[Any, ...]] = []

        def observe(event: Any) -> None:
            if event.get("log_namespace") == "edgeproxy.audit":
                lines.append((event["user"], event["address"], event["done"]))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        for method, path, body in (
            ("POST", "/tenants/T", None),
            ("PUT", "/tenants/T", {}),
            ("POST", "/devices/T/d", None),
            ("PUT", "/devices/T/d", {}),
            ("PUT", "/credentials/T/d", []),
            ("POST", "/bulk/T/import", {"devices": [{"id": "e"}]}),
            ("DELETE", "/devices/T/d", None),
            ("DELETE", "/devices/T", None),
            ("DELETE", "/tenants/T", None),
            ("DELETE", "/tenants/T", None),
            ("GET", "/tenants", None),
        ):
            yield self.ask(method, path, body)
        self.assertEqual({line[:2] for line in lines}, {("op", "127.0.0.1")})
        self.assertEqual(
            [done for _, _, done in lines],
            [
                "created tenant T",
                "changed tenant T",
                "created device T/d",
                "changed device T/d",
                "changed credentials of device T/d",
                "imported devices into tenant T: 1 created, 0 replaced",
                "deleted device T/d",
                "deleted all devices of tenant T: 1",
                "deleted tenant T",
            ],
        )

    @inlineCallbacks
    def test_web_pages_may_use_it_with_a_login(self) -> Any:
        got = yield self.answers(
            204,
            "OPTIONS",
            "/tenants/T",
            auth=None,
            Origin="https://ui.example.com",
            Access_Control_Request_Method="PUT",
        )
        self.assertEqual(got.header("Access-Control-Allow-Origin"), "*")
        self.assertEqual(
            got.header("Access-Control-Allow-Methods"),
            "POST, GET, PUT, DELETE, OPTIONS",
        )
        self.assertEqual(
            got.header("Access-Control-Allow-Headers"),
            "authorization, content-type, if-match",
        )
        got = yield self.answers(
            201, "POST", "/tenants/T", Origin="https://ui.example.com"
        )
        self.assertEqual(got.header("Access-Control-Allow-Origin"), "*")
        self.assertIn("ETag", got.header("Access-Control-Expose-Headers"))

    @inlineCallbacks
    def test_what_is_not_there(self) -> Any:
        for path in (
            "/",
            "/tenants/T/x",
            "/Tenants",
            "/devices",
            "/credentials/T",
            "x",
        ):
            got = yield self.answers(404, "GET", path)
            self.assertEqual(got.json, {"error": "Resource not found"})
        for method, path, allowed in (
            ("PUT", "/tenants", "POST, GET, OPTIONS"),
            ("PATCH", "/tenants/T", "POST, GET, PUT, DELETE, OPTIONS"),
            ("POST", "/credentials/T/d", "GET, PUT, OPTIONS"),
            ("GET", "/bulk/T/import", "POST, OPTIONS"),
            ("PUT", "/docs", "GET, HEAD"),
        ):
            got = yield self.answers(405, method, path)
            self.assertEqual(got.header("Allow"), allowed)

    @inlineCallbacks
    def test_the_document_and_its_page_are_for_everybody(self) -> Any:
        got = yield self.answers(200, "GET", "/openapi.json", auth=None)
        self.assertEqual(got.json["openapi"], "3.1.0")
        page = yield self.answers(200, "GET", "/docs", auth=None)
        self.assertEqual(page.header("Content-Type"), "text/html; charset=utf-8")
        for path in got.json["paths"]:
            self.assertIn(path, page.text)
        # It works offline: nothing is loaded from elsewhere.
        for word in ("http:", "https:", "<script", "src="):
            self.assertNotIn(word, page.text)
        yield self.answers(200, "HEAD", "/docs", auth=None)

    @inlineCallbacks
    def test_every_answer_of_the_document_is_explained(self) -> Any:
        got = yield self.answers(200, "GET", "/openapi.json")
        for operations in got.json["paths"].values():
            for method, operation in operations.items():
                if method == "parameters":
                    continue
                statuses = operation["responses"]
                self.assertNotIn("default", statuses)
                self.assertEqual([s for s in statuses if s[0] == "5"], ["503"])
                self.assertIn("401", statuses)


class OpenTests(ApiTestCase):
    open_to_all = True

    @inlineCallbacks
    def test_programs_on_this_machine_may_use_it(self) -> Any:
        yield self.answers(201, "POST", "/tenants/T")
        for host in ("localhost:1", "[::1]:28080", "127.0.0.1"):
            yield self.answers(200, "GET", "/tenants/T", Host=host)
        got = yield self.answers(200, "GET", "/tenants/T")
        self.assertIsNone(got.header("Access-Control-Allow-Origin"))

    @inlineCallbacks
    def test_web_pages_may_not(self) -> Any:
        for foreign in (
            {"Origin": "http://evil.example.com"},
            {"Sec_Fetch_Site": "cross-site"},
            {"Host": "evil.example.com"},
            {"Host": "evil.example.com:28080"},
            {"Host": "127.0.0.1.evil.example.com"},
        ):
            text = "only for programs on this machine"
            yield self.refuses(403, text, "POST", "/tenants/T", **foreign)
            yield self.refuses(403, text, "GET", "/tenants", **foreign)
        got = yield self.answers(
            204, "OPTIONS", "/tenants/T", Origin="http://evil.example.com"
        )
        self.assertIsNone(got.header("Access-Control-Allow-Origin"))
        self.assertIsNone(self.store.get_tenant("T"))

    @inlineCallbacks
    def test_secrets_are_not_exported(self) -> Any:
        yield self.answers(201, "POST", "/tenants/T")
        yield self.answers(403, "POST", "/bulk/T/export", {"secrets": True})
        yield self.answers(200, "POST", "/bulk/T/export", {})


class OperatorsFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()) / "state" / "operators.toml"

    def test_the_first_start_makes_a_login_for_owner_and_group(self) -> None:
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        self.assertTrue(make_operators(str(self.path)))
        mode = stat.S_IMODE(self.path.stat().st_mode)
        self.assertEqual(oct(mode), oct(0o640))
        (operator,) = read_operators(str(self.path)).values()
        assert operator.password is not None
        self.assertEqual(operator.name, "operator")
        self.assertGreaterEqual(len(operator.password), 32)
        text = self.path.read_text()
        self.assertFalse(make_operators(str(self.path)))
        self.assertEqual(self.path.read_text(), text)
        self.assertEqual(list(self.path.parent.iterdir()), [self.path])

    def test_each_file_has_another_password(self) -> None:
        other = self.path.with_name("other.toml")
        for path in (self.path, other):
            make_operators(str(path))
        self.assertNotEqual(self.path.read_text(), other.read_text())

    def problem(self, text: str) -> str:
        self.path.parent.mkdir(exist_ok=True, parents=True)
        self.path.write_text(text)
        self.path.chmod(0o600)
        with self.assertRaises(OperatorsFileError) as caught:
            read_operators(str(self.path))
        self.assertIn(str(self.path), str(caught.exception))
        return str(caught.exception)

    def test_what_is_no_such_file(self) -> None:
        digest = "pwd-hash = 'n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg='"
        for text, problem in (
            ("x", "Expected"),
            ("[user]", "something else"),
            ("[operator]", "something else"),
            ("[[operator]]\nname = 'a'", "needs either"),
            ("[[operator]]\npassword = 'a'", "needs a name"),
            ("[[operator]]\nname = 'a:b'\npassword = 'a'", "colon"),
            ("[[operator]]\nname = 'a'\npassword = ''", "needs either"),
            ("[[operator]]\nname = 'a'\npwd-hash = 'AAAA'", "needs either"),
            ("[[operator]]\nname = 'a'\npassword = 'a'\nx = 1", "only"),
            (f"[[operator]]\nname = 'a'\npassword = 'a'\n{digest}", "needs either"),
            (f"[[operator]]\nname = 'a'\n{digest}\n" * 2, "taken"),
        ):
            self.assertIn(problem, self.problem(text))
        self.path.chmod(0o644)
        with self.assertRaisesRegex(OperatorsFileError, "open to everybody"):
            read_operators(str(self.path))
        self.path.unlink()
        self.assertRaises(OperatorsFileError, read_operators, str(self.path))

    def test_a_hash_will_do(self) -> None:
        digest = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="
        self.path.parent.mkdir(parents=True)
        self.path.write_text(f"[[operator]]\nname = 'a'\npwd-hash = '{digest}'\n")
        self.path.chmod(0o640)
        operator = read_operators(str(self.path))["a"]
        self.assertIsNone(operator.password)
        self.assertNotIn("digest", repr(operator))
