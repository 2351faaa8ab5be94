"""Pull producers under push rules."""

from __future__ import annotations

from twisted.internet.interfaces import (
    IDelayedCall,
    IPullProducer,
    IPushProducer,
    IReactorTime,
)
from zope.interface import implementer


@implementer(IPushProducer)
class PullAdapter:
    """Asks a pull producer for one piece per turn of the reactor until it is paused.

    One piece per turn, because a fast socket would otherwise keep everybody else
    waiting until a large file is sent.
    """

    def __init__(self, producer: IPullProducer, clock: IReactorTime) -> None:
        self._producer = producer
        self._clock = clock
        self._call: IDelayedCall | None = None
        self._paused = True
        self._stopped = False

    def pauseProducing(self) -> None:
        """Ask for no more."""
        self._paused = True
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def resumeProducing(self) -> None:
        """Ask again, from the next turn on."""
        self._paused = False
        if self._call is None and not self._stopped:
            self._call = self._clock.callLater(0, self._next)

    def release(self) -> None:
        """Ask no more, without telling the producer: it has unregistered."""
        self._stopped = True
        self.pauseProducing()

    def stopProducing(self) -> None:
        """Ask no more, and say so."""
        self.release()
        self._producer.stopProducing()

    def _next(self) -> None:
        self._call = None
        self._producer.resumeProducing()
        if not self._paused:
            self.resumeProducing()
