"""The structure of those who wait, and request ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.hono import waiters as module
from edgeproxy.hono.requestids import RequestIds, key_in
from edgeproxy.hono.waiters import Waiter, Waiters
from edgeproxy.messaging.commands import Command


class WaitersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.waiters = Waiters(self.clock)
        self.events: list[str] = []

    def join(self, device: str, seconds: float, groups: tuple[str, ...] = ()) -> Waiter:
        waiter = Waiter(
            "T",
            device,
            None,
            groups,
            lambda command, _: self.events.append(f"{device} got {command.name}"),
            lambda: self.events.append(device),
        )
        self.waiters.join(waiter, seconds)
        return waiter

    def give(self, waiter: Waiter) -> None:
        self.waiters.give(waiter, Command("T", "x", "go", b""), lambda _: None)

    def test_there_is_one_timer_for_all(self) -> None:
        for number in range(1000):
            self.join(str(number), 10 + number % 7)
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        for _ in range(17):
            self.assertLessEqual(len(self.clock.getDelayedCalls()), 1)
            self.clock.advance(1)
        self.assertEqual(len(self.events), 1000)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.waiters), 0)

    def test_a_group_named_twice_is_one(self) -> None:
        self.join("gw", 1, ("g", "g"))
        self.join("d", 2)
        self.assertEqual(self.waiters.members_of("T", "g"), ["gw"])
        self.clock.advance(1)
        self.assertEqual(self.waiters.members_of("T", "g"), [])
        self.clock.advance(1)
        self.assertEqual(self.events, ["gw", "d"])

    def test_each_in_its_time(self) -> None:
        for device, seconds in (("c", 3), ("a", 1), ("b", 2)):
            self.join(device, seconds)
        self.clock.advance(0.999)
        self.assertEqual(self.events, [])
        for number, expected in enumerate("abc"):
            self.clock.advance(1 if number else 0.001)
            self.assertEqual(self.events.pop(), expected)

    def test_one_that_fails_keeps_nobody_else(self) -> None:
        for device in "abc":
            self.join(device, 1)
        self.join("d", 5).on_expiry = self.events.clear
        for waiter in (self.waiters.find("T", "a"), self.join("e", 9)):
            assert waiter is not None
            waiter.on_expiry = self.fail
        self.clock.advance(1)
        self.assertEqual(self.events, ["b", "c"])
        self.waiters.close()
        self.assertEqual(self.events, [])
        self.assertEqual(len(self.flushLoggedErrors(self.failureException)), 2)

    def test_who_leaves_hears_no_more(self) -> None:
        waiter = self.join("a", 1)
        self.waiters.leave(waiter)
        self.waiters.leave(waiter)
        self.assertEqual(len(self.waiters), 0)
        self.assertIsNone(self.waiters.find("T", "a"))
        self.clock.advance(5)
        self.assertEqual(self.events, [])

    def test_who_got_a_command_hears_no_more(self) -> None:
        self.give(self.join("a", 1))
        self.assertEqual(self.events, ["a got go"])
        self.clock.advance(5)
        self.assertEqual(self.events, ["a got go"])

    def test_the_newest_is_found(self) -> None:
        old, new = self.join("a", 5), self.join("a", 5)
        self.assertIs(self.waiters.find("T", "a"), new)
        self.waiters.leave(new)
        self.assertIsNone(self.waiters.find("T", "a"))
        self.assertTrue(old.waits)

    def test_groups(self) -> None:
        one = self.join("a", 5, ("g", "h"))
        self.join("b", 5, ("g",))
        self.assertEqual(self.waiters.members_of("T", "g"), ["a", "b"])
        self.assertEqual(self.waiters.members_of("T", "h"), ["a"])
        again = self.join("a", 5, ("g",))
        self.assertEqual(self.waiters.members_of("T", "h"), [])
        self.waiters.leave(one)
        self.assertEqual(self.waiters.members_of("T", "g"), ["b", "a"])
        self.waiters.leave(again)
        self.assertEqual(self.waiters.members_of("T", "g"), ["b"])
        self.assertEqual(self.waiters.members_of("U", "g"), [])

    def test_those_who_are_gone_are_cleared_away(self) -> None:
        self.patch(module, "MOST_GONE", 10)
        self.join("stays", 60)
        for number in range(1000):
            self.give(self.join(str(number), 60))
            self.assertLessEqual(len(self.waiters._deadlines), 24)
            self.assertEqual(len(self.waiters), 1)
        self.clock.advance(60)
        self.assertEqual(self.events[-1], "stays")

    def test_the_end_ends_all_waiting(self) -> None:
        self.join("a", 5)
        self.join("a", 5)
        self.give(self.join("b", 5))
        self.events.clear()
        self.waiters.close()
        self.assertEqual(self.events, ["a", "a"])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.join("c", 5)
        self.clock.advance(0)
        self.assertEqual(self.events[-1], "c")


class RequestIdTests(SynchronousTestCase):
    @given(st.tuples(*[st.text(max_size=50)] * 4))
    def test_an_id_is_read_by_its_device_only(self, texts: tuple[str, ...]) -> None:
        try:
            "".join(texts).encode()
        except UnicodeEncodeError:
            return
        ids = RequestIds(b"key")
        tenant, device, reply, correlation = texts
        made = ids.make(tenant, device, reply, correlation)
        self.assertRegex(made, "^[A-Za-z0-9_-]+$")
        self.assertEqual(ids.read(tenant, device, made), (reply, correlation))
        self.assertIsNone(ids.read(tenant, device + "x", made))
        self.assertIsNone(ids.read(tenant + "x", device, made))
        # The two names are not just put together.
        self.assertIsNone(ids.read(tenant + device[:1], device[1:] or "x", made))
        self.assertIsNone(RequestIds(b"other").read(tenant, device, made))

    def test_what_was_changed_is_not_read(self) -> None:
        ids = RequestIds(b"key")
        made = ids.make("T", "d", "r", "c")
        for changed in (
            "",
            "x",
            made[1:],
            made[:-1],
            made + "A",
            made[::-1],
            "é",
            "==",
        ):
            self.assertIsNone(ids.read("T", "d", changed))
        for position in range(len(made)):
            other = "A" if made[position] != "A" else "B"
            changed = made[:position] + other + made[position + 1 :]
            self.assertIsNone(ids.read("T", "d", changed))

    def test_the_key_is_kept(self) -> None:
        path = Path(self.mktemp()) / "folder" / "key"
        key = key_in(path)
        self.assertEqual(len(key), 32)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(key_in(path), key)
        path.write_bytes(b"short")
        again: Any = key_in(path)
        self.assertNotEqual(again, key)
        self.assertEqual(key_in(path), again)
        with self.assertRaises(OSError):
            key_in(path / "below a file")
