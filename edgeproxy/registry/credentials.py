"""Hono's JSON form of credentials, read into what a checker compares."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from edgeproxy.portal.interfaces import CredentialsRecord, Secret


def record_from_json(device_id: str, data: Mapping[str, Any]) -> CredentialsRecord:
    """Return the record for *device_id* of the JSON object *data*.

    Its ``secrets`` have ``hash-function`` (``sha-256`` where absent), ``pwd-hash``
    and ``salt`` in Base64, ``not-before`` and ``not-after`` as ISO 8601 with offset
    (facts of Hono, hashed-password verification). Raises `ValueError`.
    """
    secrets = [_secret(secret) for secret in data.get("secrets", ())]
    return CredentialsRecord(device_id, data.get("enabled", True), secrets)


def _secret(data: Mapping[str, Any]) -> Secret:
    function, stored = data.get("hash-function", "sha-256"), data.get("pwd-hash", "")
    return Secret(
        hash_function=function,
        digest=_base64(stored) if function.startswith("sha-") else stored.encode(),
        salt=_base64(data.get("salt", "")),
        not_before=_unix_time(data.get("not-before")),
        not_after=_unix_time(data.get("not-after")),
        enabled=data.get("enabled", True),
    )


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not Base64: {error}") from None


def _unix_time(text: str | None) -> float | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
