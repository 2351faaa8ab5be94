"""Hypothesis strategies for MQTT packets."""

from __future__ import annotations

from hypothesis import strategies as st

from edgeproxy.mqtt import packets as p

strings = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20
)
topics = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0+#"),
    min_size=1,
    max_size=20,
)
filters = st.one_of(
    topics,
    st.sampled_from(["#", "+", "a/+/b", "a/#", "+/#", "/", "//", "$SYS/#"]),
)
ids = st.integers(1, 0xFFFF)
payloads = st.binary(max_size=300)
wills = st.builds(p.Will, topics, payloads, st.sampled_from([0, 1]), st.booleans())


def _connect(
    clean: bool,
    client_id: str,
    keepalive: int,
    will: p.Will | None,
    username: str | None,
    password: bytes | None,
) -> p.Connect:
    if username is None:
        password = None
    return p.Connect(
        client_id, clean or not client_id, keepalive, will, username, password
    )


connects = st.builds(
    _connect,
    st.booleans(),
    strings,
    st.integers(0, 0xFFFF),
    st.none() | wills,
    st.none() | strings,
    st.none() | payloads,
)
publishes = st.one_of(
    st.builds(p.Publish, topics, payloads, st.just(0), st.booleans()),
    st.builds(
        p.Publish, topics, payloads, st.just(1), st.booleans(), st.booleans(), ids
    ),
)
packets = st.one_of(
    connects,
    st.one_of(
        st.builds(p.ConnAck, st.just(0), st.booleans()),
        st.builds(p.ConnAck, st.integers(1, 5)),
    ),
    publishes,
    st.builds(p.PubAck, ids),
    st.builds(
        p.Subscribe,
        ids,
        st.lists(st.tuples(filters, st.integers(0, 2)), min_size=1, max_size=4).map(
            tuple
        ),
    ),
    st.builds(
        p.SubAck,
        ids,
        st.lists(st.sampled_from([0, 1, 2, 0x80]), min_size=1, max_size=4).map(tuple),
    ),
    st.builds(p.Unsubscribe, ids, st.lists(filters, min_size=1, max_size=4).map(tuple)),
    st.builds(p.UnsubAck, ids),
    st.sampled_from([p.PingReq(), p.PingResp(), p.Disconnect()]),
)
