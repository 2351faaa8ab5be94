"""Long work in the reactor's thread, in pieces, behind what others have to do."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

# Seconds of work before others have their turn.
PIECE = 0.002

# How long others are let alone after a piece, by its length, when they are busy: an
# eighth of the time is ours then. 100,000 devices take 5 s of work.
REST = 7.0


class Pace:
    """Runs steps so that the doors stay open; *reactor* tells the turns."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    @inlineCallbacks
    def run(self, steps: Iterable[None]) -> Any:
        """Go through *steps*, all of it; fires when that is done."""
        begun = time.monotonic()
        for _ in steps:
            worked = time.monotonic() - begun
            if worked >= PIECE:
                yield self._let_others(worked)
                begun = time.monotonic()

    @inlineCallbacks
    def _let_others(self, worked: float) -> Any:
        before = time.thread_time()
        yield self._later(0)
        # What this thread did meanwhile was for others.
        if time.thread_time() - before > worked / 10:
            yield self._later(worked * REST)

    def _later(self, seconds: float) -> Deferred[None]:
        later: Deferred[None] = Deferred()
        self._reactor.callLater(seconds, later.callback, None)
        return later
