"""Device tokens as Cumulocity shapes and hands them out (facts: Cumulocity §1.7)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import jwt
from attrs import frozen
from cryptography.hazmat.primitives.asymmetric import rsa

USER_PREFIX = "device_"


class TokenRefused(Exception):
    """A token that is no good: *reason* for the log, *jti* if it could be read.

    *terminated* is the user of one that was good once and was taken back.
    """

    def __init__(self, reason: str, jti: str = "", terminated: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.jti = jti
        self.terminated = terminated


@frozen
class DeviceToken:
    """What a good token says."""

    user: str
    jti: str


class TokenIssuer:
    """Issues RS256 tokens for *domain*, and knows them again.

    They live *life* seconds by *wall*, the time of day in seconds since 1970: issued at
    a whole second, refused from the second they expire. The key lives as long as the
    issuer, so that a restarted sandbox refuses what its predecessor issued.
    """

    def __init__(
        self,
        tenant: str,
        domain: str,
        life: int,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._tenant = tenant
        self._domain = domain
        self._life = life
        self._wall = wall
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._current: dict[str, tuple[int, str]] = {}
        self._jtis: dict[str, set[str]] = {}

    def token(self, device_id: str) -> str:
        """Return a token for the device, the same one until half of its life."""
        issued, token = self._current.get(device_id, (0, ""))
        if not token or self._wall() >= issued + self._life / 2:
            issued = int(self._wall())
            token = self._mint(device_id, issued)
            self._current[device_id] = issued, token
        return token

    def revoke(self, repeat: bool = False) -> int:
        """Take all tokens back and return how many there were.

        With *repeat* the cloud goes on handing out the same dead one until half of its
        life, as it does to a device whose token was terminated.
        """
        revoked = sum(map(len, self._jtis.values()))
        self._jtis.clear()
        if not repeat:
            self._current.clear()
        return revoked

    def verify(self, token: str) -> DeviceToken:
        """Return what *token* says, or raise `TokenRefused`."""
        try:
            claims = jwt.decode(
                token,
                self._key.public_key(),
                algorithms=["RS256"],
                audience=self._domain,
                issuer=self._domain,
                options={
                    # The times are checked below, to the second and on our own clock.
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "require": ["jti", "sub", "nbf", "exp"],
                },
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise TokenRefused(f"invalid: {error}") from None
        now, jti, user = self._wall(), claims["jti"], claims["sub"]
        if now >= claims["exp"]:
            raise TokenRefused(f"expired {now - claims['exp']:.1f} s ago", jti)
        if now < claims["nbf"]:
            raise TokenRefused("not valid yet", jti)
        if jti not in self._jtis.get(user, ()):
            raise TokenRefused("revoked", jti, terminated=user)
        return DeviceToken(user, jti)

    def _mint(self, device_id: str, issued: int) -> str:
        user = USER_PREFIX + device_id
        token = jti = ""
        for attempt in range(9):
            # A shorter one moves the claims after it against the base64 groups.
            jti = str(uuid.uuid4())[attempt % 3 :]
            token = jwt.encode(
                {
                    "jti": jti,
                    "iss": self._domain,
                    "aud": self._domain,
                    "sub": user,
                    "tci": "device_token_config",
                    "iat": issued,
                    "nbf": issued,
                    "exp": issued + self._life,
                    "tfa": False,
                    "ten": self._tenant,
                    "xsrfToken": uuid.uuid4().hex[:20],
                },
                self._key,
                algorithm="RS256",
            )
            # Some clients decode the claims with the standard base64 alphabet.
            if not set(token.split(".")[1]) & set("-_"):
                break
        self._jtis.setdefault(user, set()).add(jti)
        return token
