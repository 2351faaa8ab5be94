"""Distinguished names in a canonical form, so that equal names are equal text.

What one tool writes as ``emailAddress=a@b`` is ``1.2.840.113549.1.9.1=#1603614062`` to
another (Java, and so Hono). Here types that RFC 4514 names no keyword for are dotted
numbers, values are text where they are strings at all, and the attributes of an RDN
are sorted. Upper and lower case differ, as for Hono.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from cryptography import x509

# The keywords of RFC 4514, §3, which the canonical form uses as well.
_KEYWORDS = {
    "CN": "2.5.4.3",
    "L": "2.5.4.7",
    "ST": "2.5.4.8",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "C": "2.5.4.6",
    "STREET": "2.5.4.9",
    "DC": "0.9.2342.19200300.100.1.25",
    "UID": "0.9.2342.19200300.100.1.1",
}
_NAMES = {oid: keyword for keyword, oid in _KEYWORDS.items()}

# What OpenSSL and Java write besides, in upper case.
_OIDS = _KEYWORDS | {
    "S": "2.5.4.8",
    "SN": "2.5.4.4",
    "SURNAME": "2.5.4.4",
    "SERIALNUMBER": "2.5.4.5",
    "T": "2.5.4.12",
    "TITLE": "2.5.4.12",
    "DESCRIPTION": "2.5.4.13",
    "BUSINESSCATEGORY": "2.5.4.15",
    "POSTALCODE": "2.5.4.17",
    "TELEPHONENUMBER": "2.5.4.20",
    "NAME": "2.5.4.41",
    "GIVENNAME": "2.5.4.42",
    "GN": "2.5.4.42",
    "G": "2.5.4.42",
    "INITIALS": "2.5.4.43",
    "GENERATION": "2.5.4.44",
    "GENERATIONQUALIFIER": "2.5.4.44",
    "DNQ": "2.5.4.46",
    "DNQUALIFIER": "2.5.4.46",
    "PSEUDONYM": "2.5.4.65",
    "ORGANIZATIONIDENTIFIER": "2.5.4.97",
    "E": "1.2.840.113549.1.9.1",
    "EMAIL": "1.2.840.113549.1.9.1",
    "EMAILADDRESS": "1.2.840.113549.1.9.1",
    "UNSTRUCTUREDNAME": "1.2.840.113549.1.9.2",
    "UNSTRUCTUREDADDRESS": "1.2.840.113549.1.9.8",
}

# RFC 4514, §3, with what RFC 2253 has readers accept: spaces around separators,
# semicolons, quotes, and "OID." before numbers.
_PAIR = r'\\(?:[0-9A-Fa-f]{2}|[ "#+,;<=>\\])'
_ATTRIBUTE = re.compile(
    r"\ *(?:(?:OID\.)?(?P<oid>[0-2](?:\.(?:0|[1-9][0-9]*))+)"
    r"|(?P<keyword>[A-Za-z][A-Za-z0-9-]*))\ *=\ *"
    r"(?:\#(?P<hex>(?:[0-9A-Fa-f]{2})+)"
    rf'|"(?P<quoted>(?:[^\\"]|{_PAIR})*)"'
    rf'|(?P<plain>(?!\#)(?:[^\\"+,;<>]|{_PAIR})*?))'
    r"\ *(?P<separator>[,;+]|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_ESCAPED = re.compile(rf"(?:{_PAIR})+")
_SPECIAL = re.compile(r'[\\"+,;<>\0]|\A[ #]| \Z')

# Characters; nobody has a longer name, and reading one takes time.
MOST = 4096

# The string types of ASN.1 by tag, as X.680, §8.6 numbers them, with their encodings.
_STRINGS = {
    0x0C: "utf-8",  # UTF8String
    0x12: "ascii",  # NumericString
    0x13: "ascii",  # PrintableString
    0x14: "utf-8",  # TeletexString, which nobody fills with Teletex
    0x16: "ascii",  # IA5String
    0x1A: "ascii",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}
_BIT_STRING = 0x03


def canonical(text: str) -> str:
    """Return the canonical form of the name in *text* (RFC 4514, RFC 2253).

    Raises `ValueError` for what is not a name, or an empty one.
    """
    if len(text) > MOST:
        raise ValueError(f"a distinguished name of more than {MOST} characters")
    rdns: list[list[str]] = [[]]
    position = 0
    while True:
        match = _ATTRIBUTE.match(text, position)
        if match is None:
            raise ValueError(f"not a distinguished name: {text!r}")
        rdns[-1].append(_attribute(_oid(match), _value(match)))
        if not match["separator"]:
            return _joined(rdns)
        if match["separator"] != "+":
            rdns.append([])
        position = match.end()


def lookup_form(auth_id: str) -> str:
    """Return what credentials with a certificate's *auth_id* are looked up by.

    That is the canonical form of a name; text without an equals sign is taken as it is,
    as an auth-id may be made out of parts of the subject. Raises `ValueError`.
    """
    return canonical(auth_id) if "=" in auth_id else auth_id


def canonical_of(name: x509.Name) -> str:
    """Return the canonical form of *name*, as a certificate has it."""
    return _joined(
        [
            _attribute(
                attribute.oid.dotted_string,
                _der(_BIT_STRING, attribute.value)
                if isinstance(attribute.value, bytes)
                else _escape(attribute.value),
            )
            for attribute in rdn
        ]
        # In text the most specific comes first (RFC 4514, §2.1).
        for rdn in reversed(name.rdns)
    )


def _joined(rdns: Iterable[list[str]]) -> str:
    return ",".join("+".join(sorted(rdn)) for rdn in rdns)


def _attribute(oid: str, value: str) -> str:
    return f"{_NAMES.get(oid, oid)}={value}"


def _oid(match: re.Match[str]) -> str:
    if match["oid"]:
        return match["oid"]
    oid = _OIDS.get(match["keyword"].upper())
    if oid is None:
        raise ValueError(f"an attribute of unknown type: {match['keyword']}")
    return oid


def _value(match: re.Match[str]) -> str:
    """Return the value in *match*, as the canonical form has it."""
    if match["hex"]:
        return _of_der(bytes.fromhex(match["hex"]))
    quoted = match["quoted"]
    return _escape(
        _ESCAPED.sub(_unescaped, match["plain"] if quoted is None else quoted)
    )


def _unescaped(match: re.Match[str]) -> str:
    """Return what a run of escapes stands for: characters, and bytes of UTF-8."""
    pairs = re.findall(_PAIR, match[0])
    data = (
        bytes.fromhex(pair[1:]) if len(pair) == 3 else pair[1:].encode()
        for pair in pairs
    )
    return b"".join(data).decode("utf-8")


def _of_der(data: bytes) -> str:
    """Return the value with the encoding *data*: text if it is a string."""
    tag, content = data[0], _content(data)
    encoding = _STRINGS.get(tag)
    return f"#{data.hex()}" if encoding is None else _escape(content.decode(encoding))


def _content(data: bytes) -> bytes:
    """Return the content of the one DER element that *data* is (X.690, §8.1)."""
    size, start = (data[1] if len(data) > 1 else 0), 2
    if size > 0x80:
        start += size - 0x80
        size = int.from_bytes(data[2:start], "big")
    if len(data) != start + size:
        raise ValueError("a value that is not DER")
    return data[start:]


def _der(tag: int, content: bytes) -> str:
    size = len(content)
    length = b""
    if size >= 0x80:
        length = size.to_bytes((size.bit_length() + 7) // 8, "big")
        size = 0x80 + len(length)
    return f"#{(bytes([tag, size]) + length + content).hex()}"


def _escape(text: str) -> str:
    return _SPECIAL.sub(lambda m: "\\00" if m[0] == "\0" else f"\\{m[0]}", text)
