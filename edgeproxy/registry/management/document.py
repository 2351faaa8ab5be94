"""The OpenAPI 3.1 document of the management API: what there is, what comes back."""

from __future__ import annotations

from typing import Any

import edgeproxy
from edgeproxy.registry.management.schemas import SCHEMAS
from edgeproxy.registry.management.vocabulary import (
    DEVICE_ID,
    LONGEST_ID,
    TENANT_ID,
    Schema,
    ref,
    text,
)

TYPE = "application/json"

# Bytes of a body: Hono's maxPayloadSize. Bulk requests are of many devices.
MOST_BODY, MOST_BULK = 16_000, 1 << 20

_MEANINGS = {
    400: "The request is malformed; the error says where.",
    401: "An operator's log-in is needed.",
    403: "The tenant's limits, or where the request comes from, forbid it.",
    404: "There is no such thing.",
    405: "There is no such method here; Allow names those that are.",
    409: "The id, or what else must be unique, is in use.",
    412: "The resource has another version than If-Match says.",
    413: "The body is too large.",
    414: "The URI is too long.",
    429: "Too many log-ins have failed; Retry-After says when to try again.",
    431: "The header fields are too large.",
    503: "The registry cannot do it now; Retry-After says when to try again.",
}
# What may happen to any request. Of 414 and 431 the HTTP engine tells in its own words.
_ALWAYS = (400, 401, 403, 405, 414, 429, 431, 503)
_SPEECHLESS = (414, 431)

_HEADERS = {
    401: "WWW-Authenticate",
    405: "Allow",
    429: "Retry-After",
    503: "Retry-After",
}

_PATH = {
    "tenantId": text(TENANT_ID, maxLength=LONGEST_ID),
    "deviceId": text(DEVICE_ID, maxLength=LONGEST_ID),
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": "Do it only if the resource still has this version, as ETag said.",
}
_PAGING = [
    {
        "name": "pageSize",
        "in": "query",
        "schema": {"type": "integer", "minimum": 0, "maximum": 200, "default": 30},
    },
    {
        "name": "pageOffset",
        "in": "query",
        "schema": {
            "type": "integer",
            "minimum": 0,
            "maximum": 2**31 - 1,
            "default": 0,
        },
        "description": "Results to skip.",
    },
    {
        "name": "filterJson",
        "in": "query",
        "schema": {"type": "array", "items": text(), "maxItems": 8},
        "description": 'An object such as {"field": "/ext/site", "value": "north-*"}: '
        "a JSON pointer, and a scalar, in which * and ? are wildcards. Several must "
        "all be met.",
    },
    {
        "name": "sortJson",
        "in": "query",
        "schema": {"type": "array", "items": text(), "maxItems": 8},
        "description": 'An object such as {"field": "/id", "direction": "desc"}.',
    },
]
_IS_GATEWAY = {
    "name": "isGateway",
    "in": "query",
    "schema": {"type": "boolean"},
    "description": "Gateways, or devices that are none; then filters do not count.",
}
_ETAG = {"ETag": {"schema": {"type": "string"}, "description": "The new version."}}
_LOCATION = {"Location": {"schema": {"type": "string"}}}


def _content(schema: Schema) -> dict[str, Any]:
    return {TYPE: {"schema": schema}}


