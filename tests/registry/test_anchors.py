"""The CAs that tenants trust, and finding the tenants by them."""

from __future__ import annotations

import base64
import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.portal.dn import canonical_of
from edgeproxy.registry.anchors import anchor_from_json, anchors_of, subject_in
from edgeproxy.registry.store import RegistryStore

FROM = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
TO = datetime.datetime(2036, 1, 1, tzinfo=datetime.UTC)


def name(cn: str) -> x509.Name:
    """Return a name with what makes trouble: e-mail, an OID of nobody's, escapes."""
    return x509.Name(
        [
            x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "A,C+ME\\ "),
            x509.NameAttribute(x509.ObjectIdentifier("2.999.16384.3"), "#x"),
            x509.NameAttribute(x509.NameOID.EMAIL_ADDRESS, "ca@example.com"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, cn),
        ]
    )


def authority(subject: x509.Name) -> x509.Certificate:
    """Return a CA's certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
    builder = builder.not_valid_before(FROM).not_valid_after(TO).serial_number(7)
    return builder.public_key(key.public_key()).sign(key, hashes.SHA256())


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def public_key(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


class AnchorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.certificate = authority(name("CA"))
        self.parts: dict[str, Any] = {
            "public-key": encoded(public_key(self.certificate)),
            "not-before": "2026-01-01T00:00:00Z",
            "not-after": "2036-01-01T01:00:00+01:00",
        }

    def test_a_certificate_says_it_all(self) -> None:
        anchor = anchor_from_json({"cert": encoded(der(self.certificate))})
        self.assertEqual(canonical_of(anchor.subject), canonical_of(name("CA")))
        self.assertEqual(anchor.public_key, public_key(self.certificate))
        self.assertEqual(anchor.not_before, FROM.timestamp())
        self.assertEqual(anchor.not_after, TO.timestamp())
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        self.assertEqual(anchor_from_json({"cert": pem}), anchor)

    def test_its_parts_say_the_same(self) -> None:
        whole = anchor_from_json({"cert": encoded(der(self.certificate))})
        subject = self.certificate.subject
        for said in (
            {"subject-dn": canonical_of(subject)},
            {"subject-dn-bytes": encoded(subject.public_bytes())},
        ):
            anchor = anchor_from_json(self.parts | said)
            self.assertEqual(canonical_of(anchor.subject), canonical_of(subject))
            self.assertEqual(anchor.public_key, whole.public_key)
            self.assertEqual(anchor.not_before, whole.not_before)
            self.assertEqual(anchor.not_after, whole.not_after)

    def test_0_6_had_one_without_a_period(self) -> None:
        (anchor,) = anchors_of(
            {"subject-dn": "CN=CA", "public-key": self.parts["public-key"]}
        )
        self.assertTrue(anchor.counts_at(0) and anchor.counts_at(1e12))

    def test_what_is_no_anchor(self) -> None:
        truncated = encoded(self.certificate.subject.public_bytes()[:-3])
        not_a_name = encoded(public_key(self.certificate))
        for data in (
            {},
            {"subject-dn": "CN=a"},
            {"subject-dn": "nonsense", **self.parts},
            {"subject-dn-bytes": truncated, **self.parts},
            {"subject-dn-bytes": not_a_name, **self.parts},
            {"subject-dn-bytes": "", **self.parts},
            {"subject-dn": "CN=a", **self.parts, "public-key": "AAAA"},
            {"subject-dn": "CN=a", **self.parts, "not-before": "tomorrow"},
            {"cert": "no Base64"},
            {"cert": "AAAA"},
            {"cert": "-----BEGIN CERTIFICATE-----"},
        ):
            self.assertRaises(ValueError, anchor_from_json, data)


TYPES = (
    x509.NameOID.COMMON_NAME,
    x509.NameOID.ORGANIZATION_NAME,
    x509.NameOID.EMAIL_ADDRESS,
    x509.NameOID.USER_ID,
    x509.ObjectIdentifier("2.999.16384.3"),
    x509.ObjectIdentifier("1.39.127.128"),
)
ATTRIBUTES = st.builds(
    x509.NameAttribute,
    st.sampled_from(TYPES),
    st.text(st.characters(min_codepoint=1, max_codepoint=126), min_size=1, max_size=30),
)
RDNS = st.builds(
    x509.RelativeDistinguishedName,
    st.lists(ATTRIBUTES, min_size=1, max_size=2, unique_by=lambda a: a.oid),
)


class NameTests(SynchronousTestCase):
    @given(st.builds(x509.Name, st.lists(RDNS, min_size=1, max_size=4)))
    def test_a_name_is_read_out_of_its_der(self, subject: x509.Name) -> None:
        found = subject_in({"subject-dn-bytes": encoded(subject.public_bytes())})
        self.assertEqual(canonical_of(found), canonical_of(subject))

    @given(st.binary(max_size=80))
    def test_any_other_bytes_are_refused_and_no_more(self, data: bytes) -> None:
        start = name("CA").public_bytes()[: len(data)]
        for bad in (data, start + data, name("CA").public_bytes() + data + b"x"):
            try:
                subject_in({"subject-dn-bytes": encoded(bad)})
            except ValueError:
                pass


class TrustingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = RegistryStore(str(Path(self.mktemp()) / "registry.sqlite"))
        self.addCleanup(self.store.close)
        self.certificates = [authority(name("CA")) for _ in range(2)]
        self.other = authority(name("other"))

    def put(self, tenant: str, *certificates: x509.Certificate, **more: Any) -> None:
        anchors = [{"cert": encoded(der(c))} for c in certificates]
        self.store.put_tenant(tenant, {"trusted-ca": anchors} | more)

    def trusting(self, cn: str) -> list[tuple[str, bool, int]]:
        found = self.store.find_trusting(name(cn))
        return [(t.tenant_id, t.enabled, len(t.anchors)) for t in found]

    def test_nobody_trusts_it(self) -> None:
        self.assertEqual(self.trusting("CA"), [])
        self.put("T", self.other)
        self.assertEqual(self.trusting("CA"), [])

    def test_several_keys_of_one_name(self) -> None:
        self.put("T", *self.certificates, self.other)
        self.assertEqual(self.trusting("CA"), [("T", True, 2)])
        self.assertEqual(self.trusting("other"), [("T", True, 1)])

    def test_two_tenants_with_cas_of_one_name(self) -> None:
        self.put("T", self.certificates[0])
        self.put("U", self.certificates[1], enabled=False)
        self.put("V", self.certificates[1], adapters=[{"type": "hono-mqtt"}])
        self.assertEqual(
            self.trusting("CA"), [("T", True, 1), ("U", False, 1), ("V", False, 1)]
        )

    def test_a_change_is_seen_at_once(self) -> None:
        self.put("T", self.certificates[0])
        self.trusting("CA")
        self.put("T", self.certificates[0], enabled=False)
        self.assertEqual(self.trusting("CA"), [("T", False, 1)])
        self.put("T", self.other)
        self.assertEqual(self.trusting("CA"), [])
