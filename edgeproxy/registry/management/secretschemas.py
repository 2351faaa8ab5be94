"""The JSON schemas of credentials, by type (facts of Hono, §4.6)."""

from __future__ import annotations

from edgeproxy.registry.management.vocabulary import (
    AUTH_ID,
    EXT,
    LONGEST_ID,
    MOMENT,
    SECRET,
    Schema,
    flag,
    listed,
    record,
    ref,
    text,
)

_COMMON_SECRET = {
    "id": text(maxLength=LONGEST_ID),
    "enabled": flag(True),
    "not-before": MOMENT,
    "not-after": MOMENT,
    "comment": {"type": "string"},
}
_COMMON = {
    "enabled": flag(True),
    "ext": EXT,
    "comment": {"type": "string"},
}


def _credentials(
    kind: str, auth_id: Schema, secrets: Schema, *required: str, **more: Schema
) -> Schema:
    head = {"type": {"type": "string", "const": kind}, "auth-id": auth_id}
    return record({**head, **_COMMON, "secrets": secrets, **more}, "type", *required)


_HASHED_PASSWORD = _credentials(
    "hashed-password",
    text(AUTH_ID, maxLength=LONGEST_ID),
    listed(
        record(
            {
                **_COMMON_SECRET,
                "hash-function": text(enum=["sha-256", "sha-512", "bcrypt"]),
                "pwd-hash": text(
                    writeOnly=True,
                    description="Base64 of the hash of salt and UTF-8 password; for "
                    "bcrypt its own text, with a cost of 10 at most.",
                ),
                "salt": SECRET | {"minLength": 0},
                "pwd-plain": text(
                    writeOnly=True,
                    maxLength=72,
                    description="Hashed with bcrypt on arrival, which takes 72 bytes.",
                ),
            }
        ),
        minItems=1,
    ),
    "auth-id",
    "secrets",
)
_PSK = _credentials(
    "psk",
    text(maxLength=LONGEST_ID),
    listed(record({**_COMMON_SECRET, "key": SECRET}), minItems=1),
    "auth-id",
    "secrets",
)
_X509 = _credentials(
    "x509-cert",
    text(description="The certificate's subject (RFC 2253)."),
    listed(record(_COMMON_SECRET), minItems=1, maxItems=1),
    cert={
        "type": "string",
        "minLength": 4,
        "writeOnly": True,
        "description": "The certificate, Base64 of its DER or PEM: instead of auth-id "
        "and secrets, which are taken from it.",
    },
)
_RPK = _credentials(
    "rpk",
    text(maxLength=LONGEST_ID),
    listed(
        record(
            {
                **_COMMON_SECRET,
                "algorithm": text(enum=["RSA", "EC"]),
                "key": SECRET,
                "cert": {"type": "string", "minLength": 4, "writeOnly": True},
            }
        ),
        minItems=1,
    ),
    "auth-id",
    "secrets",
)

CREDENTIALS: dict[str, Schema] = {
    "Credentials": listed(
        {
            "anyOf": [
                ref(name)
                for name in ("HashedPassword", "PreSharedKey", "X509", "RawPublicKey")
            ]
        },
        description="All credentials of a device; type and auth-id are unique. A "
        "secret with the id of one on record keeps what is not written.",
    ),
    "HashedPassword": _HASHED_PASSWORD,
    "PreSharedKey": _PSK,
    "X509": _X509,
    "RawPublicKey": _RPK,
}
