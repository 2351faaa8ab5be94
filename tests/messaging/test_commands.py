"""Commands and responses as AMQP messages, and the network's part in them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, cast

import proton
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.amqp.link import AttachRefused
from edgeproxy.amqp.outcome import Outcome, State
from edgeproxy.messaging.commands import MOST_ID, Command, Malformed, read_command
from edgeproxy.messaging.embedded import EmbeddedNetwork
from edgeproxy.messaging.network import NoConsumer, Rejected
from edgeproxy.messaging.responses import CommandResponse, encode_response
from edgeproxy.messaging.store import EventStore
from edgeproxy.portal.avatars import Consumer
from tests.fakes.link import FakeLink
from tests.fakes.threads import ThreadClock


def encoded(**more: Any) -> bytes:
    """Return a command as an application sends it."""
    values: dict[str, Any] = {
        "address": "command/T/d",
        "subject": "go",
        "body": b"x",
        "inferred": True,
    }
    message = proton.Message(**(values | more))
    return bytes(message.encode())


# Constructors of AMQP's encoding, and others.
CODES = bytes.fromhex("00 40 45 53 80 a1 b1 c0 d0 e0 f0 f4 ff")

RESPONSE = CommandResponse("T", "d", "a/b", "c", 200, b"ok", "text/plain", 1.5, 2.5)


class ReadingTests(SynchronousTestCase):
    def read(self, device: str | None = None, **more: Any) -> Command:
        return read_command(encoded(**more), "T", device)

    def test_commands(self) -> None:
        expected = Command("T", "d", "go", b"x")
        self.assertEqual(self.read(), expected)
        self.assertEqual(self.read("d"), expected)
        self.assertEqual(self.read("d", address=None), expected)
        self.assertEqual(self.read(address="command/T/a/b").device_id, "a/b")
        self.assertEqual(self.read(body=None).payload, b"")
        self.assertEqual(self.read(body="é", inferred=False).payload, "é".encode())
        self.assertEqual(self.read(content_type="a/b").content_type, "a/b")

    def test_data_sections_are_put_together(self) -> None:
        for parts in ([b"abc", b"def"], [b"", b"x" * 300, b"y"], [b"", b""]):
            message = encoded(body=None)
            for part in parts:
                data = proton.Data()
                data.put_described()
                data.enter()
                data.put_ulong(0x75)
                data.put_binary(part)
                message += bytes(data.encode())
            self.assertEqual(read_command(message, "T", None).payload, b"".join(parts))

    def test_commands_that_are_responded_to(self) -> None:
        reply_to = "command_response/T/r/1"
        for ids, expected in [
            ({"correlation_id": "c"}, "c"),
            ({"id": "m"}, "m"),
            ({"correlation_id": "c", "id": "m"}, "c"),
        ]:
            command = self.read(reply_to=reply_to, **ids)
            self.assertEqual(
                (command.reply_id, command.correlation_id), ("r/1", expected)
            )
        self.assertIsNone(self.read(correlation_id="c").correlation_id)

    def test_what_is_no_command(self) -> None:
        reply = {"reply_to": "command_response/T/r"}
        for more in [
            {"subject": None},
            {"subject": "a\r\nb"},
            {"content_type": "a\nb"},
            {"address": None},
            {"address": "command/T"},
            {"address": "command/T/"},
            {"address": "event/T/d"},
            {"body": [1], "inferred": False},
            reply,
            reply | {"correlation_id": 7},
            reply | {"correlation_id": "c" * MOST_ID},
            {"reply_to": "command_response/U/r", "id": "m"},
            {"reply_to": "command_response/T/", "id": "m"},
            {"reply_to": "elsewhere", "id": "m"},
        ]:
            with self.assertRaises(Malformed, msg=str(more)) as caught:
                self.read(**more)
            outcome = caught.exception.outcome
            self.assertEqual(outcome.state, State.REJECTED)
            self.assertEqual(outcome.condition, "hono:bad-request", more)
        for data in (b"", b"nonsense"):
            with self.assertRaises(Malformed):
                read_command(data, "T", None)

    def test_bytes_of_all_kinds(self) -> None:
        whole = encoded(
            reply_to="command_response/T/r",
            correlation_id="c",
            content_type="a/b",
            properties={"a": 1},
            annotations={proton.symbol("x"): {"y": 1}},
        )
        chance = random.Random(1)
        for _ in range(5000):
            data = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                data[chance.randrange(len(data))] = chance.choice(CODES)
            try:
                read_command(bytes(data[: chance.randint(0, 200)]), "T", None)
            except Malformed:
                pass

    def test_the_link_decides_about_tenant_and_device(self) -> None:
        for device, address in ((None, "command/U/d"), ("d", "command/T/other")):
            with self.assertRaises(Malformed) as caught:
                self.read(device, address=address)
            condition = caught.exception.outcome.condition
            self.assertEqual(condition, "amqp:unauthorized-access")


class EncodingTests(SynchronousTestCase):
    def test_a_response_has_what_applications_expect(self) -> None:
        message = proton.Message()
        message.decode(encode_response(RESPONSE, "id"))
        self.assertEqual(message.id, "id")
        self.assertEqual(message.address, "command_response/T/a/b")
        self.assertEqual(message.correlation_id, "c")
        self.assertEqual(message.content_type, "text/plain")
        self.assertEqual(message.creation_time, 1.5)
        self.assertEqual(message.ttl, 2.5)
        self.assertEqual(bytes(message.body), b"ok")
        self.assertEqual(
            message.properties, {"tenant_id": "T", "device_id": "d", "status": 200}
        )
        message = proton.Message()
        bare = CommandResponse("T", "d", "r", "c", 404, b"", None, 1.0)
        message.decode(encode_response(bare, "id"))
        self.assertIsNone(message.body)
        self.assertEqual(message.ttl, 0)


class Sender:
    """A link over which an application sends."""

    on_message: Any = None

    def __init__(self, address: str) -> None:
        self.address = address


class NetworkTests(SynchronousTestCase):
    def setUp(self) -> None:
        clock = ThreadClock()
        store = EventStore(str(Path(self.mktemp())), clock)
        self.network = EmbeddedNetwork(store, clock)
        self.avatar = Consumer("app", frozenset({"T"}))
        self.outcomes: list[Outcome] = []

    def sender(self, address: str = "command/T") -> Sender:
        link = Sender(address)
        self.network.attach_sender(cast(Any, link), self.avatar)
        return link

    def test_commands_go_to_whoever_takes_them(self) -> None:
        link = self.sender()
        link.on_message(encoded(), self.outcomes.append)
        self.assertEqual(self.outcomes.pop().state, State.RELEASED)
        taken: list[Command] = []
        self.network.on_command = lambda command, settle: taken.append(command)
        link.on_message(encoded(), self.outcomes.append)
        self.sender("command/T/d").on_message(encoded(), self.outcomes.append)
        self.assertEqual(taken, [Command("T", "d", "go", b"x")] * 2)
        link.on_message(b"nonsense", self.outcomes.append)
        self.assertEqual(self.outcomes.pop().state, State.REJECTED)

    def test_nothing_can_be_sent_elsewhere(self) -> None:
        for address in ("", "command", "command/", "command/T/", "event/T", "x"):
            with self.assertRaises(AttachRefused) as caught:
                self.sender(address)
            self.assertEqual(caught.exception.condition, "amqp:not-found")
        with self.assertRaises(AttachRefused) as caught:
            self.sender("command/U")
        self.assertEqual(caught.exception.condition, "amqp:unauthorized-access")

    def test_a_response_reaches_who_waits_for_it(self) -> None:
        failed = self.failureResultOf(self.network.respond(RESPONSE))
        self.assertIs(failed.type, NoConsumer)
        link = FakeLink("command_response/T/a/b")
        other = FakeLink("command_response/T/a")
        for each in (link, other):
            self.network.attach(cast(Any, each), self.avatar)
        done = self.network.respond(RESPONSE)
        self.assertNoResult(done)
        self.assertEqual((len(link.messages), len(other.messages)), (1, 0))
        link.settle()
        self.successResultOf(done)
        done = self.network.respond(RESPONSE)
        link.settle(Outcome(State.REJECTED, "x", "y"))
        self.assertIs(self.failureResultOf(done).type, Rejected)
        self.network.detached(cast(Any, link))
        self.failureResultOf(self.network.respond(RESPONSE), NoConsumer)
        self.assertEqual(self.network.attached, 1)

    def test_addresses_of_responses(self) -> None:
        for address in (
            "command_response",
            "command_response/T",
            "command_response/T/",
        ):
            with self.assertRaises(AttachRefused):
                self.network.attach(cast(Any, FakeLink(address)), self.avatar)
        with self.assertRaises(AttachRefused) as caught:
            foreign = FakeLink("command_response/U/r")
            self.network.attach(cast(Any, foreign), self.avatar)
        self.assertEqual(caught.exception.condition, "amqp:unauthorized-access")
