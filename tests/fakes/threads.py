"""A clock that takes calls from threads, for a test that waits for them."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock


class ThreadClock(Clock):
    """Calls from threads are made when the test waits for what they bring."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: queue.Queue[Callable[[], None]] = queue.Queue()

    def callFromThread(self, call: Callable[..., None], *arguments: Any) -> None:
        self._calls.put(lambda: call(*arguments))

    def wait_for(self, done: Deferred[Any]) -> None:
        """Make calls until *done* has fired; 10 seconds at most for each."""
        while not done.called:
            self._calls.get(timeout=10)()

    def settle(self) -> None:
        """Make the calls that are there."""
        while not self._calls.empty():
            self._calls.get()()
