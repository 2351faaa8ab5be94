"""Tells systemd how the service fares: ready, alive, stopping (sd_notify(3))."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger


class SystemdNotifier(Service):
    """Says READY once it starts, which has to be last, and WATCHDOG from then on.

    Without ``NOTIFY_SOCKET`` in *environ* nothing is said. *notify* is
    ``systemd.daemon.notify`` unless given.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        environ: Mapping[str, str] = os.environ,
        notify: Callable[[str], object] | None = None,
    ) -> None:
        self._clock = clock
        self._notify = notify
        self._wanted = "NOTIFY_SOCKET" in environ
        # Twice as often as systemd would lose patience.
        self._interval = int(environ.get("WATCHDOG_USEC", "0")) / 2e6
        self._next: IDelayedCall | None = None

    def startService(self) -> None:
        """Say that the service is ready."""
        super().startService()
        if not self._wanted:
            return
        if self._notify is None:
            try:
                from systemd.daemon import notify
            except ImportError:
                self._log.error("systemd waits to be told: install python3-systemd")
                self._wanted = False
                return
            self._notify = notify
        self._notify("READY=1\nSTATUS=Serving")
        if self._interval:
            self._alive()

    def stopService(self) -> None:
        """Say that the service is about to end."""
        super().stopService()
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._wanted and self._notify is not None:
            self._notify("STOPPING=1\nSTATUS=Finishing what is under way")

    def _alive(self) -> None:
        assert self._notify is not None
        self._notify("WATCHDOG=1")
        self._next = self._clock.callLater(self._interval, self._alive)
