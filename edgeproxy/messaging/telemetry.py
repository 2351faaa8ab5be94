"""Hands telemetry to whoever is attached at this moment."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime

from edgeproxy.amqp.link import OutgoingLink
from edgeproxy.amqp.outcome import Outcome
from edgeproxy.messaging.network import NoConsumer, NoOutcome
from edgeproxy.messaging.outcomes import to_failure

# Hono's sendMessageTimeout: how long a consumer may think about a message, seconds.
OUTCOME_TIMEOUT = 1.0


class TelemetryLinks:
    """The consumers of one tenant's telemetry; they take turns."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._links: deque[OutgoingLink] = deque()

    def __bool__(self) -> bool:
        return bool(self._links)

    def add(self, link: OutgoingLink) -> None:
        """Let *link* take part."""
        self._links.append(link)

    def discard(self, link: OutgoingLink) -> None:
        """Let *link* take part no more."""
        if link in self._links:
            self._links.remove(link)

    def send(self, message: bytes, wait: bool) -> Deferred[None]:
        """Send the encoded *message* to the next consumer that has credit.

        Fires when it was accepted or, without *wait*, at once. Fails with a
        `NotSent`; without credit anywhere that is `NoConsumer`.
        """
        for _ in range(len(self._links)):
            link = self._links[0]
            self._links.rotate(-1)
            if link.credit > 0:
                if wait:
                    return self._send_and_wait(link, message)
                link.send(message, None)
                return succeed(None)
        return fail(NoConsumer("no consumer available"))

    def _send_and_wait(self, link: OutgoingLink, message: bytes) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        timeout = None

        def on_outcome(outcome: Outcome) -> None:
            if timeout is not None:
                timeout.cancel()
            problem = to_failure(outcome)
            if problem is None:
                done.callback(None)
            else:
                done.errback(problem)

        def on_timeout() -> None:
            link.give_up(tag)
            done.errback(
                NoOutcome(
                    "consumer failed to indicate in time whether it has processed "
                    "the message"
                )
            )

        tag = link.send(message, on_outcome)
        if not done.called:
            timeout = self._clock.callLater(OUTCOME_TIMEOUT, on_timeout)
        return done
