"""The JSON schemas of the management API (facts of Hono, §4.6)."""

from __future__ import annotations

from edgeproxy.registry.management.bulkschemas import BULK
from edgeproxy.registry.management.secretschemas import CREDENTIALS
from edgeproxy.registry.management.vocabulary import (
    ALIAS,
    BASE64,
    DEVICE_ID,
    EXT,
    GROUP,
    INT32,
    INT64,
    LONGEST_ID,
    MOMENT,
    PLACEHOLDER,
    Schema,
    flag,
    listed,
    record,
    ref,
    text,
)


def _limit(description: str) -> Schema:
    return {
        "type": "integer",
        "minimum": -1,
        "maximum": INT64,
        "default": -1,
        "description": f"{description}; -1: no limit.",
    }


_PERIOD = record(
    {
        "mode": text(enum=["days", "monthly"]),
        "no-of-days": {"type": "integer", "minimum": 1, "maximum": INT32},
    },
    "mode",
)

_TENANT = record(
    {
        "enabled": flag(True),
        "alias": text(ALIAS, maxLength=LONGEST_ID),
        "ext": EXT,
        "adapters": listed(ref("Adapter"), minItems=1),
        "defaults": ref("Defaults"),
        "minimum-message-size": {
            "type": "integer",
            "minimum": 0,
            "maximum": INT32,
            "default": 0,
            "description": "Bytes; sizes count as multiples of it.",
        },
        "registration-limits": record(
            {
                "max-devices": _limit("Devices of the tenant"),
                "max-credentials-per-device": _limit("Credentials of a device"),
                "ext": EXT,
            }
        ),
        "resource-limits": ref("ResourceLimits"),
        "tracing": record(
            {
                "sampling-mode": text(enum=["default", "all", "none"]),
                "sampling-mode-per-auth-id": {
                    "type": "object",
                    "additionalProperties": text(enum=["default", "all", "none"]),
                },
            }
        ),
        "trust-anchor-group": text(
            GROUP,
            description="Tenants of one group may trust CAs of the same name.",
        ),
        "trusted-ca": listed(ref("TrustedCA")),
    },
)

_RESOURCE_LIMITS = record(
    {
        "max-connections": _limit("Connections at once"),
        "max-ttl": _limit("Seconds that an event lives"),
        "max-ttl-telemetry-qos0": _limit("Seconds that a QoS 0 message lives"),
        "max-ttl-telemetry-qos1": _limit("Seconds that a QoS 1 message lives"),
        "max-ttl-command-response": _limit("Seconds that an answer lives"),
        "data-volume": record(
            {
                "effective-since": MOMENT,
                "max-bytes": _limit("Bytes of payload in a period"),
                "period": _PERIOD,
            },
            "effective-since",
        ),
        "connection-duration": record(
            {
                "effective-since": MOMENT,
                "max-minutes": _limit("Minutes connected in a period"),
                "period": _PERIOD,
            },
            "effective-since",
        ),
        "ext": EXT,
    }
)

_TRUSTED_CA = record(
    {
        "id": text(maxLength=LONGEST_ID),
        "enabled": flag(True),
        "cert": {
            "type": "string",
            "minLength": 4,
            "writeOnly": True,
            "description": "The CA's certificate, Base64 of its DER or PEM: everything "
            "else that it says is taken from it.",
        },
        "subject-dn": text(description="RFC 2253."),
        "subject-dn-bytes": BASE64 | {"description": "The DER of the name."},
        "public-key": BASE64 | {"description": "The DER of its SubjectPublicKeyInfo."},
        "algorithm": text(enum=["RSA", "EC"], default="RSA"),
        "not-before": MOMENT,
        "not-after": MOMENT,
        "auth-id-template": text(
            PLACEHOLDER, description="Of {{subject-dn}}, -cn, -ou and -o."
        ),
        "auto-provisioning-enabled": flag(False),
        "auto-provision-as-gateway": flag(False),
        "auto-provisioning-device-id-template": text(PLACEHOLDER),
        "ocsp-revocation-enabled": flag(False),
        "ocsp-responder-uri": text(),
        "ocsp-responder-cert": BASE64,
        "ocsp-nonce-enabled": flag(False),
    },
    description="Either cert, or public-key with not-before, not-after and subject-dn "
    "or subject-dn-bytes.",
)

_DEVICE = record(
    {
        "enabled": flag(True),
        "defaults": ref("Defaults"),
        "via": listed(
            text(DEVICE_ID, maxLength=LONGEST_ID),
            description="The gateways that may act for the device.",
        ),
        "viaGroups": listed(
            text(DEVICE_ID, maxLength=LONGEST_ID),
            description="The groups whose gateways may act for the device.",
        ),
        "memberOf": listed(
            text(DEVICE_ID, maxLength=LONGEST_ID),
            description="The groups that this gateway is in; excludes via, viaGroups.",
        ),
        "authorities": listed(text(enum=["auto-provisioning-enabled"])),
        "downstream-message-mapper": text(),
        "upstream-message-mapper": text(),
        "ext": EXT,
        "command-endpoint": record(
            {
                "uri": text(),
                "headers": {
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                },
                "payload-properties": {
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                },
            },
            "uri",
        ),
        "status": {
            "type": "object",
            "description": "The registry's: when it was created and updated, by whom. "
            "What is written here is ignored.",
        },
    }
)


def _found(name: str) -> Schema:
    """Return the schema of what a search finds: *name*, with its id."""
    found = SCHEMAS[name]
    properties = {"id": text(), **found["properties"]}
    return record(
        {
            "total": {"type": "integer", "minimum": 0},
            "result": listed(record(properties, "id")),
        },
        "total",
        "result",
    )


SCHEMAS: dict[str, Schema] = {
    "Tenant": _TENANT,
    "Adapter": {
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": text(examples=["hono-http"]),
            "enabled": {"type": "boolean"},
            "device-authentication-required": flag(True),
            "ext": EXT,
        },
    },
    "Defaults": {
        "type": "object",
        "description": "Defaults for the properties of messages.",
        "additionalProperties": {
            "type": ["string", "number", "boolean"],
            "minimum": -INT64,
            "maximum": INT64,
        },
    },
    "ResourceLimits": _RESOURCE_LIMITS,
    "TrustedCA": _TRUSTED_CA,
    "Device": _DEVICE,
    **CREDENTIALS,
    **BULK,
    "Created": record({"id": text()}, "id"),
    "Error": record(
        {
            "error": {"type": "string"},
            "detail": {"type": "string", "description": "More of it, for people."},
        },
        "error",
    ),
}
SCHEMAS["ImportedDevice"] = record(
    {
        "id": text(DEVICE_ID, maxLength=LONGEST_ID),
        **_DEVICE["properties"],
        "credentials": ref("Credentials"),
    },
    "id",
    description="A device with its id and its credentials.",
)
SCHEMAS["TenantsFound"] = _found("Tenant")
SCHEMAS["DevicesFound"] = _found("Device")
