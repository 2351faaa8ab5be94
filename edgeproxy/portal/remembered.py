"""Remembers who has logged in, so that a device's next request need not ask again."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from edgeproxy.portal.avatars import Device
from edgeproxy.portal.login import Login

# Logins remembered at once; an entry takes about 300 bytes. Beyond that all are
# forgotten, which costs each device one verification.
MOST = 20_000


class RememberedLogins:
    """Logs devices in with *login*, and recalls those that came before.

    An entry is found by a keyed hash of the whole Authorization value, so that no
    secret stays in memory and every other value asks the portal. It counts within the
    validity of the secret that matched, and until *generation* tells another number:
    that of the registry, which any change of it counts up.
    """

    def __init__(
        self,
        login: Login,
        generation: Callable[[], int],
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._login = login
        self._generation = generation
        self._wall_clock = wall_clock
        self._of = generation()
        self._devices: dict[bytes, Device] = {}
        self._hash = hashlib.blake2b(key=secrets.token_bytes(32), digest_size=16)

    def _key(self, authorization: bytes) -> bytes:
        keyed = self._hash.copy()
        keyed.update(authorization)
        return keyed.digest()

    def recall(self, authorization: bytes) -> Device | None:
        """Return who came with this *authorization* before, if that still counts."""
        if self._of != self._generation():
            self._devices.clear()
            self._of = self._generation()
        device = self._devices.get(self._key(authorization))
        if device is None or not device.counts_at(self._wall_clock()):
            return None
        return device

    def log_in(self, authorization: bytes, credentials: Any) -> Deferred[Device]:
        """Log *credentials* in at the portal; *authorization* is what they came as."""
        generation = self._generation()

        def keep(device: Device) -> Device:
            # A change meanwhile may concern what was just verified.
            if generation == self._generation() == self._of:
                if len(self._devices) >= MOST:
                    self._devices.clear()
                self._devices[self._key(authorization)] = device
            return device

        return self._login(credentials).addCallback(keep)
