"""A device token, and how long it may be used.

A device has no clock when it boots, so ``exp`` is never compared with the time of day:
only the life, ``exp - iat``, counts, on a clock that cannot be set. The token may be
older than our knowledge of it, because Cumulocity hands out the same one until half of
its life is over; hence what we know at the moment we ask is that it will live for
another half. (DESIGN §5, "Token"; facts: Cumulocity §1.7.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf
from typing import Any

import jwt
from attrs import evolve, field, frozen

# SmartREST 71: three base64url parts. Anything else on the topic is not a token.
_ANSWER = re.compile(rb"71,([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)\r?\n?")

# Bytes; a token goes into every request head, and upstream servers end at 8 KiB.
MAX_ANSWER = 8192

# Seconds; the shortest life a tenant can set, for a token that does not tell its own.
SHORTEST_LIFE = 300.0

# Seconds; what claims to live longer is damaged.
LONGEST_LIFE = 10 * 366 * 86_400

# Parts of the life: when to ask for the next one, and when again if it is the same.
REFRESH_AFTER = 0.4
ASK_AGAIN_AFTER = 0.1

# Cumulocity's promise: a token handed out is not older than this part of its life.
OLDEST_WHEN_ASKED = 0.5

# What is kept in hand for requests on their way: a part of the life, at most seconds.
MARGIN_PART = 0.05
MARGIN_MOST = 15.0

# Claims that may be shown: none is a secret (facts of Cumulocity, section 1.7).
_SHOWN = ("iss", "sub", "ten", "iat", "nbf", "exp")


class NotAToken(Exception):
    """The message is not an answer that may be used as a credential."""


def token_in(payload: bytes) -> bytes:
    """Return the token in the *payload* ``71,<token>``, or raise `NotAToken`."""
    if len(payload) > MAX_ANSWER:
        raise NotAToken(f"longer than {MAX_ANSWER} bytes")
    match = _ANSWER.fullmatch(payload)
    if match is None:
        raise NotAToken("not of the form 71,<token>")
    return match[1]


@frozen
class BearerToken:
    """A token and the moments that bound its use, in seconds of a monotonic clock.

    It was first handed to us at *first_seen*. At *vouched* the cloud was asked and
    answered with it, so that then more than half of its life was left.
    """

    header: bytes = field(repr=False)
    life: float
    first_seen: float
    vouched: float
    claims: Mapping[str, Any] = field(factory=dict)

    @classmethod
    def of(cls, token: bytes, asked: float, now: float) -> BearerToken:
        """Return *token*, which answers what we *asked* then; or raise `NotAToken`."""
        claims = _claims(token)
        return cls(b"Bearer " + token, _life(claims), now, asked, claims)

    def vouched_again(self, asked: float) -> BearerToken:
        """Return the same token after the cloud has answered with it once more."""
        return evolve(self, vouched=max(self.vouched, asked))

    @property
    def tenant(self) -> frozenset[str]:
        """The tenant's domain, and the one that Cumulocity's own links have.

        Those begin with the tenant's id, whatever the tenant is called (facts of
        Cumulocity, 4.1).
        """
        issuer, tenant = self.claims.get("iss"), self.claims.get("ten")
        if not isinstance(issuer, str):
            return frozenset()
        domain = issuer.lower()
        return frozenset({domain, f"{tenant}.{domain.partition('.')[2]}".lower()})

    @property
    def usable_until(self) -> float:
        """The last moment at which a request with it cannot find it expired."""
        left = (1 - OLDEST_WHEN_ASKED) * self.life
        return min(self.vouched + left, self.dead_at) - self._margin

    @property
    def dead_at(self) -> float:
        """The moment at which it has expired, whatever happened before we saw it."""
        return self.first_seen + self.life

    @property
    def refresh_at(self) -> float:
        """When to ask for the next one, to have it before this one is too old."""
        return self.first_seen + REFRESH_AFTER * self.life

    @property
    def _margin(self) -> float:
        return min(MARGIN_MOST, MARGIN_PART * self.life)

    @property
    def ask_again_after(self) -> float:
        """Seconds to leave the cloud alone once it has answered with the same token."""
        return ASK_AGAIN_AFTER * self.life


def _claims(token: bytes) -> Mapping[str, Any]:
    try:
        claims = jwt.decode(token.decode("ascii"), options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise NotAToken("not a JWT") from None
    return {name: claims[name] for name in _SHOWN if name in claims}


def _life(claims: Mapping[str, Any]) -> float:
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, (int, float)) or not isinstance(expires, (int, float)):
        return SHORTEST_LIFE
    try:
        life = float(expires - issued)
    except OverflowError:
        life = inf
    if not 0 < life < LONGEST_LIFE:
        raise NotAToken("a token whose exp is not within ten years after its iat")
    return life
