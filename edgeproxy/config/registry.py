"""The tables of the device registry."""

from __future__ import annotations

import attrs

from edgeproxy.config import kinds
from edgeproxy.config.declaring import key, table


@attrs.frozen
class HonoRegistryHttp:
    bind_address: str = key(
        "127.0.0.1", kinds.ADDRESS, "Where the registry's management API listens."
    )
    port: int = key(28080, kinds.PORT_OR_OFF, "Its port; 0 switches it off.")
    authentication_required: bool = key(
        True,
        kinds.BOOLEAN,
        "Whether operators must log in. Without, every program on this machine may "
        "change the registry; only for loopback.",
    )
    credentials_path: str = key(
        "operators.toml",
        kinds.STATE_FILE,
        "TOML file of [[operator]] tables: name, password or pwd-hash. The first "
        "start makes it, with one log-in; relative to the state directory.",
    )
    cert_path: str | None = key(
        None, kinds.FILE, "Our certificate for operators (PEM, chain allowed): TLS."
    )
    key_path: str | None = key(None, kinds.FILE, "Its private key (PEM).")
    cors_allowed_origin: str = key(
        "*", kinds.TEXT, "The web pages that may use the API, with a log-in."
    )


@attrs.frozen
class HonoRegistry:
    path: str = key(
        "registry.sqlite",
        kinds.STATE_FILE,
        "The device registry's database; relative to the state directory.",
    )
    http: HonoRegistryHttp = table(HonoRegistryHttp)
