"""The embedded network between doors and links."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import proton
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from edgeproxy.amqp.link import AttachRefused, IAddressSpace
from edgeproxy.messaging.embedded import EmbeddedNetwork
from edgeproxy.messaging.encoding import encode
from edgeproxy.messaging.message import Message
from edgeproxy.messaging.network import INetwork, NoConsumer
from edgeproxy.messaging.store import EventStore
from edgeproxy.portal.avatars import Consumer
from tests.fakes.link import FakeLink
from tests.fakes.threads import ThreadClock


def message(kind: str = "telemetry", **more: Any) -> Message:
    values: dict[str, Any] = {
        "kind": kind,
        "tenant_id": "T",
        "device_id": "d",
        "payload": b"p\0p",
        "content_type": "text/plain",
        "qos": 1,
        "creation_time": 1700000000.25,
        "properties": {"device_id": "d", "qos": 1, "x": True},
        "trace": {"traceparent": "00-x"},
    }
    return Message(**(values | more))


def decode(data: bytes) -> proton.Message:
    decoded = proton.Message()
    decoded.decode(data)
    return decoded


class EncodingTests(SynchronousTestCase):
    def test_a_message_has_what_honos_consumers_expect(self) -> None:
        decoded = decode(encode(message("event", ttl=1.5), "id-1"))
        self.assertEqual(decoded.id, "id-1")
        self.assertEqual(decoded.address, "event/T")
        self.assertEqual(decoded.content_type, "text/plain")
        self.assertEqual(decoded.creation_time, 1700000000.25)
        self.assertTrue(decoded.durable)
        self.assertEqual(decoded.ttl, 1.5)
        self.assertEqual(bytes(decoded.body), b"p\0p")
        self.assertEqual(
            decoded.annotations,
            {
                "tenant_id": "T",
                "device_id": "d",
                "resource": "event/T/d",
                "x-opt-trace-context": {"traceparent": "00-x"},
            },
        )
        self.assertEqual(decoded.properties, {"device_id": "d", "qos": 1, "x": True})

    def test_the_body_is_one_data_section(self) -> None:
        self.assertIn(b"\x00Su\xa0\x03p\0p", encode(message(), "1"))

    def test_an_empty_payload_has_no_body_section(self) -> None:
        encoded = encode(message(payload=b"", content_type=None), "1")
        self.assertNotIn(b"\x00Su", encoded)
        self.assertNotIn(b"\x00Sw", encoded)
        self.assertIsNone(decode(encoded).body)

    def test_telemetry_is_not_durable(self) -> None:
        self.assertFalse(decode(encode(message(), "1")).durable)


class EmbeddedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ThreadClock()
        path = str(Path(self.mktemp()) / "events.sqlite")
        self.network = EmbeddedNetwork(EventStore(path, self.clock), self.clock)
        self.network.startService()
        self.addCleanup(self.stop)

    def stop(self) -> None:
        stopped = self.network.stopService()
        self.clock.wait_for(self.network._store.change(lambda db: None))
        self.clock.advance(0)
        self.successResultOf(stopped)

    def attach(self, address: str, avatar: object = None, **more: Any) -> FakeLink:
        link = FakeLink(address, **more)
        self.network.attach(cast(Any, link), avatar or Consumer("all"))
        return link

    def test_interfaces(self) -> None:
        verifyObject(INetwork, self.network)
        verifyObject(IAddressSpace, self.network)

    def test_unknown_addresses_are_refused(self) -> None:
        for address in ("", "telemetry", "telemetry/", "command/T", "event/T/d", "x/T"):
            with self.assertRaises(AttachRefused) as caught:
                self.attach(address)
            self.assertEqual(caught.exception.condition, "amqp:not-found")

    def test_a_foreign_tenant_is_refused(self) -> None:
        for avatar in (Consumer("x", frozenset({"U"})), object()):
            with self.assertRaises(AttachRefused) as caught:
                self.attach("event/T", avatar)
            self.assertEqual(caught.exception.condition, "amqp:unauthorized-access")

    def test_settled_delivery_of_events_is_refused(self) -> None:
        link = FakeLink("event/T")
        link.presettled = True
        with self.assertRaises(AttachRefused) as caught:
            self.network.attach(cast(Any, link), Consumer("all"))
        self.assertEqual(caught.exception.condition, "amqp:not-allowed")

    def test_telemetry_goes_to_its_tenants_consumers(self) -> None:
        link, other = self.attach("telemetry/T"), self.attach("telemetry/U")
        sent = self.network.send(message())
        link.settle()
        self.successResultOf(sent)
        self.assertEqual((len(link.messages), len(other.messages)), (1, 0))

    def test_every_message_has_an_id_of_its_own(self) -> None:
        link = self.attach("telemetry/T")
        for _ in range(3):
            self.network.send(message(qos=0))
        self.assertEqual(len({decode(m).id for m in link.messages}), 3)

    def test_who_browses_takes_nothing(self) -> None:
        browser = self.attach("telemetry/T", copies=True)
        self.failureResultOf(self.network.send(message()), NoConsumer)
        self.assertEqual(len(browser.messages), 1)
        self.network.detached(cast(Any, browser))
        self.failureResultOf(self.network.send(message()), NoConsumer)
        self.assertEqual(len(browser.messages), 1)

    def test_an_event_is_on_disk_before_it_is_answered(self) -> None:
        sent = self.network.send(message("event"))
        self.assertNoResult(sent)
        self.clock.wait_for(sent)
        self.successResultOf(sent)
        link = self.attach("event/T")
        self.network.writable(cast(Any, link))
        while not link.messages:
            self.clock.wait_for(self.network._store.devices("T"))
        decoded = decode(link.messages[0])
        self.assertEqual(bytes(decoded.body), b"p\0p")

    def test_what_is_under_way_when_it_stops_is_answered(self) -> None:
        clock = ThreadClock()
        path = str(Path(self.mktemp()) / "events.sqlite")
        network = EmbeddedNetwork(EventStore(path, clock), clock)
        network.startService()
        sent = [network.send(message("event")) for _ in range(20)]
        stopped = network.stopService()
        while not all(each.called for each in sent):
            clock.wait_for(sent[-1])
        self.assertNoResult(stopped)
        clock.wait_for(network._store.change(lambda db: None))
        clock.advance(0)
        self.successResultOf(stopped)

    def test_who_left_is_counted_no_more(self) -> None:
        links = [
            self.attach("telemetry/T"),
            self.attach("event/T"),
            self.attach("event/T", copies=True),
        ]
        self.assertEqual(self.network.attached, 3)
        for link in links:
            self.network.detached(cast(Any, link))
        self.assertEqual(self.network.attached, 0)
        self.failureResultOf(self.network.send(message()), NoConsumer)
