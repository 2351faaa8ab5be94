"""Killed in the middle of event traffic: every 202 is delivered."""

from __future__ import annotations

import base64
import random
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.interop.consumer import Consumer
from tests.interop.service import Service

LOGIN = base64.b64encode(b"gw@DEFAULT_TENANT:gw-secret").decode()
ROUNDS = 3
WRITERS = 4


class Writer(threading.Thread):
    """Publishes numbered events until the service is gone; keeps what was 202."""

    def __init__(self, service: Service, name: str) -> None:
        super().__init__()
        self.port, self.prefix = service.hono, name
        self.accepted: list[str] = []

    def run(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Authorization": f"Basic {LOGIN}", "Content-Type": "text/plain"}
        number = 0
        try:
            while True:
                body = f"{self.prefix}-{number}"
                connection.request("PUT", "/event//4712", body, headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status == 202:
                    self.accepted.append(body)
                number += 1
        except (OSError, HTTPException):
            connection.close()


class KillTests(SynchronousTestCase):
    def test_every_202_is_delivered_after_the_restart(self) -> None:
        service = Service(Path(self.mktemp()))
        self.addCleanup(service.kill)
        accepted: list[str] = []
        for number in range(ROUNDS):
            service.start()
            writers = [Writer(service, f"{number}.{n}") for n in range(WRITERS)]
            for writer in writers:
                writer.start()
            time.sleep(random.uniform(0.3, 1.0))
            service.kill()
            for writer in writers:
                writer.join()
                accepted += writer.accepted
        self.assertGreater(len(accepted), 50)
        service.start()
        with Consumer(service.amqp, "event/DEFAULT_TENANT") as consumer:
            received = [message.body.decode() for message in consumer.drain(quiet=2)]
        self.assertEqual(set(accepted) - set(received), set())
        # In the order of their arrival: each writer waits for its answer.
        first_seen = list(dict.fromkeys(received))
        for number in range(ROUNDS):
            for writer_number in range(WRITERS):
                prefix = f"{number}.{writer_number}-"
                numbers = [
                    int(body.removeprefix(prefix))
                    for body in first_seen
                    if body.startswith(prefix)
                ]
                self.assertEqual(numbers, sorted(numbers))
