"""The access log: one line for each response, written in batches."""

from __future__ import annotations

from typing import Any

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

# Seconds that lines may wait: nobody watches closer, and a batch costs one write.
FLUSH = 1.0

# Lines that may wait: bounds the memory under load.
MOST = 500


_log = Logger("edgeproxy.access")


class AccessLog(Service):
    """Logs requests as ``address method path status bytes number``.

    The query is left out, and so are all header fields: they may hold secrets.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._lines: list[str] = []
        self._call: IDelayedCall | None = None

    def stopService(self) -> None:
        """Write what waits."""
        super().stopService()
        self._flush()

    def __call__(self, request: Any) -> None:
        """Take note of an answered *request*."""
        self._lines.append(
            f"{request.peer_host} {request.head.summary}"
            f" {request.code} {request.sentLength} {request.number}"
        )
        if len(self._lines) >= MOST:
            self._flush()
        elif self._call is None:
            self._call = self._clock.callLater(FLUSH, self._flush)

    def _flush(self) -> None:
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None
        lines, self._lines = self._lines, []
        if lines:
            _log.info("{lines}", lines="\n".join(lines))
