"""The Authorization field of a request, as credentials for the portal."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from twisted.cred.credentials import UsernamePassword

from edgeproxy.hono import statuses
from edgeproxy.hono.outcomes import Answered
from edgeproxy.portal.errors import MalformedCredentials


def basic_credentials(values: Sequence[bytes]) -> UsernamePassword:
    """Return the credentials in the Authorization field's *values* (RFC 7617, §2).

    Raises `Answered` where there are none, they are not Basic or no Base64, and
    `MalformedCredentials` where there is no colon in them.
    """
    if len(values) != 1:
        # None at all, or several, of which no one can say which counts.
        raise Answered(statuses.MALFORMED if values else statuses.UNAUTHORIZED)
    scheme, space, encoded = values[0].partition(b" ")
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
