"""Reads devices out of files: CSV, JSON lines, and what Hono's registries write."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import attrs

from edgeproxy.ctl.failure import CommandFailed

JSON = dict[str, Any]

# Columns of CSV that are not members of the device itself.
_SECRET = {"pwd-plain": "password", "pwd-hash": "pwd-hash", "salt": "salt"}
_SECRET |= {"hash-function": "hash-function"}
_LISTS = {"via", "viaGroups", "memberOf", "authorities"}

# What Hono 0.6 has without a period counts always.
_ALWAYS = {"not-before": "1970-01-01T00:00:00Z", "not-after": "9999-12-31T23:59:59Z"}


@attrs.frozen
class Row:
    """A device to import: *line* of *file* is where it stands, for people.

    *tenant* is the file's (None: the command's). *error* says why it is none. A row
    without a *device* has credentials for one that is there.
    """

    file: str
    line: int
    tenant: str | None
    device: JSON | None
    credentials: list[JSON]
    device_id: str
    error: str | None = None

    def as_json(self) -> JSON:
        """Return it as the management API imports it."""
        found: JSON = {"id": self.device_id, **(self.device or {})}
        return found | ({"credentials": self.credentials} if self.credentials else {})


@attrs.frozen
class TenantRow:
    """A tenant to create."""

    tenant: str
    data: JSON


def read(path: str, text: TextIO) -> Iterator[Row | TenantRow]:
    """Yield what is in the file *text*, whose name *path* tells the format.

    Raises `CommandFailed` for one that is of no format.
    """
    if Path(path).suffix.lower() == ".csv":
        yield from _csv(path, text)
        return
    first = text.readline()
    if first.lstrip()[:1] == "{" and _is_json(first):
        yield from _json_lines(path, first, text)
        return
    try:
        value = json.loads(first + text.read())
    except ValueError as error:
        raise CommandFailed(f"{path}: neither JSON nor JSON lines: {error}") from None
    yield from _document(path, value)


def _is_json(text: str) -> bool:
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, dict) and not isinstance(value.get("result"), list)


def _json_lines(path: str, first: str, text: TextIO) -> Iterator[Row]:
    line, number = first, 1
    while line:
        if line.strip():
            try:
                yield _row(path, number, None, json.loads(line))
            except ValueError as error:
                yield Row(path, number, None, None, [], "", f"not JSON: {error}")
        line, number = text.readline(), number + 1


def _row(path: str, line: int, tenant: str | None, value: Any) -> Row:
    if not isinstance(value, dict):
        return Row(path, line, tenant, None, [], "", "not an object")
    device = dict(value)
    device_id = device.pop("id", None) or device.pop("device-id", None)
    if not isinstance(device_id, str):
        return Row(path, line, tenant, None, [], "", "without an id")
    credentials = device.pop("credentials", [])
    return Row(path, line, tenant, device, credentials, device_id)


# CSV


def _csv(path: str, text: TextIO) -> Iterator[Row]:
    reader = csv.DictReader(text)
    if not reader.fieldnames or "id" not in reader.fieldnames:
        raise CommandFailed(f"{path}: its first line must name the columns, one is id")
    for record in reader:
        line = reader.line_num
        if None in record or None in record.values():
            problem = "has another number of columns than the first line"
            yield Row(path, line, None, None, [], record.get("id") or "", problem)
            continue
        try:
            yield _csv_row(path, line, {n: v for n, v in record.items() if v != ""})
        except ValueError as error:
            yield Row(path, line, None, None, [], record["id"], str(error))


def _csv_row(path: str, line: int, record: dict[str, str]) -> Row:
    device_id = record.pop("id", "")
    tenant = record.pop("tenant", None)
    secret: JSON = {}
    for member, column in _SECRET.items():
        if column in record:
            secret[member] = record.pop(column)
    for column in ("not-before", "not-after", "comment"):
        if column in record:
            secret[column] = record.pop(column)
    auth_id = record.pop("auth-id", device_id)
    credentials = []
    if secret:
        credentials = [
            {"type": "hashed-password", "auth-id": auth_id, "secrets": [secret]}
        ]
    if "cert-subject" in record:
        subject = record.pop("cert-subject")
        cert = {"type": "x509-cert", "auth-id": subject, "secrets": [{}]}
        credentials.append(cert)
    device: JSON = {}
    for name, value in record.items():
        parent = device
        *path_to, last = name.split(".")
        for step in path_to:
            parent = parent.setdefault(step, {})
            if not isinstance(parent, dict):
                raise ValueError(f"column {name}: {step} is a column of its own")
        parent[last] = value.split() if name in _LISTS else _value(value)
    return Row(path, line, tenant, device, credentials, device_id)


def _value(text: str) -> Any:
    if text.lower() in ("true", "false"):  # spreadsheets write them large
        return text.lower() == "true"
    try:
        return json.loads(text)
    except ValueError:
        return text


# What Hono's registries keep in files, or show


def _document(path: str, value: Any) -> Iterator[Row | TenantRow]:
    if isinstance(value, dict) and isinstance(value.get("result"), list):
        value = value["result"]  # of a search in the management API
    if not isinstance(value, list):
        raise CommandFailed(f"{path}: is no list")
    credentials: dict[tuple[str, str], list[JSON]] = {}
    for number, entry in enumerate(value, 1):
        if not isinstance(entry, dict):
            yield Row(path, number, None, None, [], "", "not an object")
        elif "tenant-id" in entry:
            yield _tenant(entry)
        elif isinstance(entry.get("devices"), list):
            tenant = entry.get("tenant")
            for device in entry["devices"]:
                yield _row(path, number, tenant, _flat(device))
        elif isinstance(entry.get("credentials"), list) and "tenant" in entry:
            for each in entry["credentials"]:
                data = dict(each)
                key = (entry["tenant"], str(data.pop("device-id", "")))
                credentials.setdefault(key, []).append(data)
        else:
            yield _row(path, number, None, entry)
    for (tenant, device_id), found in credentials.items():
        yield Row(path, 1, tenant, None, found, device_id)


def _flat(device: Any) -> Any:
    """Return *device*, whose members are in its ``data`` here."""
    if not isinstance(device, dict) or not isinstance(device.get("data", {}), dict):
        return None
    flat = {**device, **device.get("data", {})}
    flat.pop("data", None)
    via = flat.get("via")
    if isinstance(via, str):  # it was one, up to 0.6
        flat["via"] = [via]
    return flat


def _tenant(entry: JSON) -> TenantRow:
    data = dict(entry)
    tenant = data.pop("tenant-id")
    anchors = data.get("trusted-ca")
    if isinstance(anchors, dict):  # it was one, up to 0.6
        anchors = [anchors]
    if anchors:
        data["trusted-ca"] = [
            anchor if "cert" in anchor else {**_ALWAYS, **anchor} for anchor in anchors
        ]
    return TenantRow(tenant, data)
