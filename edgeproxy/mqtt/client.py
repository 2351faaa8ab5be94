"""A service that keeps one MQTT session usable.

It does what Twisted's ClientService does, but for two points that matter here: a
connection lost *while* it is being prepared (a broker that refuses CONNECT closes at
once) is an ordinary failure and not an unhandled error, and a broker that stays away
is worth one line in the log, not one for each attempt.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from attrs import evolve
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IProtocol,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.logger import Logger

from edgeproxy.mqtt.errors import ConnectRefused, NotConnected, SessionClosed
from edgeproxy.mqtt.packets import Connect, Will
from edgeproxy.mqtt.protocol import RESPONSE_TIMEOUT, MQTTProtocol, OnMessage

# Seconds before the second attempt; then half as much again each time, so that the
# first six attempts fall into the two seconds in which a broker restarts.
FIRST_DELAY = 0.1
GROWTH = 1.5

# Seconds after which a session counts as good, and the delays start anew.
STABLE = 5.0

# Seconds; bounds the load that a fleet puts on a cloud that is down.
MAX_DELAY = 30.0


class MQTTClient(Service):
    """Connects, subscribes, and does both again whenever the connection is lost.

    *subscriptions* are pairs of topic filter and QoS; a session is usable only once all
    of them are granted. *on_message* gets topic, payload, and whether the message was
    retained; *on_connected* is called for each session that has become usable. *name*
    is what logs call the server. *keepalive* and *max_delay* are seconds; *jitter*
    gives numbers from 0 to 1.
    """

    _log = Logger()

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        clock: IReactorTime,
        client_id: str,
        *,
        name: str = "MQTT",
        username: str | None = None,
        password: bytes | None = None,
        keepalive: int = 60,
        will: Will | None = None,
        subscriptions: Sequence[tuple[str, int]] = (),
        on_message: OnMessage = lambda topic, payload, retained: None,
        on_connected: Callable[[], None] = lambda: None,
        max_delay: float = MAX_DELAY,
        response_timeout: float = RESPONSE_TIMEOUT,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._endpoint = endpoint
        self._name = name
        self._clock = clock
        self._connect = Connect(client_id, True, keepalive, will, username, password)
        self._subscriptions = tuple(subscriptions)
        self._on_message = on_message
        self._on_connected = on_connected
        self._max_delay = max_delay
        self._timeout = response_timeout
        self._jitter = jitter
        self._session: MQTTProtocol | None = None
        self._waiters: list[tuple[Deferred[MQTTProtocol], int | None]] = []
        self._loop: Deferred[None] | None = None
        self._said = ""

    @property
    def connected(self) -> bool:
        """Whether `publish` would reach a server right now."""
        return self._session is not None

    @property
    def detail(self) -> str:
        """The state of the connection in words, as logged last."""
        return self._said or "not connected yet"

    def whenConnected(
        self, failAfterFailures: int | None = None
    ) -> Deferred[MQTTProtocol]:
        """Return the session, usable at once, when there is one.

        Fails with the reason of the last attempt after *failAfterFailures* of them,
        and with `CancelledError` when the service stops.
        """
        if self._session is not None:
            return succeed(self._session)

        def forget(waiter: Deferred[MQTTProtocol]) -> None:
            self._waiters = [pair for pair in self._waiters if pair[0] is not waiter]

        waiter: Deferred[MQTTProtocol] = Deferred(forget)
        self._waiters.append((waiter, failAfterFailures))
        return waiter

    def publish(
        self, topic: str, payload: bytes, qos: int = 0, retain: bool = False
    ) -> Deferred[None]:
        """Publish now; fail with `NotConnected` when there is no session.

        Fires when the message is written (QoS 0) or acknowledged (QoS 1).
        """
        if self._session is None:
            return fail(NotConnected(self.detail))
        return self._session.publish(topic, payload, qos, retain)

    def use_password(self, password: bytes | None) -> None:
        """Log in with *password* from the next connection on."""
        self._connect = evolve(self._connect, password=password)

    def check(self) -> None:
        """Make sure of the session now: somebody has waited for an answer in vain."""
        if self._session is not None:
            self._session.check()

    def startService(self) -> None:
        super().startService()
        self._loop = Deferred.fromCoroutine(self._keep_connected())
        self._loop.addErrback(lambda failure: failure.trap(CancelledError))
        self._loop.addErrback(
            lambda failure: self._log.failure("MQTT client gave up", failure)
        )

    def stopService(self) -> Deferred[None]:
        super().stopService()
        loop, self._loop = self._loop, None
        session = self._session
        if session is not None:
            session.disconnect()
        elif loop is not None:
            loop.cancel()
        waiters, self._waiters = self._waiters, []
        for waiter, _ in waiters:
            waiter.errback(CancelledError())
        return loop if loop is not None else succeed(None)

    async def _keep_connected(self) -> None:
        failures = 0
        while self.running:
            try:
                session = await self._open()
            except CancelledError:
                raise
            except Exception as error:
                failures += 1
                self._failed(error)
            else:
                since = self._clock.seconds()
                why = await self._use(session)
                # Two clients with one identifier throw each other out for ever.
                lasted = self._clock.seconds() - since >= STABLE
                failures = 0 if lasted else failures + 1
                if self.running:
                    self._say("lost: {why}", _reason(why))
            if self.running:
                await deferLater(self._clock, self._delay(failures))

    async def _open(self) -> MQTTProtocol:
        session = MQTTProtocol(
            self._connect, self._clock, self._on_message, self._timeout
        )
        factory = Factory.forProtocol(lambda: session)
        factory.noisy = False

        def timed_out(result: object, timeout: float) -> IProtocol:
            raise SessionClosed(f"no connection within {timeout:g} s")

        connecting = self._endpoint.connect(factory)
        await connecting.addTimeout(self._timeout, self._clock, timed_out)
        try:
            await session.login()
            if self._subscriptions:
                await session.subscribe(self._subscriptions)
        except BaseException:
            session.abort()
            raise
        return session

    async def _use(self, session: MQTTProtocol) -> BaseException:
        self._session = session
        self._say("connected{why}", "")
        waiters, self._waiters = self._waiters, []
        for waiter, _ in waiters:
            waiter.callback(session)
        try:
            self._on_connected()
        except Exception:
            self._log.failure("cannot handle a new MQTT session")
        try:
            return await session.ended
        finally:
            self._session = None

    def _delay(self, failures: int) -> float:
        delay = min(self._max_delay, FIRST_DELAY * GROWTH ** min(failures, 50))
        return delay * (0.5 + 0.5 * self._jitter())

    def _failed(self, error: Exception) -> None:
        if not self.running:
            return
        refused = isinstance(error, ConnectRefused)
        said = "refused: {why}" if refused else "cannot connect: {why}"
        self._say(said, _reason(error))
        due = [
            waiter for waiter, left in self._waiters if left is not None and left < 2
        ]
        self._waiters = [
            (waiter, left if left is None else left - 1)
            for waiter, left in self._waiters
            if waiter not in due
        ]
        for waiter in due:
            waiter.errback(error)

    def _say(self, text: str, why: str) -> None:
        said = text.format(why=why)
        if said == self._said:
            return
        self._said = said
        log = self._log.info if self._session is not None else self._log.warn
        log(
            "{name} as {client_id}: " + text,
            name=self._name,
            client_id=self._connect.client_id,
            why=why,
        )


def _reason(error: BaseException) -> str:
    if isinstance(error, ConnectionDone):
        return "closed by the server"
    return str(error) or type(error).__name__
