"""A peer of an AMQP connection: proton's engine on the client's side, in memory."""

from __future__ import annotations

from typing import Any

import proton


class Peer:
    """Drives a proton client against ``receive`` and ``output`` of a listener."""

    def __init__(self) -> None:
        self.collector = proton.Collector()
        self.connection = proton.Connection()
        self.connection.container = "peer"
        self.connection.collect(self.collector)
        self.transport = proton.Transport(proton.Transport.CLIENT)
        self.transport.bind(self.connection)
        self.connection.open()
        self.session = self.connection.session()
        self.session.open()
        self.received: list[tuple[Any, bytes]] = []

    def receiver(self, address: str, credit: int = 10, **more: Any) -> Any:
        """Attach a receiver on *address*."""
        link = self.session.receiver(more.get("name", address))
        link.source.address = address
        if more.get("copies"):
            link.source.distribution_mode = proton.Terminus.DIST_MODE_COPY
        if more.get("settled"):
            link.snd_settle_mode = proton.Link.SND_SETTLED
        link.open()
        link.flow(credit)
        return link

    def output(self) -> bytes:
        """Return what goes to the listener."""
        chunks = []
        while (pending := self.transport.pending()) > 0:
            chunks.append(bytes(self.transport.peek(pending)))
            self.transport.pop(pending)
        return b"".join(chunks)

    def receive(self, data: bytes) -> None:
        """Take what the listener sent."""
        while data:
            capacity = self.transport.capacity()
            if capacity <= 0:
                break
            self.transport.push(data[:capacity])
            data = data[capacity:]
            self._dispatch()

    def _dispatch(self) -> None:
        while (event := self.collector.peek()) is not None:
            if event.type == proton.Event.DELIVERY:
                delivery = event.delivery
                if delivery.readable and not delivery.partial:
                    message = event.link.recv(delivery.pending)
                    event.link.advance()
                    self.received.append((delivery, bytes(message)))
            self.collector.pop()
