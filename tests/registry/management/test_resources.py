"""Tenants, devices and credentials: each endpoint, method, status and header."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from typing import Any

import bcrypt
from twisted.internet.defer import DeferredList, inlineCallbacks
from twisted.logger import globalLogPublisher

from edgeproxy.portal.dn import canonical_of
from edgeproxy.portal.errors import TenantRefused
from edgeproxy.registry.management import hashing
from tests.registry.management.api import ApiTestCase
from tests.registry.test_anchors import authority, der, encoded, name

SALT = encoded(b"salt")
HASHED = encoded(hashlib.sha256(b"salt" + b"password").digest())


def password(auth_id: str = "a", **more: Any) -> dict[str, Any]:
    """Return credentials with one hashed password."""
    secret = {"pwd-hash": HASHED, "hash-function": "sha-256", "salt": SALT}
    return {"type": "hashed-password", "auth-id": auth_id, "secrets": [secret]} | more


class TenantTests(ApiTestCase):
    @inlineCallbacks
    def test_a_life(self) -> Any:
        made = yield self.answers(201, "POST", "/tenants/T.1", {"enabled": False})
        self.assertEqual(made.json, {"id": "T.1"})
        self.assertEqual(made.header("Location"), "/v1/tenants/T.1")
        self.assertRaises(TenantRefused, self.store.admit_tenant, "T.1")
        got = yield self.answers(200, "GET", "/tenants/T.1")
        self.assertEqual(got.json, {"enabled": False})
        self.assertEqual(got.etag, made.etag)
        self.assertEqual(got.header("Cache-Control"), "no-store")
        changed = yield self.answers(204, "PUT", "/tenants/T.1", {"enabled": True})
        self.assertNotEqual(changed.etag, made.etag)
        self.assertTrue(self.store.admit_tenant("T.1"))
        gone = yield self.answers(204, "DELETE", "/tenants/T.1")
        self.assertIsNone(gone.header("ETag"))
        self.assertFalse(self.store.admit_tenant("T.1"))
        yield self.refuses(404, "no such tenant", "GET", "/tenants/T.1")
        yield self.refuses(404, "no such tenant", "DELETE", "/tenants/T.1")
        yield self.refuses(404, "no such tenant", "PUT", "/tenants/T.1", {})

    @inlineCallbacks
    def test_an_id_is_made_and_a_body_may_be_left_out(self) -> Any:
        first = yield self.answers(201, "POST", "/tenants")
        second = yield self.answers(201, "POST", "/tenants")
        self.assertNotEqual(first.json["id"], second.json["id"])
        got = yield self.answers(200, "GET", f"/tenants/{first.json['id']}")
        self.assertEqual(got.json, {})

    @inlineCallbacks
    def test_an_id_is_taken_once(self) -> Any:
        yield self.answers(201, "POST", "/tenants/T")
        yield self.refuses(409, "tenant already exists", "POST", "/tenants/T")

    @inlineCallbacks
    def test_bad_ids(self) -> Any:
        for bad, shown in (("a%20b", "a b"), ("%C3%BC", "ü"), ("a%0A", "a\n")):
            text = f"request parameter [name: tenant_id, value: {shown}]"
            yield self.refuses(
                400, f"{text} failed validation", "POST", f"/tenants/{bad}"
            )
        yield self.answers(400, "GET", "/tenants/%FF")
        yield self.answers(400, "GET", f"/tenants/{'x' * 257}")

    @inlineCallbacks
    def test_bodies_that_are_none(self) -> Any:
        yield self.answers(201, "POST", "/tenants/T")
        for text, body, kind in (
            ("Missing Content-Type header", b"{}", None),
            ("Unsupported Content-Type [text/plain]", b"{}", "text/plain"),
            ("Empty body", b"", "application/json"),
            ("Null body", b"null", "application/json; charset=utf-8"),
            ("Invalid JSON", b"{", "application/json"),
            ("Invalid JSON", b'{"ext": {"a": NaN}}', "application/json"),
            ("Invalid JSON", b'{"ext": {"a": 1e999}}', "application/json"),
            ("Invalid JSON", b'{"ext": {"a": "\\ud800"}}', "application/json"),
            ("Invalid JSON", b'{"ext": {"a": "\xff"}}', "application/json"),
            ("Invalid JSON", b'{"ext":' + b"[" * 5000, "application/json"),
            (
                "Invalid JSON",
                b'{"ext":{"a":' + b"[" * 60 + b"]" * 60 + b"}}",
                "application/json",
            ),
            ("Invalid JSON", b'{"a": ' + b"1" * 5000 + b"}", "application/json"),
        ):
            yield self.refuses(400, text, "PUT", "/tenants/T", body=body, kind=kind)
        got = yield self.answers(
            204, "PUT", "/tenants/T", {"ext": {"deep": [[[1.5, None, "ü\0"]]]}}
        )
        self.assertTrue(got.etag)

    @inlineCallbacks
    def test_a_body_is_bounded(self) -> Any:
        room = 16_000 - len('{"ext":{"a":""}}')
        for size, status in ((room, 201), (room + 1, 413)):
            body = json.dumps({"ext": {"a": "x" * size}}, separators=(",", ":"))
            yield self.answers(status, "POST", f"/tenants/t{size}", body=body.encode())

    @inlineCallbacks
    def test_what_is_no_tenant(self) -> Any:
        key = {"public-key": "AAAA", "subject-dn": "CN=x"}
        period = {
            "not-before": "2026-01-01T00:00:00Z",
            "not-after": "2027-01-01T00:00Z",
        }
        for bad in (
            [],
            "T",
            {"unknown": 1},
            {"enabled": "true"},
            {"alias": "Not-Lower"},
            {"adapters": []},
            {"adapters": [{}]},
            {"adapters": [{"type": "a"}, {"type": "a"}]},
            {"defaults": {"a": {"b": 1}}},
            {"defaults": {"a": 2**63}},
            {"minimum-message-size": -1},
            {"registration-limits": {"max-devices": -2}},
            {"resource-limits": {"data-volume": {"max-bytes": 1}}},
            {"resource-limits": {"data-volume": {"effective-since": "soon"}}},
            {
                "resource-limits": {
                    "data-volume": {"effective-since": "2026-02-31T00:00:00Z"}
                }
            },
            {"tracing": {"sampling-mode": "some"}},
            {"trusted-ca": {"cert": "AAAA"}},
            {"trusted-ca": [{}]},
            {"trusted-ca": [{"cert": "AAAA"}]},
            {"trusted-ca": [key]},
            {"trusted-ca": [key | period]},
            {"trusted-ca": [{"id": "1", "unknown": 2}]},
        ):
            yield self.refuses(
                400,
                "request does not contain a valid Tenant object",
                "POST",
                "/tenants",
                bad,
            )
        self.assertEqual(self.stored("SELECT count(*) FROM tenants"), (0,))

    @inlineCallbacks
    def test_a_certificate_is_taken_apart(self) -> Any:
        certificate = authority(name("CA"))
        ca = {"cert": encoded(der(certificate)), "auth-id-template": "{{subject-cn}}"}
        yield self.answers(201, "POST", "/tenants/T", {"trusted-ca": [ca]})
        got = yield self.answers(200, "GET", "/tenants/T")
        (shown,) = got.json["trusted-ca"]
        self.assertNotIn("cert", shown)
        self.assertEqual(shown["algorithm"], "EC")
        self.assertEqual(shown["subject-dn"], canonical_of(certificate.subject))
        self.assertEqual(shown["not-after"], "2036-01-01T00:00:00Z")
        (trusting,) = self.store.find_trusting(name("CA"))
        self.assertEqual(trusting.anchors[0].auth_id_template, "{{subject-cn}}")
        # What was shown may be written again.
        yield self.answers(204, "PUT", "/tenants/T", got.json)
        again = yield self.answers(200, "GET", "/tenants/T")
        self.assertEqual(again.json, got.json)

    @inlineCallbacks
    def test_what_must_be_unique(self) -> Any:
        ca = {"trusted-ca": [{"cert": encoded(der(authority(name("CA"))))}]}
        yield self.answers(201, "POST", "/tenants/T", {"alias": "t"} | ca)
        text = "alias is in use by another tenant"
        yield self.refuses(409, text, "POST", "/tenants/U", {"alias": "t"})
        got = yield self.answers(409, "POST", "/tenants/U", ca)
        self.assertIn("trust anchor", got.json["error"])
        group = {"trust-anchor-group": "g"}
        yield self.answers(409, "POST", "/tenants/U", ca | group)
        yield self.answers(204, "PUT", "/tenants/T", ca | group)
        yield self.answers(201, "POST", "/tenants/U", ca | group)
        self.assertEqual(len(self.store.find_trusting(name("CA"))), 2)
        yield self.answers(409, "PUT", "/tenants/U", ca)
        # Its own are no obstacle.
        yield self.answers(204, "PUT", "/tenants/T", ca | group | {"alias": "t"})
        yield self.answers(204, "PUT", "/tenants/T", ca | group | {"alias": "t"})


class FullDiskTests(ApiTestCase):
    @inlineCallbacks
    def test_nothing_is_half_written_and_it_goes_on_when_there_is_room(self) -> Any:
        writer = self.management._connections[0]
        yield self.answers(201, "POST", "/tenants/T")
        (pages,) = writer.execute("PRAGMA page_count").fetchone()
        writer.execute(f"PRAGMA max_page_count = {pages}")
        devices = [{"id": f"d{n}", "ext": {"a": "x" * 900}} for n in range(200)]
        big = {"devices": devices}
        text = "temporarily unavailable"
        got = yield self.refuses(503, text, "POST", "/bulk/T/import", big)
        self.assertEqual(got.header("Retry-After"), "2")
        self.assertEqual(self.stored("SELECT count(*) FROM devices"), (0,))
        yield self.answers(200, "GET", "/tenants/T")
        writer.execute("PRAGMA max_page_count = 100000")
        got = yield self.answers(200, "POST", "/bulk/T/import", big)
        self.assertEqual(got.json["created"], 200)
        (failure,) = self.flushLoggedErrors(sqlite3.OperationalError)
        self.assertIn("full", str(failure.value))

    @inlineCallbacks
    def test_others_in_the_same_transaction_are_not_concerned(self) -> Any:
        """What is refused, or fails, takes nobody with it who came at the same time."""
        yield self.answers(201, "POST", "/tenants/T")
        yield self.answers(201, "POST", "/devices/T/there")
        asked = [
            self.ask("POST", f"/devices/T/{name}")
            for name in ("a", "there", "b", "there", "c")
        ]
        results = yield DeferredList(asked, fireOnOneErrback=True)
        statuses = [got.status for _, got in results]
        self.assertEqual(statuses, [201, 409, 201, 409, 201])
        self.assertEqual(self.stored("SELECT count(*) FROM devices"), (4,))


class VersionTests(ApiTestCase):
    @inlineCallbacks
    def setUp(self) -> Any:
        super().setUp()
        yield self.answers(201, "POST", "/tenants/T", {"ext": {"n": 0}})
        yield self.answers(201, "POST", "/devices/T/d")

    @inlineCallbacks
    def test_if_match(self) -> Any:
        for path, body in (
            ("/credentials/T/d", []),
            ("/devices/T/d", {}),
            ("/tenants/T", {}),
        ):
            got = yield self.answers(200, "GET", path)
            text = "resource version mismatch"
            yield self.refuses(412, text, "PUT", path, body, If_Match="x")
            quoted = f'"{got.etag}"'
            put = yield self.answers(204, "PUT", path, body, If_Match=quoted)
            yield self.refuses(412, text, "PUT", path, body, If_Match=got.etag)
            yield self.answers(204, "PUT", path, body, If_Match="*")
            if "credentials" not in path:
                yield self.refuses(412, text, "DELETE", path, If_Match=put.etag)
                got = yield self.answers(200, "GET", path)
                yield self.answers(204, "DELETE", path, If_Match=got.etag)

    @inlineCallbacks
    def test_of_concurrent_writers_one_wins(self) -> Any:
        for _ in range(5):
            before = yield self.answers(200, "GET", "/tenants/T")
            count = before.json["ext"]["n"]
            writers = [
                self.ask(
                    "PUT",
                    "/tenants/T",
                    {"ext": {"n": count + 1, "by": n}},
                    If_Match=before.etag,
                )
                for n in range(16)
            ]
            results = yield DeferredList(writers, fireOnOneErrback=True)
            statuses = [got.status for _, got in results]
            self.assertEqual(sorted(statuses), [204] + [412] * 15)
            after = yield self.answers(200, "GET", "/tenants/T")
            self.assertEqual(
                after.json["ext"], {"n": count + 1, "by": statuses.index(204)}
            )
            self.assertEqual(after.etag, results[statuses.index(204)][1].etag)


class DeviceTests(ApiTestCase):
    @inlineCallbacks
    def setUp(self) -> Any:
        super().setUp()
        yield self.answers(201, "POST", "/tenants/T")

    @inlineCallbacks
    def test_a_life(self) -> Any:
        made = yield self.answers(201, "POST", "/devices/T/a:b=1", {"via": ["gw"]})
        self.assertEqual(made.json, {"id": "a:b=1"})
        self.assertEqual(made.header("Location"), "/v1/devices/T/a:b=1")
        got = yield self.answers(200, "GET", "/devices/T/a:b=1")
        self.assertEqual(got.etag, made.etag)
        status = got.json.pop("status")
        self.assertEqual(set(status), {"created", "last-user"})
        self.assertEqual(got.json, {"via": ["gw"]})
        credentials = yield self.answers(200, "GET", "/credentials/T/a:b=1")
        self.assertEqual(credentials.json, [])
        self.assertTrue(credentials.etag)
        device = self.store.get_device("T", "a:b=1")
        assert device is not None and device.enabled
        # What was shown may be written again; the status is the registry's.
        data = {"enabled": False, "status": {"created": "never"}}
        changed = yield self.answers(204, "PUT", "/devices/T/a:b=1", data)
        self.assertNotEqual(changed.etag, made.etag)
        device = self.store.get_device("T", "a:b=1")
        assert device is not None and not device.enabled
        got = yield self.answers(200, "GET", "/devices/T/a:b=1")
        self.assertEqual(got.json["status"]["created"], status["created"])
        self.assertEqual(got.json["status"]["last-user"], "op")
        self.assertIn("updated", got.json["status"])
        yield self.answers(204, "DELETE", "/devices/T/a:b=1")
        self.assertIsNone(self.store.get_device("T", "a:b=1"))
        for method, body in (("GET", None), ("PUT", {}), ("DELETE", None)):
            yield self.refuses(
                404, "device not found", method, "/devices/T/a:b=1", body
            )

    @inlineCallbacks
    def test_an_id_is_made(self) -> Any:
        made = yield self.answers(201, "POST", "/devices/T")
        path = made.header("Location")
        self.assertEqual(path, f"/v1/devices/T/{made.json['id']}")
        yield self.answers(200, "GET", path.removeprefix("/v1"))

    @inlineCallbacks
    def test_an_id_is_taken_once(self) -> Any:
        yield self.answers(201, "POST", "/devices/T/d")
        yield self.refuses(409, "device already exists", "POST", "/devices/T/d")

    @inlineCallbacks
    def test_a_tenant_that_is_not_there(self) -> Any:
        for method, path, body in (
            ("POST", "/devices/U", None),
            ("GET", "/devices/U", None),
            ("POST", "/devices/U/d", None),
            ("GET", "/devices/U/d", None),
            ("PUT", "/devices/U/d", {}),
            ("DELETE", "/devices/U/d", None),
            ("GET", "/credentials/U/d", None),
            ("PUT", "/credentials/U/d", []),
        ):
            yield self.refuses(404, "no such tenant", method, path, body)
        yield self.answers(204, "DELETE", "/devices/U")

    @inlineCallbacks
    def test_what_is_no_device(self) -> Any:
        for bad in (
            [],
            {"unknown": 1},
            {"via": "gw"},
            {"via": ["g w"]},
            {"memberOf": ["g"], "via": ["gw"]},
            {"memberOf": ["g"], "viaGroups": []},
            {"authorities": ["everything"]},
            {"defaults": {"a": None}},
            {"command-endpoint": {}},
        ):
            yield self.refuses(
                400,
                "request does not contain a valid Device object",
                "POST",
                "/devices/T",
                bad,
            )

    @inlineCallbacks
    def test_all_devices_of_a_tenant(self) -> Any:
        yield self.answers(201, "POST", "/tenants/U")
        for path in ("T/a", "T/b", "U/a"):
            yield self.answers(201, "POST", f"/devices/{path}")
            self.assertIsNotNone(self.store.get_device(*path.split("/")))
        yield self.answers(204, "DELETE", "/devices/T")
        self.assertIsNone(self.store.get_device("T", "a"))
        self.assertIsNotNone(self.store.get_device("U", "a"))
        yield self.answers(200, "GET", "/tenants/T")

    @inlineCallbacks
    def test_a_tenant_takes_its_devices_with_it(self) -> Any:
        yield self.answers(201, "POST", "/devices/T/d")
        yield self.answers(204, "PUT", "/credentials/T/d", [password()])
        self.assertIsNotNone(self.store.find_credentials("T", "hashed-password", "a"))
        yield self.answers(204, "DELETE", "/tenants/T")
        self.assertIsNone(self.store.get_device("T", "d"))
        self.assertIsNone(self.store.find_credentials("T", "hashed-password", "a"))
        yield self.answers(201, "POST", "/tenants/T")
        yield self.refuses(404, "device not found", "GET", "/devices/T/d")

    @inlineCallbacks
    def test_registration_limits(self) -> Any:
        limits = {"max-devices": 2, "max-credentials-per-device": 1}
        yield self.answers(204, "PUT", "/tenants/T", {"registration-limits": limits})
        for device in "ab":
            yield self.answers(201, "POST", f"/devices/T/{device}")
        yield self.answers(403, "POST", "/devices/T/c")
        two = [password("a"), password("b")]
        yield self.answers(403, "PUT", "/credentials/T/a", two)
        yield self.answers(204, "PUT", "/credentials/T/a", two[:1])


class CredentialsTests(ApiTestCase):
    @inlineCallbacks
    def setUp(self) -> Any:
        super().setUp()
        yield self.answers(201, "POST", "/tenants/T")
        for device in "de":
            yield self.answers(201, "POST", f"/devices/T/{device}")

    def record(self, auth_id: str = "a", kind: str = "hashed-password") -> Any:
        return self.store.find_credentials("T", kind, auth_id)

    @inlineCallbacks
    def put(self, *credentials: Any, device: str = "d") -> Any:
        got = yield self.answers(
            204, "PUT", f"/credentials/T/{device}", list(credentials)
        )
        return got

    @inlineCallbacks
    def shown(self, device: str = "d") -> Any:
        got = yield self.answers(200, "GET", f"/credentials/T/{device}")
        return got.json

    @inlineCallbacks
    def test_what_is_confidential_is_never_shown(self) -> Any:
        period = {"not-before": "2026-01-01T00:00:00Z", "comment": "first"}
        credentials = password(ext={"a": 1}, enabled=True)
        credentials["secrets"][0] |= period
        put = yield self.put(credentials)
        got = yield self.answers(200, "GET", "/credentials/T/d")
        self.assertEqual(got.etag, put.etag)
        (shown,) = got.json
        (secret,) = shown.pop("secrets")
        self.assertTrue(secret.pop("id"))
        self.assertEqual(secret, period)
        expected = {n: v for n, v in credentials.items() if n != "secrets"}
        self.assertEqual(shown, expected)
        (kept,) = self.record().secrets
        self.assertEqual(base64.b64encode(kept.digest).decode(), HASHED)

    @inlineCallbacks
    def test_a_secret_keeps_what_is_not_written(self) -> Any:
        yield self.put(password())
        (shown,) = yield self.shown()
        shown["secrets"][0] |= {"comment": "x", "enabled": False}
        yield self.put(shown)
        (kept,) = self.record().secrets
        self.assertEqual(base64.b64encode(kept.digest).decode(), HASHED)
        self.assertEqual(kept.salt, b"salt")
        self.assertFalse(kept.enabled)
        # Another one beside it, and then only that.
        shown["secrets"].append(password()["secrets"][0])
        yield self.put(shown)
        (shown,) = yield self.shown()
        first, second = shown["secrets"]
        self.assertNotEqual(first["id"], second["id"])
        self.assertEqual(len(self.record().secrets), 2)
        yield self.put(shown | {"secrets": [second]})
        self.assertTrue(self.record().secrets[0].enabled)
        yield self.put()
        self.assertIsNone(self.record())

    @inlineCallbacks
    def test_a_new_password_for_a_known_secret(self) -> Any:
        yield self.put(password())
        (shown,) = yield self.shown()
        shown["secrets"][0]["pwd-plain"] = "new"
        yield self.put(shown)
        (kept,) = self.record().secrets
        self.assertEqual((kept.hash_function, kept.salt), ("bcrypt", b""))
        self.assertTrue(bcrypt.checkpw(b"new", kept.digest))
        (again,) = yield self.shown()
        self.assertEqual(again["secrets"][0]["id"], shown["secrets"][0]["id"])

    @inlineCallbacks
    def test_a_plain_password_is_hashed_on_arrival(self) -> Any:
        secret = {"pwd-plain": "geheim-ü"}
        yield self.put(password(secrets=[secret]))
        (kept,) = self.record().secrets
        self.assertTrue(kept.digest.startswith(b"$2a$10$"))
        self.assertTrue(bcrypt.checkpw("geheim-ü".encode(), kept.digest))
        everything = "".join(self.stored("SELECT group_concat(data) FROM credentials"))
        self.assertNotIn("geheim", everything)

    @inlineCallbacks
    def test_too_many_passwords_at_once(self) -> Any:
        self.patch(hashing, "MOST_WAITING", 2)
        bodies = [password(f"p{n}", secrets=[{"pwd-plain": "x"}]) for n in range(5)]
        asked = [self.ask("PUT", "/credentials/T/d", [body]) for body in bodies]
        results = yield DeferredList(asked, fireOnOneErrback=True)
        statuses = {got.status for _, got in results}
        self.assertEqual(statuses, {204, 503})
        busy = next(got for _, got in results if got.status == 503)
        self.assertEqual(busy.json, {"error": "temporarily unavailable"})
        self.assertEqual(busy.header("Retry-After"), "2")

    @inlineCallbacks
    def test_a_certificate_is_taken_apart(self) -> Any:
        certificate = authority(name("device"))
        yield self.put({"type": "x509-cert", "cert": encoded(der(certificate))})
        (shown,) = yield self.shown()
        self.assertEqual(shown["auth-id"], canonical_of(certificate.subject))
        (secret,) = shown["secrets"]
        self.assertEqual(secret["not-before"], "2026-01-01T00:00:00Z")
        record = self.record(canonical_of(certificate.subject), "x509-cert")
        self.assertEqual(record.device_id, "d")
        yield self.put(shown)

    @inlineCallbacks
    def test_keys(self) -> Any:
        certificate = authority(name("device"))
        yield self.put(
            {"type": "psk", "auth-id": "i d", "secrets": [{"key": SALT}]},
            {
                "type": "rpk",
                "auth-id": "r",
                "secrets": [{"cert": encoded(der(certificate))}],
            },
        )
        psk, rpk = yield self.shown()
        self.assertEqual(set(psk["secrets"][0]), {"id"})
        self.assertEqual(
            set(rpk["secrets"][0]), {"id", "algorithm", "not-before", "not-after"}
        )
        yield self.put(psk, rpk)
        (data,) = self.stored("SELECT data FROM credentials WHERE type = 'rpk'")
        self.assertTrue(json.loads(data)["secrets"][0]["key"])

    @inlineCallbacks
    def test_an_auth_id_is_of_one_device(self) -> Any:
        yield self.put(password(), password("b"))
        text = "credentials (type, auth-id) must be unique for device"
        body = [password("c"), password("b")]
        yield self.refuses(409, text, "PUT", "/credentials/T/e", body)
        self.assertIsNone(self.record("c"))
        yield self.put(password("a"))
        yield self.put(*body, device="e")
        self.assertEqual(self.record("b").device_id, "e")

    @inlineCallbacks
    def test_a_device_that_is_not_there(self) -> Any:
        text = "no matching credentials on record"
        yield self.refuses(404, text, "GET", "/credentials/T/x")
        yield self.refuses(404, "device not found", "PUT", "/credentials/T/x", [])

    @inlineCallbacks
    def test_what_are_no_credentials(self) -> Any:
        yield self.refuses(
            400,
            "request body does not contain JSON array",
            "PUT",
            "/credentials/T/d",
            {},
        )
        good = password()["secrets"][0]
        dear = bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode().replace("$04$", "$11$")
        cert = encoded(der(authority(name("device"))))
        for bad in (
            [{}],
            [password(type="unknown")],
            [password(unknown=1)],
            [password("a b")],
            [password("")],
            [password(secrets=[])],
            [password(secrets=[{}])],
            [password(secrets=[{"id": "unknown"}])],
            [password(secrets=[good | {"unknown": 1}])],
            [password(secrets=[good | {"hash-function": "md5"}])],
            [password(secrets=[good | {"hash-function": "sha-512"}])],
            [password(secrets=[good | {"pwd-hash": "AAAA"}])],
            [password(secrets=[good | {"pwd-hash": "no Base64"}])],
            [password(secrets=[good | {"salt": "no Base64"}])],
            [password(secrets=[good | {"pwd-plain": "x"}])],
            [password(secrets=[{"pwd-plain": "x" * 73}])],
            [password(secrets=[{"pwd-plain": "ü" * 37}])],
            [password(secrets=[{"pwd-plain": "a\0b"}])],
            [password(secrets=[{"hash-function": "bcrypt", "pwd-hash": dear}])],
            [password(secrets=[{"hash-function": "bcrypt", "pwd-hash": HASHED}])],
            [password(secrets=[good | {"not-before": "yesterday"}])],
            [password(secrets=[good | {"not-before": "2026-02-30T00:00:00Z"}])],
            [
                password(
                    secrets=[
                        good
                        | {
                            "not-before": "2027-01-01T00:00:00Z",
                            "not-after": "2026-01-01T00:00:00Z",
                        }
                    ]
                )
            ],
            [password(), password()],
            [{"type": "psk", "auth-id": "a", "secrets": [{}]}],
            [{"type": "psk", "auth-id": "a", "secrets": [{"key": "="}]}],
            [{"type": "rpk", "auth-id": "a", "secrets": [{"key": SALT}]}],
            [{"type": "x509-cert", "auth-id": "CN=d,,O=x", "secrets": [{}]}],
            [{"type": "x509-cert", "auth-id": "CN=d", "secrets": [{}, {}]}],
            [{"type": "x509-cert", "auth-id": "CN=d", "cert": cert}],
            [{"type": "x509-cert", "auth-id": "CN=d"}],
            [{"type": "x509-cert", "cert": "AAAA"}],
            [
                {"type": "x509-cert", "auth-id": "CN=d,O=x", "secrets": [{}]},
                {"type": "x509-cert", "auth-id": "cn=d, o=x", "secrets": [{}]},
            ],
        ):
            yield self.refuses(
                400,
                "request body does not contain valid Credentials objects",
                "PUT",
                "/credentials/T/d",
                bad,
            )
        self.assertEqual(self.stored("SELECT count(*) FROM credentials"), (0,))

    @inlineCallbacks
    def test_neither_log_nor_errors_hold_secrets(self) -> Any:
        lines: list[str] = []

        def observe(event: Any) -> None:
            lines.append(repr(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        good = [password(), password("b", secrets=[{"pwd-plain": "geheim"}])]
        yield self.put(*good)
        bad = [password(secrets=[{"pwd-plain": "geheim", "pwd-hash": HASHED}])]
        got = yield self.answers(400, "PUT", "/credentials/T/d", bad)
        bad = [password(secrets=[{"pwd-plain": "geheim" * 20}])]
        got2 = yield self.answers(400, "PUT", "/credentials/T/d", bad)
        told = [line for line in lines if "changed credentials" in line]
        self.assertEqual(len(told), 1)
        self.assertIn("'op'", told[0])
        for secret in ("geheim", HASHED, SALT, "s3cret"):
            for text in (*lines, got.text, got2.text):
                self.assertNotIn(secret, text)