def _failure(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": _MEANINGS[status]}
    if status not in _SPEECHLESS:
        answer["content"] = _content(ref("Error"))
    header = _HEADERS.get(status)
    if header:
        answer["headers"] = {header: {"schema": {"type": "string"}}}
    return answer


def _operation(
    name: str,
    summary: str,
    success: dict[int, dict[str, Any]],
    *failures: int,
    parameters: list[dict[str, Any]] | None = None,
    body: str | None = None,
    optional: bool = False,
) -> dict[str, Any]:
    """Return the operation *name*; *body* is the name of its schema."""
    found: dict[str, Any] = {"operationId": name, "summary": summary}
    if parameters:
        found["parameters"] = parameters
    if body is not None:
        found["requestBody"] = {
            "required": not optional,
            "content": _content(ref(body)),
        }
        failures = (*failures, 413)
    answers = success | {s: _failure(s) for s in sorted({*failures, *_ALWAYS})}
    found["responses"] = {str(status): answer for status, answer in answers.items()}
    return found


def _with(schema: str, etag: bool = True) -> dict[int, dict[str, Any]]:
    answer = {"description": "Found.", "content": _content(ref(schema))}
    return {200: answer | ({"headers": _ETAG} if etag else {})}


_CREATED = {
    201: {
        "description": "Created.",
        "headers": _ETAG | _LOCATION,
        "content": _content(ref("Created")),
    }
}
_UPDATED = {204: {"description": "Changed.", "headers": _ETAG}}
_DELETED = {204: {"description": "Deleted, with all that depends on it."}}


def _resource(thing: str, schema: str) -> dict[str, Any]:
    """Return the operations on one tenant or device with its id in the path."""
    make = _operation(
        f"create{schema}WithId",
        f"Create a {thing}",
        _CREATED,
        404,
        409,
        body=schema,
        optional=True,
    )
    return {
        "post": make,
        "get": _operation(f"get{schema}", f"Get a {thing}", _with(schema), 404),
        "put": _operation(
            f"update{schema}",
            f"Replace a {thing}",
            _UPDATED,
            404,
            409,
            412,
            parameters=[_IF_MATCH],
            body=schema,
        ),
        "delete": _operation(
            f"delete{schema}",
            f"Delete a {thing}",
            _DELETED,
            404,
            412,
            parameters=[_IF_MATCH],
        ),
    }


_PATHS: dict[str, dict[str, Any]] = {
    "/v1/tenants": {
        "post": _operation(
            "createTenant",
            "Create a tenant with an id made here",
            _CREATED,
            409,
            body="Tenant",
            optional=True,
        ),
        "get": _operation(
            "searchTenants",
            "Search tenants; 404 where none is found",
            _with("TenantsFound", etag=False),
            404,
            parameters=_PAGING,
        ),
    },
    "/v1/tenants/{tenantId}": _resource("tenant", "Tenant"),
    "/v1/devices/{tenantId}": {
        "post": _operation(
            "createDevice",
            "Create a device with an id made here",
            _CREATED,
            404,
            body="Device",
            optional=True,
        ),
        "get": _operation(
            "searchDevices",
            "Search devices of a tenant; 404 where none is found",
            _with("DevicesFound", etag=False),
            404,
            parameters=[*_PAGING, _IS_GATEWAY],
        ),
        "delete": _operation(
            "deleteDevices", "Delete all devices of a tenant", _DELETED
        ),
    },
    "/v1/devices/{tenantId}/{deviceId}": _resource("device", "Device"),
    "/v1/credentials/{tenantId}/{deviceId}": {
        "get": _operation(
            "getCredentials",
            "Get a device's credentials, without any secret",
            _with("Credentials"),
            404,
        ),
        "put": _operation(
            "updateCredentials",
            "Replace a device's credentials",
            _UPDATED,
            404,
            409,
            412,
            parameters=[_IF_MATCH],
            body="Credentials",
        ),
    },
    "/v1/bulk/{tenantId}/import": {
        "post": _operation(
            "importDevices",
            "Create many devices with their credentials",
            _with("Imported", etag=False),
            404,
            body="Import",
        )
    },
    "/v1/bulk/{tenantId}/export": {
        "post": _operation(
            "exportDevices",
            "Read many devices with their credentials, page by page",
            _with("Exported", etag=False),
            404,
            body="Export",
        )
    },
}
# Operations with a body of many devices.
BULK = frozenset({"importDevices"})


def _with_parameters(path: str, operations: dict[str, Any]) -> dict[str, Any]:
    names = [name for name in _PATH if f"{{{name}}}" in path]
    found = [
        {"name": name, "in": "path", "required": True, "schema": _PATH[name]}
        for name in names
    ]
    tag = path.split("/")[2]
    tagged = {method: {"tags": [tag], **o} for method, o in operations.items()}
    return {"parameters": found, **tagged} if found else tagged


DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Device registry of edgeproxy",
        "version": edgeproxy.__version__,
        "summary": "Tenants, devices and their credentials.",
        "description": "Compatible with version 1 of Eclipse Hono's Device Registry "
        "Management API; what is below /v1/bulk is edgeproxy's own. Errors are "
        '{"error": "what is wrong"}. ETag and If-Match are without quotes.',
    },
    "servers": [{"url": "/"}],
    "security": [{"operator": []}],
    "paths": {path: _with_parameters(path, each) for path, each in _PATHS.items()},
    "components": {
        "schemas": SCHEMAS,
        "securitySchemes": {"operator": {"type": "http", "scheme": "basic"}},
    },
}
