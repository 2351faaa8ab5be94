"""A streamed request body on its way to the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IConsumer, IProducer
from twisted.python.failure import Failure
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from edgeproxy.http.writer import BodyWriter

if TYPE_CHECKING:
    from edgeproxy.http.client.outlet import Outlet


@implementer(IConsumer)
class Sender:
    """Frames what an `IBodyProducer` writes; the transport pauses the producer."""

    def __init__(
        self, connection: Outlet, producer: IBodyProducer, length: int
    ) -> None:
        self._connection = connection
        self._producer = producer
        self._writer = BodyWriter(length)
        self.active = False
        self.stopped = False

    def start(self) -> None:
        """Ask the producer for the body."""
        self.active = True
        self._connection.transport.registerProducer(self, True)
        self._producer.startProducing(self).addCallbacks(self._finished, self._failed)

    def stop(self) -> None:
        """Want no more of it: the answer is here, or the connection is gone."""
        if not self.stopped:
            self.stopped = True
            if self.active:
                self._release()
                self._producer.stopProducing()

    def _release(self) -> None:
        self.active = False
        self._connection.transport.unregisterProducer()

    def _finished(self, result: object) -> None:
        if self.stopped:
            return
        self._release()
        self.stopped = True
        try:
            end = self._writer.end()
        except ValueError:
            self._connection.body_failed(Failure())
        else:
            self._connection.body_sent(end)

    def _failed(self, reason: Failure) -> None:
        if not self.stopped:
            self.stopped = True
            self._release()
            self._connection.body_failed(reason)

    # From the producer

    def write(self, data: bytes) -> None:
        """Send *data*; ValueError when it is more than was announced."""
        if not self.stopped:
            self._connection.send_body(self._writer.data(data))

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Do nothing: it is the body's producer that the transport pauses."""

    def unregisterProducer(self) -> None:
        """Do nothing, as above."""

    # From the transport

    def pauseProducing(self) -> None:
        self._connection.choked(True)
        self._pauser.pauseProducing()

    def resumeProducing(self) -> None:
        self._connection.choked(False)
        self._pauser.resumeProducing()

    def stopProducing(self) -> None:
        """Do nothing: the connection is told, and calls `stop`."""

    @property
    def _pauser(self) -> Any:
        return self._producer
