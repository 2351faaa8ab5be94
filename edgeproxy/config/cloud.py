"""The tables about Cumulocity and the way there, one frozen record each."""

from __future__ import annotations

import attrs

from edgeproxy.config import kinds
from edgeproxy.config.declaring import key, table
from edgeproxy.config.kinds import HostPort, ProxyAddress


@attrs.frozen
class C8yToken:
    source: str = key(
        "bridge",
        kinds.choice("bridge", "mqtt", "http"),
        "Where the device's JWT comes from: the local broker that is bridged to "
        "Cumulocity, Cumulocity's own MQTT endpoint with the device certificate, or "
        "its HTTP endpoint for that (deviceAccessToken).",
    )
    http_port: int = key(
        8443, kinds.PORT, 'Where Cumulocity takes device certificates, for "http".'
    )


@attrs.frozen
class C8yBridge:
    topic_prefix: str = key(
        "c8y",
        kinds.TOPIC_PREFIX,
        "First level of the bridged topics on the local broker.",
    )


@attrs.frozen
class C8yProxyBind:
    address: tuple[str, ...] = key(
        "127.0.0.1",
        kinds.ADDRESSES,
        "Where the /c8y door listens. Whoever reaches it acts as this device.",
    )
    port: int = key(8001, kinds.PORT, "Port of the /c8y door.")


@attrs.frozen
class C8yProxyClient:
    host: str = key(
        "127.0.0.1",
        kinds.HOST,
        "Under which name local clients reach the /c8y door. Requests as the device "
        "that ask for another name than this machine's are refused.",
    )
    port: int | None = key(
        None, kinds.PORT, "At which port they do; without it c8y.proxy.bind.port."
    )


@attrs.frozen
class C8yProxy:
    bind: C8yProxyBind = table(C8yProxyBind)
    client: C8yProxyClient = table(C8yProxyClient)
    cert_path: str | None = key(
        None,
        kinds.FILE,
        "Our certificate for local clients (PEM, chain allowed); with the key it makes "
        "the door speak HTTPS, and plain HTTP on the same port is redirected.",
    )
    key_path: str | None = key(None, kinds.FILE, "Its private key (PEM).")
    ca_path: str | None = key(
        None,
        kinds.FILE,
        "File or directory of the CAs that local clients must have a certificate of.",
    )
    allowed_cn: tuple[str, ...] | None = key(
        None,
        kinds.NAMES,
        "The common names of the client certificates that are let in; without it any.",
    )


@attrs.frozen
class C8y:
    url: HostPort | None = key(
        None,
        kinds.HOST_PORT,
        "The Cumulocity tenant. Without it (and without c8y.http) the /c8y door "
        "stays closed.",
    )
    http: HostPort | None = key(
        None,
        kinds.ORIGIN,
        "The tenant's HTTP host, where it differs from c8y.url (port 443). "
        "http://host:port means plain HTTP, for development.",
    )
    mqtt: HostPort | None = key(
        None,
        kinds.HOST_PORT,
        "The tenant's MQTT host, where it differs from c8y.url (port 8883).",
    )
    allow_plain: bool = key(
        False,
        kinds.BOOLEAN,
        "Allow plain HTTP to a Cumulocity that is not on this machine.",
    )
    root_cert_path: str | None = key(
        None,
        kinds.FILE,
        "File or directory of the only CAs trusted for Cumulocity; "
        "without it the system's store.",
    )
    auth_method: str = key(
        "certificate",
        kinds.choice("certificate", "basic", "auto"),
        "How the device authenticates itself at Cumulocity: with the token that its "
        "certificate earns, with a user name and password, or with the latter if "
        "c8y.credentials_path exists.",
    )
    credentials_path: str = key(
        "credentials.toml",
        kinds.BESIDE,
        "TOML file with username and password in its table [c8y]; relative to the "
        "configuration file.",
    )
    token: C8yToken = table(C8yToken)
    bridge: C8yBridge = table(C8yBridge)
    proxy: C8yProxy = table(C8yProxy)


@attrs.frozen
class Device:
    id: str | None = key(
        None, kinds.TEXT, "The device's id; without it the certificate's common name."
    )
    cert_path: str | None = key(
        None, kinds.FILE, "The device certificate (PEM, chain allowed)."
    )
    key_path: str | None = key(None, kinds.FILE, "Its private key (PEM).")


@attrs.frozen
class MqttClientAuth:
    ca_file: str | None = key(
        None, kinds.FILE, "CAs that the broker's certificate must come from; sets TLS."
    )
    ca_dir: str | None = key(None, kinds.FILE, "The same as a directory.")
    cert_file: str | None = key(None, kinds.FILE, "Client certificate (PEM).")
    key_file: str | None = key(None, kinds.FILE, "Its private key (PEM).")
    username: str | None = key(None, kinds.TEXT, "User name at the broker.")
    password_file: str | None = key(
        None, kinds.FILE, "File whose first line is the password."
    )


@attrs.frozen
class MqttClient:
    host: str = key("127.0.0.1", kinds.HOST, "The local MQTT broker.")
    port: int = key(1883, kinds.PORT, "Its port.")
    auth: MqttClientAuth = table(MqttClientAuth)


@attrs.frozen
class Mqtt:
    client: MqttClient = table(MqttClient)


@attrs.frozen
class Proxy:
    address: ProxyAddress | None = key(
        None,
        kinds.PROXY_ADDRESS,
        "Outbound HTTP proxy for all connections to Cumulocity (CONNECT).",
    )
    username: str | None = key(None, kinds.TEXT, "User name at that proxy.")
    password_file: str | None = key(
        None, kinds.FILE, "File whose first line is the password."
    )
    no_proxy: tuple[str, ...] = key(
        [],
        kinds.NAMES,
        "Hosts, domains and networks that are connected to directly.",
    )


@attrs.frozen
class HttpClientAuth:
    cert_file: str | None = key(
        None, kinds.FILE, "Certificate that edgeproxyctl http presents to the door."
    )
    key_file: str | None = key(None, kinds.FILE, "Its private key (PEM).")


@attrs.frozen
class HttpClient:
    auth: HttpClientAuth = table(HttpClientAuth)


@attrs.frozen
class Http:
    client: HttpClient = table(HttpClient)


@attrs.frozen
class ThinEdge:
    config_dir: str | None = key(
        None,
        kinds.FILE,
        "Configuration directory of thin-edge.io on this device, such as /etc/tedge: "
        "its tables c8y, device, mqtt and proxy are read first.",
    )
