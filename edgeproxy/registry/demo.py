"""The demo registry: the tenant and devices that seed 002's examples use."""

from __future__ import annotations

from typing import Any

from edgeproxy.registry.store import RegistryStore

TENANT = "DEFAULT_TENANT"

DEVICES: dict[str, dict[str, Any]] = {
    "4711": {
        "defaults": {"content-type": "application/vnd.bumlux", "importance": "high"}
    },
    "4712": {"via": ["gw-1"]},
    "gw-1": {},
}

# SHA-512 of salt and password, as Hono 0.6 ships them: "hono-secret" for sensor1,
# "gw-secret" for the gateway. The seed's text names it gw1, its examples gw.
_GATEWAY_SECRET = {
    "hash-function": "sha-512",
    "salt": "Z3dzYWx0",
    "pwd-hash": "CrHirmXdU20qORDRE5gbphS9vUCdl2NhEaAikw6EGTwBevbs1rCwml82cONPNxugZ1D0"
    "QHQSnbY4gWJQJi6P4g==",
}
_SENSOR_SECRET = {
    "not-before": "2017-05-01T14:00:00+01:00",
    "not-after": "2037-06-01T14:00:00+01:00",
    "hash-function": "sha-512",
    "salt": "aG9ubw==",
    "pwd-hash": "C9/T62m1tT4ZxxqyIiyN9fvoEqmL0qnM4/+M+GHHDzr0QzzkAUdGYyJBfxRSe4upDzb6"
    "TSC4k5cpZG17p4QCvA==",
}
CREDENTIALS: list[tuple[str, str, dict[str, str]]] = [
    ("4711", "sensor1", _SENSOR_SECRET),
    ("gw-1", "gw", _GATEWAY_SECRET),
    ("gw-1", "gw1", _GATEWAY_SECRET),
]


def fill_with_demo(store: RegistryStore) -> None:
    """Put the demo tenant into *store*, unless it has one of that name already."""
    if store.get_tenant(TENANT) is not None:
        return
    with store.transaction():
        store.put_tenant(TENANT, {"enabled": True})
        for device, data in DEVICES.items():
            store.put_device(TENANT, device, data)
        for device, auth_id, secret in CREDENTIALS:
            data = {"type": "hashed-password", "auth-id": auth_id, "secrets": [secret]}
            store.put_credentials(TENANT, device, data)
