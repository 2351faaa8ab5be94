"""Hashes passwords off the reactor's thread, and not more than can be waited for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import bcrypt
from twisted.internet.defer import Deferred, fail
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from edgeproxy.registry.management import refusals
from edgeproxy.registry.management.refusals import Refused

T = TypeVar("T")

# Of 50 ms each, on a PC; devices check theirs by the same measure.
COST = 10

# Requests that wait for a hash: more would wait for seconds.
MOST_WAITING = 32


def hashed(password: bytes) -> bytes:
    """Return the bcrypt hash of *password*, with the prefix that Hono knows."""
    return bcrypt.hashpw(password, bcrypt.gensalt(COST, prefix=b"2a"))


class Hashing:
    """One thread for hashing, so that others get the processor as well."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(0, 1, "registry-hashing")
        self._waiting = 0

    def start(self) -> None:
        """Start; there is no thread before there is something to hash."""
        self._pool.start()

    def stop(self) -> None:
        """End the thread once it has done what it was given."""
        self._pool.stop()

    def run(self, job: Callable[[], T]) -> Deferred[T]:
        """Run *job* in the thread; fails with `Refused` when too many wait for it."""
        if self._waiting >= MOST_WAITING:
            return fail(Refused(*refusals.UNAVAILABLE))
        self._waiting += 1
        done: Deferred[T] = deferToThreadPool(self._reactor, self._pool, job)
        return done.addBoth(self._done)

    def _done(self, result: Any) -> Any:
        self._waiting -= 1
        return result
