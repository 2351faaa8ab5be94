"""Tenants and devices as they arrive, and as they are shown."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from edgeproxy.portal.dn import canonical_of
from edgeproxy.registry.anchors import (
    anchor_from_json,
    public_key_of,
    read_certificate,
    validity_of,
)
from edgeproxy.registry.management import refusals
from edgeproxy.registry.management.contents import check
from edgeproxy.registry.management.refusals import Refused, malformed
from edgeproxy.registry.model import tenant_from_json
from edgeproxy.registry.moments import iso_time, unix_time
from edgeproxy.registry.rows import new_id


def tenant_taken_in(data: Any) -> dict[str, Any]:
    """Return the tenant *data* as it is stored: certificates taken apart.

    Raises `Refused`.
    """
    check("Tenant", data, refusals.BAD_TENANT)
    try:
        types = [adapter["type"] for adapter in data.get("adapters", ())]
        if len(set(types)) < len(types):
            raise ValueError("adapters: a type is listed twice")
        taken = dict(data)
        if "trusted-ca" in data:
            taken["trusted-ca"] = [_anchor(anchor) for anchor in data["trusted-ca"]]
            ids = [anchor["id"] for anchor in taken["trusted-ca"]]
            if len(set(ids)) < len(ids):
                raise ValueError("trusted-ca: an id is given twice")
        for limit in ("data-volume", "connection-duration"):
            unix_time(
                data.get("resource-limits", {}).get(limit, {}).get("effective-since")
            )
        tenant_from_json("", taken)
    except ValueError as error:
        raise malformed(refusals.BAD_TENANT, str(error)) from None
    return taken


def _anchor(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the trusted CA *data* with what its certificate says in its stead."""
    taken = {"id": new_id(), **data}
    encoded = taken.pop("cert", None)
    if encoded is not None:
        certificate = read_certificate(encoded)
        before, after = map(iso_time, validity_of(certificate))
        key = base64.b64encode(public_key_of(certificate)).decode()
        taken |= {
            "subject-dn": canonical_of(certificate.subject),
            "public-key": key,
            "not-before": before,
            "not-after": after,
        }
    elif "not-before" not in taken or "not-after" not in taken:
        raise ValueError("trusted-ca: needs cert, or not-before and not-after")
    anchor = anchor_from_json(taken)
    if not anchor.not_before < anchor.not_after:
        raise ValueError("trusted-ca: not-before is not before not-after")
    taken["algorithm"] = algorithm_of(anchor.public_key)
    return taken


def algorithm_of(public_key: bytes) -> str:
    """Return Hono's name of the type of a key; raises `ValueError` for another."""
    key = serialization.load_der_public_key(public_key)
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "EC"
    raise ValueError("a key must be RSA or EC")


def device_taken_in(data: Any) -> dict[str, Any]:
    """Return the device *data* as it is stored; raises `Refused`."""
    check("Device", data, refusals.BAD_DEVICE)
    if "memberOf" in data and ("via" in data or "viaGroups" in data):
        raise Refused(400, refusals.BAD_DEVICE, "memberOf excludes via and viaGroups")
    return {name: value for name, value in data.items() if name != "status"}


def device_shown(
    data: dict[str, Any],
    created: float | None,
    updated: float | None,
    user: str | None,
) -> dict[str, Any]:
    """Return the stored device *data* with its status; times are Unix seconds."""
    status: dict[str, Any] = {}
    if created is not None:
        status["created"] = iso_time(created)
    if updated is not None:
        status["updated"] = iso_time(updated)
    if user is not None:
        status["last-user"] = user
    return {**data, "status": {**data.get("status", {}), **status}}
