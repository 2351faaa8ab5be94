"""Who is concerned by a change."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.registry import changes as module
from edgeproxy.registry.changes import Changes


class ChangesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.changes = Changes()

    def concerned(self, *devices: tuple[str, str]) -> list[bool]:
        """Make a login of each device, and a change; say whom that concerns."""
        before = self.changes.generation()
        self.change()
        return [self.changes.last_change(*device) > before for device in devices]

    def test_a_device_concerns_itself(self) -> None:
        self.change = lambda: self.changes.device_changed("T", "a")
        devices = ("T", "a"), ("T", "b"), ("U", "a")
        self.assertEqual(self.concerned(*devices), [True, False, False])
        self.assertEqual(self.concerned(*devices), [True, False, False])

    def test_a_tenant_concerns_its_devices(self) -> None:
        self.change = lambda: self.changes.tenant_changed("T")
        self.assertEqual(self.concerned(("T", "a"), ("U", "a")), [True, False])

    def test_everything_concerns_everybody(self) -> None:
        self.changes.device_changed("T", "a")
        self.change = self.changes.everything_changed
        self.assertEqual(self.concerned(("T", "a"), ("U", "a")), [True, True])

    def test_many_changes_take_no_more_memory_and_lose_nobody(self) -> None:
        self.patch(module, "DEVICES", 5)
        before = self.changes.generation()
        for number in range(23):
            self.changes.device_changed("T", str(number))
            self.changes.device_changed("U", str(number))
        for tenant in "TU":
            for number in range(23):
                self.assertGreater(
                    self.changes.last_change(tenant, str(number)), before
                )
        self.assertEqual(self.changes.last_change("V", "0"), 0)
        for number in range(23):
            self.changes.tenant_changed(str(number))
        self.assertLessEqual(len(self.changes._tenants), 5)
        self.assertLessEqual(len(self.changes._devices), 5)
