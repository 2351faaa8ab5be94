"""The layers a setting can come from: files, environment, command line.

Each yields `Setting` records in the order in which the later one wins.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from edgeproxy.config.errors import ConfigError
from edgeproxy.config.schema import KEYS, why_unknown

# An address in brackets begins like a list of TOML's and is none.
_IPV6 = re.compile(r"\[[0-9A-Fa-f]*:[0-9A-Fa-f:.]*\](:[0-9]*)?")


@attrs.frozen
class Setting:
    """A raw value for the key *name*; *origin* is the file, variable or option.

    *folder* is what a relative path in it is relative to.
    """

    name: str
    value: Any
    origin: str
    folder: Path


def from_files(path: Path, required: bool) -> Iterator[Setting]:
    """Yield the settings of *path*, then of ``conf.d/*.toml`` beside it.

    A file that cannot be read is an error, a default file that is not there is not.
    """
    if path.exists() or required:
        yield from _from_file(path)
    for extra in sorted((path.parent / "conf.d").glob("*.toml")):
        yield from _from_file(extra)


def _from_file(path: Path) -> Iterator[Setting]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(str(path), None, error.strerror or str(error)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), None, f"not TOML: {error}") from None
    yield from _flatten(tables, "", str(path), path.parent.absolute())


def _flatten(
    tables: Mapping[str, Any], prefix: str, origin: str, folder: Path
) -> Iterator[Setting]:
    for name, value in tables.items():
        dotted = f"{prefix}{name}"
        if isinstance(value, dict) and dotted not in KEYS:
            yield from _flatten(value, f"{dotted}.", origin, folder)
        else:
            yield Setting(dotted, value, origin, folder)


def _variables() -> Iterator[tuple[str, str]]:
    """Yield variable and key, those that win last."""
    names = sorted(KEYS)
    for name in names:
        # thin-edge.io: the tables that both share.
        if name.split(".")[0] in ("c8y", "device", "mqtt", "proxy", "http"):
            yield "TEDGE_" + name.upper().replace(".", "_"), name
    for name in names:
        # Hono writes a property's words together today, and with "_" up to 0.6.
        for ours, theirs in (
            ("hono.http.", "HONO_HTTP_"),
            ("hono.registry.http.", "HONO_REGISTRY_HTTP_"),
        ):
            if name.startswith(ours):
                words = name.removeprefix(ours).upper()
                yield theirs + words, name
                yield theirs + words.replace("_", ""), name
    for name in names:
        yield "EDGEPROXY_" + name.upper().replace(".", "_"), name


def from_environment(environ: Mapping[str, str]) -> Iterator[Setting]:
    """Yield the settings in *environ*; an empty variable counts as not set.

    Variables of thin-edge.io and Hono are honoured for the keys they correspond to;
    what else those systems read is theirs. Ours must be known.
    """
    known = list(_variables())
    strangers = {v for v in environ if v.startswith("EDGEPROXY_")}
    strangers -= {variable for variable, _ in known}
    for variable in sorted(strangers):
        name = variable.removeprefix("EDGEPROXY_").lower()
        guess = {key.replace(".", "_"): key for key in KEYS}.get(name, name)
        raise ConfigError(f"environment variable {variable}", guess, why_unknown(guess))
    for variable, name in known:
        text = environ.get(variable, "")
        if text:
            origin = f"environment variable {variable}"
            yield Setting(name, _plain(text, origin, name), origin, Path.cwd())


def from_options(options: Iterable[str]) -> Iterator[Setting]:
    """Yield the settings of ``--set key=value`` *options*."""
    for option in options:
        name, equals, text = option.partition("=")
        if not equals:
            raise ConfigError("--set", None, f"{option!r} is not key=value")
        yield Setting(name, _plain(text, "--set", name), "--set", Path.cwd())


def _plain(text: str, origin: str, name: str) -> Any:
    """Return what *text* says: TOML where it looks like it, otherwise itself."""
    if text[:1] not in ("[", '"', "'") or _IPV6.fullmatch(text):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(origin, name, f"not a TOML value: {error}") from None
