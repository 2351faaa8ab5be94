"""The device credential of the /c8y door, by ``c8y.auth_method``."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from OpenSSL import crypto

from edgeproxy.c8y.basic import BasicCredential
from edgeproxy.c8y.httpsource import HTTPSource
from edgeproxy.c8y.mqttsource import MQTTSource
from edgeproxy.c8y.token import JWTCredential
from edgeproxy.c8y.tokensource import TokenSource
from edgeproxy.composition.assembly import Assembly, first_line, read_first_line
from edgeproxy.composition.upstream import cloud_endpoint
from edgeproxy.http.client.agent import Agent
from edgeproxy.tls.client import ClientTLS
from edgeproxy.tls.endpoint import client_endpoint
from edgeproxy.tls.errors import TLSFileError
from edgeproxy.tls.material import load_key_material

MQTT_OVER_TLS = 8883  # where Cumulocity's MQTT is unless a port is given


def device_credential(assembly: Assembly) -> BasicCredential | JWTCredential:
    """Return where the device's authorization comes from."""
    c8y = assembly.config.c8y
    method = c8y.auth_method
    if method == "basic" or (method == "auto" and Path(c8y.credentials_path).exists()):
        basic = BasicCredential(c8y.credentials_path, assembly.reactor)
        assembly.reloads.append(("login at Cumulocity", basic.reload))
        return basic
    sources: dict[str, Callable[[Assembly], TokenSource]] = {
        "bridge": _broker,
        "mqtt": _cumulocity_mqtt,
        "http": _cumulocity_http,
    }
    return JWTCredential(sources[c8y.token.source](assembly), assembly.reactor)


def _identity(assembly: Assembly) -> tuple[str, str]:
    device = assembly.config.device
    assert device.cert_path and device.key_path  # config.check saw to it
    return device.cert_path, device.key_path


def _cumulocity_mqtt(assembly: Assembly) -> MQTTSource:
    c8y, identity = assembly.config.c8y, _identity(assembly)
    mqtt = c8y.mqtt or c8y.url
    assert mqtt  # as above
    tls = ClientTLS(mqtt.host, c8y.root_cert_path, identity)
    assembly.reloads.append(("device certificate", tls.reload))
    client_id = assembly.config.device.id or load_key_material(*identity).common_name
    if not client_id:
        raise TLSFileError(identity[0], "has no common name; set device.id")
    return MQTTSource(
        cloud_endpoint(assembly, mqtt.host, mqtt.port or MQTT_OVER_TLS, tls),
        assembly.reactor,
        client_id,
        prefix="",
        name=f"Cumulocity at {mqtt}",
    )


def _cumulocity_http(assembly: Assembly) -> HTTPSource:
    c8y, identity = assembly.config.c8y, _identity(assembly)
    where = c8y.http or c8y.url
    assert where  # as above
    tls = ClientTLS(where.host, c8y.root_cert_path, identity)
    assembly.reloads.append(("device certificate", tls.reload))
    port = c8y.token.http_port
    endpoint = cloud_endpoint(assembly, where.host, port, tls)
    agent = Agent(assembly.reactor, lambda origin: endpoint)
    assembly.closing.append(agent.close)
    host = f"[{where.host}]" if ":" in where.host else where.host

    def chain() -> list[str]:
        return [
            crypto.dump_certificate(crypto.FILETYPE_PEM, certificate).decode()
            for certificate in load_key_material(*identity).chain
        ]

    url = f"https://{host}:{port}/devicecontrol/deviceAccessToken"
    return HTTPSource(agent, url, chain)


def _broker(assembly: Assembly) -> MQTTSource:
    client = assembly.config.mqtt.client
    auth, tls = client.auth, None
    trust = auth.ca_file or auth.ca_dir
    if trust is not None:
        identity = None
        if auth.cert_file and auth.key_file:
            identity = (auth.cert_file, auth.key_file)
        tls = ClientTLS(client.host, trust, identity)
        assembly.reloads.append(("trust in the MQTT broker", tls.reload))
    source = MQTTSource(
        client_endpoint(assembly.reactor, client.host, client.port, tls),
        assembly.reactor,
        f"edgeproxy-{secrets.token_hex(6)}",
        prefix=assembly.config.c8y.bridge.topic_prefix,
        username=auth.username,
        password=first_line(auth.password_file),
        name=f"MQTT broker {client.host}:{client.port}",
    )
    if auth.password_file is not None:

        def login() -> None:
            source.use_password(read_first_line(auth.password_file))

        assembly.reloads.append(("login at the MQTT broker", login))
    return source
