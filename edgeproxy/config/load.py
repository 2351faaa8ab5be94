"""Loads the configuration: every layer in turn, the later one wins, then checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from edgeproxy.config.check import check
from edgeproxy.config.errors import ConfigError
from edgeproxy.config.schema import KEYS, build, why_unknown
from edgeproxy.config.sources import (
    Setting,
    from_environment,
    from_files,
    from_options,
)
from edgeproxy.config.tables import Config
from edgeproxy.config.thin_edge import from_thin_edge

DEFAULT_FILE = Path("/etc/edgeproxy/edgeproxy.toml")
DEFAULT_STATE = Path("/var/lib/edgeproxy")
SANDBOX_STATE = Path("var")


@attrs.frozen
class Loaded:
    """The configuration, where each value that is no default came from, its folder."""

    config: Config
    origins: Mapping[str, str]
    state: Path
    sandbox: bool


def load(
    path: Path | None,
    environ: Mapping[str, str],
    options: Iterable[str] = (),
    sandbox: bool = False,
) -> Loaded:
    """Return the checked configuration, or raise `ConfigError`.

    *path* is the file given on the command line (None: the default one, which may be
    missing). With *sandbox*, state lives in ``./var`` and the sandbox cloud fills in
    whatever no layer sets.
    """
    state = (SANDBOX_STATE if sandbox else DEFAULT_STATE).absolute()
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}

    def take(setting: Setting) -> None:
        key = KEYS.get(setting.name)
        if key is None:
            problem = why_unknown(setting.name)
            raise ConfigError(setting.origin, setting.name, problem)
        try:
            value = key.kind.read(setting.value)
        except ValueError as error:
            raise ConfigError(setting.origin, setting.name, str(error)) from None
        if key.kind.path in ("file", "beside"):
            value = str(setting.folder / value)
        values[setting.name] = value
        origins[setting.name] = setting.origin

    layers = [
        *from_files(path or DEFAULT_FILE, required=path is not None),
        *from_environment(environ),
        *from_options(options),
    ]
    for setting in [*from_thin_edge(layers), *layers]:
        take(setting)
    if sandbox:
        for name, value in _sandbox_defaults(build(values), state).items():
            if name not in values:
                take(Setting(name, value, "--sandbox", state))
    for key in KEYS.values():
        if key.kind.path == "state":
            values[key.name] = str(state / values.get(key.name, key.default))
        elif key.kind.path == "beside" and key.name not in values:
            folder = (path or DEFAULT_FILE).parent.absolute()
            values[key.name] = str(folder / key.default)
    config = build(values)
    check(config, origins)
    return Loaded(config, origins, state, sandbox)


def _sandbox_defaults(config: Config, state: Path) -> dict[str, Any]:
    """Return what makes a device of the sandbox cloud; yields to any c8y setting."""
    folder, address = state / "sandbox", config.sandbox.bind_address
    host = f"[{address}]" if ":" in address else address
    defaults: dict[str, Any] = {"hono.messaging.embedded.allow_anonymous": True}
    if config.c8y.url is None and config.c8y.http is None:
        defaults |= {
            "c8y.http": f"{host}:{config.sandbox.port}",
            "c8y.mqtt": f"{host}:{config.sandbox.mqtt_port}",
            "c8y.root_cert_path": str(folder / "ca.pem"),
            "c8y.token.source": "mqtt",
            "device.cert_path": str(folder / "device.pem"),
            "device.key_path": str(folder / "device.key"),
        }
    return defaults
