"""The sandbox's tokens: shaped as Cumulocity's, and dead to the second."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import jwt
from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.sandbox.tokens import TokenIssuer, TokenRefused

LIFE = 3600


class TokenIssuerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 1_700_000_000.75
        self.issuer = TokenIssuer("t1", "t1.example.invalid", LIFE, lambda: self.now)

    def claims(self, token: str) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        return claims

    def refusal(self, token: str) -> TokenRefused:
        return self.assertRaises(TokenRefused, self.issuer.verify, token)

    def test_shape_is_cumulocitys(self) -> None:
        token = self.issuer.token("dev1")
        self.assertEqual(
            jwt.get_unverified_header(token), {"alg": "RS256", "typ": "JWT"}
        )
        claims = self.claims(token)
        self.assertEqual(
            set(claims),
            {"jti", "iss", "aud", "sub", "tci", "iat", "nbf", "exp", "tfa", "ten"}
            | {"xsrfToken"},
        )
        self.assertEqual(claims["iss"], claims["aud"])
        self.assertEqual(claims["sub"], "device_dev1")
        self.assertEqual(claims["iat"], 1_700_000_000)
        self.assertEqual(claims["exp"], claims["iat"] + LIFE)

    def test_claims_are_readable_with_the_standard_alphabet(self) -> None:
        for device_id in ("dev", "~", "a~", "ab~", "a?", "ab?", "abc?"):
            payload = self.issuer.token(device_id).split(".")[1]
            b64decode(payload + "=" * (-len(payload) % 4), validate=True)

    def test_device_that_defies_the_standard_alphabet_gets_a_token(self) -> None:
        token = self.issuer.token("~?~?~?~?~?~?")
        self.assertEqual(self.issuer.verify(token).user, "device_~?~?~?~?~?~?")

    def test_good_token_is_known_again(self) -> None:
        token = self.issuer.token("dev1")
        found = self.issuer.verify(token)
        self.assertEqual(
            (found.user, found.jti), ("device_dev1", self.claims(token)["jti"])
        )

    def test_same_token_until_half_of_its_life(self) -> None:
        first = self.issuer.token("dev1")
        self.now = 1_700_000_000 + LIFE / 2 - 0.01
        self.assertEqual(self.issuer.token("dev1"), first)
        self.now = 1_700_000_000 + LIFE / 2
        self.assertNotEqual(self.issuer.token("dev1"), first)
        self.issuer.verify(first)

    def test_devices_have_tokens_of_their_own(self) -> None:
        self.assertNotEqual(self.issuer.token("dev1"), self.issuer.token("dev2"))

    def test_expires_to_the_second(self) -> None:
        token = self.issuer.token("dev1")
        self.now = 1_700_000_000 + LIFE - 0.01
        self.issuer.verify(token)
        self.now = 1_700_000_000 + LIFE
        self.assertIn("expired", self.refusal(token).reason)

    def test_not_before_its_time(self) -> None:
        token = self.issuer.token("dev1")
        self.now -= 1
        self.assertEqual(self.refusal(token).reason, "not valid yet")

    def test_revoked_tokens_are_refused_and_replaced(self) -> None:
        token = self.issuer.token("dev1")
        self.assertEqual(self.issuer.revoke(), 1)
        self.assertEqual(self.refusal(token).terminated, "device_dev1")
        self.issuer.verify(self.issuer.token("dev1"))

    def test_revoked_token_may_be_repeated_until_half_of_its_life(self) -> None:
        token = self.issuer.token("dev1")
        self.issuer.revoke(repeat=True)
        self.assertEqual(self.issuer.token("dev1"), token)
        self.now += LIFE / 2
        self.issuer.verify(self.issuer.token("dev1"))

    def test_foreign_tokens_are_refused(self) -> None:
        stranger = TokenIssuer("t1", "t1.example.invalid", LIFE, lambda: self.now)
        other = TokenIssuer("t2", "t2.example.invalid", LIFE, lambda: self.now)
        good = self.issuer.token("dev1")
        head, payload, signature = good.split(".")
        unsigned = jwt.encode(self.claims(good), "", "none")
        for token in (
            stranger.token("dev1"),
            other.token("dev1"),
            unsigned,
            f"{head}.{payload}.",
            f"{head}.{payload}.{signature[::-1]}",
            "",
            "a.b.c",
            "garbage",
            "\xe4.b.c",
        ):
            self.refusal(token)
