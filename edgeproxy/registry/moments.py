"""Moments as Hono's JSON has them: ISO 8601 with an offset."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload


@overload
def unix_time(text: str | None, absent: float) -> float: ...


@overload
def unix_time(text: str | None, absent: None = None) -> float | None: ...


def unix_time(text: str | None, absent: float | None = None) -> float | None:
    """Return *text* in Unix seconds, or *absent* where it is None.

    A moment without offset is one of UTC. Raises `ValueError`.
    """
    if text is None:
        return absent
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()


def iso_time(seconds: float) -> str:
    """Return *seconds* since 1970 as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
