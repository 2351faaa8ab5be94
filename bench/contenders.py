"""Who is measured: edgeproxy, nginx and stock Twisted, configured alike.

All keep connections to the origin alive, verify its certificate, and write an access
log. The origin is nginx with TLS; it answers a small JSON document.
"""

from __future__ import annotations

from pathlib import Path

from bench.processes import CONTENDER, LOAD, Process, free_port, python

TWISTD = ("-c", "from twisted.scripts.twistd import run; run()")
HERE = Path(__file__).parent

JSON = (
    '{"name":"t1","domainName":"t1.example.invalid","allowCreateTenants":false,'
    '"customProperties":{},"applications":{"references":[]},"parent":"management",'
    '"self":"https://t1.example.invalid/tenant/currentTenant"}'
)


def nginx(name: str, core: str, folder: Path, **values: object) -> Process:
    """Start nginx with the configuration *name* of this package, filled in."""
    text = (HERE / f"{name}.conf").read_text().replace("@FOLDER@", str(folder))
    for key, value in values.items():
        text = text.replace(f"@{key.upper()}@", str(value))
    config = folder / f"{name}.conf"
    config.write_text(text)
    command = ["/usr/sbin/nginx", "-c", str(config), "-p", str(folder)]
    return Process(name, command, core, folder)


def twistd(
    name: str, core: str, folder: Path, settings: dict[str, object], *options: str
) -> Process:
    """Start edgeproxy with *settings*."""
    command = python(*TWISTD, "-n", "--pidfile=", "edgeproxy", *options)
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    return Process(name, command, core, folder)


class Field:
    """Everything that runs beside the contender: the origin and a token source."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mqtt_port, self.origin_port = free_port(), free_port()
        settings: dict[str, object] = {
            "sandbox.port": free_port(),
            "sandbox.mqtt_port": self.mqtt_port,
            "c8y.proxy.bind.port": free_port(),
            "hono.http.insecure_port": free_port(),
            "hono.messaging.embedded.port": free_port(),
            "ops.port": free_port(),
            # Its own door must not be the device: two would throw each other out.
            "c8y.token.source": "bridge",
            "mqtt.client.port": free_port(),
        }
        self.cloud = twistd("cloud", LOAD, folder, settings, "--sandbox")
        self.cloud.wait_for(self.mqtt_port)
        self.certs = folder / "var" / "sandbox"
        with (folder / "big").open("wb") as file:
            file.truncate(1 << 30)
        self.origin = nginx(
            "origin",
            LOAD,
            folder,
            port=self.origin_port,
            sink=free_port(),
            certs=self.certs,
            json=JSON,
        )
        self.origin.wait_for(self.origin_port)


class EdgeProxy:
    """The whole service, with both doors open."""

    name = "edgeproxy"

    def __init__(self, field: Field) -> None:
        ports = [free_port() for _ in range(6)]
        self.port, self.hono, self.hono_tls, self.amqp, self.ops, registry = ports
        self.folder = field.folder / f"edgeproxy-{self.port}"
        self.folder.mkdir()
        self._settings: dict[str, object] = {
            "c8y.http": f"127.0.0.1:{field.origin_port}",
            "c8y.mqtt": f"127.0.0.1:{field.mqtt_port}",
            "c8y.root_cert_path": field.certs / "ca.pem",
            "c8y.token.source": "mqtt",
            "device.cert_path": field.certs / "device.pem",
            "device.key_path": field.certs / "device.key",
            "c8y.proxy.bind.port": self.port,
            "hono.http.insecure_port": self.hono,
            "hono.http.port": self.hono_tls,
            "hono.http.cert_path": field.certs / "server.pem",
            "hono.http.key_path": field.certs / "server.key",
            "hono.messaging.embedded.port": self.amqp,
            "hono.messaging.embedded.allow_anonymous": "true",
            "hono.messaging.embedded.store_path": self.folder / "events.sqlite",
            "hono.registry.path": self.folder / "registry.sqlite",
            "hono.registry.http.port": registry,
            "hono.registry.http.credentials_path": self.folder / "operators.toml",
            "ops.port": self.ops,
        }
        self.url = f"http://127.0.0.1:{self.port}/c8y"

    def start(self) -> float:
        """Start it; return how many seconds that took."""
        self.process = twistd("edgeproxy", CONTENDER, self.folder, self._settings)
        return self.process.wait_for(self.ops)


class Nginx:
    """nginx, one worker."""

    name = "nginx"

    def __init__(self, field: Field) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/c8y"
        self.process = nginx(
            "proxy",
            CONTENDER,
            field.folder,
            port=port,
            origin=field.origin_port,
            certs=field.certs,
        )
        self.process.wait_for(port)


class Stock:
    """A program of `bench.stock`: what one would write with stock Twisted."""

    def __init__(self, field: Field, name: str, kind: str, *arguments: str) -> None:
        self.name = name
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/c8y"
        command = python("-m", "bench.stock", kind, str(port), *arguments)
        self.process = Process(f"stock-{kind}", command, CONTENDER, field.folder)
        self.process.wait_for(port)
