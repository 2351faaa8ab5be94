"""The device token through a real broker's bridge, over many token lifetimes."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from twisted.internet import reactor  # noqa: TID251 - real sockets
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, HTTPConnectionPool, readBody

from edgeproxy.c8y.mqttsource import MQTTSource
from edgeproxy.c8y.proxy import ProxyResource
from edgeproxy.c8y.token import JWTCredential
from edgeproxy.http.client.origin import Origin
from edgeproxy.http.client.pool import Pool
from edgeproxy.http.foreign import OwnNames
from edgeproxy.http.server.site import Site
from edgeproxy.sandbox.sandbox import Sandbox
from edgeproxy.tls.client import ClientTLS
from edgeproxy.tls.endpoint import client_endpoint
from tests.awaited import awaited
from tests.interop import need
from tests.interop.mosquitto import Mosquitto, bridge

# Seconds.
LIFE = 4
LIVES = 10.25

REQUESTS = 2000
CONNECTIONS = 4


class BridgeCase(TestCase):
    """A door whose token comes through mosquitto's bridge to the sandbox cloud.

    Tokens live for *life* seconds.
    """

    timeout = 58
    life = LIFE

    @awaited
    async def setUp(self) -> None:
        need("mosquitto")
        directory = Path(self.mktemp())
        self.sandbox = Sandbox(
            reactor,
            directory / "cloud",
            https_port=0,
            mqtt_port=0,
            token_lifetime=self.life,
        )
        await self.sandbox.listen()
        self.sandbox.startService()
        self.addCleanup(self.sandbox.stopService)
        self.broker = Mosquitto(
            directory / "broker",
            bridge(
                self.sandbox.mqtt_port,
                self.sandbox.ca_file,
                self.sandbox.device_cert,
                self.sandbox.device_key,
                self.sandbox.device_id,
            ),
        )
        self.broker.start()
        self.addCleanup(self.broker.stop)
        pool = HTTPConnectionPool(reactor)
        pool.maxPersistentPerHost = CONNECTIONS
        # Cleanups run last in, first out: clients go before servers.
        self.addCleanup(pool.closeCachedConnections)
        self.agent = Agent(reactor, pool=pool)

    async def open_door(self, **options: Any) -> None:
        """Open a /c8y door whose credential has these *options*."""
        source = MQTTSource(
            TCP4ClientEndpoint(reactor, "127.0.0.1", self.broker.port),
            reactor,  # type: ignore[arg-type]
            "edgeproxy",
        )
        credential = JWTCredential(source, reactor, **options)  # type: ignore[arg-type]
        credential.startService()
        self.addCleanup(credential.stopService)
        await credential.fetch()
        tls = ClientTLS("localhost", str(self.sandbox.ca_file))
        port = self.sandbox.https_port
        endpoint = client_endpoint(reactor, "127.0.0.1", port, tls)
        upstream = Pool(Origin("https", "localhost", port), endpoint, reactor)  # type: ignore[arg-type]
        self.addCleanup(upstream.close)
        door = ProxyResource(
            upstream, credential, {"localhost"}, OwnNames(["127.0.0.1"])
        )
        listening = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        port = await listening.listen(Site(door, reactor=reactor))
        self.addCleanup(port.stopListening)
        self.door = b"http://127.0.0.1:%d/c8y" % port.getHost().port

    async def request(self) -> int:
        """Ask for the tenant as local software does; return the status."""
        response = await self.agent.request(
            b"GET", self.door + b"/tenant/currentTenant"
        )
        await readBody(response)
        status: int = response.code
        return status

    async def run_requests(self, count: int, seconds: float) -> None:
        """Send *count* requests, evenly over *seconds* as far as the machine can."""
        start = time.monotonic()

        async def client(first: int) -> None:
            for number in range(first, count, CONNECTIONS):
                early = start + number * seconds / count - time.monotonic()
                await deferLater(reactor, max(0.0, early), lambda: None)
                await self.request()

        await gatherResults(
            [Deferred.fromCoroutine(client(each)) for each in range(CONNECTIONS)],
            consumeErrors=True,
        )

    def log(self) -> list[dict[str, Any]]:
        lines = self.sandbox.requests.path.read_text().splitlines()
        return [json.loads(line) for line in lines]


class TokenBridgeTests(BridgeCase):
    @awaited
    async def test_ten_lifetimes_without_one_401(self) -> None:
        await self.open_door()
        await self.run_requests(REQUESTS, LIFE * LIVES)
        log = self.log()
        self.assertEqual(Counter(line["status"] for line in log), {200: REQUESTS})
        self.assertGreaterEqual(log[-1]["time"] - log[0]["time"], 10 * LIFE)
        self.assertGreaterEqual(len({line["jti"] for line in log}), 10)

    @awaited
    async def test_without_refresh_there_are_401s(self) -> None:
        await self.open_door(refresh=False)
        await self.run_requests(REQUESTS // 20, LIFE * 1.5)
        statuses = Counter(line["status"] for line in self.log())
        self.assertGreater(statuses[401], 0)
        self.assertGreater(statuses[200], 0)


class LongLivedTokenTests(BridgeCase):
    life = 60

    @awaited
    async def test_a_broker_that_restarts_is_not_noticed(self) -> None:
        await self.open_door()
        running = Deferred.fromCoroutine(self.run_requests(1200, 6))
        for stop in (True, False):
            await deferLater(reactor, 1.5, lambda: None)
            await deferToThread(self.broker.stop if stop else self.broker.start)
        await running
        statuses = Counter(line["status"] for line in self.log())
        self.assertEqual(statuses, {200: 1200})


class ShortLivedTokenTests(BridgeCase):
    """The broker is away for longer than the token lives."""

    async def timed(self) -> tuple[int, float]:
        started = time.monotonic()
        status = await self.request()
        return status, time.monotonic() - started

    @awaited
    async def test_clients_are_told_in_time_and_served_soon_after(self) -> None:
        await self.open_door()
        running = Deferred.fromCoroutine(self.run_requests(400, 2))
        await deferToThread(self.broker.stop)
        await running
        await deferLater(reactor, LIFE, lambda: None)
        # It has run out: all at once are told within the promised time.
        answers = await gatherResults(
            [Deferred.fromCoroutine(self.timed()) for _ in range(CONNECTIONS)]
        )
        for status, took in answers:
            self.assertEqual(status, 502)
            self.assertLess(took, 5.5)
        await deferToThread(self.broker.start)
        back = time.monotonic()
        status = 0
        while status != 200:
            status, _ = await self.timed()
            await deferLater(reactor, 0.02, lambda: None)
            self.assertLess(time.monotonic() - back, 2.0)
