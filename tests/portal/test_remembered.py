"""What is remembered of logins, and what makes it forgotten."""

from __future__ import annotations

from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from edgeproxy.portal import packed
from edgeproxy.portal import remembered as module
from edgeproxy.portal.avatars import Device
from edgeproxy.portal.interfaces import IDevices
from edgeproxy.portal.registered import RegisteredDevice
from edgeproxy.portal.remembered import RememberedLogins

# No two fields are alike.
EVERYTHING = RegisteredDevice(
    "T", "d", False, ("gw",), ("group",), ("member",), {"ttl": 7, "a": {"b": [1.5]}}
)


@implementer(IDevices)
class Registry:
    """Counts changes, and knows *devices*."""

    def __init__(self) -> None:
        self.devices = {("T", "d"): EVERYTHING}
        self.changes: dict[tuple[str, str], int] = {}
        self.now = 0

    def read_device(self, *device: str) -> RegisteredDevice | None:
        return self.devices.get(device)  # type: ignore[arg-type]

    def generation(self) -> int:
        return self.now

    def last_change(self, *device: str) -> int:
        return self.changes.get(device, 0)  # type: ignore[arg-type]

    def change(self, *device: str) -> None:
        """Change *device*."""
        self.now += 1
        self.changes[device] = self.now  # type: ignore[index]


class RememberedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.registry, self.now = Registry(), 1000.0
        self.change = self.registry.change
        self.answer: Deferred[Any] = succeed(Device("T", "d"))
        self.logins = RememberedLogins(
            lambda credentials: self.answer, self.registry, lambda: self.now
        )

    def log_in(self, proof: bytes = b"Basic x") -> None:
        key = self.logins.key_of(proof)
        self.logins.log_in(key, None).addErrback(lambda _: None)

    def recall(self, proof: bytes = b"Basic x") -> Device | None:
        return self.logins.recall(self.logins.key_of(proof))

    def test_a_login_is_recalled(self) -> None:
        self.assertIsNone(self.recall())
        self.log_in()
        self.assertEqual(self.recall(), Device("T", "d"))

    def test_any_other_value_is_not(self) -> None:
        self.log_in()
        for value in (b"Basic y", b"basic x", b"Basic x ", b""):
            self.assertIsNone(self.recall(value))

    def test_a_refused_login_is_not_remembered(self) -> None:
        self.answer = fail(UnauthorizedLogin())
        self.log_in()
        self.assertIsNone(self.recall())

    def test_a_change_of_the_device_forgets_it(self) -> None:
        self.log_in()
        self.change("T", "other")
        self.assertIsNotNone(self.recall())
        self.change("T", "d")
        self.assertIsNone(self.recall())
        self.assertEqual(self.logins._devices.size, 0)
        self.answer = succeed(Device("T", "d"))
        self.log_in()
        self.assertIsNotNone(self.recall())

    def test_a_change_during_the_login_forgets_it(self) -> None:
        self.answer = answer = Deferred()
        self.log_in()
        self.change("T", "d")
        answer.callback(Device("T", "d"))
        self.assertIsNone(self.recall())

    def test_who_comes_meanwhile_shares_the_outcome(self) -> None:
        asked: list[Deferred[Any]] = []
        self.logins._login = lambda _: asked.append(Deferred()) or asked[-1]
        key = self.logins.key_of(b"Basic x")
        logins = [self.logins.log_in(key, None) for _ in range(3)]
        self.assertEqual(len(asked), 1)
        asked[0].callback(Device("T", "d"))
        for login in logins:
            self.assertEqual(self.successResultOf(login), Device("T", "d"))
        logins = [self.logins.log_in(key, None) for _ in range(2)]
        asked[1].errback(UnauthorizedLogin())
        for login in logins:
            self.failureResultOf(login, UnauthorizedLogin)

    def test_who_comes_after_a_change_does_not(self) -> None:
        asked: list[Deferred[Any]] = []
        self.logins._login = lambda _: asked.append(Deferred()) or asked[-1]
        key = self.logins.key_of(b"Basic x")
        before = self.logins.log_in(key, None)
        self.change("T", "d")
        after = self.logins.log_in(key, None)
        asked[0].callback(Device("T", "d"))
        asked[1].errback(UnauthorizedLogin())
        self.successResultOf(before)
        self.failureResultOf(after, UnauthorizedLogin)

    def test_it_counts_as_long_as_the_secret_does(self) -> None:
        for at_hand in (1024, 0):
            self.patch(packed, "AT_HAND", at_hand)
            self.setUp()
            self.answer = succeed(Device("T", "d", 999.0, 1001.0))
            self.log_in()
            for now, expected in ((1000.0, True), (1001.0, False), (999.0, False)):
                self.now = now
                recalled = self.recall() is not None
                self.assertEqual(recalled, expected)

    def test_a_login_that_raises_keeps_nobody_waiting(self) -> None:
        def raises(credentials: Any) -> Any:
            raise UnauthorizedLogin

        self.logins._login = raises
        key = self.logins.key_of(b"Basic x")
        for _ in range(2):
            self.failureResultOf(self.logins.log_in(key, None), UnauthorizedLogin)

    def test_it_knows_what_is_registered(self) -> None:
        for at_hand in (1024, 0):
            self.patch(packed, "AT_HAND", at_hand)
            self.log_in()
            device = self.recall()
            assert device is not None
            self.assertEqual(device.registered, EVERYTHING)
            self.assertIs(device.registered is EVERYTHING, at_hand > 0)
            self.registry.devices.clear()
            self.change("T", "d")
            self.answer = succeed(Device("T", "d"))
            self.log_in()
            device = self.recall()
            assert device is not None
            self.assertIsNone(device.registered)
            self.assertEqual(device.generation, self.registry.now)
            self.setUp()

    def test_memory_is_bounded_and_holds_no_secret(self) -> None:
        self.patch(module, "MOST", 1000)
        self.setUp()
        memory = self.logins._devices
        for number in range(50):
            self.answer = succeed(Device("T", "d"))
            self.log_in(b"Basic secret%d" % number)
            self.assertLessEqual(memory.size, 1000)
            self.assertIsNotNone(self.recall(b"Basic secret%d" % number))
        blocks = [memory._young._blocks, memory._old._blocks]
        self.assertNotIn("secret", repr([blocks, memory._at_hand]))
