"""Ages that no step of the clock can change.

A gateway without a battery boots in 1970 and jumps to today when the network is there.
Stored events must not expire at once because of that, nor live for ever when the clock
is set back. So their ages are counted in running time: seconds since boot, carried on
from one start of the service to the next by what is on disk. Time in which the machine
was off counts as nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import attrs

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def since_boot() -> float:
    """Return the seconds since this machine booted, time asleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Return what names this boot of this machine."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""  # no boot is the same as any other


@attrs.frozen
class Mark:
    """What is kept on disk: at *uptime* seconds of the boot *boot* it was *age*."""

    boot: str
    uptime: float
    age: float


class AgeClock:
    """Running time in seconds, from the first start of the store on.

    *mark* is the newest on disk, *least* the age that is known to have been reached.
    """

    def __init__(
        self,
        mark: Mark | None,
        least: float = 0.0,
        uptime: Callable[[], float] = since_boot,
        boot: str | None = None,
    ) -> None:
        self._uptime = uptime
        self._boot = boot_id() if boot is None else boot
        now = uptime()
        age = least
        if mark is not None:
            same = mark.boot == self._boot != "" and mark.uptime <= now
            age = max(age, mark.age + (now - mark.uptime if same else 0.0))
        self._offset = age - now

    def now(self) -> float:
        """Return the running time until now."""
        return self._uptime() + self._offset

    def mark(self) -> Mark:
        """Return what to keep on disk."""
        uptime = self._uptime()
        return Mark(self._boot, uptime, uptime + self._offset)
