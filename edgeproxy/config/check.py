"""Rules between keys: what each of them alone cannot know."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, NoReturn

from edgeproxy.config.errors import ConfigError
from edgeproxy.config.tables import Config


def check(config: Config, origins: Mapping[str, str]) -> None:
    """Raise `ConfigError` for the first pair of settings that contradict each other.

    *origins* tells for each key that is set where that was.
    """
    rules = _Rules(origins)
    _check_cloud(rules, config)
    _check_door(rules, config)
    _check_hono(rules, config)
    _ports_differ(config, origins)


class _Rules:
    """Blames keys."""

    def __init__(self, origins: Mapping[str, str]) -> None:
        self._origins = origins

    def refuse(self, key: str, problem: str) -> NoReturn:
        raise ConfigError(self._origins.get(key, "configuration"), key, problem)

    def both_or_none(self, table: str, one: str, other: str, record: Any) -> None:
        """Refuse that only one of the keys *one* and *other* of *table* is set."""
        for given, missing in ((one, other), (other, one)):
            if getattr(record, given) is not None and getattr(record, missing) is None:
                self.refuse(f"{table}.{given}", f"needs {table}.{missing} as well")


def _check_cloud(rules: _Rules, config: Config) -> None:
    c8y, device, auth = config.c8y, config.device, config.mqtt.client.auth
    rules.both_or_none("device", "cert_path", "key_path", device)
    rules.both_or_none("mqtt.client.auth", "cert_file", "key_file", auth)
    rules.both_or_none("proxy", "username", "password_file", config.proxy)
    if config.proxy.username is not None and config.proxy.address is None:
        rules.refuse("proxy.username", "needs proxy.address")
    if auth.password_file is not None and auth.username is None:
        key = "mqtt.client.auth.password_file"
        rules.refuse(key, "needs mqtt.client.auth.username")
    if auth.cert_file is not None and auth.ca_file is None and auth.ca_dir is None:
        rules.refuse(
            "mqtt.client.auth.cert_file",
            "needs mqtt.client.auth.ca_file or .ca_dir: without one there is no TLS",
        )
    if (
        c8y.http is not None
        and c8y.http.plain
        and not c8y.allow_plain
        and not is_loopback(c8y.http.host)
    ):
        rules.refuse(
            "c8y.http",
            "plain HTTP would send the device's token in the clear; "
            "set c8y.allow_plain = true to do it all the same",
        )
    source = c8y.token.source
    if source != "bridge" and c8y.auth_method != "basic" and (c8y.url or c8y.http):
        if source == "mqtt" and c8y.mqtt is None and c8y.url is None:
            rules.refuse("c8y.token.source", '"mqtt" needs c8y.mqtt or c8y.url')
        if device.cert_path is None and c8y.auth_method == "certificate":
            needs = "needs device.cert_path and .key_path"
            rules.refuse("c8y.token.source", f'"{source}" {needs}')


def _check_door(rules: _Rules, config: Config) -> None:
    proxy = config.c8y.proxy
    rules.both_or_none("c8y.proxy", "cert_path", "key_path", proxy)
    if proxy.ca_path is not None and proxy.cert_path is None:
        rules.refuse(
            "c8y.proxy.ca_path", "needs c8y.proxy.cert_path: only TLS has them"
        )
    if proxy.allowed_cn is not None and proxy.ca_path is None:
        rules.refuse("c8y.proxy.allowed_cn", "needs c8y.proxy.ca_path")
    auth = config.http.client.auth
    rules.both_or_none("http.client.auth", "cert_file", "key_file", auth)


def _check_hono(rules: _Rules, config: Config) -> None:
    management, embedded = config.hono.registry.http, config.hono.messaging.embedded
    rules.both_or_none("hono.http", "cert_path", "key_path", config.hono.http)
    rules.both_or_none("hono.registry.http", "cert_path", "key_path", management)
    if not (management.authentication_required or is_loopback(management.bind_address)):
        rules.refuse(
            "hono.registry.http.authentication_required",
            "may only be false where hono.registry.http.bind_address is loopback",
        )
    table = "hono.messaging.embedded"
    rules.both_or_none(table, "cert_path", "key_path", embedded)
    if embedded.allow_anonymous and not is_loopback(embedded.bind_address):
        rules.refuse(
            f"{table}.allow_anonymous",
            "is for loopback only; consumers have a login in credentials_path",
        )
    if embedded.ca_path is not None and embedded.cert_path is None:
        rules.refuse(f"{table}.ca_path", f"needs {table}.cert_path: only TLS has them")


def _ports_differ(config: Config, origins: Mapping[str, str]) -> None:
    hono, embedded = config.hono.http, config.hono.messaging.embedded
    taken: dict[tuple[str, int], str] = {}
    listeners = [
        *((a, config.c8y.proxy.bind.port) for a in config.c8y.proxy.bind.address),
        (hono.insecure_port_bind_address, hono.insecure_port),
        (hono.bind_address, hono.port if hono.cert_path else 0),
        (embedded.bind_address, embedded.port),
        (embedded.bind_address, embedded.tls_port if embedded.cert_path else 0),
        (config.hono.registry.http.bind_address, config.hono.registry.http.port),
        (config.ops.bind_address, config.ops.port),
    ]
    names = ["c8y.proxy.bind.port"] * len(config.c8y.proxy.bind.address) + [
        "hono.http.insecure_port",
        "hono.http.port",
        "hono.messaging.embedded.port",
        "hono.messaging.embedded.tls_port",
        "hono.registry.http.port",
        "ops.port",
    ]
    for listener, name in zip(listeners, names, strict=True):
        if listener[1] and (other := taken.setdefault(listener, name)) != name:
            origin = origins.get(name) or origins.get(other, "configuration")
            raise ConfigError(origin, name, f"is the same as {other}: {listener[1]}")


def is_loopback(host: str) -> bool:
    """Say whether *host* can only be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
