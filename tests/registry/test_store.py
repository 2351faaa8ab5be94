"""The registry on a real disk."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from edgeproxy.portal import packed
from edgeproxy.portal.avatars import Device
from edgeproxy.portal.dn import canonical
from edgeproxy.portal.errors import TenantRefused
from edgeproxy.portal.interfaces import ICredentialStore, IDevices, ITrustingTenants
from edgeproxy.portal.registered import RegisteredDevice
from edgeproxy.registry.assertion import (
    AssertionRefused,
    DeviceNotRegistered,
    GatewayNotAuthorised,
    TenantNotServed,
    assert_registration,
)
from edgeproxy.registry.demo import DEVICES, TENANT, fill_with_demo
from edgeproxy.registry.model import Tenant
from edgeproxy.registry.schema import _VERSION_1
from edgeproxy.registry.store import RegistryError, RegistryStore

DEVICE = {
    "enabled": False,
    "via": ["gw"],
    "viaGroups": ["group"],
    "memberOf": ["member"],
    "defaults": {"ttl": 7},
}
AS_REGISTERED = RegisteredDevice(
    "T", "d", False, ("gw",), ("group",), ("member",), {"ttl": 7}
)


class StoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = str(Path(self.mktemp()) / "registry.sqlite")
        self.store = self.open()

    def open(self) -> RegistryStore:
        store = RegistryStore(self.path)
        self.addCleanup(store.close)
        return store

    def test_interfaces(self) -> None:
        verifyObject(ICredentialStore, self.store)
        verifyObject(IDevices, self.store)
        verifyObject(ITrustingTenants, self.store)

    def test_what_was_put_is_there_after_opening_again(self) -> None:
        fill_with_demo(self.store)
        self.store.close()
        again = self.open()
        device = again.get_device(TENANT, "4712")
        assert device is not None
        self.assertEqual(device.via, ("gw-1",))
        record = again.find_credentials(TENANT, "hashed-password", "gw1")
        assert record is not None
        self.assertEqual(record.device_id, "gw-1")

    def test_a_change_is_seen_by_the_next_lookup(self) -> None:
        self.assertFalse(self.store.admit_tenant("T"))
        self.store.put_tenant("T", {})
        self.assertTrue(self.store.admit_tenant("T"))
        self.store.put_tenant("T", {"enabled": False})
        self.assertRaises(TenantRefused, self.store.admit_tenant, "T")

    def test_a_change_that_is_taken_back_is_not_remembered(self) -> None:
        with self.assertRaises(ZeroDivisionError), self.store.transaction():
            self.store.put_tenant("T", {})
            self.assertTrue(self.store.admit_tenant("T"))
            1 / 0  # noqa: B018
        self.assertFalse(self.store.admit_tenant("T"))

    def test_ids_that_do_not_exist_fill_no_memory(self) -> None:
        for number in range(10):
            self.store.get_tenant(str(number))
            self.store.get_device("T", str(number))
            self.store.find_credentials("T", "hashed-password", str(number))
        sizes = [len(self.store._tenants), self.store._devices.size]
        self.assertEqual(sizes, [0, 0])

    def test_a_device_is_read_once_until_something_changes(self) -> None:
        asked: list[str] = []
        self.store.connection.set_trace_callback(asked.append)
        for at_hand in (1024, 0):
            self.patch(packed, "AT_HAND", at_hand)
            self.store.put_tenant("T", {})
            self.store.put_device("T", "d", DEVICE)
            self.store.put_device("T", "e", {})
            for _ in range(3):
                asked.clear()
                found = [self.store.get_device("T", "d") for _ in range(3)]
                self.assertEqual(len(asked), 1)
                self.assertEqual(found, [AS_REGISTERED] * 3)
                asked.clear()
                self.store.device_changed("T", "e")
                self.store.get_device("T", "d")
                self.assertEqual(asked, [])
                self.store.device_changed("T", "d")

    def test_the_memory_is_empty_after_a_change_of_everything(self) -> None:
        self.store.put_tenant("T", {})
        self.store.put_device("T", "d", {})
        self.store.get_device("T", "d")
        self.assertGreater(self.store._devices.size, 0)
        self.store.everything_changed()
        self.assertEqual(self.store._devices.size, 0)

    def test_ids_are_told_apart(self) -> None:
        names = ("1", "1a"), ("11", "a"), ("1", "11a"), ("111", "a")
        for tenant, _ in names:
            self.store.put_tenant(tenant, {})
        for tenant, device in names:
            self.store.put_device(tenant, device, {"via": [f"{tenant}/{device}"]})
        for _ in range(2):
            for tenant, device in names:
                found = self.store.get_device(tenant, device)
                assert found is not None
                self.assertEqual(found.via, (f"{tenant}/{device}",))

    def test_a_device_needs_its_tenant(self) -> None:
        self.assertRaises(
            sqlite3.IntegrityError, self.store.put_device, "nobody", "d", {}
        )

    def test_a_broken_secret_is_refused_when_put(self) -> None:
        self.store.put_tenant("T", {})
        self.store.put_device("T", "d", {})
        for secret in (
            {"pwd-hash": "no base64!"},
            {"not-before": "yesterday"},
        ):
            data = {"type": "hashed-password", "auth-id": "a", "secrets": [secret]}
            self.assertRaises(ValueError, self.store.put_credentials, "T", "d", data)

    def test_a_password_that_changes_is_seen_whoever_had_it(self) -> None:
        self.store.put_tenant("T", {})
        for device in ("d", "e"):
            self.store.put_device("T", device, {})
            data = {"type": "hashed-password", "auth-id": "a", "secrets": []}
            self.store.put_credentials("T", device, data)
            record = self.store.find_credentials("T", "hashed-password", "a")
            assert record is not None
            self.assertEqual(record.device_id, device)

    def test_a_subject_is_found_however_it_is_written(self) -> None:
        self.store.put_tenant("T", {})
        self.store.put_device("T", "d", {})
        data = {"type": "x509-cert", "secrets": [{"not-after": "2040-01-01T00:00:00Z"}]}
        written = "EMAILADDRESS=d@x, CN=d, O=ACME"
        self.store.put_credentials("T", "d", data | {"auth-id": written})
        key = canonical("1.2.840.113549.1.9.1=#1603644078,CN=d,O=ACME")
        record = self.store.find_credentials("T", "x509-cert", key)
        assert record is not None
        self.assertEqual(record.secrets[0].not_after, 2208988800.0)
        self.store.put_credentials("T", "d", data | {"auth-id": "made of parts"})
        found = self.store.find_credentials("T", "x509-cert", "made of parts")
        self.assertIsNotNone(found)
        wrong = data | {"auth-id": "CN=d,,O=ACME"}
        self.assertRaises(ValueError, self.store.put_credentials, "T", "d", wrong)

    def test_a_file_that_is_no_database_is_named(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(b"x" * 4096)
        with self.assertRaises(RegistryError) as caught:
            RegistryStore(str(path))
        self.assertIn(str(path), str(caught.exception))

    def test_others_cannot_read_the_hashes(self) -> None:
        fill_with_demo(self.store)
        for file in Path(self.path).parent.iterdir():
            self.assertEqual(file.stat().st_mode & 0o007, 0, file)

    def test_a_file_of_a_newer_version_is_left_alone(self) -> None:
        self.store.close()
        db = sqlite3.connect(self.path)
        db.execute("PRAGMA user_version = 99")
        db.close()
        with self.assertRaisesRegex(RegistryError, "newer version"):
            RegistryStore(self.path)

    def test_the_demo_does_not_touch_a_tenant_that_is_there(self) -> None:
        self.store.put_tenant(TENANT, {"enabled": True})
        fill_with_demo(self.store)
        self.assertEqual(
            [self.store.get_device(TENANT, device) for device in DEVICES], [None] * 3
        )

    def test_nothing_looks_through_all_that_a_tenant_has(self) -> None:
        """A device's credentials are found, and deleted with it, by their key."""
        for query, values in (
            ("SELECT data FROM credentials WHERE tenant = ? AND device = ?", 2),
            ("DELETE FROM credentials WHERE tenant = ? AND device = ?", 2),
            (
                "SELECT device, data FROM credentials"
                " WHERE tenant = ? AND type = ? AND auth_id = ?",
                3,
            ),
            ("SELECT data FROM devices WHERE tenant = ? AND device = ?", 2),
        ):
            plan = self.store.connection.execute(
                f"EXPLAIN QUERY PLAN {query}", ["x"] * values
            ).fetchall()
            self.assertEqual(len(plan), 1)
            self.assertEqual(plan[0][3].count("=?"), values, plan[0][3])

    def test_a_file_of_version_1_opens(self) -> None:
        self.store.close()
        Path(self.path).unlink()
        db = sqlite3.connect(self.path)
        db.executescript(
            f"{_VERSION_1} PRAGMA user_version = 1;"
            """INSERT INTO tenants VALUES ('T', '{"trusted-ca": {"bad": 1}}');
            INSERT INTO devices VALUES ('T', 'd', '{"via": "gw"}');
            INSERT INTO credentials VALUES ('T', 'x509-cert', 'cn=d, o=X', 'd',
                '{"type": "x509-cert", "auth-id": "cn=d, o=X", "secrets": [{}]}');
            INSERT INTO credentials VALUES ('T', 'x509-cert', 'no name', 'd',
                '{"type": "x509-cert", "auth-id": "no name", "secrets": [{}]}');"""
        )
        db.close()
        store = self.open()
        self.assertEqual(store.get_tenant("T"), Tenant("T"))
        device = store.get_device("T", "d")
        assert device is not None
        self.assertEqual(device.via, ("gw",))
        self.assertIsNotNone(store.find_credentials("T", "x509-cert", "CN=d,O=X"))
        versions = store.connection.execute(
            "SELECT version, credentials_version FROM devices"
        ).fetchone()
        self.assertEqual(len(set(versions) - {""}), 2)

    def test_via_was_a_string_once(self) -> None:
        self.store.put_tenant("T", {})
        self.store.put_device("T", "d", {"via": "gw"})
        device = self.store.get_device("T", "d")
        assert device is not None
        self.assertEqual(device.via, ("gw",))


class AssertionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = RegistryStore(":memory:")
        self.addCleanup(self.store.close)
        self.store.put_tenant("T", {"defaults": {"a": 1, "b": 2}})
        self.store.put_device("T", "d", {"via": ["gw"], "defaults": {"b": 3}})
        self.store.put_device("T", "gw", {})
        self.store.put_device("T", "off", {"enabled": False})
        self.store.put_device("T", "behind-off", {"via": ["off"]})

    def refused(
        self, error: type[AssertionRefused], device: str, gateway: str | None = None
    ) -> None:
        self.assertRaises(error, assert_registration, self.store, "T", device, gateway)

    def test_a_device_default_wins_over_its_tenants(self) -> None:
        assertion = assert_registration(self.store, "T", "d", None)
        self.assertEqual(assertion.defaults, {"a": 1, "b": 3})

    def test_a_gateway_speaks_for_its_devices_only(self) -> None:
        assert_registration(self.store, "T", "d", "gw")
        self.refused(GatewayNotAuthorised, "gw", "d")
        self.refused(GatewayNotAuthorised, "d", "unknown")
        self.refused(GatewayNotAuthorised, "behind-off", "off")

    def test_a_gateway_speaks_for_the_groups_that_it_is_in(self) -> None:
        self.store.put_device("T", "d", {"viaGroups": ["a", "b"]})
        self.store.put_device("T", "gw", {"memberOf": ["b", "c"]})
        self.store.put_device("T", "other", {"memberOf": ["c"]})
        assert_registration(self.store, "T", "d", "gw")
        self.refused(GatewayNotAuthorised, "d", "other")

    def logged_in(self, device_id: str) -> Device:
        """Return a login of the device, as it is registered now."""
        return Device(
            "T",
            device_id,
            generation=self.store.generation(),
            registered=self.store.read_device("T", device_id),
        )

    def test_a_login_counts_as_it_was_until_something_changes(self) -> None:
        login = self.logged_in("d")
        assertion = assert_registration(self.store, "T", "d", None, login)
        self.assertIs(assertion.device, login.registered)
        self.store.put_device("T", "off", {})
        assertion = assert_registration(self.store, "T", "d", None, login)
        self.assertIs(assertion.device, login.registered)
        self.store.put_device("T", "d", {"enabled": False})
        with self.assertRaises(DeviceNotRegistered):
            assert_registration(self.store, "T", "d", None, login)

    def test_a_login_of_a_gateway_that_changes(self) -> None:
        login = self.logged_in("gw")
        assert_registration(self.store, "T", "d", "gw", login)
        other = self.logged_in("off")
        with self.assertRaises(GatewayNotAuthorised):
            assert_registration(self.store, "T", "behind-off", "off", other)
        self.store.put_device("T", "gw", {"enabled": False})
        with self.assertRaises(GatewayNotAuthorised):
            assert_registration(self.store, "T", "d", "gw", login)

    def test_a_login_before_the_device_was_there(self) -> None:
        login = self.logged_in("late")
        with self.assertRaises(DeviceNotRegistered):
            assert_registration(self.store, "T", "late", None, login)
        self.store.put_device("T", "late", {})
        assert_registration(self.store, "T", "late", None, login)

    def test_unknown_and_disabled_devices_are_refused(self) -> None:
        self.refused(DeviceNotRegistered, "unknown")
        self.refused(DeviceNotRegistered, "off")

    def test_a_tenant_that_is_not_served(self) -> None:
        for data in (
            {"enabled": False},
            {"adapters": [{"type": "hono-mqtt"}]},
            {"adapters": [{"type": "hono-http", "enabled": False}]},
        ):
            self.store.put_tenant("T", data)
            self.refused(TenantNotServed, "d")
        self.assertRaises(
            TenantNotServed, assert_registration, self.store, "other", "d", None
        )

    def test_an_adapter_entry_without_enabled_is_enabled(self) -> None:
        self.store.put_tenant("T", {"adapters": [{"type": "hono-http"}]})
        assert_registration(self.store, "T", "d", None)

    def test_today_it_is_disabled(self) -> None:
        store = RegistryStore(":memory:", adapters_default=False)
        self.addCleanup(store.close)
        store.put_tenant("T", {"adapters": [{"type": "hono-http"}]})
        self.assertRaises(TenantNotServed, assert_registration, store, "T", "d", None)
        self.assertRaises(TenantRefused, store.admit_tenant, "T")
