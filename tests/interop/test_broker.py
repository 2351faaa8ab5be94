"""The MQTT client against a real broker."""

from __future__ import annotations

import time
from pathlib import Path

from twisted.internet import reactor  # noqa: TID251 - real sockets
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from edgeproxy.mqtt.client import MQTTClient
from edgeproxy.mqtt.packets import Will
from tests.awaited import awaited
from tests.interop.mosquitto import Mosquitto


class BrokerTests(TestCase):
    timeout = 30

    def setUp(self) -> None:
        self.broker = Mosquitto(Path(self.mktemp()))
        self.broker.start()
        self.addCleanup(self.broker.stop)
        self.messages: list[tuple[str, bytes, bool]] = []
        self.arrival: Deferred[None] = Deferred()

    def arrived(self, *message: object) -> None:
        self.messages.append(message)  # type: ignore[arg-type]
        self.arrival, arrival = Deferred(), self.arrival
        arrival.callback(None)

    def client(self, client_id: str = "one", will: Will | None = None) -> MQTTClient:
        client = MQTTClient(
            TCP4ClientEndpoint(reactor, "127.0.0.1", self.broker.port),
            reactor,  # type: ignore[arg-type]
            client_id,
            subscriptions=[("down/#", 1)] if client_id == "one" else [],
            on_message=self.arrived,
            will=will,
        )
        client.startService()
        self.addCleanup(client.stopService)
        return client

    @awaited
    async def test_messages_come_back_with_either_qos(self) -> None:
        client = self.client()
        await client.whenConnected(1)
        for qos in (0, 1):
            arrival = self.arrival
            await client.publish("down/a", b"\0\xff", qos)
            if not arrival.called:
                await arrival
        self.assertEqual(self.messages, [("down/a", b"\0\xff", False)] * 2)

    @awaited
    async def test_retained_messages_say_so(self) -> None:
        other = self.client("two")
        await other.whenConnected(1)
        await other.publish("down/kept", b"1", 1, retain=True)
        self.client()
        await self.arrival
        self.assertEqual(self.messages, [("down/kept", b"1", True)])

    @awaited
    async def test_will_is_published_when_the_client_vanishes(self) -> None:
        await self.client().whenConnected(1)
        other = self.client("two", Will("down/will", b"0", 1))
        session = await other.whenConnected(1)
        arrival = self.arrival
        session.abort()
        await arrival
        self.assertEqual(self.messages, [("down/will", b"0", False)])

    @awaited
    async def test_round_trip_does_not_wait_for_delayed_acknowledgements(self) -> None:
        client = self.client()
        await client.whenConnected(1)
        start = time.monotonic()
        for _ in range(50):
            await client.publish("up", b"x", 1)
        self.assertLess((time.monotonic() - start) / 50, 0.02)

    @awaited
    async def test_usable_again_within_two_seconds_of_a_restart(self) -> None:
        client = self.client()
        await client.whenConnected(1)
        self.broker.stop()
        await deferLater(reactor, 2.5, lambda: None)
        self.assertFalse(client.connected)
        self.broker.start()
        start = time.monotonic()
        await client.whenConnected()
        self.assertLess(time.monotonic() - start, 2)
        arrival = self.arrival
        await client.publish("down/again", b"", 1)
        if not arrival.called:
            await arrival
        self.assertEqual(self.messages, [("down/again", b"", False)])
