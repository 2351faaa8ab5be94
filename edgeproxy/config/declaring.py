"""How keys and tables of the configuration are declared."""

from __future__ import annotations

from typing import Any

import attrs

from edgeproxy.config.kinds import Kind


def key(default: Any, kind: Kind, doc: str) -> Any:
    """Declare a key with its *default* (as TOML would give it) and *doc*."""
    value = default if default is None or kind.path else kind.read(default)
    return attrs.field(
        default=value, metadata={"kind": kind, "doc": doc, "default": default}
    )


def table(record: type) -> Any:
    """Declare a nested table."""
    return attrs.field(factory=record, metadata={"table": record})
