"""Searching tenants and devices."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import inlineCallbacks
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.registry.management import search
from edgeproxy.registry.management.refusals import Refused
from edgeproxy.registry.store import RegistryStore
from tests.registry.management.api import ApiTestCase

DEVICES: dict[str, dict[str, Any]] = {
    "a": {"ext": {"site": "north-1", "floor": 1, "on": True}, "via": ["gw"]},
    "b": {"ext": {"site": "north-2", "floor": 2.5}, "enabled": False},
    "c": {"ext": {"site": "south[1]", "floor": 10, "a/b~c": "x"}, "via": ["gw"]},
    "d": {"ext": {"site": "*", "1": "one"}, "enabled": True},
    "gw": {},
    "member": {"memberOf": ["g"]},
}


def clause(field: str, **more: Any) -> str:
    return json.dumps({"field": field, **more})


class SearchTests(ApiTestCase):
    def setUp(self) -> None:
        super().setUp()
        with self.store.transaction():
            for tenant in ("T", "U"):
                self.store.put_tenant(tenant, {"ext": {"of": tenant.lower()}})
            for device, data in DEVICES.items():
                self.store.put_device("T", device, data)

    @inlineCallbacks
    def found(self, path: str = "/devices/T", **parameters: Any) -> Any:
        """Return total and ids that a search finds."""
        query = "&".join(
            f"{name}={quote(str(value))}"
            for name, values in parameters.items()
            for value in (values if isinstance(values, list) else [values])
        )
        got = yield self.ask("GET", f"{path}?{query}")
        if got.status == 404:
            self.assertEqual(got.json, {"error": "nothing matches"})
            return []
        self.assertEqual(got.status, 200, got.text)
        self.assertEqual(
            got.json["total"] >= len(got.json["result"]), True, got.json["total"]
        )
        return [each["id"] for each in got.json["result"]]

    @inlineCallbacks
    def test_everything(self) -> Any:
        found = yield self.found()
        self.assertEqual(found, sorted(DEVICES))
        found = yield self.found("/tenants")
        self.assertEqual(found, ["T", "U"])
        got = yield self.answers(200, "GET", "/devices/T")
        self.assertIn("created", got.json["result"][0]["status"])
        self.assertEqual(got.json["result"][0]["ext"]["site"], "north-1")

    @inlineCallbacks
    def test_filters(self) -> Any:
        for wanted, expected in (
            (clause("/ext/site", value="north-1"), "a"),
            (clause("/ext/site", value="north-?", op="eq"), "a b"),
            (clause("/ext/site", value="NORTH-?"), ""),
            (clause("/ext/site", value="*h*"), "a b c"),
            (clause("/ext/site", value="south[1]"), "c"),
            (clause("/ext/site", value="*h[1]"), "c"),
            (clause("/ext/site", value="*"), "a b c d"),
            (clause("/ext/floor", value=1), "a"),
            (clause("/ext/floor", value=1.0), "a"),
            (clause("/ext/floor", value=2.5), "b"),
            (clause("/ext/floor", value="1"), ""),
            (clause("/ext/floor", value=True), ""),
            (clause("/ext/floor", value=10**30), ""),
            (clause("/ext/on", value=True), "a"),
            (clause("/ext/on", value=1), ""),
            (clause("/ext/on", value=False), ""),
            (clause("/enabled", value=False), "b"),
            (clause("/enabled", value=True), "a c d gw member"),
            (clause("/id", value="?"), "a b c d"),
            (clause("/id", value="gw"), "gw"),
            (clause("/ext/a~1b~0c", value="x"), "c"),
            (clause("/ext/1", value="one"), "d"),
            (clause('/ext/"', value="x"), ""),
            (clause("/", value="x"), ""),
        ):
            found = yield self.found(filterJson=wanted)
            self.assertEqual(" ".join(found), expected, wanted)

    @inlineCallbacks
    def test_all_filters_must_be_met(self) -> Any:
        found = yield self.found(
            filterJson=[
                clause("/ext/site", value="north-*"),
                clause("/enabled", value=True),
            ]
        )
        self.assertEqual(found, ["a"])

    @inlineCallbacks
    def test_order(self) -> Any:
        for wanted, expected in (
            ([clause("/id", direction="desc")], "member gw d c b a"),
            ([clause("/ext/floor", direction="desc")], "c b a d gw member"),
            (
                [clause("/enabled", direction="desc"), clause("/id", direction="desc")],
                "d b member gw c a",
            ),
            ([clause("/ext/site")], "gw member d a b c"),
        ):
            found = yield self.found(sortJson=wanted)
            self.assertEqual(" ".join(found), expected, wanted)

    @inlineCallbacks
    def test_pages(self) -> Any:
        pages = []
        for offset in range(0, 8, 2):
            page = yield self.found(
                pageSize=2, pageOffset=offset, sortJson=clause("/id")
            )
            pages.append("".join(page))
        self.assertEqual(pages, ["ab", "cd", "gwmember", ""])
        got = yield self.answers(200, "GET", "/devices/T?pageSize=0")
        self.assertEqual(got.json, {"total": len(DEVICES), "result": []})
        with self.store.transaction():
            for number in range(250):
                self.store.put_device("U", f"{number:03}", {})
        found = yield self.found("/devices/U")
        self.assertEqual(len(found), 30)
        found = yield self.found("/devices/U", pageSize=200)
        self.assertEqual(len(found), 200)

    @inlineCallbacks
    def test_gateways(self) -> Any:
        found = yield self.found(isGateway="true")
        self.assertEqual(found, ["gw", "member"])
        found = yield self.found(isGateway="false", filterJson=clause("/x", value=1))
        self.assertEqual(found, ["a", "b", "c", "d"])

    @inlineCallbacks
    def test_nothing_is_404_as_with_hono(self) -> Any:
        found = yield self.found("/devices/U")
        self.assertEqual(found, [])
        yield self.refuses(404, "no such tenant", "GET", "/devices/V")
        found = yield self.found("/tenants", filterJson=clause("/ext/of", value="x"))
        self.assertEqual(found, [])

    @inlineCallbacks
    def test_bad_parameters(self) -> Any:
        for name, value in (
            ("pageSize", "201"),
            ("pageSize", "-1"),
            ("pageSize", "1.5"),
            ("pageSize", "٣"),
            ("pageSize", ""),
            ("pageOffset", "-1"),
            ("pageOffset", "99999999999"),
            ("isGateway", "yes"),
            ("filterJson", ""),
            ("filterJson", "{"),
            ("filterJson", "[]"),
            ("filterJson", clause("/a")),
            ("filterJson", clause("/a\0b", value="x")),
            ("sortJson", clause("/a\0b")),
            ("filterJson", clause("a", value=1)),
            ("filterJson", clause("/a", value=None)),
            ("filterJson", clause("/a", value=[1])),
            ("filterJson", clause("/a", value=1, op="ne")),
            ("filterJson", clause("/a", value=1, unknown=1)),
            ("sortJson", clause("/a", direction="up")),
            ("sortJson", '{"direction": "asc"}'),
        ):
            got = yield self.answers(400, "GET", f"/devices/T?{name}={quote(value)}")
            expected = f"request parameter [name: {name}, value: {value}]"
            self.assertEqual(got.json["error"], f"{expected} failed validation")
        yield self.answers(400, "GET", "/devices/T?pageSize=%FF")
        yield self.answers(400, "GET", "/devices/T?pageSize=1&pageSize=2")
        yield self.answers(400, "GET", "/devices/T?" + "&filterJson=x" * 9)
        # As with Hono, what is not known is not looked at.
        yield self.answers(200, "GET", "/devices/T?unknown=1&=x&")

    @inlineCallbacks
    def test_what_takes_for_ever_is_given_up(self) -> Any:
        self.patch(search, "LONGEST", -1.0)
        self.patch(search, "_STEPS", 10)
        text = "the search takes too long"
        got = yield self.refuses(503, text, "GET", "/devices/T")
        self.assertEqual(got.header("Retry-After"), "2")
        # Others are served again.
        self.patch(search, "LONGEST", 5.0)
        found = yield self.found(pageSize=1)
        self.assertEqual(found, ["a"])


NAMES = st.sampled_from(["a", "a/b~["])
TEXTS = st.one_of(
    st.text(st.sampled_from("aA[]*?"), max_size=4),
    st.text(st.sampled_from("a[*"), max_size=3),
    st.text(max_size=3),
)
SCALARS = st.one_of(
    st.booleans(), st.integers(-3, 3), st.sampled_from([0.0, 1.5, -2.0]), TEXTS
)
VALUES = st.one_of(SCALARS, st.none(), st.lists(SCALARS, max_size=1))
DATA = st.dictionaries(
    NAMES, st.one_of(VALUES, st.dictionaries(NAMES, VALUES, max_size=2)), max_size=3
)
PATHS = st.lists(NAMES, min_size=1, max_size=2)


def matches(data: Any, path: list[str], value: Any) -> bool:
    """Say whether Hono would find *data* by *value* at *path*."""
    for name in path:
        if not isinstance(data, dict) or name not in data:
            return False
        data = data[name]
    if isinstance(value, bool) or isinstance(data, bool):
        return data is value
    if isinstance(value, str) and isinstance(data, str):
        wildcards = {"*": ".*", "?": "."}
        pattern = "".join(wildcards.get(c, re.escape(c)) for c in value)
        return re.fullmatch(pattern, data, re.DOTALL) is not None
    numbers = isinstance(data, int | float) and isinstance(value, int | float)
    return numbers and data == value


class FilterTests(SynchronousTestCase):
    @given(st.lists(DATA, min_size=1, max_size=6), PATHS, SCALARS)
    @settings(max_examples=100, deadline=None)
    def test_sqlite_finds_what_a_reader_would(
        self, devices: list[Any], path: list[str], value: Any
    ) -> None:
        store = RegistryStore(":memory:")
        self.addCleanup(store.close)
        store.put_tenant("T", {})
        for number, data in enumerate(devices):
            store.put_device("T", str(number), {"ext": data})
        steps = [step.replace("~", "~0").replace("/", "~1") for step in path]
        wanted = clause("/" + "/".join(["ext", *steps]), value=value)
        nothing: dict[str, Any] = {"sortJson": [], "pageSize": 200, "pageOffset": 0}
        parameters = {"filterJson": [wanted], **nothing}
        query = search.read_query("devices", "T", parameters)
        try:
            found = search.run_search(store.connection, "devices", "T", query)["result"]
        except Refused as refused:
            self.assertEqual(refused.text, "nothing matches")
            found = []
        expected = [n for n, data in enumerate(devices) if matches(data, path, value)]
        self.assertEqual([int(each["id"]) for each in found], expected)
