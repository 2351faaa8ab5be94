"""A consumer in a process of its own: prints what it is given, then accepts it."""

from __future__ import annotations

import os
import sys
import time

from proton import ProtonException
from proton.utils import BlockingConnection


def consume(port: str, address: str) -> None:
    """Receive for ever, from one connection after the other."""
    while True:
        try:
            connection = BlockingConnection(f"amqp://127.0.0.1:{port}", timeout=10)
            receiver = connection.create_receiver(address, credit=50)
            while True:
                message = receiver.receive(timeout=86400)
                # One write, so that a line is there as a whole or not at all.
                os.write(1, bytes(message.body).strip() + b"\n")
                receiver.accept()
        except (ProtonException, OSError):
            time.sleep(0.05)


if __name__ == "__main__":
    consume(*sys.argv[1:])
