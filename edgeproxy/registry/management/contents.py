"""Bodies of requests: JSON, and of the form that the document says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn

import fastjsonschema

from edgeproxy.registry.management.document import DOCUMENT
from edgeproxy.registry.management.refusals import malformed

# As Hono's: anything may follow a semicolon.
_JSON_TYPE = re.compile(r"application/json\s*(;.*)?", re.IGNORECASE)

# Objects within lists within objects. SQLite reads no more than 1,000, Python's stack
# is not for strangers to fill, and nobody has ten.
DEEPEST = 50

_INF = float("inf")


def read_json(content_type: str | None, body: bytes, required: bool) -> Any:
    """Return the value in *body*, or None of an empty one that is not *required*.

    Raises `Refused` with Hono's texts.
    """
    if not body and not required:
        return None
    if content_type is None:
        raise malformed("Missing Content-Type header")
    if not _JSON_TYPE.fullmatch(content_type.strip()):
        raise malformed(f"Unsupported Content-Type [{content_type}]")
    if not body:
        raise malformed("Empty body")
    value = parse(body)
    if value is None:
        raise malformed("Null body")
    return value


def parse(text: bytes | str) -> Any:
    """Return the JSON value in *text*; raises `Refused`.

    Of what Python takes for JSON, that is refused which nobody could be given back:
    numbers without end, halves of surrogate pairs.
    """
    try:
        if not isinstance(text, str):
            text = text.decode("utf-8")
        value = json.loads(text, parse_constant=_no_number, parse_float=_number)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise malformed("Invalid JSON") from None
    if text.count("[") + text.count("{") > DEEPEST and _depth(value) > DEEPEST:
        raise malformed("Invalid JSON")
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _number(text: str) -> float:
    number = float(text)
    if abs(number) == _INF:
        raise ValueError("too large")
    return number


def _depth(value: Any) -> int:
    """Return how deep *value* is nested, and at most one more than is allowed."""
    depth, level = 0, [value]
    while level and depth <= DEEPEST:
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                below.extend(each.values())
            elif isinstance(each, list):
                below.extend(each)
        depth, level = depth + 1, below
    return depth


def check(name: str, value: Any, otherwise: str) -> None:
    """Refuse *value* with the text *otherwise* unless it is of the schema *name*."""
    try:
        _validator(name)(value)
    except fastjsonschema.JsonSchemaException as error:
        raise malformed(otherwise, str(error)) from None


@cache
def _validator(name: str) -> Callable[[Any], Any]:
    """Return the validator, which is made when it is first needed (10 ms)."""
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$ref": f"#/components/schemas/{name}",
        "components": DOCUMENT["components"],
    }
    validator: Callable[[Any], Any] = fastjsonschema.compile(schema, use_default=False)
    return validator
