"""One question for a token, shared by all who wait for the answer."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from edgeproxy.c8y.credential import CredentialUnavailable

# Seconds after which it is put again: with QoS 0, either way may lose it.
PUT_AGAIN_AFTER = (1.0, 3.0)


class Question:
    """Put at once, put again in case it got lost, given up in time.

    *put* sends it and tells whether there was a connection to send it on; *given_up*
    is called after *wait* seconds. *first_put* is the moment, on the clock *now*,
    since which an answer can be one to this question; None before it was sent.
    """

    def __init__(
        self,
        clock: IReactorTime,
        now: Callable[[], float],
        put: Callable[[], bool],
        given_up: Callable[[], None],
        wait: float,
    ) -> None:
        self.first_put: float | None = None
        self._now = now
        self._put = put
        self._waiters: list[Deferred[bytes]] = []
        self._steps = [clock.callLater(delay, self.put) for delay in PUT_AGAIN_AFTER]
        self._steps.append(clock.callLater(wait, given_up))
        self.put()

    def put(self) -> None:
        """Send it, if there is a connection."""
        now = self._now()
        if self._put() and self.first_put is None:
            self.first_put = now

    def answer(self) -> Deferred[bytes]:
        """Wait for the answer; cancelling that disturbs nobody else."""
        waiter: Deferred[bytes] = Deferred()
        self._waiters.append(waiter)
        return waiter

    def close(self, header: bytes | None, error: CredentialUnavailable) -> None:
        """Give *header*, or else *error*, to all who wait."""
        for step in self._steps:
            if step.active():
                step.cancel()
        for waiter in self._waiters:
            if header is not None:
                waiter.callback(header)
            else:
                waiter.errback(error)
