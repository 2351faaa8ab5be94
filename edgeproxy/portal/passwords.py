"""Verifies passwords against hashed secrets."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from edgeproxy.portal.interfaces import Secret

_DIGESTS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


def matches(secrets: Iterable[Secret], password: bytes, now: float) -> bool:
    """Say whether *password* is that of one of *secrets* that counts at *now*.

    *now* is in Unix seconds. A secret with a hash function that is not known never
    matches. Every secret is compared, so that the time taken tells nothing about
    which one it was.
    """
    found = False
    for secret in secrets:
        digest = _DIGESTS.get(secret.hash_function)
        if digest is not None and secret.counts_at(now):
            actual = digest(secret.salt + password).digest()
            found |= hmac.compare_digest(actual, secret.digest)
    return found
