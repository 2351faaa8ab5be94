"""The portal of the /c8y door: a client certificate becomes a `LocalClient`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm
from zope.interface import Interface, implementer

from edgeproxy.tls.peer import ICommonName


class ILocalClient(Interface):
    """A program on the site that may act as this device."""


@implementer(ILocalClient)
@attrs.frozen
class LocalClient:
    """The program whose certificate has the common name *name*."""

    name: str


@implementer(ICredentialsChecker)
class CertificateNameChecker:
    """Lets in whose verified certificate has one of *allowed* names (None: any)."""

    credentialInterfaces = (ICommonName,)

    def __init__(self, allowed: Iterable[str] | None) -> None:
        self._allowed = None if allowed is None else frozenset(allowed)

    def requestAvatarId(self, credentials: Any) -> Any:
        """Return the `LocalClient`; raises `UnauthorizedLogin` for another name."""
        name = credentials.common_name
        if self._allowed is not None and name not in self._allowed:
            raise UnauthorizedLogin(f"{name!r} is not in c8y.proxy.allowed_cn")
        return LocalClient(name)


@implementer(IRealm)
class LocalClientRealm:
    """Gives the avatar `LocalClient`, which is what the checker found."""

    def requestAvatar(self, avatarId: Any, mind: object, *interfaces: object) -> Any:
        """Return the `ILocalClient` that the checker found."""
        return ILocalClient, avatarId, lambda: None
