"""The one error that malformed HTTP raises."""

from __future__ import annotations


class ProtocolError(Exception):
    """What arrived is not HTTP/1.1 as RFC 9110 and RFC 9112 have it.

    *status* is what a server answers before it closes the connection; a client treats
    every one of them as a failed response. *section* names the rule that was broken
    (``"9112 5.1"``), *detail* says it in words and never quotes what was received,
    because it ends up in logs and in answers.
    """

    def __init__(self, status: int, section: str, detail: str) -> None:
        super().__init__(f"{detail} (RFC {section})")
        self.status = status
        self.section = section
        self.detail = detail
