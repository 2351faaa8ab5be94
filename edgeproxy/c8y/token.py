"""The device credential as a JWT that Cumulocity hands out over MQTT.

An empty message on ``s/uat`` is answered with ``71,<token>`` on ``s/dat``, straight
from Cumulocity or through a local broker's bridge under a prefix. Every client of that
broker sees every answer and could publish one, so a token is believed only while one
is asked for, and never when the broker had kept it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from math import inf

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.logger import Logger
from zope.interface import implementer

from edgeproxy.c8y.bearer import BearerToken, NotAToken
from edgeproxy.c8y.credential import CredentialUnavailable, IDeviceCredential
from edgeproxy.c8y.question import Question
from edgeproxy.mqtt.client import MAX_DELAY, MQTTClient

# Seconds a request waits for its first token at most.
WAIT = 5.0

# Seconds between attempts that failed; half to all of it, doubled each time.
FIRST_BACKOFF = 1.0
MOST_BACKOFF = 8.0

# Seconds between attempts to reach a broker on the same machine.
LOCAL_MAX_DELAY = 1.5


# Linux has it; elsewhere a suspend makes tokens look younger than they are.
_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boottime() -> float:
    """Return seconds on the clock that cannot be set and runs on during suspend."""
    return time.clock_gettime(_BOOTTIME)


@implementer(IDeviceCredential)
class JWTCredential(Service):
    """Keeps a token that is good, and gets another when it is not.

    *prefix* is that of the local bridge, such as ``c8y``, or empty for Cumulocity's own
    endpoint. *now* is the monotonic clock, in seconds; *clock* only wakes us up. With
    *refresh* off a token is used until it is refused, whatever its age.
    """

    _log = Logger()

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        clock: IReactorTime,
        client_id: str,
        *,
        prefix: str = "c8y",
        username: str | None = None,
        password: bytes | None = None,
        keepalive: int = 60,
        name: str = "MQTT",
        refresh: bool = True,
        wait: float = WAIT,
        now: Callable[[], float] = boottime,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._uat, self._dat = (
            f"{prefix}/{topic}" if prefix else topic for topic in ("s/uat", "s/dat")
        )
        self._clock, self._now, self._jitter = clock, now, jitter
        self._refresh, self._wait = refresh, wait
        self._client = MQTTClient(
            endpoint,
            clock,
            client_id,
            name=name,
            username=username,
            password=password,
            keepalive=keepalive,
            subscriptions=[(self._dat, 0)],
            on_message=self._message,
            on_connected=self._connected,
            max_delay=LOCAL_MAX_DELAY if prefix else MAX_DELAY,
            jitter=jitter,
        )
        self._token: BearerToken | None = None
        self._usable_until = -inf
        self._question: Question | None = None
        self._failures = 0
        # Not before: the cloud repeated itself; it did not answer at all.
        self._same_until = self._backoff_until = -inf
        self._trouble = "waiting for a device token"
        self._last_refused = b""
        self._unusable = ""
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
        self._client.startService()

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self._finish(CredentialUnavailable("edgeproxy is stopping"))
        self._wake_up_in(None)
        return self._client.stopService()

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
            self._clock, self._now, self._put, self._no_answer, self._wait
        )
        return self._question

    def _put(self) -> bool:
        if not self._client.connected:
            return False
        # Cumulocity sporadically blocks on QoS 1 here.
        self._client.publish(self._uat, b"", qos=0).addErrback(lambda failure: None)
        return True

    def _connected(self) -> None:
        # What failed on the connection before says nothing about this one.
        self._failures, self._backoff_until = 0, -inf
        if self._question is not None:
            self._question.put()
        else:
            self._schedule()

    def _message(self, topic: str, payload: bytes, retained: bool) -> None:
        asked = self._question.first_put if self._question is not None else None
        if asked is None or retained or topic != self._dat:
            return
        now = self._now()
        try:
            token = BearerToken.from_answer(payload, asked, now)
        except NotAToken as error:
            # Other templates may come this way; the question stays open.
            self._unusable = str(error)
            return
        old = self._token
        if old is not None and old.header == token.header:
            token = old.vouched_again(asked)
            self._same_until = now + token.ask_again_after
        self._token = token
        self._usable_until = token.usable_until if self._refresh else inf
        self._failures, self._unusable = 0, ""
        self._finish(None)

    def _no_answer(self) -> None:
        self._failures += 1
        backoff = min(MOST_BACKOFF, FIRST_BACKOFF * 2 ** min(self._failures - 1, 9))
        backoff *= 0.5 + 0.5 * self._jitter()
        self._backoff_until = self._now() + backoff
        if not self._client.connected:
            why = f"no MQTT connection ({self._client.detail})"
        elif self._unusable:
            why = f"the answer on {self._dat} is {self._unusable}"
        else:
            why = (
                f"no answer on {self._dat}: check that the broker bridges {self._uat} "
                f"and {self._dat}, and that the device is connected with a certificate"
            )
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
        if self.running and self._question is None and self._client.connected:
            self._start_asking()
