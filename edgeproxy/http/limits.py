"""How much of a message is held, and why no more."""

from __future__ import annotations

import attr


@attr.s(auto_attribs=True, frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what one peer can make us hold in memory; sizes are in bytes."""

    # RFC 9112 section 3 asks for 8000 at least; nginx and stock Twisted give 16 KiB
    # or less. Long Cumulocity queries are about 4 KiB.
    start_line: int = 16384

    # A Cumulocity token is up to 8 KiB and may come twice (Authorization and cookie).
    header_bytes: int = 32768

    # Stock Twisted allows 500; browsers behind two proxies send about 40.
    header_count: int = 128

    # A size of 16 digits and an extension; nobody sends the latter.
    chunk_line: int = 1024

    # Trailers carry digests and signatures.
    trailer_bytes: int = 8192
    trailer_count: int = 32
