"""Credentials in an Authorization field."""

from __future__ import annotations

import base64
import binascii

from twisted.cred.credentials import UsernamePassword

from edgeproxy.portal.errors import MalformedCredentials


def basic_credentials(value: bytes) -> UsernamePassword:
    """Return the credentials in the field's *value* (RFC 7617, §2).

    Raises `MalformedCredentials`.
    """
    scheme, _, encoded = value.partition(b" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        decoded = b""
    username, colon, password = decoded.partition(b":")
    if scheme.lower() != b"basic" or not colon:
        raise MalformedCredentials("malformed credentials")
    return UsernamePassword(username, password)
