"""Adds the /c8y door and the device credential that it needs."""

from __future__ import annotations

import secrets

from edgeproxy.c8y.proxy import ProxyResource
from edgeproxy.c8y.token import JWTCredential
from edgeproxy.composition.assembly import Assembly, first_line
from edgeproxy.http.origin import Origin
from edgeproxy.http.pool import Pool
from edgeproxy.tls.client import ClientTLS
from edgeproxy.tls.endpoint import client_endpoint
from edgeproxy.tls.errors import TLSFileError
from edgeproxy.tls.material import load_key_material

HTTPS, MQTT_OVER_TLS = 443, 8883  # where Cumulocity is unless a port is given


def add_c8y_door(assembly: Assembly) -> None:
    """Add the /c8y door: upstream, device credential, resource."""
    table = assembly.config.c8y
    origin = table.http or table.url
    if origin is None:
        assembly.status.c8y_waits("waits for c8y.url")
        return
    port = origin.port or (80 if origin.plain else HTTPS)
    tls = None
    if not origin.plain:
        tls = ClientTLS(origin.host, table.root_cert_path)
        assembly.reloads.append(("trust in Cumulocity", tls.reload))
    endpoint = client_endpoint(assembly.reactor, origin.host, port, tls)
    where = Origin("http" if origin.plain else "https", origin.host, port)
    upstream = Pool(where, endpoint, assembly.reactor, turn=assembly.turn)
    assembly.closing.append(upstream.close)
    if tls is not None:
        assembly.reloads.append(("connections to Cumulocity", upstream.renew))
    credential = _device_credential(assembly)
    credential.setServiceParent(assembly.inner)
    resource = ProxyResource(upstream, credential, where.authority)
    for address in table.proxy.bind.address:
        assembly.listen(
            "c8y.proxy.bind.port",
            address,
            table.proxy.bind.port,
            assembly.site(resource),
        )
    authority = where.authority.decode()
    assembly.status.add_c8y(f"{where.scheme}://{authority}", credential)


def _device_credential(assembly: Assembly) -> JWTCredential:
    """Return where the device's token comes from, by ``c8y.token.source``."""
    if assembly.config.c8y.token.source == "mqtt":
        return _token_from_cumulocity(assembly)
    return _token_from_broker(assembly)


def _token_from_cumulocity(assembly: Assembly) -> JWTCredential:
    c8y, device = assembly.config.c8y, assembly.config.device
    mqtt = c8y.mqtt or c8y.url
    assert mqtt and device.cert_path and device.key_path  # config.check saw to it
    identity = (device.cert_path, device.key_path)
    tls = ClientTLS(mqtt.host, c8y.root_cert_path, identity)
    assembly.reloads.append(("device certificate", tls.reload))
    port = mqtt.port or MQTT_OVER_TLS
    client_id = device.id or load_key_material(*identity).common_name
    if not client_id:
        raise TLSFileError(device.cert_path, "has no common name; set device.id")
    endpoint = client_endpoint(assembly.reactor, mqtt.host, port, tls)
    return JWTCredential(
        endpoint, assembly.reactor, client_id, prefix="", name=f"Cumulocity at {mqtt}"
    )


def _token_from_broker(assembly: Assembly) -> JWTCredential:
    client = assembly.config.mqtt.client
    auth, tls = client.auth, None
    trust = auth.ca_file or auth.ca_dir
    if trust is not None:
        identity = None
        if auth.cert_file and auth.key_file:
            identity = (auth.cert_file, auth.key_file)
        tls = ClientTLS(client.host, trust, identity)
        assembly.reloads.append(("trust in the MQTT broker", tls.reload))
    return JWTCredential(
        client_endpoint(assembly.reactor, client.host, client.port, tls),
        assembly.reactor,
        f"edgeproxy-{secrets.token_hex(6)}",
        prefix=assembly.config.c8y.bridge.topic_prefix,
        username=auth.username,
        password=first_line(auth.password_file),
        name=f"MQTT broker {client.host}:{client.port}",
    )
