"""Rules between keys: what each of them alone cannot know."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from edgeproxy.config.errors import ConfigError
from edgeproxy.config.tables import Config


def check(config: Config, origins: Mapping[str, str]) -> None:
    """Raise `ConfigError` for the first pair of settings that contradict each other.

    *origins* tells for each key that is set where that was.
    """

    def refuse(key: str, problem: str) -> None:
        raise ConfigError(origins.get(key, "configuration"), key, problem)

    def both_or_none(
        one: str, value: str | None, other: str, other_value: str | None
    ) -> None:
        if value is not None and other_value is None:
            refuse(one, f"needs {other} as well")
        if other_value is not None and value is None:
            refuse(other, f"needs {one} as well")

    c8y, device, auth = config.c8y, config.device, config.mqtt.client.auth
    both_or_none(
        "device.cert_path", device.cert_path, "device.key_path", device.key_path
    )
    both_or_none(
        "mqtt.client.auth.cert_file",
        auth.cert_file,
        "mqtt.client.auth.key_file",
        auth.key_file,
    )
    if auth.password_file is not None and auth.username is None:
        refuse("mqtt.client.auth.password_file", "needs mqtt.client.auth.username")
    if auth.cert_file is not None and auth.ca_file is None and auth.ca_dir is None:
        refuse(
            "mqtt.client.auth.cert_file",
            "needs mqtt.client.auth.ca_file or .ca_dir: without one there is no TLS",
        )
    if (
        c8y.http is not None
        and c8y.http.plain
        and not c8y.allow_plain
        and not is_loopback(c8y.http.host)
    ):
        refuse(
            "c8y.http",
            "plain HTTP would send the device's token in the clear; "
            "set c8y.allow_plain = true to do it all the same",
        )
    source = c8y.token.source
    if source != "bridge" and c8y.auth_method != "basic" and (c8y.url or c8y.http):
        if source == "mqtt" and c8y.mqtt is None and c8y.url is None:
            refuse("c8y.token.source", '"mqtt" needs c8y.mqtt or c8y.url')
        if device.cert_path is None and c8y.auth_method == "certificate":
            needs = "needs device.cert_path and .key_path"
            refuse("c8y.token.source", f'"{source}" {needs}')
    proxy = c8y.proxy
    both_or_none(
        "c8y.proxy.cert_path", proxy.cert_path, "c8y.proxy.key_path", proxy.key_path
    )
    if proxy.ca_path is not None and proxy.cert_path is None:
        refuse("c8y.proxy.ca_path", "needs c8y.proxy.cert_path: only TLS has them")
    if proxy.allowed_cn is not None and proxy.ca_path is None:
        refuse("c8y.proxy.allowed_cn", "needs c8y.proxy.ca_path")
    client = config.http.client.auth
    both_or_none(
        "http.client.auth.cert_file",
        client.cert_file,
        "http.client.auth.key_file",
        client.key_file,
    )
    both_or_none(
        "proxy.username",
        config.proxy.username,
        "proxy.password_file",
        config.proxy.password_file,
    )
    if config.proxy.username is not None and config.proxy.address is None:
        refuse("proxy.username", "needs proxy.address")
    management = config.hono.registry.http
    if not management.authentication_required and not is_loopback(
        management.bind_address
    ):
        refuse(
            "hono.registry.http.authentication_required",
            "may only be false where hono.registry.http.bind_address is loopback",
        )
    both_or_none(
        "hono.registry.http.cert_path",
        management.cert_path,
        "hono.registry.http.key_path",
        management.key_path,
    )
    embedded = config.hono.messaging.embedded
    if embedded.allow_anonymous and not is_loopback(embedded.bind_address):
        refuse(
            "hono.messaging.embedded.allow_anonymous",
            "is for loopback only; give consumers a login in credentials_path",
        )
    both_or_none(
        "hono.messaging.embedded.cert_path",
        embedded.cert_path,
        "hono.messaging.embedded.key_path",
        embedded.key_path,
    )
    if embedded.ca_path is not None:
        key = "hono.messaging.embedded.ca_path"
        if embedded.cert_path is None:
            refuse(key, "needs hono.messaging.embedded.cert_path: only TLS has them")
        if embedded.credentials_path is None:
            refuse(key, "needs the users in hono.messaging.embedded.credentials_path")
    http = config.hono.http
    both_or_none(
        "hono.http.cert_path", http.cert_path, "hono.http.key_path", http.key_path
    )
    _ports_differ(config, origins)


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
