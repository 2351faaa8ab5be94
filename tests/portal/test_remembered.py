"""What is remembered of logins, and what makes it forgotten."""

from __future__ import annotations

from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.portal import remembered as module
from edgeproxy.portal.avatars import Device
from edgeproxy.portal.remembered import RememberedLogins


class RememberedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.generation, self.now = 0, 1000.0
        self.answer: Deferred[Any] = succeed(Device("T", "d"))
        self.logins = RememberedLogins(
            lambda credentials: self.answer,
            lambda: self.generation,
            lambda: self.now,
        )

    def log_in(self, authorization: bytes = b"Basic x") -> None:
        self.logins.log_in(authorization, None).addErrback(lambda _: None)

    def test_a_login_is_recalled(self) -> None:
        self.assertIsNone(self.logins.recall(b"Basic x"))
        self.log_in()
        self.assertEqual(self.logins.recall(b"Basic x"), Device("T", "d"))

    def test_any_other_value_is_not(self) -> None:
        self.log_in()
        for value in (b"Basic y", b"basic x", b"Basic x ", b""):
            self.assertIsNone(self.logins.recall(value))

    def test_a_refused_login_is_not_remembered(self) -> None:
        self.answer = fail(UnauthorizedLogin())
        self.log_in()
        self.assertIsNone(self.logins.recall(b"Basic x"))

    def test_any_change_of_the_registry_forgets_everything(self) -> None:
        self.log_in()
        self.generation = 1
        self.assertIsNone(self.logins.recall(b"Basic x"))
        self.log_in()
        self.assertIsNotNone(self.logins.recall(b"Basic x"))

    def test_a_change_during_the_login_forgets_it(self) -> None:
        self.answer = answer = Deferred()
        self.log_in()
        self.generation = 1
        answer.callback(Device("T", "d"))
        self.assertIsNone(self.logins.recall(b"Basic x"))

    def test_it_counts_as_long_as_the_secret_does(self) -> None:
        self.answer = succeed(Device("T", "d", 999.0, 1001.0))
        self.log_in()
        for now, expected in ((1000.0, True), (1001.0, False), (999.0, False)):
            self.now = now
            recalled = self.logins.recall(b"Basic x") is not None
            self.assertEqual(recalled, expected)

    def test_memory_is_bounded_and_holds_no_secret(self) -> None:
        self.patch(module, "MOST", 3)
        for number in range(10):
            self.answer = succeed(Device("T", "d"))
            self.log_in(b"Basic secret%d" % number)
            self.assertLessEqual(len(self.logins._devices), 3)
        self.assertNotIn("secret", repr(self.logins._devices))
