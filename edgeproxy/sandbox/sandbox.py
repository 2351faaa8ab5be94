"""The sandbox as a service."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from OpenSSL import crypto
from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.interfaces import IListeningPort
from twisted.internet.ssl import CertificateOptions
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from edgeproxy.sandbox.authentication import TENANT, Authenticator
from edgeproxy.sandbox.certificates import Certificates
from edgeproxy.sandbox.cloud import Cloud
from edgeproxy.sandbox.control import Control
from edgeproxy.sandbox.inventory import Inventory
from edgeproxy.sandbox.mqtt_endpoint import MQTTEndpoint
from edgeproxy.sandbox.requestlog import RequestLog
from edgeproxy.sandbox.tokens import TokenIssuer

# Reserved (RFC 2606): a link that leads out of the sandbox leads nowhere.
DOMAIN = f"{TENANT}.sandbox.invalid"

DEVICE_ID = "edgeproxy-sandbox"


class Sandbox(Service):
    """HTTPS and MQTT over TLS on *address*; port 0 takes a free one.

    State lives in *directory*. Await `listen` before the service starts, so that a
    busy port ends the start of the program; without that, starting listens and only
    logs what went wrong. *wall* is the time of day, in seconds since 1970, that tokens
    go by; *token_lifetime* is in seconds.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        directory: Path,
        *,
        address: str = "127.0.0.1",
        https_port: int = 9443,
        mqtt_port: int = 9883,
        token_lifetime: int = 3600,
        device_id: str = DEVICE_ID,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._reactor = reactor
        self._address = address
        self._wanted = (https_port, mqtt_port)
        self._certificates = Certificates(directory, device_id)
        self._ports: list[IListeningPort] = []
        self._listening: Deferred[None] | None = None
        self._ready_waiters: list[Deferred[None]] = []
        self._settled = False
        self._failure: Failure | None = None
        self.device_id = device_id
        self.requests = RequestLog(directory / "requests.log", wall)
        self.tokens = TokenIssuer(TENANT, DOMAIN, token_lifetime, wall)
        self._inventory = Inventory(f"https://{DOMAIN}", lambda: _iso(wall()))
        self._attachments = directory / "attachments"
        self._endpoint = MQTTEndpoint(
            reactor, self.tokens.token, self._inventory.register
        )

    @property
    def ca_file(self) -> Path:
        """The CA certificate that signed the server's and the device's."""
        return self._certificates.ca

    @property
    def device_cert(self) -> Path:
        """The device's certificate; its common name is *device_id*."""
        return self._certificates.device_cert

    @property
    def device_key(self) -> Path:
        """The device's private key."""
        return self._certificates.device_key

    @property
    def https_port(self) -> int:
        """The port of the HTTP API: the actual one once listening."""
        return self._port(0)

    @property
    def mqtt_port(self) -> int:
        """The port of the MQTT endpoint: the actual one once listening."""
        return self._port(1)

    def _port(self, which: int) -> int:
        if len(self._ports) > which:
            address: Any = self._ports[which].getHost()
            return int(address.port)
        return self._wanted[which]

    def make_certificates(self) -> None:
        """Make what is missing of `ca_file`, `device_cert` and `device_key`."""
        self._certificates.ensure()

    def whenReady(self) -> Deferred[None]:
        """Fire once both ports accept connections; fail with what prevented it."""
        waiter: Deferred[None] = Deferred()
        self._ready_waiters.append(waiter)
        if self._settled:
            self._settle(self._failure)
        return waiter

    def listen(self) -> Deferred[None]:
        """Make what is missing and open both ports; fail if one cannot be opened."""
        listening = Deferred.fromCoroutine(self._listen())
        self._listening = listening.addCallbacks(self._ready, self._not_ready)
        return self._listening

    def startService(self) -> None:
        super().startService()
        if self._listening is None:
            self.listen().addErrback(
                lambda failure: self._log.critical(
                    "the sandbox cannot start: {why}", why=failure.getErrorMessage()
                )
            )

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self._listening = None
        self._settled = False
        self._endpoint.close()
        self.requests.close()
        return self._close_ports()

    def _close_ports(self) -> Deferred[None]:
        ports, self._ports = self._ports, []
        stops = [maybeDeferred(port.stopListening) for port in ports]
        return gatherResults(stops).addCallback(lambda _: None)

    async def _listen(self) -> None:
        self.make_certificates()
        self.requests.open()
        cloud = Cloud(
            DOMAIN,
            Authenticator(self.tokens),
            self.requests,
            self._inventory,
            self._attachments,
        )
        site = Site(_Root(cloud, Control(self.tokens)), reactor=self._reactor)
        site.noisy = False
        for wanted, factory, devices in (
            (self._wanted[0], site, False),
            (self._wanted[1], self._endpoint, True),
        ):
            endpoint = SSL4ServerEndpoint(
                self._reactor, wanted, self._tls(devices), interface=self._address
            )
            self._ports.append(await endpoint.listen(factory))

    def _tls(self, devices: bool) -> CertificateOptions:
        files = self._certificates
        pem = crypto.FILETYPE_PEM
        trust: dict[str, Any] = {}
        if devices:
            ca = crypto.load_certificate(pem, files.ca.read_bytes())
            # Without a certificate the answer is CONNACK 5, not a TLS alert.
            trust = {"verify": True, "caCerts": [ca], "requireCertificate": False}
        options = CertificateOptions(
            privateKey=crypto.load_privatekey(pem, files.server_key.read_bytes()),
            certificate=crypto.load_certificate(pem, files.server_cert.read_bytes()),
            # A resumed session has no peer certificate.
            enableSessions=False,
            enableSessionTickets=False,
            **trust,
        )
        # A client that offers one all the same must not fail for want of a context.
        options.getContext().set_session_id(b"edgeproxy sandbox")
        return options

    def _ready(self, _: None) -> None:
        self._log.info(
            "sandbox cloud on https://{address}:{https} and mqtts://{address}:{mqtt}",
            address=self._address,
            https=self.https_port,
            mqtt=self.mqtt_port,
        )
        self._settle(None)

    def _not_ready(self, failure: Failure) -> Deferred[None]:
        self.requests.close()
        self._settle(failure)
        return self._close_ports().addCallback(lambda _: failure)

    def _settle(self, failure: Failure | None) -> None:
        self._settled, self._failure = True, failure
        waiters, self._ready_waiters = self._ready_waiters, []
        for waiter in waiters:
            if failure is None:
                waiter.callback(None)
            else:
                waiter.errback(failure)


class _Root(Resource):
    """The cloud, but for what lies under ``/sandbox``."""

    def __init__(self, cloud: Cloud, control: Control) -> None:
        super().__init__()
        self._cloud = cloud
        self.putChild(b"sandbox", control)

    def getChild(self, path: bytes, request: Request) -> Resource:
        # The cloud is a leaf, and wants to see all of the path.
        assert request.prepath is not None and request.postpath is not None
        request.postpath.insert(0, request.prepath.pop())
        return self._cloud


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
