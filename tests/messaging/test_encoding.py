"""What is encoded by hand is what proton would have encoded."""

from __future__ import annotations

from typing import Any

import proton
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.amqp.encoding import scalar
from edgeproxy.messaging.encoding import encode
from edgeproxy.messaging.message import Message

TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=300)
SCALARS = st.one_of(
    TEXT,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
)
MESSAGES = st.builds(
    Message,
    kind=st.sampled_from(["telemetry", "event"]),
    tenant_id=TEXT,
    device_id=TEXT,
    payload=st.binary(max_size=600),
    content_type=st.none() | st.sampled_from(["text/plain", "x/" + "y" * 300]),
    qos=st.integers(0, 1),
    creation_time=st.floats(0, 4e9).map(lambda t: int(t * 1000) / 1000),
    properties=st.dictionaries(TEXT, SCALARS, max_size=20),
    trace=st.dictionaries(TEXT, TEXT, max_size=3),
    ttl=st.none() | st.integers(0, 2**32 - 1).map(lambda n: n / 1000),
)


def by_proton(message: Message, message_id: str) -> bytes:
    """Return *message* encoded by proton."""
    encoded = proton.Message(
        id=message_id,
        address=message.address,
        creation_time=message.creation_time,
        durable=message.kind == "event",
        inferred=True,
        annotations={
            proton.symbol("tenant_id"): message.tenant_id,
            proton.symbol("device_id"): message.device_id,
            proton.symbol("resource"): f"{message.address}/{message.device_id}",
            proton.symbol("x-opt-trace-context"): dict(message.trace),
        },
        properties=dict(message.properties),
        body=message.payload or None,
    )
    if message.content_type is not None:
        encoded.content_type = message.content_type
    if message.ttl is not None:
        encoded.ttl = message.ttl
    return bytes(encoded.encode())


def read(data: bytes) -> dict[str, Any]:
    """Return all that proton finds in an encoded message."""
    message = proton.Message()
    message.decode(data)
    names = [
        *("id", "user_id", "address", "subject", "reply_to", "correlation_id"),
        *("content_type", "content_encoding", "expiry_time", "creation_time"),
        *("group_id", "reply_to_group_id", "durable", "ttl", "priority", "inferred"),
        *("first_acquirer", "delivery_count", "annotations", "instructions"),
        "properties",
    ]
    found = {name: getattr(message, name) for name in names}
    body = message.body
    return found | {"body": None if body is None else bytes(body)}


class EncodingTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=300)
    @given(MESSAGES, TEXT)
    def test_proton_finds_what_it_would_have_encoded(
        self, message: Message, message_id: str
    ) -> None:
        ours = read(encode(message, message_id))
        theirs = read(by_proton(message, message_id))
        if not message.payload:
            # Without a body there is nothing to infer a section from.
            ours["inferred"] = theirs["inferred"] = None
        self.assertEqual(ours, theirs)

    def test_numbers_have_the_types_that_hono_gives_them(self) -> None:
        for value, kind in (
            (1, proton.int32),
            (-129, proton.int32),
            (2**31 - 1, proton.int32),
            (2**31, int),
            (-(2**63), int),
            (1.5, float),
            (True, bool),
        ):
            data = proton.Data()
            data.decode(scalar(value))
            data.rewind()
            data.next()
            found = data.get_object()
            self.assertEqual((found, type(found)), (value, kind))

    def test_numbers_that_no_type_of_amqp_holds_come_as_near_as_can_be(self) -> None:
        for value, expected in ((2**70, float(2**70)), (10**400, str(10**400))):
            data = proton.Data()
            data.decode(scalar(value))
            data.rewind()
            data.next()
            self.assertEqual(data.get_object(), expected)
