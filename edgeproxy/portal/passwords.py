"""Verifies passwords against hashed secrets."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from edgeproxy.portal.interfaces import Secret

_DIGESTS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


def find_match(secrets: Iterable[Secret], password: bytes, now: float) -> Secret | None:
    """Return that of *secrets* which counts at *now* and has this *password*, or None.

    *now* is in Unix seconds. A secret with a hash function that is not known never
    matches. Every secret is compared, so that the time taken tells nothing about
    which one it was.
    """
    found = None
    for secret in secrets:
        digest = _DIGESTS.get(secret.hash_function)
        if digest is not None and secret.counts_at(now):
            actual = digest(secret.salt + password).digest()
            if hmac.compare_digest(actual, secret.digest):
                found = secret
    return found
