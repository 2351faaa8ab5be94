"""OpenSSL's error queue, one for each thread, whatever the errors belong to."""

from __future__ import annotations

from OpenSSL import crypto


def clear_errors() -> None:
    """Empty the queue.

    OpenSSL says what went wrong there, and pyOpenSSL does not always look: after a
    certificate was refused something stays behind. The next read of any connection that
    only has to wait for more would then be taken for a failure.
    """
    # There is no public function for it; but whatever fails takes all errors along.
    try:
        crypto.load_certificate(crypto.FILETYPE_PEM, b"")
    except crypto.Error:
        pass
