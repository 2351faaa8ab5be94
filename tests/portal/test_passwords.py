"""Passwords against secrets: bcrypt in threads, and what an unknown auth-id costs."""

from __future__ import annotations

import hashlib
from typing import Any

import bcrypt
from twisted.python.threadpool import ThreadPool
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.portal.decoys import KINDS, TENANTS, Decoys
from edgeproxy.portal.errors import LoginUnavailable
from edgeproxy.portal.interfaces import Secret
from edgeproxy.portal.passwords import BCRYPT_LENGTH, PasswordVerifier
from tests.fakes.threads import ThreadClock


def hashed(password: bytes, cost: int = 4, **more: Any) -> Secret:
    """Return a bcrypt secret; the cost is the least there is."""
    return Secret("bcrypt", bcrypt.hashpw(password, bcrypt.gensalt(cost)), **more)


SHA = Secret("sha-256", hashlib.sha256(b"sp").digest(), b"s")


class BcryptTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ThreadClock()
        threads = ThreadPool(1, 1)
        threads.start()
        self.addCleanup(threads.stop)
        self.verifier = PasswordVerifier(self.clock, threads, most_waiting=2)

    def find(self, password: bytes, *secrets: Secret) -> Secret | None:
        found: Any = self.verifier.find_match(secrets, password, 1000.0)
        self.clock.wait_for(found)
        result: Secret | None = self.successResultOf(found)
        return result

    def test_the_right_password_matches(self) -> None:
        secret = hashed(b"p")
        self.assertIs(self.find(b"p", secret), secret)
        self.assertIsNone(self.find(b"q", secret))
        self.assertIsNone(self.find(b"", secret))

    def test_every_version_of_the_format_is_known(self) -> None:
        digest = hashed(b"p").digest
        for version in (b"2a", b"2b", b"2y"):
            secret = Secret("bcrypt", digest.replace(b"2b", version, 1))
            self.assertIs(self.find(b"p", secret), secret)

    def test_secrets_of_other_kinds_may_stand_beside_it(self) -> None:
        secret = hashed(b"q")
        self.assertIs(self.find(b"p", secret, SHA), SHA)
        self.assertIs(self.find(b"q", SHA, secret), secret)

    def test_a_long_password_counts_up_to_its_bound_on_every_set(self) -> None:
        long = b"x" * BCRYPT_LENGTH
        secret = hashed(long)
        self.assertIs(self.find(long + b"y", secret), secret)
        self.assertIsNone(self.find(long[:-1], secret))

    def test_what_bcrypt_cannot_read_matches_nothing(self) -> None:
        self.assertIsNone(self.find(b"p\0q", hashed(b"p")))
        for digest in (b"", b"nonsense", b"$2b$04$short", b"$9z$04$" + b"a" * 53):
            self.assertIsNone(self.find(b"p", Secret("bcrypt", digest)))

    def test_the_period_counts(self) -> None:
        self.assertIsNone(self.find(b"p", hashed(b"p", not_after=1000.0)))

    def test_the_queue_is_bounded(self) -> None:
        secret = hashed(b"p", cost=6)
        waiting = [self.verifier.find_match([secret], b"p", 0.0) for _ in range(2)]
        with self.assertRaises(LoginUnavailable):
            self.verifier.find_match([secret], b"p", 0.0)
        # What takes no thread is not held up.
        self.assertIs(self.verifier.find_match([SHA], b"p", 0.0), SHA)
        for each in waiting:
            self.clock.wait_for(each)  # type: ignore[arg-type]
            self.assertIs(self.successResultOf(each), secret)
        self.assertIs(self.find(b"p", secret), secret)


class DecoyTests(SynchronousTestCase):
    def test_a_tenant_with_bcrypt_has_it_compared_for_unknown_ids(self) -> None:
        decoys = Decoys()
        secrets = [hashed(b"p")]
        decoys.learn("T", secrets)
        for number in range(20):
            self.assertIs(decoys.choose("T", f"unknown{number}"), secrets)

    def test_an_unknown_id_costs_the_same_each_time(self) -> None:
        decoys = Decoys()
        kinds = [[hashed(b"p")], [SHA], [SHA, hashed(b"p")]]
        for secrets in kinds:
            decoys.learn("T", secrets)
        chosen = []
        for number in range(50):
            first = decoys.choose("T", f"unknown{number}")
            self.assertIs(decoys.choose("T", f"unknown{number}"), first)
            chosen.append(first)
        for secrets in kinds:
            self.assertIn(secrets, chosen)

    def test_where_nobody_is_known_something_is_compared(self) -> None:
        decoys = Decoys()
        self.assertEqual(len(decoys.choose("T", "x")), 1)
        decoys.learn("T", [])
        self.assertEqual(len(decoys.choose("T", "x")), 1)

    def test_what_is_known_is_bounded(self) -> None:
        decoys = Decoys()
        for number in range(KINDS + 5):
            decoys.learn("T", [SHA] * (number + 1))
        self.assertEqual(len(decoys._of["T"]), KINDS)
        for number in range(TENANTS + 5):
            decoys.learn(f"T{number}", [SHA])
        self.assertLessEqual(len(decoys._of), TENANTS)
