"""Slows down whoever fails to log in again and again."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from twisted.internet.interfaces import IReactorTime

# Failures that one name, and all names together, may have from one address, and the
# seconds after which one of them is forgiven. A device with a wrong password shall not
# lock out the others behind the same router, so most belongs to the address.
OF_NAME, NAME_FORGIVEN = 10, 6.0
OF_ADDRESS, ADDRESS_FORGIVEN = 200, 0.1

# Addresses and names that are watched at once; an entry takes about 200 bytes.
MOST = 20_000


class Throttle:
    """Counts failed log-ins by address and name; *clock* tells monotonic seconds.

    Each has an allowance that fills up again in time. While it is used up, nothing is
    verified: neither can passwords be guessed, nor does trying cost us anything.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        # When all failures so far will be forgiven, by address, and name or None.
        self._until: dict[tuple[str, object], float] = {}

    def allows(self, address: str, name: object) -> bool:
        """Say whether *name* may try to log in from *address* now."""
        if not self._until:
            return True
        now, network = self._clock.seconds(), _network(address)
        return (
            self._until.get((network, name), now) - now
            < (OF_NAME - 0.5) * NAME_FORGIVEN
            and self._until.get((network, None), now) - now
            < (OF_ADDRESS - 0.5) * ADDRESS_FORGIVEN
        )

    def failed(self, address: str, name: object) -> None:
        """Take note that *name* failed to log in from *address*."""
        network = _network(address)
        self._add((network, name), NAME_FORGIVEN)
        self._add((network, None), ADDRESS_FORGIVEN)

    def _add(self, key: tuple[str, object], seconds: float) -> None:
        now = self._clock.seconds()
        if key not in self._until and len(self._until) >= MOST:
            self._until = {k: until for k, until in self._until.items() if until > now}
            if len(self._until) >= MOST:
                # Too many are failing at once to know each: forgive the oldest half.
                self._until = dict(list(self._until.items())[MOST // 2 :])
        self._until[key] = max(self._until.pop(key, now), now) + seconds


@lru_cache(1024)
def _network(address: str) -> str:
    """Return what counts as one: an IPv4 address, or the /64 of one IPv6 subscriber."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
