"""Every key by its dotted name, and what an unknown name probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

import attrs

from edgeproxy.config.kinds import Kind
from edgeproxy.config.tables import Config


@attrs.frozen
class Key:
    """A key: its dotted name, kind, default (as TOML would give it) and sentence."""

    name: str
    kind: Kind
    default: Any
    doc: str


def _walk(record: type, prefix: str) -> Iterator[Key]:
    for field in attrs.fields(record):
        nested = field.metadata.get("table")
        if nested is not None:
            yield from _walk(nested, f"{prefix}{field.name}.")
        else:
            meta = field.metadata
            name = f"{prefix}{field.name}"
            yield Key(name, meta["kind"], meta["default"], meta["doc"])


KEYS: dict[str, Key] = {key.name: key for key in _walk(Config, "")}


def why_unknown(name: str) -> str:
    """Return the sentence for a *name* that is no key of this version."""
    if any(key.startswith(f"{name}.") for key in KEYS):
        return "is a table, not a key"
    near = difflib.get_close_matches(name, KEYS, n=1, cutoff=0.5)
    return f"unknown key (did you mean {near[0]}?)" if near else "unknown key"


def build(values: dict[str, Any]) -> Config:
    """Return the records that hold *values* by dotted name, defaults elsewhere."""

    def record(kind: type, prefix: str) -> Any:
        given: dict[str, Any] = {}
        for field in attrs.fields(kind):
            name = f"{prefix}{field.name}"
            nested = field.metadata.get("table")
            if nested is not None:
                given[field.name] = record(nested, f"{name}.")
            elif name in values:
                given[field.name] = values[name]
        return kind(**given)

    config: Config = record(Config, "")
    return config
