"""Remembers who has logged in, so that a device's next request need not ask again."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from edgeproxy.portal.avatars import Device
from edgeproxy.portal.login import Login
from edgeproxy.portal.memory import Memory

# Logins remembered at once, about 300 bytes each. A device beyond that costs one
# verification now and then.
MOST = 200_000


class RememberedLogins:
    """Logs devices in with *login*, and recalls those that came before.

    An entry is found by a keyed hash of what proved it (`key_of`), so that no secret
    stays in memory and any other proof asks the portal. It counts within the validity
    of the secret that matched, and until something changes that concerns the device:
    *generation* counts the changes, and *last_change* is the number of the last one for
    a tenant and device.
    """

    def __init__(
        self,
        login: Login,
        generation: Callable[[], int],
        last_change: Callable[[str, str], int],
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._login = login
        self._generation = generation
        self._last_change = last_change
        self._wall_clock = wall_clock
        # With the generation of which each is.
        self._devices: Memory[bytes, tuple[int, Device]] = Memory(MOST)
        self._under_way: dict[tuple[bytes, int], list[Deferred[Device]]] = {}
        self._hash = hashlib.blake2b(key=secrets.token_bytes(32), digest_size=16)

    def key_of(self, proof: bytes) -> bytes:
        """Return what logins with *proof* are found by: a hash of 16 bytes.

        A proof is the value of an Authorization field, or a chain of certificates.
        """
        keyed = self._hash.copy()
        keyed.update(proof)
        return keyed.digest()

    def recall(self, key: bytes) -> Device | None:
        """Return who logged in with *key* before, if that still counts."""
        found = self._devices.get(key)
        if found is None:
            return None
        generation, device = found
        if self._last_change(device.tenant_id, device.device_id) > generation:
            self._devices.forget(key)
            return None
        return device if device.counts_at(self._wall_clock()) else None

    def log_in(self, key: bytes, credentials: Any) -> Deferred[Device]:
        """Log *credentials* in at the portal; *key* is that of what proves them.

        Those who come with the same while that is under way share its outcome.
        """
        done: Deferred[Device] = Deferred()
        # A change meanwhile may concern what is being verified.
        generation = self._generation()
        waiting = self._under_way.get((key, generation))
        if waiting is not None:
            waiting.append(done)
            return done
        self._under_way[key, generation] = [done]
        login = self._login(credentials)
        login.addCallback(self._keep, key, generation)
        login.addBoth(self._tell, (key, generation))
        return done

    def _keep(self, device: Device, key: bytes, generation: int) -> Device:
        self._devices.put(key, (generation, device))
        return device

    def _tell(self, result: Device | Failure, asked: tuple[bytes, int]) -> None:
        for done in self._under_way.pop(asked):
            if isinstance(result, Failure):
                done.errback(result)
            else:
                done.callback(result)
