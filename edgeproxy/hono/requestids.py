"""Ids of commands that devices answer: opaque to them, and only good for one device."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from pathlib import Path

# Bytes of the authentication code: guessing one takes 2^95 requests.
_CODE = 12

_KEY = 32


class RequestIds:
    """Makes and reads request ids with the secret *key*.

    An id holds the correlation id and the reply id, so that nothing has to be kept, and
    a code over them, the tenant and the device, so that nobody else can use or make
    one. It is safe to stand in a URI.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(
        self, tenant_id: str, device_id: str, reply_id: str, correlation_id: str
    ) -> str:
        """Return the request id of a command for the device."""
        ids = _joined(correlation_id, reply_id)
        code = self._code(tenant_id, device_id, ids)
        return base64.urlsafe_b64encode(code + ids).rstrip(b"=").decode()

    def read(
        self, tenant_id: str, device_id: str, request_id: str
    ) -> tuple[str, str] | None:
        """Return reply id and correlation id; None if the id is not this device's."""
        try:
            padded = request_id.encode("ascii") + b"=" * (-len(request_id) % 4)
            data = base64.b64decode(padded, altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            return None
        code, ids = data[:_CODE], data[_CODE:]
        if not hmac.compare_digest(code, self._code(tenant_id, device_id, ids)):
            return None
        size = int.from_bytes(ids[:2], "big") + 2
        return ids[size:].decode(), ids[2:size].decode()

    def _code(self, tenant_id: str, device_id: str, ids: bytes) -> bytes:
        text = _joined(tenant_id, device_id) + ids
        return hmac.digest(self._key, text, hashlib.sha256)[:_CODE]


def _joined(one: str, other: str) -> bytes:
    """Return both, so that no other two give the same."""
    first = one.encode()
    return len(first).to_bytes(2, "big") + first + other.encode()


def key_in(path: Path) -> bytes:
    """Return the key in the file at *path*, which is made if there is none.

    Raises `OSError` where that is not possible.
    """
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        pass
    else:
        if len(key) == _KEY:
            return key
    key = os.urandom(_KEY)
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".new")
    aside.unlink(missing_ok=True)
    number = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(number)
    aside.rename(path)
    return key
