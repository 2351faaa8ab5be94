"""The sandbox's MQTT endpoint: packet by packet, then over TLS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor  # noqa: TID251 - real sockets
from twisted.internet.endpoints import SSL4ClientEndpoint
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ISSLTransport, ITCPTransport
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    PrivateCertificate,
    optionsForClientTLS,
)
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from edgeproxy.c8y.mqttsource import MQTTSource
from edgeproxy.c8y.token import JWTCredential
from edgeproxy.mqtt import packets as p
from edgeproxy.mqtt.client import MQTTClient
from edgeproxy.mqtt.decoding import Decoder
from edgeproxy.mqtt.encoding import encode
from edgeproxy.mqtt.errors import ConnectRefused, SubscriptionRefused
from edgeproxy.sandbox.answers import Call
from edgeproxy.sandbox.certificates import Certificates
from edgeproxy.sandbox.inventory import PATH
from edgeproxy.sandbox.mqtt_endpoint import MQTTEndpoint
from edgeproxy.sandbox.sandbox import Sandbox
from tests.awaited import awaited


@implementer(ISSLTransport, ITCPTransport)
class TLSTransport(StringTransport):
    """A transport with a peer certificate, or without."""

    nodelay = False
    aborted = False

    def __init__(self, pem: bytes | None) -> None:
        super().__init__()
        self.pem = pem

    def getPeerCertificate(self) -> Any:
        return Certificate.loadPEM(self.pem).original if self.pem else None

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.nodelay = enabled

    def abortConnection(self) -> None:
        self.aborted = True


class Device:
    """A connection to the endpoint, from the device's end."""

    def __init__(self, endpoint: MQTTEndpoint, pem: bytes | None) -> None:
        self.transport = TLSTransport(pem)
        self.session = endpoint.buildProtocol(None)
        self.session.makeConnection(self.transport)
        self.decoder = Decoder()

    def send(self, *packets: p.Packet) -> list[p.Packet]:
        return self.send_bytes(b"".join(map(encode, packets)))

    def send_bytes(self, data: bytes) -> list[p.Packet]:
        """Send *data* and return what came back."""
        self.session.dataReceived(data)
        answer = list(self.decoder.receive(self.transport.value()))
        self.transport.clear()
        return answer

    @property
    def gone(self) -> bool:
        return self.transport.aborted or self.transport.disconnecting

    def lose(self) -> None:
        self.session.connectionLost(Failure(ConnectionDone()))


class EndpointTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.connected: list[str] = []
        self.endpoint = MQTTEndpoint(
            self.clock, lambda device: f"token.of.{device}", self.connected.append
        )
        certificates = Certificates(Path(self.mktemp()), "dev1")
        certificates.ensure()
        self.pem = certificates.device_cert.read_bytes()

    def device(self, pem: bytes | None = b"") -> Device:
        return Device(self.endpoint, self.pem if pem == b"" else pem)

    def logged_in(self, keepalive: int = 60) -> Device:
        device = self.device()
        answer = device.send(p.Connect("dev1", keepalive=keepalive))
        self.assertEqual(answer, [p.ConnAck(0)])
        return device

    def test_certificate_of_the_client_id_is_let_in(self) -> None:
        for client_id in ("dev1", "d:dev1", "dev1:template", "d:dev1:template"):
            self.assertEqual(
                self.device().send(p.Connect(client_id)), [p.ConnAck(0)], client_id
            )
        self.assertEqual(set(self.connected), {"dev1"})

    def test_any_trouble_with_the_certificate_is_connack_5(self) -> None:
        for client_id, pem in (("dev2", b""), ("", b""), ("dev1", None), ("dev", b"")):
            device = self.device(pem)
            self.assertEqual(device.send(p.Connect(client_id)), [p.ConnAck(5)])
            self.assertTrue(device.gone)
        self.assertEqual(self.connected, [])

    def test_other_protocol_versions_are_connack_1(self) -> None:
        device = self.device()
        v5 = b"\x10\x11\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x04dev1"
        self.assertEqual(device.send_bytes(v5), [p.ConnAck(1)])
        self.assertTrue(device.gone)

    def test_kept_session_is_a_clean_one(self) -> None:
        connect = p.Connect("dev1", clean_session=False)
        self.assertEqual(self.device().send(connect), [p.ConnAck(0, False)])

    def test_question_is_answered_with_one_token(self) -> None:
        device = self.logged_in()
        subscribe = p.Subscribe(1, (("s/dat", 0),))
        self.assertEqual(device.send(subscribe), [p.SubAck(1, (0,))])
        self.assertEqual(
            device.send(p.Publish("s/uat", b"")),
            [p.Publish("s/dat", b"71,token.of.dev1")],
        )

    def test_question_with_qos_1_is_acknowledged(self) -> None:
        device = self.logged_in()
        device.send(p.Subscribe(1, (("s/dat", 1),)))
        self.assertEqual(
            device.send(p.Publish("s/uat", b"", 1, packet_id=7)),
            [p.PubAck(7), p.Publish("s/dat", b"71,token.of.dev1")],
        )

    def test_no_token_without_subscription(self) -> None:
        device = self.logged_in()
        self.assertEqual(device.send(p.Publish("s/uat", b"")), [])
        device.send(p.Subscribe(1, (("s/dat", 0),)))
        self.assertEqual(
            device.send(p.Unsubscribe(2, ("s/dat",)), p.Publish("s/uat", b"")),
            [p.UnsubAck(2)],
        )

    def test_anything_else_is_taken_and_forgotten(self) -> None:
        device = self.logged_in()
        answer = device.send(
            p.Publish("s/us", b"100"), p.Publish("t/us", b"x", 1, packet_id=3)
        )
        self.assertEqual(answer, [p.PubAck(3)])
        self.assertFalse(device.gone)

    def test_subscriptions_are_granted_up_to_qos_1(self) -> None:
        topics = (("s/ds", 2), ("s/e", 0), ("s/us", 0), ("s/uat", 1))
        answer = self.logged_in().send(p.Subscribe(1, topics))
        self.assertEqual(answer, [p.SubAck(1, (1, 0, 0x80, 0x80))])

    def test_new_connection_ends_the_old_one(self) -> None:
        old, new = self.logged_in(), self.logged_in()
        self.assertTrue(old.gone)
        old.lose()
        self.assertFalse(new.gone)
        self.assertEqual(new.send(p.PingReq()), [p.PingResp()])
        self.assertEqual(list(self.endpoint.sessions), ["dev1"])

    def test_silent_device_is_dropped_after_one_and_a_half_keepalives(self) -> None:
        device = self.logged_in(keepalive=20)
        self.clock.advance(29)
        device.send(p.PingReq())
        self.clock.advance(29)
        self.assertFalse(device.gone)
        self.clock.advance(1.1)
        self.assertTrue(device.gone)

    def test_keepalive_0_waits_for_ever(self) -> None:
        device = self.logged_in(keepalive=0)
        self.clock.advance(1e6)
        self.assertFalse(device.gone)

    def test_connection_without_connect_is_dropped(self) -> None:
        device = self.device()
        self.clock.advance(10.1)
        self.assertTrue(device.gone)

    def test_violations_end_the_connection(self) -> None:
        for packet in (p.Connect("dev1"), p.ConnAck(), p.PingResp()):
            device = self.logged_in()
            self.assertEqual(device.send(packet, p.PingReq()), [])
            self.assertTrue(device.gone)
        device = self.device()
        self.assertEqual(device.send(p.PingReq()), [])
        self.assertTrue(device.gone)

    def test_large_messages_end_the_connection(self) -> None:
        device = self.logged_in()
        self.assertEqual(
            device.send(p.Publish("s/us", b"x" * 16_300, 1, packet_id=1)), [p.PubAck(1)]
        )
        device.send(p.Publish("s/us", b"x" * 16_400))
        self.assertTrue(device.gone)

    def test_goodbye_ends_the_connection_and_all_timers(self) -> None:
        device = self.logged_in()
        device.send(p.Disconnect())
        self.assertTrue(device.gone)
        device.lose()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.endpoint.sessions, {})

    def test_small_packets_do_not_wait_for_acknowledgements_of_tcp(self) -> None:
        self.assertTrue(self.logged_in().transport.nodelay)


