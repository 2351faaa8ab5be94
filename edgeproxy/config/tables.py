"""One frozen record per table of the configuration file."""

from __future__ import annotations

import attrs

from edgeproxy.config import kinds
from edgeproxy.config.cloud import C8y, Device, Http, Mqtt, Proxy, ThinEdge
from edgeproxy.config.declaring import key, table
from edgeproxy.config.registry import HonoRegistry


@attrs.frozen
class HonoHttp:
    authentication_required: bool = key(
        True,
        kinds.BOOLEAN,
        "Whether devices must log in. Without, only requests that name tenant and "
        "device in their path are served.",
    )
    bind_address: str = key(
        "127.0.0.1", kinds.ADDRESS, "Where the Hono door listens with TLS."
    )
    port: int = key(
        8443, kinds.PORT, "Its port with TLS, which certificate and key switch on."
    )
    cert_path: str | None = key(
        None, kinds.FILE, "Our certificate for devices (PEM, chain allowed)."
    )
    key_path: str | None = key(None, kinds.FILE, "Its private key (PEM).")
    insecure_port_bind_address: str = key(
        "127.0.0.1", kinds.ADDRESS, "Where the Hono door listens for plain HTTP."
    )
    insecure_port: int = key(
        8080, kinds.PORT_OR_OFF, "Its port; 0 switches plain HTTP off."
    )
    max_payload_size: int = key(
        2048, kinds.SIZE, "Largest message payload in bytes; more is 413."
    )
    idle_timeout: int = key(
        75,
        kinds.SECONDS_OR_OFF,
        "Seconds after which an idle connection is closed; 0: never.",
    )
    realm: str = key("Hono", kinds.TEXT, "The realm in WWW-Authenticate.")
    cors_allowed_origin: str = key(
        "*",
        kinds.TEXT,
        "The origin whose web pages may publish, such as https://example.com; "
        "*: all of them.",
    )


@attrs.frozen
class HonoMessagingEmbedded:
    bind_address: str = key(
        "127.0.0.1", kinds.ADDRESS, "Where AMQP 1.0 consumers connect."
    )
    port: int = key(
        5672, kinds.PORT_OR_OFF, "Its port without TLS; 0 switches that off."
    )
    tls_port: int = key(
        5671, kinds.PORT, "Its port with TLS, which certificate and key switch on."
    )
    cert_path: str | None = key(
        None, kinds.FILE, "Our certificate for consumers (PEM, chain allowed)."
    )
    key_path: str | None = key(None, kinds.FILE, "Its private key (PEM).")
    ca_path: str | None = key(
        None,
        kinds.FILE,
        "File or directory of the CAs whose client certificates are a login (SASL "
        "EXTERNAL): that of the user with the certificate's common name.",
    )
    credentials_path: str = key(
        "consumers.toml",
        kinds.STATE_FILE,
        "TOML file of [[user]] tables: name, password or pwd-hash, tenants; relative "
        "to the state directory. The first start makes one, unless anonymous consumers "
        "are let in.",
    )
    allow_anonymous: bool = key(
        False,
        kinds.BOOLEAN,
        "Let consumers in without a login. Only for loopback and trials.",
    )
    store_path: str = key(
        "events.sqlite",
        kinds.STATE_FILE,
        "The event store; relative to the state directory.",
    )
    max_bytes: int = key(
        "1 GiB",
        kinds.AMOUNT_OF_DATA,
        "What the event store may take on disk; at this bound events are answered 503.",
    )
    max_age: int = key(
        "30 d",
        kinds.AGE,
        "Events that no consumer has accepted in this time are removed, counted and "
        "logged.",
    )


@attrs.frozen
class HonoMessaging:
    type: str = key(
        "embedded", kinds.choice("embedded"), "The network that carries messages."
    )
    embedded: HonoMessagingEmbedded = table(HonoMessagingEmbedded)


@attrs.frozen
class Hono:
    compat: str = key(
        "0.6",
        kinds.choice("0.6", "2"),
        "Whose answers the Hono door gives: those of Hono 0.6, or of Hono 2 as it is "
        "today.",
    )
    http: HonoHttp = table(HonoHttp)
    registry: HonoRegistry = table(HonoRegistry)
    messaging: HonoMessaging = table(HonoMessaging)


@attrs.frozen
class Sandbox:
    bind_address: str = key(
        "127.0.0.1", kinds.ADDRESS, "Where the sandbox cloud listens (--sandbox)."
    )
    port: int = key(9443, kinds.PORT, "Its HTTPS port.")
    mqtt_port: int = key(9883, kinds.PORT, "Its MQTT port.")
    token_lifetime: int = key(
        3600, kinds.SECONDS, "Seconds that a token of the sandbox lives."
    )


@attrs.frozen
class Ops:
    bind_address: str = key(
        "127.0.0.1", kinds.ADDRESS, "Where health, status and metrics are served."
    )
    port: int = key(8088, kinds.PORT, "Its port.")


@attrs.frozen
class Config:
    """The whole configuration, checked."""

    c8y: C8y = table(C8y)
    device: Device = table(Device)
    mqtt: Mqtt = table(Mqtt)
    proxy: Proxy = table(Proxy)
    http: Http = table(Http)
    thin_edge: ThinEdge = table(ThinEdge)
    hono: Hono = table(Hono)
    sandbox: Sandbox = table(Sandbox)
    ops: Ops = table(Ops)
