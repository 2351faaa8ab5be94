"""Chains against bare keys: who is let through, and what a refusal leaves behind."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from cryptography import x509
from OpenSSL import SSL, crypto
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.tls.chains import (
    MOST_CERTIFICATES,
    ChainRefused,
    TrustedKey,
    read_chain,
    validate,
)
from tests.fakes.authority import CLIENT, DAY, SERVER, Authority, Issued
from tests.fakes.handshake import shake_hands

FOR_EVER = (float("-inf"), float("inf"))


class ChainTestCase(SynchronousTestCase):
    def validate(
        self, issued: Issued, root: Authority, issuer: x509.Name | None = None
    ) -> tuple[float, float]:
        key = TrustedKey(root.public_key, *FOR_EVER)
        chain = read_chain(issued.ders)
        return validate(chain, issuer or root.name, key, time.time())

    def is_refused(self, issued: Issued, root: Authority) -> str:
        with self.assertRaises(ChainRefused) as caught:
            self.validate(issued, root)
        return str(caught.exception)


class GoodTests(ChainTestCase):
    def test_keys_of_all_kinds(self) -> None:
        for root_key in ("ec", "rsa", "ed25519"):
            root = Authority(key=root_key)
            for key in ("ec", "rsa", "ed25519"):
                self.validate(root.issue("d", key), root)

    def test_through_intermediates(self) -> None:
        root = Authority("root")
        middle = Authority("middle", above=root)
        low = Authority("low", above=middle)
        self.validate(middle.issue("d"), root)
        self.validate(low.issue("d"), root)
        self.validate(low.issue("d"), middle)  # an intermediate may be what is trusted

    def test_the_order_of_intermediates_does_not_matter(self) -> None:
        root = Authority("root")
        low = Authority("low", above=Authority("middle", above=root))
        issued = low.issue("d")
        turned = Issued(issued.certificate, issued.key, issued.above[::-1])
        self.validate(turned, root)

    def test_whatever_a_certificate_says_of_its_issuer(self) -> None:
        root = Authority("root")
        middle = Authority("middle", above=root, points_to="serial")
        for issuer in (root, middle):
            for points_to in ("", "key", "serial"):
                self.validate(issuer.issue("d", points_to=points_to), root)

    def test_usages(self) -> None:
        root = Authority()
        any_usage = x509.ObjectIdentifier("2.5.29.37.0")
        for usage in (None, [CLIENT], [SERVER, CLIENT], [any_usage]):
            self.validate(root.issue("d", usage=usage), root)

    def test_it_tells_when_all_of_the_path_is_valid(self) -> None:
        root = Authority("root")
        middle = Authority("middle", above=root, starts=-2 * DAY, ends=DAY / 2)
        now = time.time()
        start, end = self.validate(middle.issue("d", starts=-DAY / 2), root)
        self.assertLess(abs(start - now + 43200), 60)
        self.assertLess(abs(end - now - 43200), 60)
        key = TrustedKey(root.public_key, now - 5, now + 5)
        chain = read_chain(middle.issue("d").ders)
        start, end = validate(chain, root.name, key, now)
        self.assertLess(abs(end - start - 10), 2)

    def test_other_certificates_may_come_along(self) -> None:
        root, other = Authority("root"), Authority("other")
        issued = root.issue("d")
        self.validate(
            Issued(issued.certificate, issued.key, (other.certificate,)), root
        )


class BadTests(ChainTestCase):
    def test_another_key_with_the_same_name(self) -> None:
        for points_to in ("", "key", "serial"):
            issued = Authority().issue("d", points_to=points_to)
            self.is_refused(issued, Authority())

    def test_a_name_that_is_not_the_issuers(self) -> None:
        root = Authority("root")
        issued = Authority("other").issue("d")
        self.assertIn("issuer", self.is_refused(issued, root))

    def test_expired_or_not_yet_valid(self) -> None:
        root = Authority()
        for period in ({"ends": -timedelta(hours=1)}, {"starts": timedelta(hours=1)}):
            self.is_refused(root.issue("d", **period), root)
            middle = Authority("middle", above=root, **period)
            self.is_refused(middle.issue("d"), root)

    def test_a_key_that_is_not_valid_now(self) -> None:
        root = Authority()
        chain = read_chain(root.issue("d").ders)
        now = time.time()
        for period in ((now + 60, now + 120), (now - 120, now - 60)):
            with self.assertRaises(ChainRefused):
                validate(chain, root.name, TrustedKey(root.public_key, *period), now)

    def test_wrong_usage(self) -> None:
        root = Authority()
        issued = root.issue("d", usage=[SERVER])
        self.assertEqual(self.is_refused(issued, root), "is not for TLS clients")
        issued = root.issue("d", signs=False)
        self.assertEqual(self.is_refused(issued, root), "is not for signatures")

    def test_self_signed(self) -> None:
        root = Authority("root")
        own = Authority("root")
        self.is_refused(Issued(own.certificate, own.key), root)

    def test_issued_by_somebody_who_is_no_ca(self) -> None:
        root = Authority("root")
        device = Authority("device", above=root, ca=False)
        self.is_refused(device.issue("d"), root)

    def test_longer_than_a_ca_allows(self) -> None:
        root = Authority("root")
        middle = Authority("middle", above=root, path_length=0)
        low = Authority("low", above=middle)
        self.validate(middle.issue("d"), root)
        self.is_refused(low.issue("d"), root)

    def test_an_intermediate_of_a_stranger(self) -> None:
        root = Authority("root")
        forged = Authority("middle", above=Authority("root"))
        self.is_refused(forged.issue("d"), root)

    def test_what_is_no_certificate(self) -> None:
        der = Authority().issue("d").ders[0]
        for chain in ([], [b""], [b"nonsense"], [der[:-1]], [der] * 11):
            with self.assertRaises(ChainRefused):
                read_chain(chain)
        self.assertEqual(len(read_chain([der] * MOST_CERTIFICATES)), MOST_CERTIFICATES)

    def test_certificates_that_cryptography_will_not_read(self) -> None:
        root = Authority()
        key = TrustedKey(root.public_key, *FOR_EVER)
        der = root.issue("d", usage=[CLIENT]).ders[0]
        for old, new in (
            (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x01"),  # version 2
            (b"\x55\x1d\x25", b"\x55\x1d\x0f"),  # keyUsage, twice
        ):
            self.assertEqual(der.count(old), 1)
            with self.assertRaises(ChainRefused):
                chain = read_chain([der.replace(old, new)])
                validate(chain, root.name, key, time.time())


class QueueTests(ChainTestCase):
    """A refusal must not be heard by connections that have nothing to do with it."""

    def connection(self) -> Any:
        """Return a connection on which the handshake is over and nothing comes."""
        issued = Authority().issue("localhost", usage=None)
        context = SSL.Context(SSL.TLS_METHOD)
        context.use_certificate(crypto.X509.from_cryptography(issued.certificate))
        context.use_privatekey(crypto.PKey.from_cryptography_key(issued.key))
        server = SSL.Connection(context, None)
        client = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
        shake_hands(client, server)
        return server

    def test_other_connections_go_on(self) -> None:
        root, stranger = Authority(), Authority()
        connection = self.connection()
        for issued in (
            stranger.issue("d"),
            Authority("middle", above=stranger).issue("d"),
            root.issue("d", ends=-timedelta(hours=1)),
        ):
            self.is_refused(issued, root)
            # Not an error: there is nothing to read yet.
            with self.assertRaises(SSL.WantReadError):
                connection.recv(1)
