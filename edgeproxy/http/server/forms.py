"""Form fields out of a request body."""

from __future__ import annotations

import re

from twisted.web.http import parse_qs

_BOUNDARY = re.compile(rb';[ \t]*boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))', re.I)
_NAME = re.compile(
    rb"^content-disposition:[ \t]*form-data[^\r\n]*;[ \t]*"
    rb'name=(?:"([^"\r\n]*)"|([^\s;"]+))',
    re.I | re.M,
)


def form_fields(kind: bytes, data: bytes) -> dict[bytes, list[bytes]]:
    """Return the fields of a form posted as *data*, whose Content-Type is *kind*.

    Nothing for a type that is no form; ValueError for multipart data that is not as
    RFC 7578 has it.
    """
    media = kind.partition(b";")[0].strip().lower()
    if media == b"application/x-www-form-urlencoded":
        return parse_qs(data, True)
    if media == b"multipart/form-data":
        return _multipart(kind, data)
    return {}


def _multipart(kind: bytes, data: bytes) -> dict[bytes, list[bytes]]:
    match = _BOUNDARY.search(kind)
    if match is None:
        raise ValueError("multipart without a boundary")
    # RFC 2046 section 5.1.1: the line break before a delimiter belongs to it.
    pieces = (b"\r\n" + data).split(b"\r\n--" + (match[1] or match[2]))
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise ValueError("multipart without its end")
    fields: dict[bytes, list[bytes]] = {}
    for piece in pieces[1:-1]:
        padding, begun, part = piece.partition(b"\r\n")
        if padding.strip(b" \t") or not begun:
            raise ValueError("multipart delimiter is malformed")
        head, ended, value = part.partition(b"\r\n\r\n")
        if not ended:
            raise ValueError("multipart without a blank line")
        name = _NAME.search(head)
        if name is not None:
            key = name[1] if name[1] is not None else name[2]
            fields.setdefault(key, []).append(value)
    return fields
