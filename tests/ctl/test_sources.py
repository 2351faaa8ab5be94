"""Files that devices are imported from."""

from __future__ import annotations

import io
import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.ctl.failure import CommandFailed
from edgeproxy.ctl.sources import Row, TenantRow, read


def rows(name: str, text: str) -> list[Any]:
    return list(read(name, io.StringIO(text)))


def imported(name: str, text: str) -> list[Any]:
    """Return the rows as the API imports them, or why they are none."""
    return [row.error or row.as_json() for row in rows(name, text)]


class CSVTests(SynchronousTestCase):
    def test_columns_are_members(self) -> None:
        text = (
            "id,enabled,via,defaults.importance,defaults.ttl,ext.site.floor,note\n"
            "a,FALSE,gw-1 gw-2,high,10,1.5,\n"
            'b,,,,,,"text, with a comma"\n'
        )
        self.assertEqual(
            imported("d.csv", text.replace(",note", ",ext.note")),
            [
                {
                    "id": "a",
                    "enabled": False,
                    "via": ["gw-1", "gw-2"],
                    "defaults": {"importance": "high", "ttl": 10},
                    "ext": {"site": {"floor": 1.5}},
                },
                {"id": "b", "ext": {"note": "text, with a comma"}},
            ],
        )

    def test_credentials(self) -> None:
        text = (
            "id,auth-id,password,pwd-hash,salt,hash-function,not-after,cert-subject\n"
            "a,,geheim,,,,,\n"
            "b,s1,,AAAA,c2FsdA==,sha-512,2030-01-01T00:00:00Z,\n"
            'c,,,,,,,"CN=c,O=x"\n'
        )
        a, b, c = (row["credentials"] for row in imported("d.csv", text))
        password = {"type": "hashed-password", "auth-id": "a"}
        self.assertEqual(a, [password | {"secrets": [{"pwd-plain": "geheim"}]}])
        secret = {"pwd-hash": "AAAA", "salt": "c2FsdA==", "hash-function": "sha-512"}
        secret |= {"not-after": "2030-01-01T00:00:00Z"}
        self.assertEqual(b, [password | {"auth-id": "s1", "secrets": [secret]}])
        self.assertEqual(
            c, [{"type": "x509-cert", "auth-id": "CN=c,O=x", "secrets": [{}]}]
        )

    def test_a_password_that_looks_like_a_number_is_text(self) -> None:
        (row,) = imported("d.csv", "id,password\na,007\n")
        (secret,) = row["credentials"][0]["secrets"]
        self.assertEqual(secret, {"pwd-plain": "007"})

    def test_bad_lines_are_told_with_their_number(self) -> None:
        found = rows("d.csv", "id,enabled\na,true\nb\nc,true,x\nd,false\n")
        self.assertEqual([row.line for row in found], [2, 3, 4, 5])
        self.assertEqual([bool(row.error) for row in found], [False, True, True, False])

    def test_the_first_line_names_the_columns(self) -> None:
        for text in ("", "a,true\n", "device\na\n"):
            self.assertRaises(CommandFailed, rows, "d.csv", text)

    def test_members_that_contradict_each_other(self) -> None:
        (row,) = rows("d.csv", "id,ext,ext.a\na,1,2\n")
        self.assertIn("ext", row.error)


class JSONLinesTests(SynchronousTestCase):
    def test_as_an_export_writes_them(self) -> None:
        devices = [
            {"id": "a", "enabled": False},
            {"id": "b", "credentials": [{"type": "psk"}]},
        ]
        text = "".join(f"{json.dumps(device)}\n" for device in devices)
        for name in ("d.jsonl", "d.json", "-"):
            self.assertEqual(imported(name, text), devices)
        self.assertEqual(imported("-", text + "\n\n"), devices)

    def test_bad_lines_are_told_with_their_number(self) -> None:
        found = rows("-", '{"id": "a"}\n{\n[]\n{"enabled": true}\n{"id": 1}\n')
        self.assertEqual([row.line for row in found], [1, 2, 3, 4, 5])
        self.assertEqual([bool(row.error) for row in found], [False] + [True] * 4)

    def test_what_is_neither(self) -> None:
        for text in ("", "id: a", "7", '"a"', '{"a": \n 1}', '{"id": \n "a"}'):
            self.assertRaises(CommandFailed, rows, "d.json", text)


CREDENTIALS = {
    "device-id": "4711",
    "type": "hashed-password",
    "auth-id": "sensor1",
    "enabled": True,
    "secrets": [{"hash-function": "sha-512", "pwd-hash": "AAAA", "salt": "aG9ubw=="}],
}


class HonoTests(SynchronousTestCase):
    def test_devices_of_0_6(self) -> None:
        text = json.dumps(
            [
                {
                    "tenant": "T",
                    "devices": [
                        {"device-id": "4711", "data": {"enabled": True}},
                        {"device-id": "4712", "data": {"via": "gw-1"}},
                    ],
                },
                {"tenant": "U", "devices": [{"device-id": "a"}]},
            ],
            indent=2,
        )
        found = rows("device-identities.json", text)
        self.assertEqual([row.tenant for row in found], ["T", "T", "U"])
        self.assertEqual(
            [row.as_json() for row in found],
            [
                {"id": "4711", "enabled": True},
                {"id": "4712", "via": ["gw-1"]},
                {"id": "a"},
            ],
        )

    def test_credentials_come_without_their_device(self) -> None:
        text = json.dumps([{"tenant": "T", "credentials": [CREDENTIALS, CREDENTIALS]}])
        (row,) = rows("credentials.json", text)
        self.assertEqual((row.tenant, row.device_id), ("T", "4711"))
        self.assertIsNone(row.device)
        without = {n: v for n, v in CREDENTIALS.items() if n != "device-id"}
        self.assertEqual(row.credentials, [without, without])

    def test_tenants(self) -> None:
        text = json.dumps(
            [
                {"tenant-id": "T", "enabled": True},
                {"tenant-id": "U", "trusted-ca": {"subject-dn": "CN=x"}},
            ]
        )
        first, second = rows("tenants.json", text)
        self.assertEqual(first, TenantRow("T", {"enabled": True}))
        (anchor,) = second.data["trusted-ca"]
        self.assertEqual(anchor["not-before"], "1970-01-01T00:00:00Z")

    def test_what_a_search_has_found(self) -> None:
        found = {"total": 2, "result": [{"id": "a", "status": {}}, {"id": "b"}]}
        for text in (json.dumps(found), json.dumps(found, indent=1)):
            self.assertEqual(
                [row.device_id for row in rows("found.json", text)], ["a", "b"]
            )

    def test_what_is_no_device(self) -> None:
        found = rows("x.json", '[1, {"enabled": true}]')
        self.assertTrue(all(isinstance(r, Row) and r.error for r in found))
