"""Reads the configuration of a device that thin-edge.io has been set up on.

Its file has the same names as ours for what both need; the rest of it is none of our
business (facts of thin-edge, §1).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edgeproxy.config.errors import ConfigError
from edgeproxy.config.schema import KEYS
from edgeproxy.config.sources import Setting

_DIR = "thin_edge.config_dir"
_TABLES = ("c8y", "device", "mqtt", "proxy", "http")

# What thin-edge calls differently, or keeps per cloud.
_RENAMED = {
    "c8y.device.id": "device.id",
    "c8y.device.cert_path": "device.cert_path",
    "c8y.device.key_path": "device.key_path",
    "mqtt.client.auth.cafile": "mqtt.client.auth.ca_file",
    "mqtt.client.auth.cadir": "mqtt.client.auth.ca_dir",
}

# Where thin-edge puts the device's identity unless told otherwise.
_IDENTITY = {
    "device.cert_path": "device-certs/tedge-certificate.pem",
    "device.key_path": "device-certs/tedge-private-key.pem",
}


def from_thin_edge(layers: Iterable[Setting]) -> Iterator[Setting]:
    """Yield the settings of the thin-edge directory that *layers* name, if they do.

    The names that we do not know are passed over. Raises `ConfigError` for a directory
    or file that cannot be read, and for a secret that we take from a file only.
    """
    named = [layer for layer in layers if layer.name == _DIR]
    if not named:
        return
    where = named[-1]
    folder = where.folder / str(where.value)
    if not folder.is_dir():
        raise ConfigError(where.origin, _DIR, f"{folder} is not a directory")
    for name, path in _IDENTITY.items():
        if (folder / path).exists():
            yield Setting(name, path, str(folder), folder)
    main, mapper = folder / "tedge.toml", folder / "mappers" / "c8y" / "mapper.toml"
    tables = _read(main)
    if mapper.exists():
        # Since thin-edge 2.0 that file is the table c8y, and the other one's is void.
        tables["c8y"] = _read(mapper)
        yield from _settings({"c8y": tables.pop("c8y")}, mapper)
    yield from _settings(tables, main)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(str(path), None, error.strerror or str(error)) from None
    except ValueError as error:
        raise ConfigError(str(path), None, f"not TOML: {error}") from None


def _settings(tables: Mapping[str, Any], file: Path) -> Iterator[Setting]:
    for name, value in _flat({t: tables[t] for t in _TABLES if t in tables}, ""):
        if name == "proxy.password":
            problem = "is read from a file only; set proxy.password_file of edgeproxy"
            raise ConfigError(str(file), name, problem)
        known = _RENAMED.get(name, name)
        if known in KEYS:
            yield Setting(known, value, str(file), file.parent)


def _flat(tables: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in tables.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
