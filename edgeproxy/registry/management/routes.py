"""Finds what a request asks for, and checks its parameters, by the document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import attrs

from edgeproxy.registry.management.document import BULK, DOCUMENT, MOST_BODY, MOST_BULK
from edgeproxy.registry.management.refusals import (
    Refused,
    failed_validation,
    malformed,
)

# Hono's names of the parameters in paths, for its texts.
_HONO = {"tenantId": "tenant_id", "deviceId": "device_id"}


@attrs.frozen
class Operation:
    """What can be asked for: *name* in the document, and what it takes.

    *body* is the name of the schema that its body has (None: it takes none), and
    *required* whether there must be one; *most_body* is in bytes.
    """

    name: str
    body: str | None
    required: bool
    most_body: int
    query: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Operation:
        """Return the operation that *data* of the document describes."""
        name, body, required = data["operationId"], None, False
        if "requestBody" in data:
            ((_, content),) = data["requestBody"]["content"].items()
            body = content["schema"]["$ref"].rpartition("/")[2]
            required = data["requestBody"]["required"]
        return cls(
            name,
            body,
            required,
            MOST_BULK if name in BULK else MOST_BODY,
            {
                parameter["name"]: parameter["schema"]
                for parameter in data.get("parameters", ())
                if parameter["in"] == "query"
            },
        )


@attrs.frozen
class Path:
    """A path of the document: its *segments*, None for a parameter, and operations."""

    segments: tuple[str | None, ...]
    names: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    most: int
    operations: Mapping[bytes, Operation]

    @classmethod
    def of(cls, path: str, data: Mapping[str, Any]) -> Path:
        """Return the path that *data* of the document describes."""
        parameters = data.get("parameters", ())
        return cls(
            tuple(None if s[:1] == "{" else s for s in path.split("/")[1:]),
            tuple(parameter["name"] for parameter in parameters),
            tuple(
                re.compile(parameter["schema"]["pattern"]) for parameter in parameters
            ),
            min((p["schema"]["maxLength"] for p in parameters), default=0),
            {
                method.upper().encode(): Operation.of(operation)
                for method, operation in data.items()
                if method != "parameters"
            },
        )

    def ids(self, segments: list[str]) -> dict[str, str]:
        """Return the parameters in *segments* by name; raises `Refused`."""
        values = [
            value
            for value, own in zip(segments, self.segments, strict=True)
            if own is None
        ]
        found = {}
        for name, pattern, value in zip(self.names, self.patterns, values, strict=True):
            # Not match(): what `$` matches may be before a line feed.
            if len(value) > self.most or not pattern.fullmatch(value):
                raise failed_validation(_HONO[name], value)
            found[name] = value
        return found


PATHS = [Path.of(path, data) for path, data in DOCUMENT["paths"].items()]


def find_path(path: bytes) -> tuple[Path, list[str]]:
    """Return what *path* (origin-form, without query) leads to, and its segments.

    Raises `Refused` with 404, or 400 where it is not UTF-8.
    """
    try:
        segments = [
            unquote_to_bytes(segment).decode("utf-8")
            for segment in path[1:].split(b"/")
        ]
    except UnicodeDecodeError:
        raise malformed("the path is not UTF-8") from None
    if len(segments) > 1 and not segments[-1]:
        segments.pop()
    for found in PATHS:
        if len(found.segments) == len(segments) and all(
            own is None or own == segment
            for own, segment in zip(found.segments, segments, strict=True)
        ):
            return found, segments
    raise Refused(404, "Resource not found")


def read_query(query: bytes, operation: Operation) -> dict[str, Any]:
    """Return the parameters of *operation* in *query*, with their defaults.

    What the document does not name is ignored, as Hono does. Raises `Refused`.
    """
    try:
        pairs = parse_qsl(
            query.decode("utf-8"), keep_blank_values=True, errors="strict"
        )
    except (UnicodeDecodeError, ValueError):
        raise malformed("the query is not UTF-8") from None
    found: dict[str, Any] = {}
    for name, schema in operation.query.items():
        values = [value for key, value in pairs if key == name]
        if schema["type"] == "array":
            if len(values) > schema["maxItems"] or not all(values):
                raise failed_validation(name, ", ".join(values)[:200])
            found[name] = values
        elif values:
            found[name] = _one(name, schema, values)
        else:
            found[name] = schema.get("default")
    return found


def _one(name: str, schema: Mapping[str, Any], values: list[str]) -> int | bool:
    value = values[0]
    if len(values) == 1:
        if schema["type"] == "boolean" and value in ("true", "false"):
            return value == "true"
        if (
            schema["type"] == "integer"
            and re.fullmatch(r"[0-9]{1,10}", value)
            and schema["minimum"] <= int(value) <= schema["maximum"]
        ):
            return int(value)
    raise failed_validation(name, ", ".join(values)[:200])
