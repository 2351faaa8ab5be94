"""Where device tokens come from: what `token.JWTCredential` asks of it."""

from __future__ import annotations

from typing import Any, Protocol


class Asker(Protocol):
    """Who is told; `token.JWTCredential`."""

    def connected(self) -> None:
        """Know that the source can be asked from now on."""

    def answered(self, token: bytes) -> None:
        """Take a token; raises `bearer.NotAToken`."""


class TokenSource(Protocol):
    """A service that can be asked for a token.

    *ready* tells whether it can be asked right now, *why_silent*, in words for people,
    why there was no answer.
    """

    @property
    def ready(self) -> bool: ...

    @property
    def why_silent(self) -> str: ...

    def begin(self, asker: Asker) -> None:
        """Tell *asker* from now on."""

    def ask(self) -> bool:
        """Ask, or ask again; return whether the question is on its way."""

    def startService(self) -> None:
        """Connect."""

    def stopService(self) -> Any:
        """Disconnect; the result may be a Deferred."""
