"""The JSON schemas of imports and exports, which are edgeproxy's own."""

from __future__ import annotations

from edgeproxy.registry.management.vocabulary import (
    Schema,
    flag,
    listed,
    record,
    ref,
    text,
)

# Devices of one request.
MOST_IMPORTED = 1000

BULK: dict[str, Schema] = {
    "Import": record(
        {
            "devices": listed(
                {"type": "object"},
                maxItems=MOST_IMPORTED,
                description="Of the form ImportedDevice; others are refused one by "
                "one, and named in the answer.",
            ),
            "replace": flag(
                False,
                description="Replace what is there; otherwise it is refused, unless "
                "it is the same.",
            ),
            "dry-run": flag(False, description="Change nothing; only say what would."),
        },
        "devices",
    ),
    "Imported": record(
        {
            "created": {"type": "integer"},
            "replaced": {"type": "integer"},
            "unchanged": {"type": "integer"},
            "refused": listed(
                record(
                    {
                        "index": {"type": "integer", "description": "From 0."},
                        "id": {"type": "string"},
                        "error": {"type": "string"},
                    },
                    "index",
                    "error",
                )
            ),
        },
        "created",
        "replaced",
        "unchanged",
        "refused",
    ),
    "Export": record(
        {
            "after": text(description="The `next` of the page before."),
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_IMPORTED,
                "default": MOST_IMPORTED,
            },
            "secrets": flag(
                False,
                description="With hashes, salts and keys, for a backup. Only for "
                "operators who have logged in.",
            ),
        }
    ),
    "Exported": record(
        {
            "devices": listed(ref("ImportedDevice")),
            "next": text(description="Absent on the last page."),
        },
        "devices",
    ),
}
