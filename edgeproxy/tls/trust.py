"""Trust anchors: whom a peer's certificate must come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.ssl import Certificate, platformTrust, trustRootFromCertificates

from edgeproxy.tls.errors import TLSFileError
from edgeproxy.tls.material import read_certificates


def load_trust(path: str | None) -> Any:
    """Return the ``IOpenSSLTrustRoot`` of the CAs at *path*, a PEM file or folder.

    Without a *path* that is the system's store. With one, only those CAs are
    trusted. In a folder, files without certificates are passed over; a folder
    without any is an error, as trusting nobody is never meant.
    """
    if path is None:
        return platformTrust()
    if not Path(path).is_dir():
        return _root(read_certificates(path))
    try:
        files = sorted(Path(path).iterdir())
    except OSError as error:
        raise TLSFileError(path, error.strerror or str(error)) from None
    found = []
    for file in files:
        if file.is_file():
            try:
                found += read_certificates(str(file))
            except TLSFileError:
                continue
    if not found:
        raise TLSFileError(path, "is a folder without any PEM certificate")
    return _root(found)


def _root(certificates: list[Any]) -> Any:
    return trustRootFromCertificates([Certificate(c) for c in certificates])
