"""Ended in the middle of traffic: every 202 is delivered, and consumers come back."""

from __future__ import annotations

import base64
import random
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from proton.handlers import MessagingHandler
from proton.reactor import Container
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


class Consuming(MessagingHandler):  # type: ignore[misc]
    """An application that does nothing about connections that end; proton does."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.attached = threading.Event()
        self.done = False

    def on_start(self, event: Any) -> None:
        connection = event.container.connect(self.url, heartbeat=60)
        event.container.create_receiver(connection, "telemetry/DEFAULT_TENANT")

    def on_link_opened(self, event: Any) -> None:
        self.attached.set()

    def on_transport_closed(self, event: Any) -> None:
        if self.done:
            event.container.stop()


class RestartTests(SynchronousTestCase):
    def publish(self, service: Service) -> int:
        connection = HTTPConnection("127.0.0.1", service.hono, timeout=10)
        headers = {"Authorization": f"Basic {LOGIN}", "Content-Type": "text/plain"}
        connection.request("PUT", "/telemetry//4712", "x", headers | {"QoS-Level": "1"})
        status = connection.getresponse().status
        connection.close()
        return status

    def test_consumers_are_back_soon(self) -> None:
        for end in (Service.stop, Service.kill):
            service = Service(Path(self.mktemp()))
            self.addCleanup(service.kill)
            service.start()
            consuming = Consuming(f"amqp://127.0.0.1:{service.amqp}")
            thread = threading.Thread(target=Container(consuming).run, daemon=True)
            thread.start()
            self.assertTrue(consuming.attached.wait(10))
            self.assertEqual(self.publish(service), 202)
            end(service)
            service.start()
            started = time.monotonic()
            while self.publish(service) != 202:
                # Without TOLD_TIMEOUT it is 26.
                self.assertLess(time.monotonic() - started, 15)
                time.sleep(0.1)
            consuming.done = True
            service.kill()
            thread.join(10)
            self.assertFalse(thread.is_alive())
