"""The device credential as a user name and password in a file."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from edgeproxy.c8y.basic import LOOK, BasicCredential
from edgeproxy.c8y.credential import CredentialUnavailable, IDeviceCredential

GOOD = '[c8y]\nusername = "t1/me"\npassword = "pä"\n'
VALUE = b"Basic dDEvbWU6cMOk"


class BasicTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.file = Path(self.mktemp())

    def write(self, text: str, mode: int = 0o640) -> None:
        """Write the file as a new one, as tools that renew secrets do."""
        new = self.file.with_suffix(".new")
        new.write_text(text)
        new.chmod(mode)
        new.replace(self.file)

    def credential(self) -> BasicCredential:
        credential = BasicCredential(str(self.file), self.clock)
        credential.startService()
        self.addCleanup(credential.stopService)
        return credential

    def test_the_login_is_basic(self) -> None:
        self.write(GOOD)
        credential = self.credential()
        verifyObject(IDeviceCredential, credential)
        self.assertEqual(credential.current, VALUE)
        self.assertEqual(self.successResultOf(credential.fetch()), VALUE)
        self.assertTrue(credential.healthy)
        self.assertNotIn("pä", credential.detail + repr(vars(credential)))

    def test_a_file_that_is_no_good_says_what_is_wrong(self) -> None:
        for text, mode, problem in (
            (GOOD, 0o644, "is open to everybody; chmod 0640 it"),
            ("c8y = 1", 0o600, "has no table [c8y]"),
            ("[c8y]\nusername = 'a'", 0o600, "needs username and password"),
            ("[c8y]\nusername = 'a:b'\npassword = 'c'", 0o600, "a colon"),
            ("nonsense", 0o600, "Expected '='"),
        ):
            self.write(text, mode)
            credential = self.credential()
            self.assertFalse(credential.healthy)
            self.assertIn(str(self.file), credential.detail)
            self.assertIn(problem, credential.detail)
            failure = self.failureResultOf(credential.fetch(), CredentialUnavailable)
            self.assertEqual(failure.value.reason, credential.detail)

    def test_a_file_that_is_not_there_may_come_later(self) -> None:
        credential = self.credential()
        self.assertIn("No such file", credential.detail)
        self.write(GOOD)
        self.clock.advance(LOOK)
        self.assertEqual(credential.current, VALUE)

    def test_a_changed_file_is_read_again(self) -> None:
        self.write(GOOD)
        credential = self.credential()
        self.write(GOOD.replace("me", "us"))
        self.clock.advance(LOOK)
        self.assertNotEqual(credential.current, VALUE)

    def test_a_refusal_looks_at_the_file_at_once(self) -> None:
        self.write(GOOD)
        credential = self.credential()
        self.assertIsNone(self.successResultOf(credential.refused(VALUE)))
        self.write(GOOD.replace("me", "us"))
        fresher = self.successResultOf(credential.refused(VALUE))
        self.assertEqual(fresher, credential.current)
        self.assertNotEqual(fresher, VALUE)
