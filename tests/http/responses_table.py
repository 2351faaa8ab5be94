"""Raw responses, and what must come of each.

A row is a name, the RFC section, the method of the request, the bytes, what the caller
receives (status, reason, body; None for the body when the response is refused after
its head) and whether the whole is refused. ``eof`` says that the server closes after.
"""

# ruff: noqa: E501 - a row is a line

from __future__ import annotations

from typing import NamedTuple

Received = tuple[int, bytes, bytes]


class Row(NamedTuple):
    name: str
    section: str
    raw: bytes
    received: Received | None
    method: bytes = b"GET"
    eof: bool = False


def ok(name: str, section: str, raw: bytes, status: int, reason: bytes, body: bytes,
       method: bytes = b"GET", eof: bool = False) -> Row:  # fmt: skip
    return Row(name, section, raw, (status, reason, body), method, eof)


def bad(name: str, section: str, raw: bytes, eof: bool = False) -> Row:
    return Row(name, section, raw, None, b"GET", eof)


def with_fields(*fields: bytes, body: bytes = b"", first: bytes = b"HTTP/1.1 200 OK"
                ) -> bytes:  # fmt: skip
    return first + b"\r\n" + b"".join(f + b"\r\n" for f in fields) + b"\r\n" + body


CL0 = b"Content-Length: 0"
TE = b"Transfer-Encoding: chunked"

