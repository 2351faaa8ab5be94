"""The device credential as a JWT that Cumulocity hands out, and gives anew.

Where it comes from is its source's business; when to ask, how often, and what to use
meanwhile, is decided here.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from math import inf
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from edgeproxy.c8y.bearer import BearerToken
from edgeproxy.c8y.credential import CredentialUnavailable, IDeviceCredential
from edgeproxy.c8y.question import Question
from edgeproxy.c8y.tokensource import TokenSource

# Seconds a request waits for its first token at most.
WAIT = 5.0

# Seconds between attempts that failed; half to all of it, doubled each time.
FIRST_BACKOFF = 1.0
MOST_BACKOFF = 8.0

# Linux has it; elsewhere a suspend makes tokens look younger than they are.
_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boottime() -> float:
    """Return seconds on the clock that cannot be set and runs on during suspend."""
    return time.clock_gettime(_BOOTTIME)


@implementer(IDeviceCredential)
class JWTCredential(Service):
    """Keeps a token that is good, and gets another when it is not.

    *source* is asked for it. *now* is the monotonic clock, in seconds; *clock* only
    wakes us up. With *refresh* off a token is used until it is refused, whatever its
    age.
    """

    _log = Logger()

    def __init__(
        self,
        source: TokenSource,
        clock: IReactorTime,
        *,
        refresh: bool = True,
        wait: float = WAIT,
        now: Callable[[], float] = boottime,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._source = source
        self._clock, self._now, self._jitter = clock, now, jitter
        self._refresh, self._wait = refresh, wait
        source.begin(self)
        self._token: BearerToken | None = None
        self._usable_until = -inf
        self._question: Question | None = None
        self._failures = 0
        # Not before: the cloud repeated itself; it did not answer at all.
        self._same_until = self._backoff_until = -inf
        self._trouble = "waiting for a device token"
        self._last_refused = b""
        self._next: IDelayedCall | None = None

    # -- IDeviceCredential ---------------------------------------------------------

    @property
    def current(self) -> bytes | None:
        token = self._token
        if token is None or self._now() >= self._usable_until:
            return None
        return token.header

    @property
    def healthy(self) -> bool:
        return self.current is not None

    @property
    def detail(self) -> str:
        if self._trouble:
            return self._trouble
        if not self.healthy:
            return "the device token may have expired: waiting for another"
        if not self._refresh:
            return "token good until it is refused"
        return f"token good for {self._usable_until - self._now():.0f} s at least"

    @property
    def shown(self) -> dict[str, Any]:
        return {} if self._token is None else dict(self._token.claims)

    @property
    def tenant(self) -> frozenset[str]:
        return frozenset() if self._token is None else self._token.tenant

    def fetch(self) -> Deferred[bytes]:
        current = self.current
        if current is not None:
            return succeed(current)
        return self._ask()

    def refused(self, authorization: bytes) -> Deferred[bytes | None]:
        current = self.current
        if current is not None and current != authorization:
            return succeed(current)
        if authorization != self._last_refused and self._question is None:
            # That the cloud repeated it before it was refused says nothing now.
            self._last_refused, self._same_until = authorization, -inf

        def answered(header: bytes) -> bytes | None:
            return header if header != authorization else None

        def unanswered(failure: object) -> None:
            return None

        return self._ask().addCallbacks(answered, unanswered)

    # -- service -------------------------------------------------------------------

    def startService(self) -> None:
        super().startService()
        self._source.startService()

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self._finish(CredentialUnavailable("edgeproxy is stopping"))
        self._wake_up_in(None)
        return maybeDeferred(self._source.stopService)

    # -- asking --------------------------------------------------------------------

    def _ask(self) -> Deferred[bytes]:
        """Join the question that is under way, or put it; fail at once in between."""
        if not self.running:
            return fail(CredentialUnavailable("edgeproxy is stopping"))
        if self._question is None and self._now() < self._quiet_until:
            best = self._best
            if best is not None:
                return succeed(best)
            return fail(CredentialUnavailable(self.detail))
        return (self._question or self._start_asking()).answer()

    @property
    def _best(self) -> bytes | None:
        """What there is: a token that may be alive is better than none."""
        token = self._token
        if token is None or (self._refresh and self._now() >= token.dead_at):
            return None
        return token.header

    @property
    def _quiet_until(self) -> float:
        return max(self._same_until, self._backoff_until)

    def _start_asking(self) -> Question:
        self._wake_up_in(None)
        self._question = Question(
            self._clock, self._now, self._source.ask, self._no_answer, self._wait
        )
        return self._question

    # -- from the source -------------------------------------------------------------

    def connected(self) -> None:
        """Know that the source can be asked from now on."""
        # What failed on the connection before says nothing about this one.
        self._failures, self._backoff_until = 0, -inf
        if self._question is not None:
            self._question.put()
        else:
            self._schedule()

    def answered(self, token: bytes) -> None:
        """Take *token*, if there is a question that it can be the answer to.

        Raises `NotAToken` for what cannot be used; the question stays open then.
        """
        asked = self._question.first_put if self._question is not None else None
        if asked is None:
            return
        now = self._now()
        found = BearerToken.of(token, asked, now)
        old = self._token
        if old is not None and old.header == found.header:
            found = old.vouched_again(asked)
            self._same_until = now + found.ask_again_after
        self._token = found
        self._usable_until = found.usable_until if self._refresh else inf
        self._failures = 0
        self._finish(None)

    def _no_answer(self) -> None:
        self._failures += 1
        backoff = min(MOST_BACKOFF, FIRST_BACKOFF * 2 ** min(self._failures - 1, 9))
        backoff *= 0.5 + 0.5 * self._jitter()
        self._backoff_until = self._now() + backoff
        why = self._source.why_silent
        self._finish(CredentialUnavailable(f"cannot get a device token: {why}"))

    def _finish(self, error: CredentialUnavailable | None) -> None:
        """End the question; give all who wait the same answer."""
        question, self._question = self._question, None
        best = self._best
        if error is None and self.current is None:
            error = CredentialUnavailable(
                "the cloud repeats a device token that has expired: check its clock"
            )
        if self.running:
            self._report(error.reason if error else "")
            self._schedule()
        if question is not None:
            error = error or CredentialUnavailable(self.detail)
            question.close(best if self.running else None, error)

    def _report(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            self._log.warn("{trouble}", trouble=trouble)
        elif self._trouble and not trouble:
            self._log.info("got a device token")
        self._trouble = trouble

    # -- refreshing ----------------------------------------------------------------

    def _schedule(self) -> None:
        """Wake up when the next question is due: early in life, never in a hurry."""
        wanted = self._refresh or self._token is None
        if wanted and self._question is None:
            due = self._token.refresh_at if self._token is not None else -inf
            self._wake_up_in(max(0.0, max(due, self._quiet_until) - self._now()))

    def _wake_up_in(self, delay: float | None) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None
        if delay is not None:
            self._next = self._clock.callLater(delay, self._due)

    def _due(self) -> None:
        # Without a connection, the next one puts the question.
        if self.running and self._question is None and self._source.ready:
            self._start_asking()
