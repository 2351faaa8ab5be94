"""Hono's JSON form of credentials, read into what a checker compares."""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from typing import Any

from edgeproxy.portal.interfaces import CredentialsRecord, Secret
from edgeproxy.registry.anchors import from_base64
from edgeproxy.registry.moments import unix_time


def record_from_json(device_id: str, data: Mapping[str, Any]) -> CredentialsRecord:
    """Return the record for *device_id* of the JSON object *data*.

    Its ``secrets`` have ``hash-function`` (``sha-256`` where absent), ``pwd-hash``
    and ``salt`` in Base64, ``not-before`` and ``not-after`` as ISO 8601 with offset
    (facts of Hono, hashed-password verification). The ``pwd-hash`` of ``bcrypt`` is
    its own text. Secrets of other types have the validity alone. Raises `ValueError`.
    """
    secrets = tuple(_secret(secret) for secret in data.get("secrets", ()))
    return CredentialsRecord(device_id, data.get("enabled", True), secrets)


def _secret(data: Mapping[str, Any]) -> Secret:
    function, stored = data.get("hash-function", "sha-256"), data.get("pwd-hash", "")
    return Secret(
        hash_function=intern(function),
        digest=from_base64(stored) if function.startswith("sha-") else stored.encode(),
        salt=from_base64(data.get("salt", "")),
        not_before=unix_time(data.get("not-before")),
        not_after=unix_time(data.get("not-after")),
        enabled=data.get("enabled", True),
    )