class OverTLSTests(TestCase):
    timeout = 20

    @awaited
    async def setUp(self) -> None:
        self.sandbox = Sandbox(
            reactor, Path(self.mktemp()), https_port=0, mqtt_port=0, device_id="dev1"
        )
        await self.sandbox.listen()
        self.sandbox.startService()
        self.addCleanup(self.sandbox.stopService)

    def endpoint(self, certificate: bool = True) -> SSL4ClientEndpoint:
        ca = Certificate.loadPEM(self.sandbox.ca_file.read_bytes())
        device = PrivateCertificate.loadPEM(
            self.sandbox.device_cert.read_bytes() + self.sandbox.device_key.read_bytes()
        )
        options = optionsForClientTLS(
            "localhost", trustRoot=ca, clientCertificate=device if certificate else None
        )
        return SSL4ClientEndpoint(reactor, "127.0.0.1", self.sandbox.mqtt_port, options)

    def client(self, client_id: str, certificate: bool = True) -> MQTTClient:
        client = MQTTClient(
            self.endpoint(certificate),
            reactor,  # type: ignore[arg-type]
            client_id,
            subscriptions=[("s/us" if client_id == "dev1:x" else "s/ds", 1)],
        )
        client.startService()
        self.addCleanup(client.stopService)
        return client

    @awaited
    async def test_device_certificate_is_enough(self) -> None:
        client = self.client("dev1")
        await client.whenConnected(1)
        await client.publish("s/us", b"100", qos=1)

    @awaited
    async def test_device_is_in_the_inventory_once_it_has_connected(self) -> None:
        for _ in range(2):
            client = self.client("dev1")
            await client.whenConnected(1)
            await client.stopService()
        listed = self.sandbox._inventory.list(Call("GET", PATH)).body
        names = [found["name"] for found in listed["managedObjects"]]
        self.assertEqual(names, ["dev1"])

    @awaited
    async def test_without_certificate_it_is_refused(self) -> None:
        with self.assertRaises(ConnectRefused) as caught:
            await self.client("dev1", certificate=False).whenConnected(1)
        self.assertEqual(caught.exception.code, 5)

    @awaited
    async def test_other_client_id_is_refused(self) -> None:
        with self.assertRaises(ConnectRefused) as caught:
            await self.client("dev2").whenConnected(1)
        self.assertEqual(caught.exception.code, 5)

    @awaited
    async def test_publish_topics_cannot_be_subscribed_to(self) -> None:
        with self.assertRaises(SubscriptionRefused):
            await self.client("dev1:x").whenConnected(1)

    @awaited
    async def test_credential_straight_from_the_endpoint(self) -> None:
        clock: Any = reactor
        source = MQTTSource(self.endpoint(), clock, "dev1", prefix="")
        credential = JWTCredential(source, clock)
        credential.startService()
        self.addCleanup(credential.stopService)
        header = await credential.fetch()
        token = header.removeprefix(b"Bearer ").decode()
        self.assertEqual(self.sandbox.tokens.verify(token).user, "device_dev1")
        self.assertEqual(credential.current, header)
        self.sandbox.tokens.revoke()
        fresher = await credential.refused(header)
        assert fresher is not None
        self.sandbox.tokens.verify(fresher.removeprefix(b"Bearer ").decode())
        self.assertIsNone(await credential.refused(fresher))

    def test_options_make_no_sessions(self) -> None:
        # A resumed session would come without the device's certificate.
        options = self.sandbox._tls(devices=True)
        self.assertIsInstance(options, CertificateOptions)
        self.assertEqual(options.getContext().get_session_cache_mode(), 0)
