"""The words that the schemas of the management API are written in.

JSON Schema 2020-12 as OpenAPI 3.1 has it, of which only what draft 7 knows as well is
used: that is what checks it here.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

# Hono's own patterns, of HONO_REGISTRY_HTTP_TENANTIDPATTERN and _DEVICEIDPATTERN.
TENANT_ID = r"^[a-zA-Z0-9_.-]+$"
DEVICE_ID = r"^[a-zA-Z0-9_.:=-]+$"
AUTH_ID = r"^[a-zA-Z0-9_=.-]+$"

# Characters; an id is part of addresses, paths and log lines.
LONGEST_ID = 256

ALIAS = r"^[a-z0-9-]+$"
GROUP = r"^[a-zA-Z0-9_-]+$"
_BASE64_TEXT = r"^[A-Za-z0-9+/]*={0,2}$"
# ISO 8601, as RFC 3339 has it and Java writes it; the calendar has its say later.
_MOMENT_TEXT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})$"
)
PLACEHOLDER = r"\{\{subject-(dn|cn|ou|o)\}\}"

INT32, INT64 = 2**31 - 1, 2**63 - 1


def ref(name: str) -> Schema:
    """Return the reference to the schema called *name*."""
    return {"$ref": f"#/components/schemas/{name}"}


def text(pattern: str | None = None, **more: Any) -> Schema:
    """Return the schema of a string that is not empty."""
    return {
        "type": "string",
        "minLength": 1,
        **({"pattern": pattern} if pattern else {}),
        **more,
    }


def record(properties: dict[str, Schema], *required: str, **more: Any) -> Schema:
    """Return the schema of an object with these *properties* and no others."""
    needed = {"required": list(required)} if required else {}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        **needed,
        **more,
    }


def listed(items: Schema, **more: Any) -> Schema:
    """Return the schema of a list of *items*."""
    return {"type": "array", "items": items, **more}


def flag(default: bool, **more: Any) -> Schema:
    """Return the schema of a boolean."""
    return {"type": "boolean", "default": default, **more}


EXT: Schema = {
    "type": "object",
    "description": "Whatever the registry's users want to keep here.",
}
MOMENT = text(_MOMENT_TEXT, maxLength=40, examples=["2026-05-01T14:00:00+01:00"])
BASE64 = {"type": "string", "pattern": _BASE64_TEXT, "minLength": 4}
SECRET = BASE64 | {"writeOnly": True}
