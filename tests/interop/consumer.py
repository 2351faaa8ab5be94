"""A consumer as an application would write it, with proton's blocking client."""

from __future__ import annotations

from typing import Any

import attrs
from proton import Message, Timeout
from proton.utils import BlockingConnection


@attrs.frozen
class Received:
    """A message, copied: newer protons give views that die with their message."""

    body: bytes
    content_type: str | None
    address: str
    durable: bool
    annotations: dict[str, Any]
    properties: dict[str, Any]


def copied(message: Message) -> Received:
    """Return what is of interest in *message*."""
    return Received(
        body=b"" if message.body is None else bytes(message.body),
        content_type=message.content_type and str(message.content_type),
        address=message.address,
        durable=message.durable,
        annotations={str(k): v for k, v in (message.annotations or {}).items()},
        properties=dict(message.properties or {}),
    )


class Consumer:
    """Receives from *address* at a listener on *port*; a context manager."""

    def __init__(
        self, port: int, address: str, credit: int = 100, **login: Any
    ) -> None:
        url = f"amqp://127.0.0.1:{port}"
        self.connection = BlockingConnection(url, timeout=10, **login)
        self.receiver = self.connection.create_receiver(address, credit=credit)

    def __enter__(self) -> Consumer:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def receive(self, timeout: float = 10.0) -> Received:
        """Return the next message, accepted."""
        message = copied(self.receiver.receive(timeout=timeout))
        self.receiver.accept()
        return message

    def drain(self, quiet: float = 1.0) -> list[Received]:
        """Return all messages until there is none for *quiet* seconds, accepted."""
        messages = []
        while True:
            try:
                messages.append(self.receive(timeout=quiet))
            except Timeout:
                return messages
