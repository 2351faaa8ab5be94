"""Who fails to log in again and again has to wait."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.portal import throttle as module
from edgeproxy.portal.throttle import (
    ADDRESS_FORGIVEN,
    NAME_FORGIVEN,
    OF_ADDRESS,
    OF_NAME,
    Throttle,
)


class ThrottleTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.throttle = Throttle(self.clock)

    def fail_times(self, number: int, address: str = "192.0.2.1") -> None:
        for _ in range(number):
            self.throttle.failed(address, "a")

    def allows(self, address: str = "192.0.2.1", name: str = "a") -> bool:
        return self.throttle.allows(address, name)

    def test_some_failures_are_allowed(self) -> None:
        self.fail_times(OF_NAME - 1)
        self.assertTrue(self.allows())
        self.fail_times(1)
        self.assertFalse(self.allows())

    def test_they_are_forgiven_in_time(self) -> None:
        self.fail_times(OF_NAME)
        self.clock.advance(NAME_FORGIVEN)
        self.assertTrue(self.allows())
        self.fail_times(1)
        self.assertFalse(self.allows())
        self.clock.advance(OF_NAME * NAME_FORGIVEN)
        self.fail_times(OF_NAME - 1)
        self.assertTrue(self.allows())

    def test_others_are_not_concerned(self) -> None:
        self.fail_times(OF_NAME)
        self.assertTrue(self.allows(name="b"))
        self.assertTrue(self.allows("192.0.2.2"))

    def test_many_names_of_one_address_are(self) -> None:
        for number in range(OF_ADDRESS):
            self.assertTrue(self.allows(name="new"))
            self.throttle.failed("192.0.2.1", str(number))
        self.assertFalse(self.allows(name="new"))
        self.clock.advance(ADDRESS_FORGIVEN)
        self.assertTrue(self.allows(name="new"))

    def test_a_subscriber_of_ipv6_is_one_address(self) -> None:
        self.fail_times(OF_NAME, "2001:db8::1")
        self.assertFalse(self.allows("2001:db8::2:3"))
        self.assertTrue(self.allows("2001:db8:0:1::1"))
        self.fail_times(OF_NAME, "192.0.2.7")
        self.assertFalse(self.allows("::ffff:192.0.2.7"))
        self.assertTrue(self.allows("a socket"))

    def test_memory_is_bounded(self) -> None:
        self.patch(module, "MOST", 50)
        for number in range(200):
            self.throttle.failed(f"192.0.2.{number}", "a")
            self.assertLessEqual(len(self.throttle._until), 50)
        self.fail_times(OF_NAME, "192.0.2.199")
        self.assertFalse(self.allows("192.0.2.199"))
