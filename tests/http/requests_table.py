"""Raw requests, and what must come of each: a table, so that it can be read.

A row is a name, the RFC section it follows from, the bytes, what the application
receives (method, uri, host, body; in order) and the status of the refusal after that,
or None. Nothing past a refusal may reach the application.
"""

# ruff: noqa: E501 - a row is a line

from __future__ import annotations

from typing import NamedTuple

Received = tuple[bytes, bytes, bytes | None, bytes]


class Row(NamedTuple):
    name: str
    section: str
    raw: bytes
    received: list[Received]
    refused: int | None


H = b"Host: h\r\n"


def ok(name: str, section: str, raw: bytes, *received: Received) -> Row:
    return Row(name, section, raw, list(received), None)


def bad(name: str, section: str, raw: bytes, status: int, *before: Received) -> Row:
    return Row(name, section, raw, list(before), status)


def line(first: bytes) -> bytes:
    return first + b"\r\n" + H + b"\r\n"


def field(*fields: bytes) -> bytes:
    return b"GET / HTTP/1.1\r\n" + H + b"".join(f + b"\r\n" for f in fields) + b"\r\n"


def post(*fields: bytes, body: bytes = b"", first: bytes = b"POST / HTTP/1.1") -> bytes:
    return first + b"\r\n" + H + b"".join(f + b"\r\n" for f in fields) + b"\r\n" + body


GET: Received = (b"GET", b"/", b"h", b"")
CHUNKED = b"Transfer-Encoding: chunked"


def posted(body: bytes) -> Received:
    return (b"POST", b"/", b"h", body)


def hosted(*values: bytes, version: bytes = b"1.1") -> bytes:
    hosts = b"".join(b"Host: " + value + b"\r\n" for value in values)
    return b"GET / HTTP/" + version + b"\r\n" + hosts + b"\r\n"


