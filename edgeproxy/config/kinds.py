"""The kinds of values a key can have: each turns TOML or text into a plain value.

A kind raises `ValueError` with the sentence that follows the key in the message to
the operator ("99999 is not a port (1 to 65535)").
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

import attrs

_HOST_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z")


@attrs.frozen
class HostPort:
    """A host with an optional port, and whether plain HTTP was asked for."""

    host: str
    port: int | None = None
    plain: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        text = host if self.port is None else f"{host}:{self.port}"
        return f"http://{text}" if self.plain else text


@attrs.frozen
class ProxyAddress:
    """An HTTP proxy, and whether it is spoken to over TLS."""

    host: str
    port: int
    secure: bool = False


@attrs.frozen
class Kind:
    """How a value is read, and the word for it in the documentation.

    *path* says whether the value is a file name, which is relative to the file that
    sets it (``file``), to the state directory (``state``), or to the configuration file
    even by default (``beside``).
    """

    word: str
    read: Callable[[Any], Any]
    path: str = ""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a string")
    if not value or not value.isprintable():
        raise ValueError("must not be empty or hold control characters")
    return value


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise ValueError(f"{value!r} is neither true nor false")


def _integer(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not a whole number")
    return value


def whole(word: str, least: int, most: int) -> Kind:
    """Return the kind of whole numbers from *least* to *most*."""

    def read(value: Any) -> int:
        number = _integer(value)
        if not least <= number <= most:
            raise ValueError(f"{number} is not a {word} ({least} to {most})")
        return number

    return Kind(word, read)


def amount(word: str, units: dict[str, int], least: int, most: int) -> Kind:
    """Return the kind of whole numbers that may carry one of *units* ("30 d")."""
    number = re.compile(rf"([0-9]{{1,18}}) ?({'|'.join(units)})")

    def read(value: Any) -> int:
        match = number.fullmatch(value) if isinstance(value, str) else None
        if match is not None:
            value = int(match[1]) * units[match[2]]
        found = _integer(value)
        if not least <= found <= most:
            raise ValueError(f"{value} is not a {word} ({least} to {most})")
        return found

    return Kind(f"{word}, or with a unit: {', '.join(units)}", read)


def choice(*words: str) -> Kind:
    """Return the kind of one of *words*."""

    def read(value: Any) -> str:
        if value in words:
            return str(value)
        known = ", ".join(f"{word!r}" for word in words)
        raise ValueError(f"{value!r} is not one of {known}")

    return Kind(" or ".join(f'"{word}"' for word in words), read)


def _host(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        labels = text.removesuffix(".").split(".")
        if len(text) > 253 or not all(_HOST_LABEL.match(label) for label in labels):
            raise ValueError(f"{text!r} is not a host name or IP address") from None
        return text.lower()


def _host_port(value: Any) -> HostPort:
    text = _text(value)
    if "://" in text or "/" in text:
        raise ValueError(f"{text!r} must be host[:port] without scheme or path")
    match = re.fullmatch(r"(?:\[([^][]+)\]|([^][:]+))(?::([0-9]{1,5}))?", text)
    if match is None:
        raise ValueError(f"{text!r} is not host[:port] (IPv6 in brackets)")
    if match[1] and ":" not in match[1]:
        raise ValueError(f"only IPv6 addresses stand in brackets, not {match[1]!r}")
    digits = match[3]
    return HostPort(_host(match[1] or match[2]), PORT.read(digits) if digits else None)


def _origin(value: Any) -> HostPort:
    text = _text(value)
    if text.startswith("http://"):
        return attrs.evolve(
            _host_port(text.removeprefix("http://").rstrip("/")), plain=True
        )
    return _host_port(text)


def _address(value: Any) -> str:
    try:
        return str(ipaddress.ip_address(_text(value).strip("[]")))
    except ValueError:
        raise ValueError(f"{value!r} is not an IP address to listen on") from None


def _addresses(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ValueError("names no address")
    return tuple(_address(item) for item in values)


def _names(value: Any) -> tuple[str, ...]:
    # thin-edge.io and the usual NO_PROXY have commas between them.
    values = value if isinstance(value, list) else _text(value).split(",")
    return tuple(_text(item).strip() for item in values)


def _proxy_address(value: Any) -> ProxyAddress:
    text = _text(value)
    scheme, mark, rest = text.rpartition("://")
    if mark and scheme not in ("http", "https"):
        raise ValueError(f"{text!r} must begin with http:// or https://")
    if "@" in rest:
        raise ValueError("holds a login; set proxy.username and proxy.password_file")
    found = _host_port(rest.rstrip("/"))
    secure = scheme == "https"
    return ProxyAddress(found.host, found.port or (443 if secure else 80), secure)


def _topic_prefix(value: Any) -> str:
    text = _text(value)
    if set(text) & set("#+") or text.startswith("/") or text.endswith("/"):
        raise ValueError(f"{text!r} must have no '#', no '+' and no '/' at its ends")
    return text


TEXT = Kind("string", _text)
BOOLEAN = Kind("boolean", _boolean)
PORT = whole("port", 1, 65535)
PORT_OR_OFF = whole("port", 0, 65535)
SECONDS = whole("number of seconds", 1, 30 * 86400)
SECONDS_OR_OFF = whole("number of seconds", 0, 86400)
SIZE = whole("number of bytes", 1, 1 << 30)
AMOUNT_OF_DATA = amount(
    "number of bytes",
    {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30},
    1 << 16,
    1 << 44,
)
AGE = amount(
    "number of seconds", {"s": 1, "min": 60, "h": 3600, "d": 86400}, 60, 36500 * 86400
)
FILE = Kind("path", _text, path="file")
STATE_FILE = Kind("path", _text, path="state")
HOST = Kind("host", lambda value: _host(_text(value)))
HOST_PORT = Kind("host[:port]", _host_port)
ORIGIN = Kind("host[:port] or http://host[:port]", _origin)
ADDRESS = Kind("IP address", _address)
ADDRESSES = Kind("IP address or list of them", _addresses)
TOPIC_PREFIX = Kind("MQTT topic prefix", _topic_prefix)
NAMES = Kind("string or list of them", _names)
PROXY_ADDRESS = Kind("[http://|https://]host[:port]", _proxy_address)
BESIDE = Kind("path", _text, path="beside")
