"""Long work in pieces, behind what others have to do."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

# Seconds of work in the reactor's thread before others have their turn.
PIECE = 0.002

# How long others are let alone after some work, by its length, when they are busy: a
# sixth of the time is the work's then. 100,000 devices take 8 s of it.
REST = 5.0

# The share of its time that the reactor's thread has something to do when it is busy.
BUSY = 0.1


class Work:
    """The work for one request: *seconds* of it so far, and those of others."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.seconds = 0.0
        self._own = 0.0  # of the reactor's thread
        self._wall, self._thread = time.monotonic(), time.thread_time()

    @inlineCallbacks
    def run(self, steps: Iterable[None]) -> Any:
        """Go through *steps* in the reactor's thread; fires when that is done."""
        begun = time.monotonic()
        for _ in steps:
            if time.monotonic() - begun >= PIECE:
                self._worked(time.monotonic() - begun)
                yield self._later(0)
                begun = time.monotonic()
        self._worked(time.monotonic() - begun)

    def _worked(self, seconds: float) -> None:
        self.seconds += seconds
        self._own += seconds

    def rest(self) -> Deferred[None]:
        """Let others alone for a time, if they have been busy meanwhile."""
        wall = time.monotonic() - self._wall
        others = time.thread_time() - self._thread - self._own
        return self._later(self.seconds * REST if others > wall * BUSY else 0)

    def _later(self, seconds: float) -> Deferred[None]:
        later: Deferred[None] = Deferred()
        self._reactor.callLater(seconds, later.callback, None)
        return later
