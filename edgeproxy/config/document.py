"""The configuration as text: documented defaults, and what is in force."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from edgeproxy.config.kinds import HostPort
from edgeproxy.config.schema import KEYS
from edgeproxy.config.tables import Config

HEADER = """\
# edgeproxy: every key with its default. Change settings here or, so that upgrades
# of this file never ask questions, in conf.d/*.toml beside it (read in lexical
# order, the later one wins). `edgeproxyctl check-config` says what is wrong,
# `edgeproxyctl config` what is in force and where it came from.
"""


def toml(value: Any) -> str:
    """Return *value* as TOML writes it."""
    if isinstance(value, tuple | list):
        return toml(value[0]) if len(value) == 1 else json.dumps(list(value))
    if isinstance(value, HostPort):
        return json.dumps(str(value))
    return json.dumps(value)


def sample() -> str:
    """Return ``etc/edgeproxy.toml``: each key commented out, by table."""
    lines, current = [HEADER], ""
    for key in KEYS.values():
        table, _, name = key.name.rpartition(".")
        if table != current:
            lines.append(f"[{table}]")
            current = table
        doc = f"{key.doc} ({key.kind.word})"
        lines += textwrap.wrap(doc, 79, initial_indent="# ", subsequent_indent="# ")
        default = "" if key.default is None else " " + toml(key.default)
        lines.append(f"#{name} ={default}\n")
    return "\n".join(lines)


def effective(config: Config, origins: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each key: its value, and where it was set."""
    for key in KEYS.values():
        value: Any = config
        for part in key.name.split("."):
            value = getattr(value, part)
        text = "(not set)" if value is None else toml(value)
        origin = origins.get(key.name)
        yield f"{key.name} = {text}" + (f"    # {origin}" if origin else "")


def as_dict(config: Config) -> dict[str, Any]:
    """Return *config* as nested plain values, for machines."""
    return attrs.asdict(
        config,
        value_serializer=lambda _, __, v: str(v) if isinstance(v, HostPort) else v,
    )
