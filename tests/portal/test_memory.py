"""What is remembered, and what is forgotten first."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.portal.memory import Memory


class MemoryTests(SynchronousTestCase):
    def test_it_is_bounded(self) -> None:
        memory: Memory[int, int] = Memory(100)
        for number in range(1000):
            memory.put(number, number)
            self.assertLessEqual(len(memory), 101)
        self.assertEqual(memory.get(999), 999)
        self.assertIsNone(memory.get(0))

    def test_what_is_asked_for_stays(self) -> None:
        memory: Memory[str, int] = Memory(100)
        memory.put("often", 7)
        for number in range(1000):
            memory.put(str(number), number)
            self.assertEqual(memory.get("often"), 7)

    def test_what_is_forgotten_is_in_neither_half(self) -> None:
        memory: Memory[int, int] = Memory(10)
        for number in range(8):
            memory.put(number, number)
        memory.forget(0)
        memory.forget(7)
        memory.forget(99)
        self.assertEqual([memory.get(n) for n in (0, 6, 7)], [None, 6, None])
        memory.clear()
        self.assertIsNone(memory.get(6))
