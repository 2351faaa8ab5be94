"""Who may talk to the sandbox cloud: devices with a token, and one demo user.

The demo user is ``t1/demo`` with the password ``sandbox`` (the ``t1/`` may be left
out, as for a request to the tenant's own host name).
"""

from __future__ import annotations

import binascii
from base64 import b64decode

from attrs import frozen

from edgeproxy.sandbox.answers import Refusal
from edgeproxy.sandbox.tokens import TokenIssuer, TokenRefused

TENANT = "t1"
DEMO_USER = "demo"
DEMO_PASSWORD = "sandbox"  # noqa: S105 - printed for people to try

UNAUTHORIZED = "security/Unauthorized"
NO_CREDENTIALS = "Full authentication is required to access this resource"
BAD_CREDENTIALS = "Invalid credentials! : Bad credentials"
TERMINATED = "Authentication failed/Unauthorized"


@frozen
class Caller:
    """Who called, and how that is known: ``bearer``, ``basic``."""

    how: str
    user: str
    jti: str = ""


class NotAuthenticated(Exception):
    """Nobody we know: *how* and *why* for the log, *refusal* for the wire."""

    def __init__(self, how: str, why: str, refusal: Refusal, jti: str = "") -> None:
        super().__init__(why)
        self.how = how
        self.why = why
        self.jti = jti
        self.refusal = refusal


class Authenticator:
    """Tells from the ``Authorization`` field who calls."""

    def __init__(self, tokens: TokenIssuer) -> None:
        self._tokens = tokens

    def authenticate(self, authorization: bytes | None) -> Caller:
        """Return who calls, or raise `NotAuthenticated`."""
        if authorization is None:
            refusal = Refusal(401, UNAUTHORIZED, NO_CREDENTIALS)
            raise NotAuthenticated("none", "no credentials", refusal)
        scheme, _, value = authorization.decode("latin-1").partition(" ")
        if scheme.lower() == "bearer":
            return self._bearer(value.strip())
        if scheme.lower() == "basic":
            return self._basic(value.strip())
        raise _bad("unknown scheme")

    def _bearer(self, value: str) -> Caller:
        try:
            token = self._tokens.verify(value)
        except TokenRefused as error:
            if error.terminated:
                text = f"Token '{error.jti}' not present for user '{error.terminated}'."
                refusal = Refusal(401, TERMINATED, text)
                raise NotAuthenticated(
                    "refused", error.reason, refusal, error.jti
                ) from None
            raise _bad(error.reason, error.jti) from None
        return Caller("bearer", token.user, token.jti)

    def _basic(self, value: str) -> Caller:
        try:
            pair = b64decode(value.encode("latin-1"), validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            raise _bad("malformed basic credentials") from None
        name, colon, password = pair.partition(":")
        tenant, slash, user = name.partition("/")
        if not slash:
            tenant, user = TENANT, name
        if not colon or (tenant, user, password) != (TENANT, DEMO_USER, DEMO_PASSWORD):
            raise _bad("wrong user or password")
        return Caller("basic", user)


def _bad(why: str, jti: str = "") -> NotAuthenticated:
    refusal = Refusal(401, UNAUTHORIZED, BAD_CREDENTIALS)
    return NotAuthenticated("refused", why, refusal, jti)
