"""The sandbox's MQTT side: what Cumulocity's endpoint does for a device certificate.

An empty message on ``s/uat`` is answered on ``s/dat`` with ``71,<token>``; everything
else that a device may publish is taken and forgotten. Sessions are always clean, the
retained flag and QoS 2 mean nothing here. (facts: Cumulocity §5.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.x509.oid import NameOID
from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorTime,
    ISSLTransport,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from edgeproxy.mqtt import packets as mqtt
from edgeproxy.mqtt.decoding import Decoder
from edgeproxy.mqtt.encoding import encode
from edgeproxy.mqtt.errors import CONNACK_TEXTS, ProtocolError
from edgeproxy.mqtt.packets import SUBSCRIPTION_REFUSED

# Bytes; the cloud drops clients that send more (DOCS: payload of 16,184).
MAX_PACKET_SIZE = 16_384

# Seconds from the connection to a complete CONNECT.
CONNECT_TIMEOUT = 10.0

# MQTT-3.1.2-24: one and a half times the keep-alive.
PATIENCE = 1.5

TOKEN_QUESTION, TOKEN_ANSWER = "s/uat", "s/dat"

# One cannot listen to what devices say.
PUBLISH_ONLY = ("s/us", "s/uat", "s/ut", "s/uc", "s/ud", "s/ul", "s/ucr")


class MQTTEndpoint(Factory):
    """Accepts devices; *token_for* gives the token of a device id.

    *connected* is called with the device id when one has logged in.
    """

    noisy = False

    def __init__(
        self,
        clock: IReactorTime,
        token_for: Callable[[str], str],
        connected: Callable[[str], object] = lambda device_id: None,
    ) -> None:
        self.clock = clock
        self.token_for = token_for
        self.connected = connected
        self.sessions: dict[str, _Session] = {}

    def buildProtocol(self, addr: object) -> _Session:
        return _Session(self)

    def close(self) -> None:
        """Drop all sessions."""
        for session in list(self.sessions.values()):
            session.abort("the sandbox is stopping")


def device_id_of(client_id: str) -> str:
    """Return the device in ``[d:]<device>[:<template>]``."""
    return client_id.removeprefix("d:").partition(":")[0]


class _Session(Protocol):
    _log = Logger()

    def __init__(self, endpoint: MQTTEndpoint) -> None:
        self._endpoint = endpoint
        self._decoder = Decoder(MAX_PACKET_SIZE)
        self._device_id = ""
        self._patience = 0.0
        self._subscribed: set[str] = set()
        self._watchdog: IDelayedCall | None = None
        self._closing = False

    # -- transport -----------------------------------------------------------------

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            # Nagle against delayed ACK costs 44 ms for each round trip.
            self.transport.setTcpNoDelay(True)
        self._watch(CONNECT_TIMEOUT)

    def dataReceived(self, data: bytes) -> None:
        try:
            for packet in self._decoder.receive(data):
                if self._closing:
                    return
                self._received(packet)
                if self._patience and not self._closing:
                    self._watch(self._patience)
        except ProtocolError as error:
            if error.connack is not None and not self._device_id:
                self._refuse(error.connack, error.reason)
            else:
                self.abort(error.reason)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._closing = True
        self._watch(None)
        if self._endpoint.sessions.get(self._device_id) is self:
            del self._endpoint.sessions[self._device_id]

    def abort(self, why: str) -> None:
        """Drop the connection."""
        if not self._closing:
            self._log.info(
                "sandbox MQTT: dropped {device}: {why}",
                device=self._device_id or "a client",
                why=why,
            )
            self._close()

    # -- packets -------------------------------------------------------------------

    def _received(self, packet: mqtt.Packet) -> None:
        if not self._device_id:
            if not isinstance(packet, mqtt.Connect):
                raise ProtocolError("a packet before CONNECT [MQTT-3.1.0-1]")
            self._connect(packet)
        elif isinstance(packet, mqtt.Publish):
            self._publish(packet)
        elif isinstance(packet, mqtt.Subscribe):
            codes = tuple(self._subscribe(*each) for each in packet.topics)
            self._send(mqtt.SubAck(packet.packet_id, codes))
        elif isinstance(packet, mqtt.Unsubscribe):
            self._subscribed.difference_update(packet.topics)
            self._send(mqtt.UnsubAck(packet.packet_id))
        elif isinstance(packet, mqtt.PingReq):
            self._send(mqtt.PingResp())
        elif isinstance(packet, mqtt.Disconnect):
            self._close()
        elif not isinstance(packet, mqtt.PubAck):
            raise ProtocolError(f"{type(packet).__name__} from a client")

    def _connect(self, packet: mqtt.Connect) -> None:
        device_id = device_id_of(packet.client_id)
        common_name = self._common_name()
        if common_name is None or common_name != device_id:
            why = f"client id {packet.client_id!r}, certificate of {common_name!r}"
            self._refuse(5, why)
            return
        if old := self._endpoint.sessions.get(device_id):
            old.abort("another connection with the same client id [MQTT-3.1.4-2]")
        self._device_id = device_id
        self._endpoint.sessions[device_id] = self
        self._patience = packet.keepalive * PATIENCE
        self._watch(None)
        self._send(mqtt.ConnAck())
        self._endpoint.connected(device_id)
        self._log.info("sandbox MQTT: {device} connected", device=device_id)

    def _common_name(self) -> str | None:
        if not ISSLTransport.providedBy(self.transport):
            return None
        certificate: Any = self.transport.getPeerCertificate()
        if certificate is None:
            return None
        names = certificate.to_cryptography().subject.get_attributes_for_oid(
            NameOID.COMMON_NAME
        )
        return str(names[0].value) if names else None

    def _subscribe(self, topic: str, qos: int) -> int:
        if topic.startswith(PUBLISH_ONLY):
            return SUBSCRIPTION_REFUSED
        self._subscribed.add(topic)
        return min(qos, 1)

    def _publish(self, packet: mqtt.Publish) -> None:
        if packet.packet_id is not None:
            self._send(mqtt.PubAck(packet.packet_id))
        if packet.topic == TOKEN_QUESTION and TOKEN_ANSWER in self._subscribed:
            token = self._endpoint.token_for(self._device_id)
            answer = b"71," + token.encode("ascii")
            self._send(mqtt.Publish(TOKEN_ANSWER, answer))
            self._log.info(
                "sandbox MQTT: gave {device} a token", device=self._device_id
            )

    # -- inside --------------------------------------------------------------------

    def _refuse(self, code: int, why: str) -> None:
        self._log.info(
            "sandbox MQTT: refused ({text}): {why}", text=CONNACK_TEXTS[code], why=why
        )
        self._send(mqtt.ConnAck(code))
        self._close(politely=True)

    def _close(self, politely: bool = False) -> None:
        self._closing = True
        self._watch(None)
        assert self.transport is not None
        if politely:
            self.transport.loseConnection()
            # A client that does not go by itself is not waited for.
            self._watchdog = self._endpoint.clock.callLater(
                CONNECT_TIMEOUT, self._abort_transport
            )
        else:
            self._abort_transport()

    def _abort_transport(self) -> None:
        abort = getattr(self.transport, "abortConnection", None)
        if abort is not None:
            abort()

    def _watch(self, seconds: float | None) -> None:
        if self._watchdog is not None and self._watchdog.active():
            self._watchdog.cancel()
        self._watchdog = None
        if seconds is not None:
            self._watchdog = self._endpoint.clock.callLater(
                seconds, self.abort, f"silent for {seconds:g} s"
            )

    def _send(self, packet: mqtt.Packet) -> None:
        assert self.transport is not None
        self.transport.write(encode(packet))
