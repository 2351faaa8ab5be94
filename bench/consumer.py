"""A consumer that accepts whatever comes: ``python -m bench.consumer URL ADDRESS…``."""

from __future__ import annotations

import sys
from typing import Any

from proton.handlers import MessagingHandler
from proton.reactor import Container


class Accepting(MessagingHandler):  # type: ignore[misc]
    """Receives from *addresses* and accepts."""

    def __init__(self, url: str, addresses: list[str]) -> None:
        super().__init__(prefetch=500)
        self._url, self._addresses = url, addresses

    def on_start(self, event: Any) -> None:
        connection = event.container.connect(self._url)
        for address in self._addresses:
            event.container.create_receiver(connection, address)

    def on_link_opened(self, event: Any) -> None:
        print("attached", flush=True)


if __name__ == "__main__":
    Container(Accepting(sys.argv[1], sys.argv[2:])).run()
