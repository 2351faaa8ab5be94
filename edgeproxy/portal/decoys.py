"""What is compared for auth-ids that do not exist, so that nobody can tell."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

from edgeproxy.portal.interfaces import Secret

# Compared where no device has been seen yet.
_NOBODY = (Secret("sha-512", hashlib.sha512(b"nobody").digest(), b"nobody"),)

# Tenants, and kinds of secrets of each, that are known at once.
TENANTS, KINDS = 1000, 8

# Of a tenant's secrets: the hash function and cost of each.
_Kind = tuple[tuple[str, bytes], ...]


class Decoys:
    """Secrets of real devices, to be compared in vain for those that do not exist.

    An unknown auth-id has to cost as much as a wrong password, but what that costs
    depends on the hash functions of the tenant's devices, and bcrypt costs thousands of
    times more than SHA-2. So one kind of them is chosen by auth-id: the same each time,
    and as for a real device not to be foretold.
    """

    def __init__(self) -> None:
        self._of: dict[str, dict[_Kind, Sequence[Secret]]] = {}
        self._key = secrets.token_bytes(16)

    def learn(self, tenant_id: str, known: Sequence[Secret]) -> None:
        """Take note of the secrets of a device of the tenant."""
        if not known:
            return
        kinds = self._of.get(tenant_id)
        if kinds is None:
            if len(self._of) >= TENANTS:
                self._of.clear()
            kinds = self._of[tenant_id] = {}
        # The beginning of a bcrypt hash is version and cost: "$2b$10$".
        kind = tuple(
            (s.hash_function, s.digest[:7])
            if s.hash_function == "bcrypt"
            else (s.hash_function, b"")
            for s in known
        )
        if len(kinds) < KINDS or kind in kinds:
            kinds[kind] = known

    def choose(self, tenant_id: str, auth_id: str) -> Sequence[Secret]:
        """Return what to compare for *auth_id*, which does not exist."""
        kinds = self._of.get(tenant_id)
        if not kinds:
            return _NOBODY
        name = f"{tenant_id}@{auth_id}".encode()
        number = hashlib.blake2b(name, key=self._key, digest_size=4).digest()
        return list(kinds.values())[int.from_bytes(number, "big") % len(kinds)]
