"""Client certificates as logins: whose tenant, whose device, and who is refused."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from edgeproxy.portal.avatars import Device, IDevice
from edgeproxy.portal.certificates import (
    CertificateChain,
    CertificateChecker,
    ICertificateChain,
)
from edgeproxy.portal.devices import DeviceRealm
from edgeproxy.portal.dn import canonical_of
from edgeproxy.portal.errors import AdapterDisabled, TenantRefused
from edgeproxy.portal.login import login_as
from edgeproxy.registry.store import RegistryStore
from tests.fakes.authority import DAY, SERVER, Authority, Issued, name

OLD_UNIT = (x509.ObjectIdentifier("1.2.3.4.5"), "unusual")
EMAIL = (NameOID.EMAIL_ADDRESS, "device@example.com")


class CertificateTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.registry = RegistryStore(":memory:")
        self.addCleanup(self.registry.close)
        checker = CertificateChecker(self.registry, self.registry)
        verifyObject(ICredentialsChecker, checker)
        self.log_in = login_as(Portal(DeviceRealm(), [checker]), IDevice)

    def tenant(self, tenant: str, *anchors: dict[str, Any], **more: Any) -> None:
        """Register *tenant*, which trusts *anchors*."""
        self.registry.put_tenant(tenant, {"trusted-ca": list(anchors), **more})

    def device(
        self, tenant: str, device: str, auth_id: str, secret: Any = None, **more: Any
    ) -> None:
        """Register *device* with credentials of a certificate."""
        self.registry.put_device(tenant, device, {})
        data = {
            "type": "x509-cert",
            "auth-id": auth_id,
            "secrets": [secret or {}],
            **more,
        }
        self.registry.put_credentials(tenant, device, data)

    def gets_in(self, issued: Issued, tenant: str, device: str) -> Device:
        found = self.successResultOf(self.log_in(CertificateChain(issued.ders)))
        self.assertEqual(found, Device(tenant, device))
        result: Device = found
        return result

    def is_refused(
        self, issued: Issued, error: type[Exception] = UnauthorizedLogin
    ) -> str:
        failed = self.failureResultOf(self.log_in(CertificateChain(issued.ders)))
        self.assertIs(failed.type, error)
        return str(failed.value)


class GoodTests(CertificateTestCase):
    def test_the_subject_is_the_auth_id(self) -> None:
        root = Authority()
        self.tenant("T", root.as_anchor())
        self.device("T", "4711", "CN=d,O=ACME")
        self.gets_in(root.issue("d"), "T", "4711")
        verifyObject(ICertificateChain, CertificateChain([]))

    def test_names_are_compared_by_what_they_say(self) -> None:
        root = Authority()
        self.tenant("T", root.as_anchor())
        subject = name("d", EMAIL, OLD_UNIT)
        for number, auth_id in enumerate(
            [
                "CN=d,1.2.3.4.5=unusual,emailAddress=device@example.com,O=ACME",
                # As Java, and so Hono, writes it.
                "CN=d,1.2.3.4.5=#0c07756e757375616c,1.2.840.113549.1.9.1="
                "#1612646576696365406578616d706c652e636f6d,O=ACME",
            ]
        ):
            self.device("T", str(number), auth_id)
            self.gets_in(root.issue(subject), "T", str(number))

    def test_cas_of_the_same_name_with_different_keys(self) -> None:
        one, other = Authority(), Authority()
        for tenant, root in (("T1", one), ("T2", other)):
            self.tenant(tenant, root.as_anchor())
            self.device(tenant, f"{tenant}-d", "CN=d,O=ACME")
        self.gets_in(one.issue("d", serial=7), "T1", "T1-d")
        self.gets_in(other.issue("d", serial=7), "T2", "T2-d")
        self.is_refused(Authority().issue("d", serial=7))

    def test_a_tenant_may_change_its_key(self) -> None:
        old, new = Authority(), Authority()
        self.tenant("T", old.as_anchor(), new.as_anchor())
        self.device("T", "d", "CN=d,O=ACME")
        for root in (old, new):
            for points_to in ("", "key"):
                self.gets_in(root.issue("d", points_to=points_to), "T", "d")

    def test_intermediates(self) -> None:
        root = Authority("root")
        low = Authority("low", above=Authority("middle", above=root))
        self.tenant("T", root.as_anchor())
        self.device("T", "d", "CN=d,O=ACME")
        issued = low.issue("d")
        self.gets_in(issued, "T", "d")
        self.is_refused(Issued(issued.certificate, issued.key))

    def test_the_intermediate_of_one_tenant_below_the_root_of_another(self) -> None:
        root = Authority("root")
        middle = Authority("middle", above=root)
        self.tenant("T1", root.as_anchor())
        self.tenant("T2", middle.as_anchor())
        self.device("T2", "d2", "CN=d,O=ACME")
        self.gets_in(middle.issue("d"), "T2", "d2")
        self.device("T1", "d1", "CN=d,O=ACME")
        self.assertIn("several", self.is_refused(middle.issue("d")))

    def test_a_certificate_as_anchor(self) -> None:
        root = Authority()
        der = root.certificate.public_bytes(Encoding.DER)
        self.tenant("T", {"cert": base64.b64encode(der).decode()})
        self.device("T", "d", canonical_of(name("d")))
        self.gets_in(root.issue("d"), "T", "d")

    def test_templates(self) -> None:
        root = Authority()
        unit = (NameOID.ORGANIZATIONAL_UNIT_NAME, "lab")
        for template, auth_id in [
            ("{{subject-cn}}", "d"),
            ("{{subject-ou}}-{{subject-cn}}", "lab-d"),
            ("{{subject-o}}/{{subject-cn}}", "ACME/d"),
            ("{{subject-dn}}", "CN=d,OU=lab,O=ACME"),
        ]:
            self.tenant("T", root.as_anchor(**{"auth-id-template": template}))
            self.device("T", template, auth_id)
            self.gets_in(root.issue(name("d", unit)), "T", template)
        # What the subject lacks is nobody, and what it says is no template.
        self.device("T", "half", "d-")
        self.device("T", "victim", "lab")
        for template, subject in [
            ("{{subject-ou}}", "d"),
            ("{{subject-cn}}-{{subject-ou}}", "d"),
            ("{{subject-cn}}", name("{{subject-ou}}", unit)),
        ]:
            self.tenant("T", root.as_anchor(**{"auth-id-template": template}))
            self.is_refused(root.issue(subject))

    def test_the_login_is_valid_as_long_as_all_that_it_rests_on(self) -> None:
        root = Authority()
        now = datetime.now(UTC)
        anchor = {
            "not-before": (now - DAY / 4).isoformat(),
            "not-after": (now + DAY / 2).isoformat(),
        }
        secret = {"not-after": (now + DAY / 8).isoformat()}
        self.tenant("T", root.as_anchor(**anchor))
        self.device("T", "d", "CN=d,O=ACME", secret)
        found = self.gets_in(root.issue("d"), "T", "d")
        assert found.not_before is not None and found.not_after is not None
        self.assertLess(abs(found.not_before - (now - DAY / 4).timestamp()), 2)
        self.assertLess(abs(found.not_after - (now + DAY / 8).timestamp()), 2)


class BadTests(CertificateTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.root = Authority()
        self.tenant("T", self.root.as_anchor())
        self.device("T", "d", "CN=d,O=ACME")
        self.gets_in(self.root.issue("d"), "T", "d")

    def test_certificates_that_prove_nothing(self) -> None:
        hour = timedelta(hours=1)
        own = Authority(name("d"))
        for issued in [
            Authority("unknown").issue("d"),
            Authority().issue("d"),
            self.root.issue("d", ends=-hour),
            self.root.issue("d", starts=hour),
            self.root.issue("d", usage=[SERVER]),
            self.root.issue("d", signs=False),
            self.root.issue("other"),
            Issued(own.certificate, own.key),
        ]:
            self.is_refused(issued)
        refused = self.log_in(CertificateChain([b"nonsense"]))
        self.failureResultOf(refused, UnauthorizedLogin)

    def test_what_is_on_record_counts(self) -> None:
        issued = self.root.issue("d")
        past = {"not-after": "2020-01-01T00:00:00Z"}
        self.device("T", "d", "CN=d,O=ACME", past)
        self.is_refused(issued)
        self.device("T", "d", "CN=d,O=ACME", {"enabled": False})
        self.is_refused(issued)
        self.device("T", "d", "CN=d,O=ACME", enabled=False)
        self.is_refused(issued)

    def test_what_the_tenant_says_counts(self) -> None:
        issued, anchor = self.root.issue("d"), self.root.as_anchor()
        self.tenant("T", anchor, enabled=False)
        self.is_refused(issued, TenantRefused)
        self.tenant("T", anchor, adapters=[{"type": "hono-mqtt", "enabled": True}])
        self.is_refused(issued, AdapterDisabled)
        self.tenant("T", anchor | {"not-after": "2020-01-01T00:00:00Z"})
        self.assertIn("no valid trust anchors", self.is_refused(issued))
        self.tenant("T")
        self.is_refused(issued)
