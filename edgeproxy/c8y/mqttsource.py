"""Device tokens over MQTT.

An empty message on ``s/uat`` is answered with ``71,<token>`` on ``s/dat``, straight
from Cumulocity or through a local broker's bridge under a prefix. Every client of that
broker sees every answer and could publish one, so a token is believed only while one
is asked for, and never when the broker had kept it.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from edgeproxy.c8y.bearer import NotAToken, token_in
from edgeproxy.c8y.tokensource import Asker
from edgeproxy.mqtt.client import MAX_DELAY, MQTTClient

# Seconds between attempts to reach a broker on the same machine.
LOCAL_MAX_DELAY = 1.5


class MQTTSource(Service):
    """Asks the broker at *endpoint*, which messages call *name*.

    *prefix* is that of the local bridge, such as ``c8y``, or empty for Cumulocity's own
    endpoint. The session stays open, so that asking costs no connecting.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        clock: IReactorTime,
        client_id: str,
        *,
        prefix: str = "c8y",
        username: str | None = None,
        password: bytes | None = None,
        keepalive: int = 60,
        name: str = "MQTT",
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._uat, self._dat = (
            f"{prefix}/{topic}" if prefix else topic for topic in ("s/uat", "s/dat")
        )
        self._client = MQTTClient(
            endpoint,
            clock,
            client_id,
            name=name,
            username=username,
            password=password,
            keepalive=keepalive,
            subscriptions=[(self._dat, 0)],
            on_message=self._message,
            on_connected=self._connected,
            max_delay=LOCAL_MAX_DELAY if prefix else MAX_DELAY,
            jitter=jitter,
        )
        self._unusable = ""
        self._waiting = False

    def begin(self, asker: Asker) -> None:
        """Tell *asker* from now on."""
        self._asker = asker

    def use_password(self, password: bytes | None) -> None:
        """Log in with *password* from the next connection on."""
        self._client.use_password(password)

    def startService(self) -> None:
        """Connect, and stay connected."""
        super().startService()
        self._client.startService()

    def stopService(self) -> Deferred[None]:
        """Disconnect."""
        super().stopService()
        return self._client.stopService()

    @property
    def ready(self) -> bool:
        """Whether there is a connection, with the answers subscribed to."""
        return self._client.connected

    @property
    def why_silent(self) -> str:
        """What to look at, in words."""
        if not self._client.connected:
            return f"no MQTT connection ({self._client.detail})"
        if self._unusable:
            return f"the answer on {self._dat} is {self._unusable}"
        return (
            f"no answer on {self._dat}: check that the broker bridges {self._uat} "
            f"and {self._dat}, and that the device is connected with a certificate"
        )

    def ask(self) -> bool:
        """Ask, or ask again; return whether the question is on its way."""
        if not self._client.connected:
            return False
        if self._waiting:
            # Perhaps because nobody is there any more.
            self._client.check()
        self._waiting = True
        # Cumulocity sporadically blocks on QoS 1 here.
        self._client.publish(self._uat, b"", qos=0).addErrback(lambda failure: None)
        return True

    def _connected(self) -> None:
        self._waiting = False
        self._asker.connected()

    def _message(self, topic: str, payload: bytes, retained: bool) -> None:
        if retained or topic != self._dat:
            return
        self._waiting = False
        try:
            self._asker.answered(token_in(payload))
        except NotAToken as error:
            # Other templates may come this way; the question stays open.
            self._unusable = str(error)
        else:
            self._unusable = ""
