"""Credentials as they arrive, are merged with those on record, and are shown."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from edgeproxy.portal.dn import canonical_of
from edgeproxy.registry.anchors import (
    from_base64,
    public_key_of,
    read_certificate,
    validity_of,
)
from edgeproxy.registry.management import refusals
from edgeproxy.registry.management.contents import check
from edgeproxy.registry.management.refusals import malformed
from edgeproxy.registry.management.tenants import algorithm_of
from edgeproxy.registry.moments import iso_time, unix_time
from edgeproxy.registry.rows import lookup_key, new_id

JSON = dict[str, Any]

# What is never shown again once it was written. Hono hides the hash function as well.
CONFIDENTIAL = frozenset({"hash-function", "pwd-hash", "salt", "pwd-plain", "key"})

# Of what a secret consists, without which a new one is none.
_ESSENCE = {"hashed-password": "pwd-hash", "psk": "key", "rpk": "key"}

# Hono's maxBcryptCostFactor: each step doubles what a log-in costs us.
MOST_BCRYPT_COST = 10

# What bcrypt takes of a password, in bytes; it would ignore the rest.
MOST_PASSWORD = 72

_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")
_DIGEST_SIZES = {"sha-256": 32, "sha-512": 64}


def taken_in(data: Any) -> list[JSON]:
    """Return the credentials in *data*, certificates taken apart; raises `Refused`.

    Passwords are still as they were written; `hash_passwords` is next.
    """
    if not isinstance(data, list):
        raise malformed(refusals.NO_ARRAY)
    check("Credentials", data, refusals.BAD_CREDENTIALS)
    try:
        taken = [_credentials(each) for each in data]
        keys = [key_of(each) for each in taken]
        if len(set(keys)) < len(keys):
            raise ValueError("two have the same type and auth-id")
    except ValueError as error:
        raise malformed(refusals.BAD_CREDENTIALS, str(error)) from None
    return taken


def key_of(credentials: Mapping[str, Any]) -> tuple[str, str]:
    """Return what identifies *credentials* within a tenant."""
    kind: str = credentials["type"]
    return kind, lookup_key(kind, credentials["auth-id"])


def _credentials(data: Mapping[str, Any]) -> JSON:
    kind, taken = data["type"], dict(data)
    encoded = taken.pop("cert", None)
    if encoded is not None:
        if "auth-id" in taken or "secrets" in taken:
            raise ValueError("cert goes without auth-id and secrets")
        certificate = read_certificate(encoded)
        before, after = map(iso_time, validity_of(certificate))
        taken["auth-id"] = canonical_of(certificate.subject)
        taken["secrets"] = [{"not-before": before, "not-after": after}]
    elif "auth-id" not in taken or "secrets" not in taken:
        raise ValueError("needs cert, or auth-id and secrets")
    lookup_key(kind, taken["auth-id"])
    taken["secrets"] = [_secret(kind, secret) for secret in taken["secrets"]]
    ids = [secret["id"] for secret in taken["secrets"] if "id" in secret]
    if len(set(ids)) < len(ids):
        raise ValueError("two secrets have the same id")
    return taken


def _secret(kind: str, data: Mapping[str, Any]) -> JSON:
    taken = dict(data)
    encoded = taken.pop("cert", None)
    if encoded is not None:  # only raw public keys have one
        certificate = read_certificate(encoded)
        before, after = map(iso_time, validity_of(certificate))
        der = public_key_of(certificate)
        taken |= {"key": base64.b64encode(der).decode()}
        taken = {"not-before": before, "not-after": after, **taken}
    if kind == "rpk" and "key" in taken:
        taken["algorithm"] = algorithm_of(from_base64(taken["key"]))
    elif "key" in taken:
        from_base64(taken["key"])
    if kind == "hashed-password":
        _check_password(taken)
    since, until = unix_time(taken.get("not-before")), unix_time(taken.get("not-after"))
    if since is not None and until is not None and not since < until:
        raise ValueError("not-before is not before not-after")
    return taken


def _check_password(secret: JSON) -> None:
    plain, stored = secret.get("pwd-plain"), secret.get("pwd-hash")
    if plain is not None:
        if stored is not None:
            raise ValueError("pwd-plain goes without pwd-hash")
        if "\0" in plain or len(plain.encode()) > MOST_PASSWORD:
            raise ValueError(f"pwd-plain is at most {MOST_PASSWORD} bytes, none of 0")
        secret.pop("hash-function", None)
        secret.pop("salt", None)
    elif stored is not None:
        function = secret.setdefault("hash-function", "sha-256")
        from_base64(secret.get("salt", ""))
        if function == "bcrypt":
            found = _BCRYPT.fullmatch(stored)
            if found is None or not 4 <= int(found[1]) <= MOST_BCRYPT_COST:
                raise ValueError(f"no bcrypt hash of a cost up to {MOST_BCRYPT_COST}")
        elif len(from_base64(stored)) != _DIGEST_SIZES[function]:
            raise ValueError(f"pwd-hash is no {function}")
    elif "id" not in secret or secret.keys() & {"hash-function", "salt"}:
        raise ValueError("a secret needs pwd-hash or pwd-plain")


def passwords_in(credentials: Iterable[JSON]) -> list[JSON]:
    """Return the secrets whose password is yet to be hashed."""
    return [
        secret
        for each in credentials
        for secret in each["secrets"]
        if "pwd-plain" in secret
    ]


def hash_passwords(secrets: Iterable[JSON], hashed: Callable[[bytes], bytes]) -> None:
    """Replace the passwords of *secrets* by what *hashed* makes of them: bcrypt."""
    for secret in secrets:
        secret["hash-function"] = "bcrypt"
        secret["pwd-hash"] = hashed(secret.pop("pwd-plain").encode()).decode()


def merged(credentials: JSON, recorded: JSON | None) -> JSON:
    """Return *credentials* with what they leave out of secrets that are *recorded*.

    A secret with an id is one on record; others get one. Raises `Refused`.
    """
    known = {s["id"]: s for s in recorded["secrets"] if "id" in s} if recorded else {}
    secrets = []
    for secret in credentials["secrets"]:
        if "id" in secret:
            before = known.get(secret["id"])
            if before is None:
                raise malformed(refusals.BAD_CREDENTIALS, "no secret has the id given")
            if not secret.keys() & {"pwd-hash", "key"}:
                kept = CONFIDENTIAL | {"algorithm"}
                secret = {n: v for n, v in before.items() if n in kept} | secret
        else:
            secret = {"id": new_id(), **secret}
        essence = _ESSENCE.get(credentials["type"])
        if essence is not None and essence not in secret:
            raise malformed(refusals.BAD_CREDENTIALS, f"a secret needs {essence}")
        secrets.append(secret)
    return {**credentials, "secrets": secrets}


def shown(credentials: JSON) -> JSON:
    """Return *credentials* without anything confidential."""
    secrets = [
        {name: value for name, value in secret.items() if name not in CONFIDENTIAL}
        for secret in credentials["secrets"]
    ]
    return {**credentials, "secrets": secrets}
