"""The portal of the management API: operators, from a file that only they read."""

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
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm
from zope.interface import Interface, implementer

from edgeproxy.portal.loginfile import make_login_file

_NAME = "operator"  # of the log-in that is made at first start

_HEAD = """\
# Who may use the management API. This log-in was made at first start; edgeproxyctl
# finds it here. Add more [[operator]] tables with name and password, or with pwd-hash
# (Base64 of the SHA-256) in place of the password; then reload edgeproxy.
"""


class OperatorsFileError(Exception):
    """The file of operators cannot be used; the message names it."""


class IOperator(Interface):
    """Somebody who manages the registry."""


@implementer(IOperator)
@attrs.frozen
class Operator:
    """An operator called *name*; *password* is None where only its hash is known."""

    name: str
    password: str | None = attrs.field(default=None, repr=False, eq=False)
    digest: bytes = attrs.field(default=b"", repr=False, eq=False)


def make_operators(path: str) -> bool:
    """Make the file with one operator, unless it is there; say whether it was made.

    Raises `OperatorsFileError`.
    """
    try:
        return make_login_file(path, _HEAD, "operator", _NAME)
    except OSError as error:
        raise OperatorsFileError(f"{path}: {error.strerror}") from None


def read_operators(path: str) -> dict[str, Operator]:
    """Return the operators in the TOML file at *path* by name.

    Raises `OperatorsFileError`; a file that everybody can read is one.
    """
    file = Path(path)
    try:
        if file.stat().st_mode & 0o007:
            raise OperatorsFileError(f"{path}: is open to everybody; chmod 0640 it")
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise OperatorsFileError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise OperatorsFileError(f"{path}: {error}") from None
    entries = tables.pop("operator", [])
    if tables or not isinstance(entries, list):
        raise OperatorsFileError(f"{path}: holds something else than [[operator]]")
    found: dict[str, Operator] = {}
    for number, entry in enumerate(entries, 1):
        try:
            operator = _operator(entry)
        except ValueError as error:
            raise OperatorsFileError(f"{path}: operator {number}: {error}") from None
        if found.setdefault(operator.name, operator) is not operator:
            raise OperatorsFileError(f"{path}: operator {number}: the name is taken")
    return found


def _operator(entry: Any) -> Operator:
    if not isinstance(entry, dict) or set(entry) - {"name", "password", "pwd-hash"}:
        raise ValueError("takes name, password, pwd-hash only")
    name, password = entry.get("name"), entry.get("password")
    if not isinstance(name, str) or not name or ":" in name or not name.isprintable():
        raise ValueError("needs a name, without a colon")
    encoded = entry.get("pwd-hash")
    if isinstance(password, str) and password and encoded is None:
        return Operator(name, password, hashlib.sha256(password.encode()).digest())
    if password is None and isinstance(encoded, str):
        try:
            digest = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            digest = b""
        if len(digest) == hashlib.sha256().digest_size:
            return Operator(name, None, digest)
    raise ValueError("needs either password or pwd-hash")


@implementer(ICredentialsChecker)
class OperatorsChecker:
    """Checks log-ins against a file of operators, read anew by `reload`."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, path: str) -> None:
        self._path = path
        self.reload()

    def reload(self) -> None:
        """Read the file; raises `OperatorsFileError` and then keeps what it had."""
        self._operators = read_operators(self._path)

    def requestAvatarId(self, credentials: Any) -> Any:
        """Return the `Operator` with these *credentials*."""
        operator = self._operators.get(credentials.username.decode("utf-8", "replace"))
        digest = hashlib.sha256(credentials.password).digest()
        # Somebody unknown is compared as well: the time taken tells nothing.
        expected = operator.digest if operator is not None else bytes(len(digest))
        if not hmac.compare_digest(digest, expected) or operator is None:
            raise UnauthorizedLogin("bad credentials")
        return operator


@implementer(IRealm)
class OperatorRealm:
    """Gives the avatar `Operator`, which is what the checker found."""

    def requestAvatar(self, avatarId: Any, mind: object, *interfaces: object) -> Any:
        """Return the `IOperator` that a checker found."""
        return IOperator, avatarId, lambda: None
