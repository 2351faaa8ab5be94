"""The portal of the AMQP listener: applications that consume messages."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import tomllib
from pathlib import Path
from typing import Any

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IAnonymous, IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm
from zope.interface import implementer

from edgeproxy.portal.avatars import Consumer, IConsumer
from edgeproxy.portal.loginfile import make_login_file
from edgeproxy.tls.peer import ICommonName

_MEMBERS = {"name", "password", "pwd-hash", "tenants"}


class UsersFileError(Exception):
    """The file of users cannot be used; the message names file and user."""


_HEAD = """\
# Which applications may consume messages. This log-in was made at first start, and
# edgeproxyctl tail uses it. Add more [[user]] tables with name and password, or with
# pwd-hash (Base64 of the SHA-256), and tenants where not all are meant; then reload
# edgeproxy.
"""


def make_users(path: str) -> bool:
    """Make the file with one user, unless it is there; say whether it was made.

    Raises `UsersFileError`.
    """
    try:
        return make_login_file(path, _HEAD, "user", "consumer")
    except OSError as error:
        raise UsersFileError(f"{path}: {error.strerror}") from None


@attrs.frozen
class User:
    """An application's login: its rights, and the SHA-256 of its password if any."""

    consumer: Consumer
    digest: bytes | None = attrs.field(repr=False)


def read_users(path: str, certificates: bool = False) -> dict[str, User]:
    """Return the users in the TOML file at *path* by name.

    The file is a list of ``[[user]]`` tables with ``name``, ``password`` or
    ``pwd-hash`` (Base64 of the SHA-256; neither: only a client certificate will do),
    and ``tenants`` (absent: all of them).
    Raises `UsersFileError`; a file that everybody can read is one, and so is a user
    without password, unless there are *certificates* to log in with.
    """
    file = Path(path)
    try:
        if file.stat().st_mode & 0o007:
            raise UsersFileError(f"{path}: is open to everybody; chmod 0640 it")
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsersFileError(f"{path}: {error}") from None
    users: dict[str, User] = {}
    entries = tables.get("user", [])
    if set(tables) - {"user"} or not isinstance(entries, list):
        raise UsersFileError(f"{path}: holds something else than [[user]] tables")
    for number, entry in enumerate(entries, 1):
        try:
            user = _user(entry, certificates)
        except ValueError as error:
            raise UsersFileError(f"{path}: user {number}: {error}") from None
        if users.setdefault(user.consumer.name, user) is not user:
            raise UsersFileError(f"{path}: user {number}: the name is taken")
    return users


def _user(entry: Any, certificates: bool) -> User:
    if not isinstance(entry, dict) or set(entry) - _MEMBERS:
        raise ValueError(f"takes {', '.join(sorted(_MEMBERS))} only")
    name, tenants = entry.get("name"), entry.get("tenants")
    if not isinstance(name, str) or not name:
        raise ValueError("needs a name")
    if tenants is not None and not (
        isinstance(tenants, list) and all(isinstance(t, str) for t in tenants)
    ):
        raise ValueError("tenants must be a list of strings")
    digest: bytes | None
    match entry.get("password"), entry.get("pwd-hash"):
        case str() as password, None if password:
            digest = hashlib.sha256(password.encode()).digest()
        case None, str() as encoded:
            try:
                digest = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                digest = b""
            if len(digest) != hashlib.sha256().digest_size:
                raise ValueError("pwd-hash is not the Base64 of a SHA-256")
        case None, None if certificates:
            digest = None
        case _:
            raise ValueError("needs either password or pwd-hash")
    rights = None if tenants is None else frozenset(tenants)
    return User(Consumer(name, rights), digest)


@implementer(ICredentialsChecker)
class UsersChecker:
    """Checks logins against a file of users, read anew by `reload`.

    With *certificates*, the common name of a verified client certificate is a login
    as well: that of the user of this name.
    """

    def __init__(self, path: str, certificates: bool = False) -> None:
        self._path, self._certificates = path, certificates
        self.credentialInterfaces: list[Any] = [IUsernamePassword]
        if certificates:
            self.credentialInterfaces.append(ICommonName)
        self.reload()

    def reload(self) -> None:
        """Read the file anew; raises `UsersFileError` and then keeps what it had."""
        self._users = read_users(self._path, self._certificates)

    def requestAvatarId(self, credentials: Any) -> Any:
        """Return the `Consumer` with these *credentials*."""
        if ICommonName.providedBy(credentials):
            return self._named(credentials.common_name)
        user = self._users.get(credentials.username.decode("utf-8", "replace"))
        digest = hashlib.sha256(credentials.password).digest()
        # Somebody unknown is compared as well: the time taken tells nothing.
        expected = user.digest if user is not None else None
        same = hmac.compare_digest(digest, expected or bytes(len(digest)))
        if user is None or expected is None or not same:
            raise UnauthorizedLogin("bad credentials")
        return user.consumer

    def _named(self, name: str) -> Consumer:
        user = self._users.get(name)
        if user is None:
            raise UnauthorizedLogin(f"no user has the name {name!r}")
        return user.consumer


@implementer(ICredentialsChecker)
class AnonymousChecker:
    """Lets everybody in, with rights on all tenants."""

    credentialInterfaces = (IAnonymous,)

    def requestAvatarId(self, credentials: object) -> Any:
        """Return the anonymous `Consumer`."""
        return Consumer("anonymous")


@implementer(IRealm)
class ConsumerRealm:
    """Gives the avatar `Consumer`, which is what the checkers found."""

    def requestAvatar(self, avatarId: Any, mind: object, *interfaces: object) -> Any:
        """Return the `IConsumer` that a checker found."""
        return IConsumer, avatarId, lambda: None
