"""The part of the cloud that hands out device tokens, behind a `FakeBroker`."""

from __future__ import annotations

from itertools import count

import jwt

from edgeproxy.mqtt import packets as p
from tests.fakes.broker import FakeBroker

KEY = "0123456789abcdef0123456789abcdef"

# What its clock shows when the test's Clock shows 0: far from the device's own time.
EPOCH = 1_700_000_000


class TokenCloud:
    """Answers ``s/uat`` as Cumulocity does: the same token until half of its life.

    *lose* is how many of the next questions get no answer, *silent* that none does;
    *stuck* that the same token comes for ever.
    """

    def __init__(
        self, broker: FakeBroker, life: float = 3600, prefix: str = "c8y/"
    ) -> None:
        self.broker = broker
        self.life = life
        self.prefix = prefix
        self.lose = 0
        self.silent = False
        self.stuck = False
        self.questions: list[float] = []
        self.issued = 0.0
        self.token = b""
        self._serial = count(1)
        broker.on_publish = self.asked

    def now(self) -> float:
        return self.broker.clock.seconds()

    def mint(self) -> bytes:
        """Issue another token, whatever the age of the last."""
        self.issued = self.now()
        iat = EPOCH + int(self.issued)
        claims = {"jti": str(next(self._serial)), "iat": iat, "nbf": iat}
        claims["exp"] = iat + int(self.life)
        self.token = jwt.encode(claims, KEY, "HS256").encode()
        return self.token

    def expired(self, authorization: bytes) -> bool:
        """Whether *authorization* would be a 401 now."""
        token = authorization.removeprefix(b"Bearer ")
        claims = jwt.decode(token, options={"verify_signature": False})
        return bool(EPOCH + self.now() >= claims["exp"])

    def asked(self, publish: p.Publish) -> None:
        assert publish == p.Publish(self.prefix + "s/uat", b"")
        self.questions.append(self.now())
        if self.lose:
            self.lose -= 1
        elif not self.silent:
            too_old = self.now() - self.issued >= self.life / 2
            if not self.token or (too_old and not self.stuck):
                self.mint()
            self.say(b"71," + self.token)

    def say(self, payload: bytes, retain: bool = False, topic: str = "s/dat") -> None:
        """Publish *payload* to the client."""
        self.broker.link.send(p.Publish(self.prefix + topic, payload, 0, retain))
