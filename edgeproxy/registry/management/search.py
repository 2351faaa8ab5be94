"""Searches tenants and devices: JSON pointers, wildcards and pages, as SQL."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from edgeproxy.registry.management import refusals
from edgeproxy.registry.management.contents import parse
from edgeproxy.registry.management.refusals import Refused, failed_validation
from edgeproxy.registry.management.tenants import device_shown

# Seconds that one search may take: operators may write what takes for ever.
LONGEST = 5.0

# Steps of SQLite's machine between two looks at the clock.
_STEPS = 100_000

_TABLES = {"tenants": "tenant", "devices": "device"}

# A gateway is what others are behind, or is in a group that they may be. The inner
# query is of the tenant alone, so that it is made once, not for each device.
_GATEWAYS = (
    "(device IN (SELECT value FROM devices AS d, json_each(d.data, '$.via')"
    " WHERE d.tenant = ?)"
    " OR coalesce(json_array_length(data, '$.memberOf'), 0) > 0)"
)


@attrs.frozen
class Query:
    """What to search: SQL of a condition and an order, each with its values."""

    condition: str
    values: list[Any]
    order: str
    order_values: list[Any]
    size: int
    offset: int


def read_query(
    table: str, tenant_id: str | None, parameters: Mapping[str, Any]
) -> Query:
    """Return the query on *table* that *parameters* describe; raises `Refused`.

    *tenant_id* is whose devices are searched.
    """
    conditions: list[str] = ["1"]
    values: list[Any] = []
    gateway = parameters.get("isGateway")
    if gateway is not None:
        conditions.append(_GATEWAYS if gateway else f"NOT {_GATEWAYS}")
        values.append(tenant_id)
    else:
        for text in parameters["filterJson"]:
            condition, more = _filter(table, text)
            conditions.append(condition)
            values += more
    order, order_values = [], []
    for text in parameters["sortJson"]:
        term, more = _sort(table, text)
        order.append(term)
        order_values += more
    order.append(_TABLES[table])
    return Query(
        " AND ".join(conditions),
        values,
        ", ".join(order),
        order_values,
        parameters["pageSize"],
        parameters["pageOffset"],
    )


def _object(name: str, text: str, *members: str) -> dict[str, Any]:
    """Return the JSON object in *text*, which has *members* and no others."""
    try:
        found = parse(text)
    except Refused:
        found = None
    if (
        not isinstance(found, dict)
        or set(found) - {"field", *members}
        or not isinstance(found.get("field"), str)
        or not found["field"].startswith("/")
        or "\0" in found["field"]  # SQLite would take it for the end
    ):
        raise failed_validation(name, text[:200])
    return found


def _filter(table: str, text: str) -> tuple[str, list[Any]]:
    found = _object("filterJson", text, "op", "value")
    value = found.get("value")
    if found.get("op", "eq") != "eq" or not isinstance(value, str | int | float):
        raise failed_validation("filterJson", text[:200])
    if found["field"] == "/id":
        return _compared(_TABLES[table], str(value)), [_pattern(str(value))]
    path = _path(found["field"])
    if isinstance(value, bool):
        # What is not said of `enabled` is that it is.
        absent = "'true'" if found["field"] == "/enabled" else "''"
        wanted = "true" if value else "false"
        return f"coalesce(json_type(data, ?), {absent}) = ?", [path, wanted]
    if isinstance(value, str):
        compared = _compared("json_extract(data, ?)", value)
        condition = f"json_type(data, ?) = 'text' AND {compared}"
        return condition, [path, path, _pattern(value)]
    if isinstance(value, int) and abs(value) >= 2**63:
        value = float(value)
    condition = (
        "json_type(data, ?) IN ('integer', 'real') AND json_extract(data, ?) = ?"
    )
    return condition, [path, path, value]


def _compared(what: str, value: str) -> str:
    return f"{what} GLOB ?" if "*" in value or "?" in value else f"{what} = ?"


def _pattern(value: str) -> str:
    """Return *value* for GLOB, which has one more special character than Hono."""
    return value.replace("[", "[[]") if "*" in value or "?" in value else value


def _sort(table: str, text: str) -> tuple[str, list[Any]]:
    found = _object("sortJson", text, "direction")
    direction = found.get("direction", "asc")
    if direction not in ("asc", "desc"):
        raise failed_validation("sortJson", text[:200])
    if found["field"] == "/id":
        return f"{_TABLES[table]} {direction}", []
    return f"json_extract(data, ?) {direction}", [_path(found["field"])]


def _path(pointer: str) -> str:
    """Return the JSON pointer (RFC 6901) as a path of SQLite's.

    That has no escape for a quote, so a name with one is looked for in vain.
    """
    steps = []
    for token in pointer[1:].split("/"):
        name = token.replace("~1", "/").replace("~0", "~").replace('"', "\ufffd")
        steps.append(f'."{name}"')
    return "$" + "".join(steps)


def run_search(
    db: sqlite3.Connection,
    table: str,
    tenant_id: str | None,
    query: Query,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Return what *query* finds, as the API shows it; raises `Refused`.

    *tenant_id* is whose devices are searched.
    """
    deadline = clock() + LONGEST
    db.set_progress_handler(lambda: clock() > deadline, _STEPS)
    try:
        db.execute("BEGIN")
        try:
            return _searched(db, table, tenant_id, query)
        finally:
            db.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if "interrupt" in str(error):
            raise Refused(503, "the search takes too long") from None
        raise
    finally:
        db.set_progress_handler(None, 0)


def _searched(
    db: sqlite3.Connection, table: str, tenant_id: str | None, query: Query
) -> dict[str, Any]:
    scope, values = "1", list(query.values)
    if tenant_id is not None:
        known = "SELECT 1 FROM tenants WHERE tenant = ?"
        if db.execute(known, (tenant_id,)).fetchone() is None:
            raise Refused(*refusals.NO_TENANT)
        scope, values = "tenant = ?", [tenant_id, *values]
    # Names and conditions are ours; whatever was written is among the values.
    where = f"FROM {table} WHERE {scope} AND {query.condition}"
    (total,) = db.execute(f"SELECT count(*) {where}", values).fetchone()
    if not total:
        raise Refused(*refusals.NONE_FOUND)
    status = ", created, updated, last_user" if table == "devices" else ""
    found = db.execute(
        f"SELECT {_TABLES[table]}, data{status} {where}"
        f" ORDER BY {query.order} LIMIT ? OFFSET ?",
        [*values, *query.order_values, query.size, query.offset],
    )
    return {"total": total, "result": [_shown(*row) for row in found]}


def _shown(name: str, data: str, *status: Any) -> dict[str, Any]:
    value = json.loads(data)
    return {"id": name, **(device_shown(value, *status) if status else value)}
