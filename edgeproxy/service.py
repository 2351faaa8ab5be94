"""Composes the service: this module reads like the program's table of contents."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService
from twisted.cred.portal import Portal
from twisted.internet.defer import inlineCallbacks
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.web.resource import Resource

from edgeproxy.amqp.listener import AMQPListenerFactory
from edgeproxy.c8y.proxy import ProxyResource
from edgeproxy.c8y.token import JWTCredential
from edgeproxy.config.load import Loaded
from edgeproxy.config.tables import Config
from edgeproxy.hono.resource import HonoResource
from edgeproxy.http.origin import Origin
from edgeproxy.http.pool import Pool
from edgeproxy.http.server import Deadlines, Site
from edgeproxy.messaging.database import StoreError
from edgeproxy.messaging.embedded import EmbeddedNetwork
from edgeproxy.messaging.operator import Operator
from edgeproxy.messaging.store import EventStore
from edgeproxy.metrics import counters
from edgeproxy.ops.accesslog import AccessLog
from edgeproxy.ops.events import EventsResource
from edgeproxy.ops.hangup import Reloader
from edgeproxy.ops.health import ops_resource
from edgeproxy.ops.startup import (
    Listener,
    at_once,
    cannot_start,
    raise_descriptor_limit,
)
from edgeproxy.ops.status import Status
from edgeproxy.portal.avatars import IConsumer, IDevice
from edgeproxy.portal.consumers import (
    AnonymousChecker,
    ConsumerRealm,
    UsersChecker,
    UsersFileError,
)
from edgeproxy.portal.devices import DeviceRealm, PasswordChecker
from edgeproxy.portal.login import login_as
from edgeproxy.portal.remembered import RememberedLogins
from edgeproxy.registry.assertion import assert_registration
from edgeproxy.registry.demo import fill_with_demo
from edgeproxy.registry.store import RegistryError, RegistryStore
from edgeproxy.sandbox.sandbox import Sandbox
from edgeproxy.tls.client import ClientTLS
from edgeproxy.tls.endpoint import client_endpoint
from edgeproxy.tls.errors import TLSFileError
from edgeproxy.tls.material import load_key_material
from edgeproxy.tls.server import ServerTLS

HTTPS, MQTT_OVER_TLS = 443, 8883  # where Cumulocity is unless a port is given


class EdgeProxy(MultiService):
    """The service: sandbox, messaging, the doors, and ops, which listens last.

    It is composed when it starts: twistd forks before that, and neither a database
    nor its lock survives a fork.
    """

    def __init__(self, loaded: Loaded, reactor: Any) -> None:
        super().__init__()
        self._loaded = loaded
        self._config: Config = loaded.config
        self._reactor = reactor
        self._reloads: list[tuple[str, Callable[[], None]]] = []
        self._closing: list[Callable[[], None]] = []
        self._status = Status(reactor, loaded.sandbox)
        self._sandbox: Sandbox | None = None
        self._access_log = AccessLog(reactor)
        # What serves others stops first, and starts last.
        self._inner, self._doors = MultiService(), MultiService()
        self._inner.setServiceParent(self)
        self._doors.setServiceParent(self)
        self._access_log.setServiceParent(self._inner)

    def startService(self) -> None:
        """Compose and start everything, or end the process with the reason why not."""
        raise_descriptor_limit()
        try:
            self._compose()
        except (TLSFileError, StoreError, RegistryError, UsersFileError) as error:
            cannot_start(str(error))
        if self._sandbox is not None:
            at_once(self._sandbox.listen(), "sandbox.port, sandbox.mqtt_port")
        super().startService()

    def _compose(self) -> None:
        if self._loaded.sandbox:
            self._add_sandbox(self._loaded.state / "sandbox")
        registry = self._open_registry(demo=self._loaded.sandbox)
        network = self._add_messaging()
        self._add_hono_door(registry, network)
        self._add_c8y_door()
        self._add_ops()

    @inlineCallbacks
    def stopService(self) -> Any:
        """Finish what is under way, then close what it needs."""
        self.running = 0
        yield self._doors.stopService()
        yield self._inner.stopService()
        for close in self._closing:
            close()

    def _listen(self, key: str, address: str, port: int, factory: Any) -> None:
        listener = Listener(self._reactor, address, port, factory, key)
        listener.setServiceParent(self._doors)

    def _site(self, resource: Resource, **more: Any) -> Site:
        """Return the site of a door: nothing but what its resource says."""
        return Site(
            resource,
            reactor=self._reactor,
            default_content_type=None,
            parse_forms=False,
            access_log=self._access_log,
            **more,
        )

    def _add_sandbox(self, folder: Path) -> None:
        """Add the stand-in for Cumulocity; it makes its certificates first of all."""
        table = self._config.sandbox
        self._sandbox = Sandbox(
            self._reactor,
            folder,
            address=table.bind_address,
            https_port=table.port,
            mqtt_port=table.mqtt_port,
            token_lifetime=table.token_lifetime,
        )
        self._sandbox.make_certificates()
        self._sandbox.setServiceParent(self._inner)

    def _open_registry(self, demo: bool) -> RegistryStore:
        """Return the device registry, with the demo devices where *demo* is set."""
        registry = RegistryStore(self._config.hono.registry.path)
        self._closing.append(registry.close)
        if demo:
            fill_with_demo(registry)
        return registry

    def _add_messaging(self) -> EmbeddedNetwork:
        """Add the event store and the AMQP listener that consumers attach to."""
        table = self._config.hono.messaging.embedded
        store = EventStore(table.store_path, self._reactor, table.max_bytes)
        network = EmbeddedNetwork(store, self._reactor, table.max_age)
        self._operator = Operator(store, network.refresh)
        network.setServiceParent(self._inner)
        portal, mechanisms = Portal(ConsumerRealm()), []
        if table.credentials_path is not None:
            certificates = table.ca_path is not None
            users = UsersChecker(table.credentials_path, certificates)
            self._reloads.append(("users of AMQP", users.reload))
            portal.registerChecker(users)
            mechanisms += ["EXTERNAL", "PLAIN"] if certificates else ["PLAIN"]
        if table.allow_anonymous:
            portal.registerChecker(AnonymousChecker())
            mechanisms.append("ANONYMOUS")
        factory = AMQPListenerFactory(
            login_as(portal, IConsumer), network, mechanisms, self._reactor
        )
        address = table.bind_address
        if table.port:
            self._listen("hono.messaging.embedded.port", address, table.port, factory)
        if table.cert_path and table.key_path:
            tls = ServerTLS(table.cert_path, table.key_path, table.ca_path)
            self._reloads.append(("certificate for AMQP", tls.reload))
            wrapped = TLSMemoryBIOFactory(tls, False, factory)
            key = "hono.messaging.embedded.tls_port"
            self._listen(key, address, table.tls_port, wrapped)
        self._status.add_messaging(store, network, mechanisms)
        return network

    def _add_hono_door(self, registry: RegistryStore, network: EmbeddedNetwork) -> None:
        """Add the Hono door: portal, registration assertion, resource."""
        table = self._config.hono.http
        logins = None
        if table.authentication_required:
            checker = PasswordChecker(registry, registry)
            login = login_as(Portal(DeviceRealm(), [checker]), IDevice)
            logins = RememberedLogins(login, registry.generation)

        def assertion(tenant: str, device: str, gateway: str | None) -> Any:
            return assert_registration(registry, tenant, device, gateway)

        resource = HonoResource(
            logins, assertion, network, table.max_payload_size, table.realm
        )
        address, port = table.insecure_port_bind_address, table.insecure_port
        if port:
            idle = table.idle_timeout or float("inf")
            site = self._site(resource, deadlines=Deadlines(idle=idle))
            self._listen("hono.http.insecure_port", address, port, site)
        self._status.add_hono(address, port)

    def _add_c8y_door(self) -> None:
        """Add the /c8y door: upstream, device credential, resource."""
        table = self._config.c8y
        origin = table.http or table.url
        if origin is None:
            self._status.c8y_waits("waits for c8y.url")
            return
        port = origin.port or (80 if origin.plain else HTTPS)
        tls = None
        if not origin.plain:
            tls = ClientTLS(origin.host, table.root_cert_path)
            self._reloads.append(("trust in Cumulocity", tls.reload))
        endpoint = client_endpoint(self._reactor, origin.host, port, tls)
        where = Origin("http" if origin.plain else "https", origin.host, port)
        upstream = Pool(where, endpoint, self._reactor)
        self._closing.append(upstream.close)
        if tls is not None:
            self._reloads.append(("connections to Cumulocity", upstream.renew))
        credential = self._device_credential()
        credential.setServiceParent(self._inner)
        resource = ProxyResource(upstream, credential, where.authority)
        for address in table.proxy.bind.address:
            self._listen(
                "c8y.proxy.bind.port",
                address,
                table.proxy.bind.port,
                self._site(resource),
            )
        authority = where.authority.decode()
        self._status.add_c8y(f"{where.scheme}://{authority}", credential)

    def _device_credential(self) -> JWTCredential:
        """Return where the device's token comes from, by ``c8y.token.source``."""
        if self._config.c8y.token.source == "mqtt":
            return self._token_from_cumulocity()
        return self._token_from_broker()

    def _token_from_cumulocity(self) -> JWTCredential:
        c8y, device = self._config.c8y, self._config.device
        mqtt = c8y.mqtt or c8y.url
        assert mqtt and device.cert_path and device.key_path  # config.check saw to it
        identity = (device.cert_path, device.key_path)
        tls = ClientTLS(mqtt.host, c8y.root_cert_path, identity)
        self._reloads.append(("device certificate", tls.reload))
        port = mqtt.port or MQTT_OVER_TLS
        client_id = device.id or load_key_material(*identity).common_name
        if not client_id:
            raise TLSFileError(device.cert_path, "has no common name; set device.id")
        endpoint = client_endpoint(self._reactor, mqtt.host, port, tls)
        return JWTCredential(
            endpoint, self._reactor, client_id, prefix="", name=f"Cumulocity at {mqtt}"
        )

    def _token_from_broker(self) -> JWTCredential:
        client = self._config.mqtt.client
        auth, tls = client.auth, None
        trust = auth.ca_file or auth.ca_dir
        if trust is not None:
            identity = None
            if auth.cert_file and auth.key_file:
                identity = (auth.cert_file, auth.key_file)
            tls = ClientTLS(client.host, trust, identity)
            self._reloads.append(("trust in the MQTT broker", tls.reload))
        return JWTCredential(
            client_endpoint(self._reactor, client.host, client.port, tls),
            self._reactor,
            f"edgeproxy-{secrets.token_hex(6)}",
            prefix=self._config.c8y.bridge.topic_prefix,
            username=auth.username,
            password=_first_line(auth.password_file),
            name=f"MQTT broker {client.host}:{client.port}",
        )

    def _add_ops(self) -> None:
        """Add health, metrics and status, and the handler of SIGHUP."""
        Reloader(self._reactor, self._reloads).setServiceParent(self._inner)
        table, status = self._config.ops, self._status
        resource = ops_resource(status.checks, status.report)
        resource.putChild(b"events", EventsResource(self._operator, table.bind_address))
        self._listen("ops.port", table.bind_address, table.port, self._site(resource))
        counters.EVENTS_WAITING.set_function(status.events_waiting)
        counters.EVENTS_SET_ASIDE.set_function(status.events_set_aside)
        counters.CONSUMERS.set_function(status.consumers)


def _first_line(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes().partition(b"\n")[0].rstrip(b"\r")
    except OSError as error:
        cannot_start(f"{path}: {error.strerror}")
