"""Verifies passwords against hashed secrets."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Any

import bcrypt
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from edgeproxy.portal.errors import LoginUnavailable
from edgeproxy.portal.interfaces import Secret

_DIGESTS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}

BCRYPT = "bcrypt"

# Bytes of a password that bcrypt looks at. Its library cuts the rest off, or, from
# version 5 on, refuses: here longer passwords are as good as their beginning.
BCRYPT_LENGTH = 72

# Anything else makes the bcrypt of Debian 13 panic, which is no Exception in Python.
_BCRYPT_HASH = re.compile(rb"\$2[abxy]?\$[0-9]{2}\$[./A-Za-z0-9]{53}")

# Verifications that may wait for a thread. One takes about 60 ms on a small machine:
# who comes later would give up waiting before its turn.
MOST_WAITING = 100


class PasswordVerifier:
    """Compares passwords with secrets: SHA-2 at once, bcrypt in *threads* of its own.

    *most_waiting* bounds the queue for the threads.
    """

    def __init__(
        self, reactor: Any, threads: ThreadPool, most_waiting: int = MOST_WAITING
    ) -> None:
        self._reactor = reactor
        self._threads = threads
        self._most_waiting = most_waiting
        self._waiting = 0

    def find_match(
        self, secrets: Sequence[Secret], password: bytes, now: float
    ) -> Secret | Deferred[Secret | None] | None:
        """Return that of *secrets* which counts at *now* and has this *password*.

        None if there is none; a Deferred of that where bcrypt is involved, which fails
        with `LoginUnavailable` when too many wait already. *now* is in Unix seconds.
        Every secret is compared, even one that does not count, so that the time taken
        tells nothing about them. One with an unknown hash function never matches.
        """
        if not any(secret.hash_function == BCRYPT for secret in secrets):
            return _find_match(secrets, password, now)
        if self._waiting >= self._most_waiting:
            raise LoginUnavailable("temporarily unavailable")
        self._waiting += 1
        found: Deferred[Secret | None] = deferToThreadPool(
            self._reactor, self._threads, _find_match, secrets, password, now
        )
        return found.addBoth(self._done)

    def _done(self, result: Any) -> Any:
        self._waiting -= 1
        return result


def _find_match(
    secrets: Sequence[Secret], password: bytes, now: float
) -> Secret | None:
    found = None
    for secret in secrets:
        if _matches(secret, password) and secret.counts_at(now):
            found = secret
    return found


def _matches(secret: Secret, password: bytes) -> bool:
    if secret.hash_function == BCRYPT:
        if not _BCRYPT_HASH.fullmatch(secret.digest):
            return False
        try:
            return bool(bcrypt.checkpw(_for_bcrypt(password), secret.digest))
        except ValueError:
            return False  # a zero byte in the password
    digest = _DIGESTS.get(secret.hash_function)
    if digest is None:
        return False
    actual = digest(secret.salt + password).digest()
    return hmac.compare_digest(actual, secret.digest)


def _for_bcrypt(password: bytes) -> bytes:
    if b"\0" in password:
        raise ValueError("bcrypt reads passwords as C strings")
    return password[:BCRYPT_LENGTH]
