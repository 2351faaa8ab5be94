"""The one interface between doors and whatever carries their messages."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Interface

from edgeproxy.messaging.message import Message
from edgeproxy.messaging.responses import CommandResponse


class INetwork(Interface):
    """Carries messages to consumers."""

    def send(message: Message) -> Deferred[None]:  # type: ignore[misc]
        """Take responsibility for *message*.

        Fires when the message is a consumer's (telemetry with QoS 1), handed over
        (telemetry with QoS 0), or on persistent store (event). Fails with a
        `NotSent`.
        """

    def respond(response: CommandResponse) -> Deferred[None]:  # type: ignore[misc]
        """Hand a device's *response* to the application that waits for it.

        Fires when the application has accepted it; fails with a `NotSent`.
        """


class NotSent(Exception):
    """Nobody took responsibility for the message."""


class NoConsumer(NotSent):
    """No consumer is attached, or none of them has credit."""


class NotProcessed(NotSent):
    """The consumer released the message, or went away."""


class NoOutcome(NotSent):
    """The consumer did not say in time what became of the message."""


class Undeliverable(NotSent):
    """The consumer declared that it will never be able to take the message."""


class Rejected(NotSent):
    """The consumer rejected the message; *condition* is its AMQP error, if any."""

    def __init__(self, condition: str | None, description: str | None) -> None:
        self.condition, self.description = condition, description
        super().__init__(description or condition or "rejected")


class StoreFailed(NotSent):
    """The event store could not put the event to disk."""
