"""A body that arrives: held until wanted, then passed on under back-pressure."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from edgeproxy.http.head import Fields


class Source(Protocol):
    """The connection that a body arrives on."""

    def body_wanted(self) -> None:
        """Send what makes the peer send the body, if it waits for that."""

    def body_resumed(self) -> None:
        """Go on reading."""

    def body_stopped(self) -> None:
        """Give the rest up, and the connection with it."""


class Receiver(Protocol):
    """`interfaces.IBodyReceiver`, for the type checker."""

    def dataReceived(self, data: bytes) -> None: ...

    def ended(self) -> None: ...

    def failed(self, reason: Failure) -> None: ...


class NoSource:
    """The source of a body that is here already, or that there is none of."""

    def body_wanted(self) -> None: ...

    def body_resumed(self) -> None: ...

    def body_stopped(self) -> None: ...


NO_SOURCE = NoSource()


@implementer(IPushProducer)
class Body:
    """The body of a request on the server or of a response on the client.

    *length* is in bytes, None when only the end will tell. Nothing flows before
    `deliver`, beyond what came along with the head; from then on the receiver gets
    bytes as they arrive, unless it pauses. *trailers* are complete after the end.
    """

    __slots__ = (
        "_delivered",
        "_ended",
        "_failure",
        "_held",
        "_paused",
        "_receiver",
        "_source",
        "length",
        "received",
        "trailers",
    )

    def __init__(self, source: Source, length: int | None) -> None:
        self._source = source
        self.length = length
        self.received = 0
        self.trailers: Fields = []
        self._held: list[bytes] = []
        self._receiver: Receiver | None = None
        self._delivered = False
        self._paused = False
        self._ended = False
        self._failure: Failure | None = None

    @classmethod
    def whole(cls, data: bytes) -> Body:
        """Return a body that is all here."""
        body = cls(NO_SOURCE, len(data))
        body.received = len(data)
        if data:
            body._held.append(data)
        body._ended = True
        return body

    @property
    def complete(self) -> bool:
        """Whether the last byte has arrived (not: has been delivered)."""
        return self._ended

    @property
    def delivered(self) -> bool:
        """Whether somebody has taken the body on, if only to pause it."""
        return self._delivered

    @property
    def wants(self) -> bool:
        """Whether somebody takes bytes right now."""
        return self._receiver is not None and not self._paused

    def take(self) -> bytes | None:
        """Return the whole body if it is all here, else None and nothing changes.

        For small bodies, which usually come with their head: no receiver is needed.
        The second time there is nothing left to take, so b"".
        """
        if not self._ended or self._delivered:
            return None
        data = b"".join(self._held)
        self._held.clear()
        return data

    def deliver(self, receiver: Receiver) -> None:
        """Pass the body to *receiver* from here on; RuntimeError the second time."""
        if self._delivered:
            raise RuntimeError("the body has been delivered")
        self._delivered = True
        self._receiver = receiver
        if not self._ended and self._failure is None:
            self._source.body_wanted()
        self.resumeProducing()

    def pauseProducing(self) -> None:
        """Stop calling the receiver, and soon stop reading from the peer."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Go on where it stopped."""
        self._paused = False
        held = self._held
        while held and self.wants:
            assert self._receiver is not None
            self._receiver.dataReceived(held.pop(0))
        if held or not self.wants:
            return
        if self._ended or self._failure is not None:
            self._close()
        else:
            self._source.body_resumed()

    def stopProducing(self) -> None:
        """Give the rest up: the receiver hears no more."""
        self._receiver = None
        self._held.clear()
        if not self._ended and self._failure is None:
            self._source.body_stopped()

    def abandon(self, reason: Failure) -> None:
        """Give the rest up, and have the receiver hear *reason*."""
        if not self._ended and self._failure is None:
            self.fail(reason)
            self._source.body_stopped()

    def push(self, data: bytes) -> None:
        """Take what has arrived; for the connection only."""
        self.received += len(data)
        if self._receiver is None or self._paused or self._held:
            self._held.append(data)
        else:
            self._receiver.dataReceived(data)

    def end(self, trailers: Fields) -> None:
        """Take the end; for the connection only."""
        self._ended = True
        self.trailers = trailers
        if self.wants and not self._held:
            self._close()

    def fail(self, reason: Failure) -> None:
        """Take the news that the rest will not come; for the connection only.

        A receiver hears it at once, even while it pauses: it has nothing to wait for.
        """
        if self._ended or self._failure is not None:
            return
        self._failure = reason
        if self._receiver is not None:
            self._held.clear()
            self._close()

    def _close(self) -> None:
        receiver, self._receiver = self._receiver, None
        assert receiver is not None
        if self._failure is not None:
            receiver.failed(self._failure)
        else:
            receiver.ended()