START_LINE = [
    ok("plain", "9112 3", line(b"GET / HTTP/1.1"), GET),
    ok("any method token", "9110 9.1", line(b"PURGE-X / HTTP/1.1"),
       (b"PURGE-X", b"/", b"h", b"")),
    ok("methods are case-sensitive", "9110 9.1", line(b"get / HTTP/1.1"),
       (b"get", b"/", b"h", b"")),
    ok("query kept as sent", "9112 3.2.1", line(b"GET /a%2fb?c=%20|d HTTP/1.1"),
       (b"GET", b"/a%2fb?c=%20|d", b"h", b"")),
    ok("dot segments kept as sent", "9112 3.2.1", line(b"GET /a/../b//c HTTP/1.1"),
       (b"GET", b"/a/../b//c", b"h", b"")),
    ok("one empty line before", "9112 2.2", b"\r\n" + line(b"GET / HTTP/1.1"), GET),
    bad("two empty lines before", "9112 2.2", b"\r\n\r\n" + line(b"GET / HTTP/1.1"), 400),
    bad("two spaces after method", "9112 3", line(b"GET  / HTTP/1.1"), 400),
    bad("two spaces after target", "9112 3", line(b"GET /  HTTP/1.1"), 400),
    bad("tab for a space", "9112 3", line(b"GET\t/ HTTP/1.1"), 400),
    bad("leading space", "9112 3", line(b" GET / HTTP/1.1"), 400),
    bad("trailing space", "9112 3", line(b"GET / HTTP/1.1 "), 400),
    bad("space in target", "9112 3.2", line(b"GET /a b HTTP/1.1"), 400),
    bad("fragment in target", "9112 3.2", line(b"GET /a#b HTTP/1.1"), 400),
    bad("NUL in target", "9112 3.2", line(b"GET /a\0b HTTP/1.1"), 400),
    bad("non-ASCII in target", "9112 3.2", line(b"GET /\xc3\xa4 HTTP/1.1"), 400),
    bad("bare CR in start line", "9112 2.2", line(b"GET /\r HTTP/1.1"), 400),
    bad("no target", "9112 3", line(b"GET HTTP/1.1"), 400),
    bad("empty method", "9112 3", line(b" / HTTP/1.1"), 400),
    bad("method is no token", "9110 9.1", line(b"G(T / HTTP/1.1"), 400),
    bad("HTTP/0.9", "9112 3", b"GET /\r\n\r\n", 400),
    bad("HTTP/1.2", "9112 2.3", line(b"GET / HTTP/1.2"), 505),
    bad("HTTP/2.0", "9112 2.3", line(b"GET / HTTP/2.0"), 505),
    bad("HTTP/1.10", "9112 2.3", line(b"GET / HTTP/1.10"), 400),
    bad("HTTP/1", "9112 2.3", line(b"GET / HTTP/1"), 400),
    bad("http/1.1", "9112 2.3", line(b"GET / http/1.1"), 400),
    bad("HTTP/+1.1", "9112 2.3", line(b"GET / HTTP/+1.1"), 400),
    bad("h2 preface", "9113 3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    bad("TLS ClientHello", "9112 2.1", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    bad("bare LF throughout", "9112 2.2", b"GET / HTTP/1.1\nHost: h\n\n", 400),
    bad("start line ends in bare LF", "9112 2.2", b"GET / HTTP/1.1\nHost: h\r\n\r\n", 400),
    bad("target too long", "9112 3", line(b"GET /" + b"a" * 16384 + b" HTTP/1.1"), 414),
    bad("start line without end", "9112 3", b"GET /" + b"a" * 16384, 414),
]  # fmt: skip

FORMS = [
    ok("absolute-form", "9112 3.2.2", b"GET http://h/a?b HTTP/1.1\r\nHost: h\r\n\r\n",
       (b"GET", b"/a?b", b"h", b"")),
    ok("absolute-form beats Host", "9112 3.2.2",
       b"GET http://evil:1/a HTTP/1.1\r\nHost: h\r\n\r\n", (b"GET", b"/a", b"evil:1", b"")),
    ok("absolute-form in 1.0 without Host", "9112 3.2.2",
       b"GET http://x/a HTTP/1.0\r\n\r\n", (b"GET", b"/a", b"x", b"")),
    ok("absolute-form, scheme in capitals", "9110 4.2.3", line(b"GET HTTPS://H/ HTTP/1.1"),
       (b"GET", b"/", b"H", b"")),
    ok("absolute-form, empty path", "9112 3.2.1", line(b"GET http://h HTTP/1.1"), GET),
    ok("absolute-form, only a query", "9112 3.2.1", line(b"GET http://h?q HTTP/1.1"),
       (b"GET", b"/?q", b"h", b"")),
    ok("absolute-form, IPv6", "9110 4.2.1", line(b"GET http://[::1]:80/ HTTP/1.1"),
       (b"GET", b"/", b"[::1]:80", b"")),
    ok("absolute-form for the server", "9112 3.2.4", line(b"OPTIONS http://h HTTP/1.1"),
       (b"OPTIONS", b"*", b"h", b"")),
    bad("absolute-form without Host in 1.1", "9112 3.2",
        b"GET http://h/ HTTP/1.1\r\n\r\n", 400),
    bad("user information", "9110 4.2.4", line(b"GET http://u:p@h/ HTTP/1.1"), 400),
    bad("empty authority", "9110 4.2.1", line(b"GET http:///a HTTP/1.1"), 400),
    bad("other scheme", "9112 3.2.2", line(b"GET ftp://h/ HTTP/1.1"), 400),
    bad("relative path", "9112 3.2", line(b"GET a/b HTTP/1.1"), 400),
    ok("asterisk", "9112 3.2.4", line(b"OPTIONS * HTTP/1.1"),
       (b"OPTIONS", b"*", b"h", b"")),
    bad("asterisk for GET", "9112 3.2.4", line(b"GET * HTTP/1.1"), 400),
    ok("CONNECT", "9112 3.2.3", line(b"CONNECT h:443 HTTP/1.1"),
       (b"CONNECT", b"h:443", b"h", b"")),
    bad("CONNECT without port", "9112 3.2.3", line(b"CONNECT h HTTP/1.1"), 400),
    bad("CONNECT, port 0", "9110 9.3.6", line(b"CONNECT h:0 HTTP/1.1"), 400),
    bad("CONNECT, origin-form", "9112 3.2.3", line(b"CONNECT /x HTTP/1.1"), 400),
    bad("authority-form for GET", "9112 3.2.3", line(b"GET h:80 HTTP/1.1"), 400),
]  # fmt: skip

HOST = [
    bad("no Host in 1.1", "9112 3.2", hosted(), 400),
    ok("no Host in 1.0", "9112 3.2", hosted(version=b"1.0"), (b"GET", b"/", None, b"")),
    bad("two Hosts", "9112 3.2", hosted(b"h", b"i"), 400),
    bad("two equal Hosts", "9112 3.2", hosted(b"h", b"h"), 400),
    bad("two Hosts in 1.0", "9112 3.2", hosted(b"h", b"h", version=b"1.0"), 400),
    bad("empty Host", "9110 4.2.1", hosted(b""), 400),
    bad("path in Host", "9112 3.2", hosted(b"h/a"), 400),
    bad("user in Host", "9112 3.2", hosted(b"u@h"), 400),
    bad("list in Host", "9112 3.2", hosted(b"h, i"), 400),
    bad("space in Host", "9112 3.2", hosted(b"h i"), 400),
    bad("word for a port", "9112 3.2", hosted(b"h:http"), 400),
    bad("port too big", "9112 3.2", hosted(b"h:65536"), 400),
    bad("bad percent encoding in Host", "3986 3.2.2", hosted(b"h%zz"), 400),
    bad("IPv6 without brackets", "3986 3.2.2", hosted(b"::1"), 400),
    bad("open bracket", "3986 3.2.2", hosted(b"[::1"), 400),
    ok("IPv6 Host", "3986 3.2.2", hosted(b"[::1]:8080"), (b"GET", b"/", b"[::1]:8080", b"")),
    ok("Host with an empty port", "3986 3.2.3", hosted(b"h:"), (b"GET", b"/", b"h:", b"")),
    ok("Host with underscore", "3986 3.2.2", hosted(b"a_b.c"), (b"GET", b"/", b"a_b.c", b"")),
]  # fmt: skip

FIELDS = [
    ok("no space after colon", "9112 5", field(b"A:b"), GET),
    ok("whitespace around the value", "9112 5.1", field(b"A: \t b \t "), GET),
    ok("empty value", "9110 5.5", field(b"A:"), GET),
    ok("obs-text in a value", "9110 5.5", field(b"A: \xe4\xff"), GET),
    ok("tab in a value", "9110 5.5", field(b"A: b\tc"), GET),
    ok("colon in a value", "9112 5", field(b"A: :b:"), GET),
    bad("space before colon", "9112 5.1", field(b"A : b"), 400),
    bad("tab before colon", "9112 5.1", field(b"A\t: b"), 400),
    bad("obs-fold", "9112 5.2", field(b"A: b", b" c"), 400),
    bad("fold of the first field", "9112 5.2", b"GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400),
    bad("no colon", "9112 5", field(b"A"), 400),
    bad("empty name", "9110 5.1", field(b": b"), 400),
    bad("space in a name", "9110 5.1", field(b"A b: c"), 400),
    bad("non-ASCII name", "9110 5.1", field(b"\xe4: b"), 400),
    bad("parenthesis in a name", "9110 5.1", field(b"A(b): c"), 400),
    bad("NUL in a name", "9110 5.1", field(b"A\0: b"), 400),
    bad("NUL in a value", "9110 5.5", field(b"A: b\0c"), 400),
    bad("DEL in a value", "9110 5.5", field(b"A: b\x7f"), 400),
    bad("escape in a value", "9110 5.5", field(b"A: \x1b[0m"), 400),
    bad("bare CR in a value", "9112 2.2", field(b"A: b\rTransfer-Encoding: chunked"), 400),
    bad("CR CR LF", "9112 2.2", field(b"A: b\r"), 400),
    bad("bare LF in a value", "9112 2.2", field(b"A: b\nC: d"), 400),
    bad("head ends in bare LF", "9112 2.2", b"GET / HTTP/1.1\r\nHost: h\r\n\n", 400),
    bad("header too big", "9110 5.4", field(b"A: " + b"b" * 32768), 431),
    bad("header without end", "9110 5.4", b"GET / HTTP/1.1\r\nA: " + b"b" * 32768, 431),
    bad("too many fields", "9110 5.4", field(*[b"A: b"] * 128), 431),
    ok("as many fields as may be", "9110 5.4", field(*[b"A: b"] * 127), GET),
]  # fmt: skip

FRAMING = [
    ok("Content-Length", "9110 8.6", post(b"Content-Length: 3", body=b"abc"), posted(b"abc")),
    ok("Content-Length 0", "9110 8.6", post(b"Content-Length: 0"), posted(b"")),
    ok("leading zeros", "9110 8.6", post(b"Content-Length: 003", body=b"abc"), posted(b"abc")),
    ok("body with GET", "9110 9.3.1",
       b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab", (b"GET", b"/", b"h", b"ab")),
    ok("no length, no body", "9112 6.3", post(), posted(b"")),
    ok("pipelined", "9112 9.3.2",
       post(b"Content-Length: 1", body=b"a") + post(b"Content-Length: 1", body=b"b")
       + line(b"GET / HTTP/1.1"), posted(b"a"), posted(b"b"), GET),
    bad("bytes beyond the body", "9112 6.3",
        post(b"Content-Length: 1", body=b"a\0\0"), 400, posted(b"a")),
    bad("two Content-Lengths", "9112 6.3",
        post(b"Content-Length: 3", b"Content-Length: 4", body=b"abcd"), 400),
    bad("two equal Content-Lengths", "9112 6.3",
        post(b"Content-Length: 3", b"content-length: 3", body=b"abc"), 400),
    bad("list of lengths", "9112 6.3", post(b"Content-Length: 3, 3", body=b"abc"), 400),
    bad("signed length", "9110 8.6", post(b"Content-Length: +3", body=b"abc"), 400),
    bad("negative length", "9110 8.6", post(b"Content-Length: -3", body=b"abc"), 400),
    bad("hexadecimal length", "9110 8.6", post(b"Content-Length: 0x3", body=b"abc"), 400),
    bad("length with underscore", "9110 8.6", post(b"Content-Length: 1_0"), 400),
    bad("fractional length", "9110 8.6", post(b"Content-Length: 3.0"), 400),
    bad("empty length", "9110 8.6", post(b"Content-Length:"), 400),
    bad("length of 20 digits", "9110 8.6", post(b"Content-Length: 18446744073709551619"), 400),
    bad("other script's digits", "9110 8.6", post(b"Content-Length: \xb2"), 400),
    bad("length and chunked", "9112 6.3",
        post(b"Content-Length: 3", CHUNKED, body=b"0\r\n\r\n"), 400),
    bad("chunked and length", "9112 6.3",
        post(CHUNKED, b"Content-Length: 0", body=b"0\r\n\r\n"), 400),
    bad("two Transfer-Encodings", "9112 6.3", post(CHUNKED, CHUNKED), 400),
    bad("chunked twice", "9112 6.1", post(b"Transfer-Encoding: chunked, chunked"), 400),
    bad("identity", "9112 7", post(b"Transfer-Encoding: identity"), 400),
    bad("chunked not last", "9112 6.3", post(b"Transfer-Encoding: chunked, gzip"), 400),
    bad("gzip, chunked", "9112 6.1", post(b"Transfer-Encoding: gzip, chunked"), 501),
    bad("xchunked", "9112 6.1", post(b"Transfer-Encoding: xchunked"), 400),
    bad("quoted chunked", "9112 6.1", post(b'Transfer-Encoding: "chunked"'), 400),
    bad("vertical tab before chunked", "9110 5.5",
        post(b"Transfer-Encoding: \x0bchunked"), 400),
    bad("empty Transfer-Encoding", "9112 6.1", post(b"Transfer-Encoding:"), 400),
    bad("chunked in HTTP/1.0", "9112 6.1",
        post(CHUNKED, body=b"0\r\n\r\n", first=b"POST / HTTP/1.0"), 400),
    ok("Chunked in capitals", "9112 7",
       post(b"Transfer-Encoding: CHUNKED", body=b"0\r\n\r\n"), posted(b"")),
    bad("unknown expectation", "9110 10.1.1", field(b"Expect: 200-maybe"), 417),
    ok("unknown expectation in 1.0", "9110 10.1.1",
       b"GET / HTTP/1.0\r\nHost: h\r\nExpect: x\r\n\r\n", GET),
]  # fmt: skip

CHUNKS = [
    ok("chunks", "9112 7.1", post(CHUNKED, body=b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"),
       posted(b"abc")),
    ok("hexadecimal sizes", "9112 7.1", post(CHUNKED, body=b"0A\r\n0123456789\r\n00\r\n\r\n"),
       posted(b"0123456789")),
    ok("extensions", "9112 7.1.1",
       post(CHUNKED, body=b'1;a;b=c ; d = "e\\"f"\r\na\r\n0;z\r\n\r\n'), posted(b"a")),
    ok("trailers", "9112 7.1.2", post(CHUNKED, body=b"1\r\na\r\n0\r\nD: e\r\nF:g\r\n\r\n"),
       posted(b"a")),
    ok("the next request after trailers", "9112 9.3.2",
       post(CHUNKED, body=b"0\r\nHost: x\r\n\r\n") + line(b"GET / HTTP/1.1"), posted(b""), GET),
    bad("signed size", "9112 7.1", post(CHUNKED, body=b"+1\r\na\r\n0\r\n\r\n"), 400),
    bad("0x before the size", "9112 7.1", post(CHUNKED, body=b"0x1\r\na\r\n0\r\n\r\n"), 400),
    bad("space after the size", "9112 7.1", post(CHUNKED, body=b"1 \r\na\r\n0\r\n\r\n"), 400),
    bad("space before the size", "9112 7.1", post(CHUNKED, body=b" 1\r\na\r\n0\r\n\r\n"), 400),
    bad("no size", "9112 7.1", post(CHUNKED, body=b"\r\na\r\n0\r\n\r\n"), 400),
    bad("size is no number", "9112 7.1", post(CHUNKED, body=b"g\r\na\r\n0\r\n\r\n"), 400),
    bad("size of 17 digits", "9112 7.1", post(CHUNKED, body=b"1" * 17 + b"\r\na"), 400),
    bad("size ends in bare LF", "9112 7.1", post(CHUNKED, body=b"1\na\r\n0\r\n\r\n"), 400),
    bad("chunk longer than its size", "9112 7.1", post(CHUNKED, body=b"1\r\nab\r\n0\r\n\r\n"), 400),
    bad("chunk ends in bare LF", "9112 7.1", post(CHUNKED, body=b"1\r\na\n0\r\n\r\n"), 400),
    bad("empty extension name", "9112 7.1.1", post(CHUNKED, body=b"1;\r\na\r\n0\r\n\r\n"), 400),
    bad("CR in an extension", "9112 7.1.1", post(CHUNKED, body=b"1;a\rb\r\na\r\n"), 400),
    bad("NUL in an extension", "9112 7.1.1", post(CHUNKED, body=b"1;a=\0\r\na\r\n"), 400),
    bad("chunk line too long", "9112 7.1.1", post(CHUNKED, body=b"1;" + b"a" * 1024), 400),
    bad("folded trailer", "9112 5.2", post(CHUNKED, body=b"0\r\nA: b\r\n c\r\n\r\n"), 400),
    bad("bare LF after a trailer", "9112 2.2", post(CHUNKED, body=b"0\r\nA: b\n\r\n"), 400),
    bad("bad name in a trailer", "9110 5.1", post(CHUNKED, body=b"0\r\nA b: c\r\n\r\n"), 400),
    bad("last chunk without its end", "9112 7.1", post(CHUNKED, body=b"0\r\nGET / HTTP/1.1\r\n"), 400),
    bad("trailers too big", "9112 7.1.2", post(CHUNKED, body=b"0\r\nA: " + b"b" * 8192), 400),
    bad("too many trailers", "9112 7.1.2",
        post(CHUNKED, body=b"0\r\n" + b"A: b\r\n" * 33 + b"\r\n"), 400),
]  # fmt: skip

ROWS: list[Row] = [*START_LINE, *FORMS, *HOST, *FIELDS, *FRAMING, *CHUNKS]