ROWS: list[Row] = [
    ok("length", "9112 6.3", with_fields(b"Content-Length: 2", body=b"ab"), 200, b"OK", b"ab"),
    ok("chunked", "9112 7.1", with_fields(TE, body=b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"),
       200, b"OK", b"ab"),
    ok("chunked with trailers", "9112 7.1.2", with_fields(TE, body=b"1\r\na\r\n0\r\nX: y\r\n\r\n"),
       200, b"OK", b"a"),
    ok("until close", "9112 6.3", with_fields(body=b"abc"), 200, b"OK", b"abc", eof=True),
    ok("until close, nothing", "9112 6.3", with_fields(), 200, b"OK", b"", eof=True),
    ok("HTTP/1.0", "9112 2.3", with_fields(CL0, first=b"HTTP/1.0 200 OK"), 200, b"OK", b""),
    ok("HEAD with length", "9110 9.3.2", with_fields(b"Content-Length: 9"), 200, b"OK", b"",
       method=b"HEAD"),
    ok("HEAD with chunked", "9110 9.3.2", with_fields(TE), 200, b"OK", b"", method=b"HEAD"),
    ok("204", "9110 15.3.5", with_fields(first=b"HTTP/1.1 204 No Content"),
       204, b"No Content", b""),
    ok("304 with length", "9110 15.4.5",
       with_fields(b"Content-Length: 9", first=b"HTTP/1.1 304 Not Modified"),
       304, b"Not Modified", b""),
    ok("empty reason", "9112 4", with_fields(CL0, first=b"HTTP/1.1 200 "), 200, b"", b""),
    ok("no space before no reason", "9112 4", with_fields(CL0, first=b"HTTP/1.1 200"),
       200, b"", b""),
    ok("long reason", "9112 4", with_fields(CL0, first=b"HTTP/1.1 400 Bad QoS Header Value"),
       400, b"Bad QoS Header Value", b""),
    ok("obs-text in the reason", "9112 4", with_fields(CL0, first=b"HTTP/1.1 200 \xe4"),
       200, b"\xe4", b""),
    ok("unknown status", "9110 15", with_fields(CL0, first=b"HTTP/1.1 599 X"), 599, b"X", b""),
    ok("after 100", "9110 15.2", b"HTTP/1.1 100 Continue\r\n\r\n" + with_fields(CL0),
       200, b"OK", b""),
    ok("after 103 with fields", "8297 2", b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
       + with_fields(CL0), 200, b"OK", b""),
    ok("after two interim ones", "9110 15.2", b"HTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\n"
       + with_fields(CL0), 200, b"OK", b""),
    ok("whitespace around a value", "9112 5.1", with_fields(b"Content-Length: \t1 ", body=b"a"),
       200, b"OK", b"a"),
    bad("two different lengths", "9112 6.3",
        with_fields(b"Content-Length: 1", b"Content-Length: 2", body=b"ab")),
    bad("two equal lengths", "9112 6.3", with_fields(CL0, CL0)),
    bad("list of lengths", "9112 6.3", with_fields(b"Content-Length: 0, 0")),
    bad("signed length", "9110 8.6", with_fields(b"Content-Length: +1", body=b"a")),
    bad("negative length", "9110 8.6", with_fields(b"Content-Length: -1")),
    bad("hexadecimal length", "9110 8.6", with_fields(b"Content-Length: 0x1", body=b"a")),
    bad("length of 20 digits", "9110 8.6", with_fields(b"Content-Length: " + b"9" * 20)),
    bad("length and chunked", "9112 6.3", with_fields(CL0, TE, body=b"0\r\n\r\n")),
    bad("two Transfer-Encodings", "9112 6.3", with_fields(TE, TE, body=b"0\r\n\r\n")),
    bad("gzip, chunked", "9112 6.1", with_fields(b"Transfer-Encoding: gzip, chunked")),
    bad("identity", "9112 7", with_fields(b"Transfer-Encoding: identity")),
    bad("chunked in HTTP/1.0", "9112 6.1",
        with_fields(TE, body=b"0\r\n\r\n", first=b"HTTP/1.0 200 OK")),
    bad("obs-fold", "9112 5.2", with_fields(b"A: b", b" c", CL0)),
    bad("space before colon", "9112 5.1", with_fields(b"Content-Length : 0")),
    bad("NUL in a value", "9110 5.5", with_fields(b"A: \0", CL0)),
    bad("bare CR in a value", "9112 2.2", with_fields(b"A: b\rC: d", CL0)),
    bad("bare LF throughout", "9112 2.2", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
    bad("bad name", "9110 5.1", with_fields(b"A b: c", CL0)),
    bad("no colon", "9112 5", with_fields(b"A", CL0)),
    bad("HTTP/0.9", "9112 2.1", b"<html></html>", eof=True),
    bad("HTTP/2", "9112 2.3", with_fields(CL0, first=b"HTTP/2 200")),
    bad("HTTP/1.2", "9112 2.3", with_fields(CL0, first=b"HTTP/1.2 200 OK")),
    bad("ICY", "9112 2.3", with_fields(CL0, first=b"ICY 200 OK")),
    bad("status of two digits", "9112 4", with_fields(CL0, first=b"HTTP/1.1 20 OK")),
    bad("status of four digits", "9112 4", with_fields(CL0, first=b"HTTP/1.1 2000 OK")),
    bad("status 600", "9110 15", with_fields(CL0, first=b"HTTP/1.1 600 X")),
    bad("status 099", "9110 15", with_fields(CL0, first=b"HTTP/1.1 099 X")),
    bad("two spaces before the status", "9112 4", with_fields(CL0, first=b"HTTP/1.1  200 OK")),
    bad("NUL in the reason", "9112 4", with_fields(CL0, first=b"HTTP/1.1 200 O\0K")),
    bad("leading empty line", "9112 2.2", b"\r\n" + with_fields(CL0)),
    bad("header too big", "9110 5.4", with_fields(b"A: " + b"b" * 32768, CL0)),
    bad("too many fields", "9110 5.4", with_fields(*[b"A: b"] * 129)),
    bad("status line too long", "9112 4", b"HTTP/1.1 200 " + b"a" * 16384),
    bad("length cut short", "9112 8", with_fields(b"Content-Length: 2", body=b"a"), eof=True),
    bad("chunks cut short", "9112 8", with_fields(TE, body=b"1\r\na\r\n"), eof=True),
    bad("head cut short", "9112 8", b"HTTP/1.1 200 OK\r\nA: b\r\n", eof=True),
    bad("chunk longer than its size", "9112 7.1", with_fields(TE, body=b"1\r\nab\r\n0\r\n\r\n")),
    bad("chunk size is no number", "9112 7.1", with_fields(TE, body=b"z\r\n")),
    bad("space after chunk size", "9112 7.1", with_fields(TE, body=b"1 \r\na\r\n0\r\n\r\n")),
]  # fmt: skip
