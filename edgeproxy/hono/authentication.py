"""The Authorization field of a request, as credentials for the portal."""

from __future__ import annotations

import base64
import binascii

from twisted.cred.credentials import UsernamePassword

from edgeproxy.hono import statuses
from edgeproxy.hono.outcomes import Answered
from edgeproxy.http.requesthead import RequestHead
from edgeproxy.portal.errors import MalformedCredentials


def authorization(head: RequestHead) -> bytes:
    """Return the value of the Authorization field in *head*.

    Raises `Answered` where there is none, or several, of which nobody can say which
    one counts.
    """
    value = head.index.get(b"authorization")
    if value is None:
        raise Answered(statuses.UNAUTHORIZED)
    if (
        len(head.index) != len(head.fields)
        and sum(name.lower() == b"authorization" for name, _ in head.fields) > 1
    ):
        raise Answered(statuses.MALFORMED)
    return value


def basic_credentials(value: bytes) -> UsernamePassword:
    """Return the credentials in an Authorization field's *value* (RFC 7617, §2).

    Raises `Answered` where they are not Basic or no Base64, and
    `MalformedCredentials` where there is no colon in them.
    """
    scheme, space, encoded = value.partition(b" ")
    if not space:
        raise Answered(statuses.MALFORMED)
    if scheme.lower() != b"basic":
        raise Answered(statuses.UNAUTHORIZED)
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        raise Answered(statuses.MALFORMED) from None
    username, colon, password = decoded.partition(b":")
    if not colon:
        raise MalformedCredentials("malformed credentials")
    return UsernamePassword(username, password)
