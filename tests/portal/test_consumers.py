"""Which applications may consume."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import Anonymous, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from edgeproxy.portal.avatars import Consumer, IConsumer
from edgeproxy.portal.consumers import (
    AnonymousChecker,
    ConsumerRealm,
    UsersChecker,
    UsersFileError,
    read_users,
)
from edgeproxy.portal.login import login_as
from edgeproxy.tls.peer import CommonName

HASH = base64.b64encode(hashlib.sha256(b"secret").digest()).decode()

GOOD = f"""
[[user]]
name = "all"
password = "secret"

[[user]]
name = "some"
pwd-hash = "{HASH}"
tenants = ["T"]
"""

# (file, what the message says after the file's name)
BAD = [
    ("user = 3", "holds something else than [[user]] tables"),
    ("[[user]]\npassword='x'", "user 1: needs a name"),
    ("[[user]]\nname='x'", "user 1: needs either password or pwd-hash"),
    ("[[user]]\nname='x'\npassword=''", "user 1: needs either password or pwd-hash"),
    (
        f"[[user]]\nname='x'\npassword='y'\npwd-hash='{HASH}'",
        "user 1: needs either password or pwd-hash",
    ),
    (
        "[[user]]\nname='x'\npwd-hash='eA=='",
        "user 1: pwd-hash is not the Base64 of a SHA-256",
    ),
    (
        "[[user]]\nname='x'\npassword='y'\ntenants='T'",
        "user 1: tenants must be a list of strings",
    ),
    (
        "[[user]]\nname='x'\npassword='y'\nrights=1",
        "user 1: takes name, password, pwd-hash, tenants only",
    ),
    (
        "[[user]]\nname='x'\npassword='y'\n[[user]]\nname='x'\npassword='z'",
        "user 2: the name is taken",
    ),
]


class UsersTests(SynchronousTestCase):
    def write(self, text: str, mode: int = 0o640) -> str:
        file = Path(self.mktemp())
        file.write_text(text)
        file.chmod(mode)
        return str(file)

    def login(self, checker: Any, credentials: Any) -> Any:
        return login_as(Portal(ConsumerRealm(), [checker]), IConsumer)(credentials)

    def test_users_have_their_rights(self) -> None:
        checker = UsersChecker(self.write(GOOD))
        verifyObject(ICredentialsChecker, checker)
        for name, tenants in ((b"all", None), (b"some", frozenset({"T"}))):
            consumer = self.successResultOf(
                self.login(checker, UsernamePassword(name, b"secret"))
            )
            self.assertEqual(consumer, Consumer(name.decode(), tenants))

    def test_rights_are_per_tenant(self) -> None:
        self.assertTrue(Consumer("x").may_use("T"))
        self.assertTrue(Consumer("x", frozenset({"T"})).may_use("T"))
        self.assertFalse(Consumer("x", frozenset({"T"})).may_use("U"))

    def test_wrong_name_or_password_is_refused(self) -> None:
        checker = UsersChecker(self.write(GOOD))
        for pair in ((b"all", b"x"), (b"nobody", b"secret"), (b"\xff", b"")):
            failure = self.failureResultOf(self.login(checker, UsernamePassword(*pair)))
            self.assertIs(failure.type, UnauthorizedLogin)

    def test_anonymous_may_use_everything(self) -> None:
        consumer = self.successResultOf(self.login(AnonymousChecker(), Anonymous()))
        self.assertEqual(consumer, Consumer("anonymous"))

    def test_bad_files_are_told_with_the_user(self) -> None:
        for text, expected in BAD:
            path = self.write(text)
            with self.assertRaises(UsersFileError) as caught:
                read_users(path)
            self.assertEqual(str(caught.exception), f"{path}: {expected}")

    def test_a_file_open_to_everybody_is_refused(self) -> None:
        with self.assertRaisesRegex(UsersFileError, "open to everybody"):
            read_users(self.write(GOOD, 0o644))

    def test_a_failed_reload_keeps_the_users(self) -> None:
        path = self.write(GOOD)
        checker = UsersChecker(path)
        Path(path).write_text("user = 3")
        self.assertRaises(UsersFileError, checker.reload)
        self.successResultOf(self.login(checker, UsernamePassword(b"all", b"secret")))
        Path(path).write_text("")
        checker.reload()
        self.failureResultOf(self.login(checker, UsernamePassword(b"all", b"secret")))

    def test_no_secret_is_in_the_repr(self) -> None:
        self.assertNotIn("digest", repr(read_users(self.write(GOOD))))

    def test_a_certificate_is_a_login_where_there_are_some(self) -> None:
        path = Path(self.mktemp())
        path.write_text(GOOD + '[[user]]\nname = "certified"\ntenants = ["T"]\n')
        path.chmod(0o640)
        checker = UsersChecker(str(path), certificates=True)
        login = login_as(Portal(ConsumerRealm(), [checker]), IConsumer)
        found = self.successResultOf(login(CommonName("certified")))
        self.assertEqual(found, Consumer("certified", frozenset({"T"})))
        self.assertEqual(self.successResultOf(login(CommonName("all"))).name, "all")
        for refused in (
            CommonName("nobody"),
            UsernamePassword(b"certified", b""),
            UsernamePassword(b"certified", bytes(32)),
        ):
            self.failureResultOf(login(refused), UnauthorizedLogin)
