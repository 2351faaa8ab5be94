"""The registry on a real disk."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from edgeproxy.portal.errors import TenantRefused
from edgeproxy.portal.interfaces import ICredentialStore, ITenants
from edgeproxy.registry import store as module
from edgeproxy.registry.assertion import (
    AssertionRefused,
    DeviceNotRegistered,
    GatewayNotAuthorised,
    TenantNotServed,
    assert_registration,
)
from edgeproxy.registry.demo import DEVICES, TENANT, fill_with_demo
from edgeproxy.registry.store import RegistryError, RegistryStore


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
        verifyObject(ITenants, self.store)

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

    def test_lookups_remembered_are_bounded(self) -> None:
        self.patch(module, "REMEMBERED", 3)
        for number in range(10):
            self.store.get_tenant(str(number))
            self.assertLessEqual(len(self.store._remembered), 3)

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

    def test_a_file_that_is_no_database_is_named(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(b"x" * 4096)
        with self.assertRaises(RegistryError) as caught:
            RegistryStore(str(path))
        self.assertIn(str(path), str(caught.exception))

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
