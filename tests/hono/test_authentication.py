"""What is asked of a connection's certificate, and how often."""

from __future__ import annotations

from typing import Any

from OpenSSL import crypto
from twisted.cred.portal import Portal
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.hono.authentication import Authentication
from edgeproxy.portal.avatars import Device, IDevice
from edgeproxy.portal.certificates import CertificateChecker
from edgeproxy.portal.devices import DeviceRealm
from edgeproxy.portal.login import login_as
from edgeproxy.portal.remembered import RememberedLogins
from edgeproxy.portal.throttle import Throttle
from edgeproxy.registry.store import RegistryStore
from tests.fakes.authority import Authority, Issued


class Transport:
    """The TLS of a connection; counts who looks at the peer's certificate."""

    def __init__(self, issued: Issued) -> None:
        self._chain = [
            crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in issued.ders
        ]
        self.looks = 0

    def getPeerCertificate(self) -> Any:
        self.looks += 1
        return self._chain[0]

    def getHandle(self) -> Any:
        return self

    def get_peer_cert_chain(self) -> Any:
        return self._chain[1:] or None


class Request:
    """A request on a connection with a certificate."""

    class client:
        host = "192.0.2.1"

    def __init__(self, issued: Issued) -> None:
        self.channel = self
        self.transport = Transport(issued)
        self.known_as: bytes | None = None


class CertificateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.registry = RegistryStore(":memory:")
        self.addCleanup(self.registry.close)
        self.root = Authority()
        self.registry.put_tenant("T", {"trusted-ca": [self.root.as_anchor()]})
        self.registry.put_device("T", "d", {})
        data = {"type": "x509-cert", "auth-id": "CN=d,O=ACME", "secrets": [{}]}
        self.registry.put_credentials("T", "d", data)
        self.asked = 0
        checker = CertificateChecker(self.registry, self.registry)
        portal = login_as(Portal(DeviceRealm(), [checker]), IDevice)

        def login(credentials: Any) -> Any:
            self.asked += 1
            return portal(credentials)

        logins = RememberedLogins(login, self.registry)
        throttle = Throttle(Clock())
        self.authenticate = Authentication(logins, throttle).authenticate

    def test_it_is_looked_at_once(self) -> None:
        request = Request(self.root.issue("d"))
        first = self.authenticate(request)
        self.assertEqual(self.successResultOf(first), Device("T", "d"))
        looks = request.transport.looks
        for _ in range(10):
            self.assertEqual(self.authenticate(request), Device("T", "d"))
        self.assertEqual(request.transport.looks, looks)
        self.assertEqual(self.asked, 1)

    def test_another_connection_is_known_by_the_same_certificate(self) -> None:
        issued = self.root.issue("d")
        self.successResultOf(self.authenticate(Request(issued)))
        self.assertEqual(self.authenticate(Request(issued)), Device("T", "d"))
        self.assertEqual(self.asked, 1)
        other = self.root.issue("d")
        self.successResultOf(self.authenticate(Request(other)))
        self.assertEqual(self.asked, 2)

    def test_a_change_has_it_looked_at_again(self) -> None:
        request = Request(self.root.issue("d"))
        self.successResultOf(self.authenticate(request))
        self.registry.put_tenant("T", {})
        self.failureResultOf(self.authenticate(request))
        self.registry.put_tenant("T", {"trusted-ca": [self.root.as_anchor()]})
        self.successResultOf(self.authenticate(request))
