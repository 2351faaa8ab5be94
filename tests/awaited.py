"""Coroutine tests on every supported trial.

Debian 12's trial calls an ``async def test_…`` and forgets the coroutine: such a test
can never fail there.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from twisted.internet.defer import Deferred


def awaited(
    test: Callable[..., Coroutine[Deferred[Any], Any, Any]],
) -> Callable[..., Deferred[Any]]:
    """Make a test method out of a coroutine."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(test(*args, **kwargs))

    return run
