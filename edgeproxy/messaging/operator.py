"""What an operator may ask of the event store, and do to it, while it runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from edgeproxy.messaging.rows import Counts, count
from edgeproxy.messaging.store import EventStore
from edgeproxy.metrics import counters

# Events that are set aside and shown at once: what a person looks at.
MOST_SHOWN = 200

WAITING, SET_ASIDE = 0, 1


class Operator:
    """Looks into *store*; *refresh* tells the queues that it has been changed."""

    _log = Logger()

    def __init__(self, store: EventStore, refresh: Callable[[], None]) -> None:
        self._store = store
        self._refresh = refresh

    def overview(self) -> Deferred[dict[str, Any]]:
        """Return per tenant what waits and is set aside, and what is set aside.

        ``oldest`` is in seconds that the machine was up since it came.
        """
        age = self._store.age()
        return self._store.change(lambda db: _overview(db, age))

    def requeue(
        self, tenant_id: str | None, numbers: Sequence[int] | None
    ) -> Deferred[int]:
        """Let events that are set aside be delivered again; return how many.

        None stands for all tenants, and for all events of the tenant.
        """
        where, values = _selection(SET_ASIDE, tenant_id, numbers)
        query = f"UPDATE events SET state = 0, reason = NULL WHERE {where}"  # noqa: S608
        return self._change("delivered again", query, values)

    def purge(
        self, set_aside: bool, tenant_id: str | None, numbers: Sequence[int] | None
    ) -> Deferred[int]:
        """Remove events that wait or, with *set_aside*, such ones; return how many."""
        state = SET_ASIDE if set_aside else WAITING
        where, values = _selection(state, tenant_id, numbers)

        def purged(rows: int) -> int:
            counters.EVENTS_REMOVED.labels("purged").inc(rows)
            return rows

        query = f"DELETE FROM events WHERE {where}"  # noqa: S608
        return self._change("purged", query, values).addCallback(purged)

    def _change(self, what: str, query: str, values: list[Any]) -> Deferred[int]:
        def run(db: sqlite3.Connection) -> tuple[int, Counts]:
            rows = db.execute(query, values).rowcount
            return rows, count(db)

        def done(found: tuple[int, Counts]) -> int:
            rows, counts = found
            self._store.counted(counts)
            self._refresh()
            self._log.info("{rows} events {what} by the operator", rows=rows, what=what)
            return rows

        return self._store.change(run).addCallback(done)


def _selection(
    state: int, tenant_id: str | None, numbers: Sequence[int] | None
) -> tuple[str, list[Any]]:
    """Return the condition that selects these events, and its values."""
    where = "state = ?"
    values: list[Any] = [state, *(numbers or ())]
    if numbers is not None:
        where += f" AND id IN ({', '.join('?' * len(numbers))})"
    if tenant_id is not None:
        where += " AND tenant = ?"
        values.append(tenant_id)
    return where, values


def _overview(db: sqlite3.Connection, age: float) -> dict[str, Any]:
    tenants: dict[str, dict[str, Any]] = {}
    rows = db.execute(
        "SELECT tenant, state, count(*), min(born) FROM events GROUP BY tenant, state"
    )
    for tenant, state, events, born in rows:
        entry = tenants.setdefault(
            tenant, {"waiting": 0, "set_aside": 0, "oldest": None}
        )
        entry["set_aside" if state else "waiting"] = events
        if not state:
            entry["oldest"] = round(age - born)
    aside = db.execute(
        "SELECT id, tenant, device, stored, length(message), reason FROM events"
        " WHERE state = 1 ORDER BY id LIMIT ?",
        (MOST_SHOWN,),
    )
    names = ("number", "tenant", "device", "stored", "bytes", "reason")
    return {
        "tenants": tenants,
        "set_aside": [dict(zip(names, row, strict=True)) for row in aside],
    }
