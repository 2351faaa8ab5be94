"""SIGHUP: read files anew, never end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.logger import Logger


class Reloader(Service):
    """Calls each of *reloads* (name and function) when the process gets SIGHUP.

    One that fails is logged and keeps what it had.
    """

    _log = Logger()

    def __init__(
        self, reactor: Any, reloads: list[tuple[str, Callable[[], None]]]
    ) -> None:
        self._reactor = reactor
        self._reloads = reloads

    def startService(self) -> None:
        """Catch the signal: unhandled, it would end the process."""
        super().startService()
        self._previous = signal.signal(
            signal.SIGHUP, lambda *_: self._reactor.callFromThread(self.reload)
        )

    def stopService(self) -> None:
        """Give the signal back."""
        super().stopService()
        signal.signal(signal.SIGHUP, self._previous)

    def reload(self) -> None:
        """Reload everything."""
        for name, function in self._reloads:
            try:
                function()
                self._log.info("reloaded {name}", name=name)
            except Exception as error:
                self._log.error(
                    "{name} not reloaded, the old one stays: {error}",
                    name=name,
                    error=error,
                )
