"""Imports and exports."""

from __future__ import annotations

import json
from typing import Any

import bcrypt
from twisted.internet.defer import inlineCallbacks

from tests.registry.management.api import ApiTestCase
from tests.registry.management.test_resources import HASHED, SALT, password


def device(name: str, **more: Any) -> dict[str, Any]:
    """Return a device to import, with a password of its own."""
    return {"id": name, "ext": {"n": name}, "credentials": [password(name)]} | more


class BulkTests(ApiTestCase):
    @inlineCallbacks
    def setUp(self) -> Any:
        super().setUp()
        yield self.answers(201, "POST", "/tenants/T")

    @inlineCallbacks
    def imported(self, *devices: Any, **options: Any) -> Any:
        """Import *devices*; return the report."""
        body = {"devices": list(devices), **options}
        got = yield self.answers(200, "POST", "/bulk/T/import", body)
        return got.json

    @inlineCallbacks
    def exported(self, **options: Any) -> Any:
        """Return all devices of the tenant, page by page."""
        found, after = [], {}
        while True:
            body = options | after
            got = yield self.answers(200, "POST", "/bulk/T/export", body)
            found += got.json["devices"]
            if "next" not in got.json:
                return found
            after = {"after": got.json["next"]}

    def counts(self, created: int = 0, replaced: int = 0, unchanged: int = 0) -> Any:
        found = {"created": created, "replaced": replaced, "unchanged": unchanged}
        return found | {"refused": []}

    @inlineCallbacks
    def test_what_is_exported_is_what_was_imported(self) -> Any:
        devices = [device(f"d{n:03}") for n in range(300)]
        devices[7] = {"id": "d007", "via": ["d001"], "enabled": False}
        report = yield self.imported(*devices)
        self.assertEqual(report, self.counts(created=300))
        found = yield self.exported(secrets=True, limit=70)
        self.assertEqual(found, devices)
        again = yield self.imported(*found)
        self.assertEqual(again, self.counts(unchanged=300))
        record = self.store.find_credentials("T", "hashed-password", "d042")
        assert record is not None
        self.assertEqual(record.device_id, "d042")

    @inlineCallbacks
    def test_without_secrets_unless_they_are_asked_for(self) -> Any:
        yield self.imported(device("d"))
        found = yield self.exported()
        for secret in (HASHED, SALT):
            self.assertNotIn(secret, json.dumps(found))
        self.assertEqual(found[0]["credentials"][0]["secrets"], [{}])

    @inlineCallbacks
    def test_bad_rows_do_not_hold_up_the_others(self) -> Any:
        report = yield self.imported(
            device("a"),
            {"via": ["x"]},
            device("b b"),
            device("c", credentials=[password("a")]),
            device("d", unknown=1),
            device("a", enabled=False),
            device("e"),
            {"id": 7},
        )
        self.assertEqual(report["created"], 2)
        self.assertEqual([r["index"] for r in report["refused"]], [1, 2, 3, 4, 5, 7])
        by_index = {each["index"]: each for each in report["refused"]}
        self.assertEqual(by_index[3]["id"], "c")
        self.assertIn("must be unique", by_index[3]["error"])
        self.assertEqual(by_index[5]["error"], "device already exists")
        self.assertIn("unknown", by_index[4]["error"])
        found = yield self.exported()
        self.assertEqual([each["id"] for each in found], ["a", "e"])

    @inlineCallbacks
    def test_what_is_there_is_replaced_only_on_demand(self) -> Any:
        yield self.imported(device("a"), device("b"))
        self.assertIsNotNone(self.store.get_device("T", "a"))
        changed = device("a", enabled=False), device("b")
        report = yield self.imported(*changed)
        self.assertEqual((report["unchanged"], len(report["refused"])), (1, 1))
        report = yield self.imported(*changed, replace=True)
        self.assertEqual(report, self.counts(replaced=1, unchanged=1))
        found = self.store.get_device("T", "a")
        assert found is not None
        self.assertFalse(found.enabled)
        other = device("a", credentials=[password("z")])
        report = yield self.imported(other, replace=True)
        self.assertEqual(report, self.counts(replaced=1))
        self.assertIsNone(self.store.find_credentials("T", "hashed-password", "a"))

    @inlineCallbacks
    def test_who_imports_new_devices_makes_nobody_log_in_anew(self) -> Any:
        yield self.imported(device("a"))
        before = self.store.generation()
        yield self.imported(device("b"), device("c"))
        yield self.answers(201, "POST", "/devices/T/d")
        self.assertEqual(self.store.generation(), before)
        yield self.imported(device("b", enabled=False), replace=True)
        self.assertLessEqual(self.store.last_change("T", "a"), before)
        self.assertGreater(self.store.last_change("T", "b"), before)

    @inlineCallbacks
    def test_a_dry_run_changes_nothing(self) -> Any:
        yield self.imported(device("a"))
        options = {"dry-run": True, "replace": True}
        report = yield self.imported(
            device("a", enabled=False), device("b"), {"id": ""}, **options
        )
        self.assertEqual((report["created"], report["replaced"]), (1, 1))
        self.assertEqual(len(report["refused"]), 1)
        found = yield self.exported(secrets=True)
        self.assertEqual(found, [device("a")])

    @inlineCallbacks
    def test_plain_passwords(self) -> Any:
        plain = password("p", secrets=[{"pwd-plain": "geheim"}])
        report = yield self.imported(device("a", credentials=[plain]))
        self.assertEqual(report, self.counts(created=1))
        record = self.store.find_credentials("T", "hashed-password", "p")
        assert record is not None
        self.assertTrue(bcrypt.checkpw(b"geheim", record.secrets[0].digest))

    @inlineCallbacks
    def test_limits_hold(self) -> Any:
        limits = {"max-devices": 3, "max-credentials-per-device": 1}
        yield self.answers(204, "PUT", "/tenants/T", {"registration-limits": limits})
        two = [password("x"), password("y")]
        names = ["a", "b", "c", "d", "e"]
        devices = [device(n) for n in names]
        devices[1]["credentials"] = two
        report = yield self.imported(*devices)
        self.assertEqual(report["created"], 3)
        self.assertEqual([r["id"] for r in report["refused"]], ["b", "e"])
        report = yield self.imported(device("f"))
        self.assertEqual(report["created"], 0)

    @inlineCallbacks
    def test_secrets_get_ids_of_this_registry(self) -> Any:
        row = device("a")
        row["credentials"][0]["secrets"][0]["id"] = "elsewhere"
        yield self.imported(row)
        got = yield self.answers(200, "GET", "/credentials/T/a")
        (secret,) = got.json[0]["secrets"]
        self.assertNotEqual(secret["id"], "elsewhere")

    @inlineCallbacks
    def test_requests_that_are_none(self) -> Any:
        for path, body, status in (
            ("/bulk/T/import", {}, 400),
            ("/bulk/T/import", {"devices": {}}, 400),
            ("/bulk/T/import", {"devices": [1]}, 400),
            ("/bulk/T/import", {"devices": [{}] * 1001}, 400),
            ("/bulk/U/import", {"devices": []}, 404),
            ("/bulk/T/export", {"limit": 0}, 400),
            ("/bulk/T/export", {"after": 1}, 400),
            ("/bulk/U/export", {}, 404),
        ):
            yield self.answers(status, "POST", path, body)
        big = b'{"devices": [], "x": "' + b"x" * (1 << 20) + b'"}'
        yield self.answers(413, "POST", "/bulk/T/import", body=big)
