"""Values that are remembered packed: the same as without, bounded, and no secrets."""

from __future__ import annotations

import random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.portal import packed as module
from edgeproxy.portal.packed import PackedMemory


class PackedMemoryTests(SynchronousTestCase):
    def memory(self, most: int = 1_000_000) -> PackedMemory[Any]:
        return PackedMemory(most, lambda value: (value,), lambda plain: plain[0])

    def test_it_remembers_what_was_put_last(self) -> None:
        for at_hand in (1, 1024):
            self.patch(module, "AT_HAND", at_hand)
            self.patch(module, "PATIENCE", 50)
            memory = self.memory()
            expected: dict[bytes, Any] = {}
            chance = random.Random(at_hand)
            keys = [memory.key_of(b"%d" % number) for number in range(500)]
            for number in range(5000):
                key = chance.choice(keys)
                match chance.randrange(4):
                    case 0:
                        memory.forget(key)
                        expected.pop(key, None)
                    case 1:
                        expected[key] = "x" * chance.randrange(1500) + str(number)
                        memory.put(key, expected[key])
                self.assertEqual(memory.get(key), expected.get(key))
            for key in keys:
                self.assertEqual(memory.get(key), expected.get(key))
            memory.clear()
            self.assertEqual([memory.get(key) for key in keys], [None] * 500)
            self.assertEqual(memory.size, 0)

    def test_size_is_what_is_kept(self) -> None:
        memory = self.memory()
        keys = [memory.key_of(b"%d" % number) for number in range(100)]
        for _ in range(3):
            for key in keys:
                memory.put(key, 7)
        self.assertEqual(memory.size % 100, 0)
        self.assertLess(memory.size, 100 * 40)
        for key in keys:
            memory.forget(key)
            memory.forget(key)
        self.assertEqual(memory.size, 0)

    def test_it_is_bounded_and_what_is_asked_for_stays(self) -> None:
        self.patch(module, "AT_HAND", 0)
        memory = self.memory(10_000)
        often = memory.key_of(b"often")
        memory.put(often, "often")
        for number in range(2000):
            memory.put(memory.key_of(b"%d" % number), number)
            self.assertLessEqual(memory.size, 10_000)
            self.assertEqual(memory.get(often), "often")
        self.assertEqual(memory.get(memory.key_of(b"1999")), 1999)
        self.assertIsNone(memory.get(memory.key_of(b"0")))

    def test_what_is_at_hand_is_bounded_and_follows_who_comes(self) -> None:
        self.patch(module, "AT_HAND", 10)
        self.patch(module, "PATIENCE", 100)
        memory = self.memory()
        keys = [memory.key_of(b"%d" % number) for number in range(50)]
        for key in keys:
            memory.put(key, "x")
            self.assertLessEqual(len(memory._at_hand), 10)
        for _ in range(50):
            for key in keys[40:]:
                memory.get(key)
        self.assertEqual(memory._at_hand.keys(), set(keys[40:]))

    def test_what_is_at_hand_is_kept_as_well(self) -> None:
        self.patch(module, "AT_HAND", 5)
        self.patch(module, "PATIENCE", 1000)
        memory = self.memory(2_000)
        often = [memory.key_of(b"often %d" % number) for number in range(5)]
        for number, key in enumerate(often):
            memory.put(key, number)
        for number in range(5000):
            memory.put(memory.key_of(b"%d" % number), number)
            self.assertEqual([memory.get(key) for key in often], list(range(5)))
            self.assertLessEqual(memory.size, 2_000)

    def test_what_is_long_is_not_at_hand_and_what_is_too_long_not_kept(self) -> None:
        memory = self.memory(10_000)
        key = memory.key_of(b"x")
        memory.put(key, "short")
        memory.put(key, "x" * 2000)
        self.assertEqual(memory.get(key), "x" * 2000)
        self.assertEqual(len(memory._at_hand), 0)
        memory.put(key, "x" * 5000)
        self.assertIsNone(memory.get(key))
        self.assertEqual(memory.size, 0)
        large = self.memory()
        large.put(large.key_of(b"x"), "x" * module.LONGEST)
        self.assertEqual(large.size, 0)

    def test_a_key_tells_nothing_and_is_of_its_memory(self) -> None:
        one, other = self.memory(), self.memory()
        key = one.key_of(b"secret")
        self.assertEqual(len(key), 16)
        self.assertEqual(key, one.key_of(b"secret"))
        self.assertNotEqual(key, one.key_of(b"secret "))
        self.assertNotEqual(key, other.key_of(b"secret"))
