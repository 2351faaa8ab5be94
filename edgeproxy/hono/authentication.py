"""Who sends a request: by its client certificate, else by its Authorization field."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from twisted.cred.credentials import UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from edgeproxy.hono.outcomes import Answered
from edgeproxy.hono.statuses import Situation
from edgeproxy.http.requesthead import RequestHead
from edgeproxy.portal.avatars import Device
from edgeproxy.portal.certificates import CertificateChain
from edgeproxy.portal.errors import MalformedCredentials
from edgeproxy.portal.remembered import RememberedLogins
from edgeproxy.portal.throttle import Throttle
from edgeproxy.tls.peer import chain_of

# What a connection without a client certificate is known as.
_NOBODY = b""


class Authentication:
    """Logs devices in with *logins*; *throttle* slows down those who fail to.

    A certificate that turns out wrong never falls back to a password.
    """

    _log = Logger()

    def __init__(self, logins: RememberedLogins, throttle: Throttle) -> None:
        self._logins = logins
        self._throttle = throttle

    def authenticate(self, request: Any) -> Device | Deferred[Device]:
        """Return who sends *request*, at once where that is remembered.

        Raises `Answered`, or fails with what the portal says.
        """
        channel = request.channel
        # A certificate belongs to the connection, and is looked at once.
        key: bytes | None = channel.known_as
        if key is None:
            chain = chain_of(channel.transport)
            key = self._logins.key_of(b"".join(chain)) if chain else _NOBODY
            channel.known_as = key
        if key != _NOBODY:
            device = self._logins.recall(key)
            if device is not None:
                return device
            shown = CertificateChain(chain_of(channel.transport))
            return self._log_in(request, key, key.hex(), shown)
        value = _authorization(request.head)
        key = self._logins.key_of(value)
        device = self._logins.recall(key)
        if device is not None:
            return device
        credentials = basic_credentials(value)
        return self._log_in(request, key, credentials.username, credentials)

    def _log_in(
        self, request: Any, key: bytes, name: object, credentials: Any
    ) -> Deferred[Device]:
        address = request.client.host
        if not self._throttle.allows(address, name):
            raise Answered(Situation.TOO_MANY_FAILURES)
        login = self._logins.log_in(key, credentials)
        return login.addErrback(self._refused, address, name)

    def _refused(self, failure: Failure, address: str, name: object) -> Failure:
        if failure.check(UnauthorizedLogin):
            self._throttle.failed(address, name)
            self._log.info(
                "login of {name} from {address} refused: {reason}",
                name=name,
                address=address,
                reason=failure.getErrorMessage(),
            )
        return failure


def _authorization(head: RequestHead) -> bytes:
    """Return the value of the Authorization field in *head*.

    Raises `Answered` where there is none, or several, of which nobody can say which
    one counts.
    """
    value = head.index.get(b"authorization")
    if value is None:
        raise Answered(Situation.UNAUTHORIZED)
    if (
        len(head.index) != len(head.fields)
        and sum(name.lower() == b"authorization" for name, _ in head.fields) > 1
    ):
        raise Answered(Situation.BAD_REQUEST)
    return value


def basic_credentials(value: bytes) -> UsernamePassword:
    """Return the credentials in an Authorization field's *value* (RFC 7617, §2).

    A user name without a password may be all of it in Base64 once more, as Hono has it.
    Raises `Answered` where they are not Basic or no Base64, and `MalformedCredentials`
    where there is no colon in them.
    """
    scheme, space, encoded = value.partition(b" ")
    if not space:
        raise Answered(Situation.BAD_REQUEST)
    if scheme.lower() != b"basic":
        raise Answered(Situation.UNAUTHORIZED)
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        raise Answered(Situation.BAD_REQUEST) from None
    username, colon, password = decoded.partition(b":")
    if not password:
        try:
            inner = base64.b64decode(username, validate=True)
        except binascii.Error:
            inner = b""
        if b":" in inner:
            username, colon, password = inner.partition(b":")
    if not colon:
        raise MalformedCredentials("malformed credentials")
    return UsernamePassword(username, password)
