"""Encodes values of the AMQP 1.0 type system (part 1, §1.6).

Proton's encoder goes through its C interface for every single value, which costs more
than everything else about a small message. What is needed here are seven types, and the
parts of a message that repeat can be kept encoded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache

Scalar = str | int | float | bool

NULL, TRUE, FALSE = b"\x40", b"\x41", b"\x42"

# Descriptors of a message's sections (part 3, §3.2), each a small ulong.
HEADER, ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES, DATA = (
    bytes((0x00, 0x53, code)) for code in (0x70, 0x72, 0x73, 0x74, 0x75)
)

_BYTE = [bytes([number]) for number in range(256)]
_SMALL_INT = struct.Struct(">Bb").pack
_INT = struct.Struct(">Bi").pack
_LONG = struct.Struct(">Bq").pack
_DOUBLE = struct.Struct(">Bd").pack
_LONG_HEAD = struct.Struct(">BII").pack  # constructor, size, count
_LONG_SIZE = struct.Struct(">BI").pack  # constructor, size
_UINT = struct.Struct(">BI").pack


def string(text: str) -> bytes:
    """Return *text* as a string."""
    data = text.encode()
    size = len(data)
    if size < 256:
        return b"\xa1" + _BYTE[size] + data
    return _LONG_SIZE(0xB1, size) + data


def symbol(text: str) -> bytes:
    """Return *text*, which is ASCII, as a symbol."""
    data = text.encode("ascii")
    size = len(data)
    if size < 256:
        return b"\xa3" + _BYTE[size] + data
    return _LONG_SIZE(0xB3, size) + data


def binary(data: bytes) -> bytes:
    """Return *data* as binary."""
    size = len(data)
    if size < 256:
        return b"\xa0" + _BYTE[size] + data
    return _LONG_SIZE(0xB0, size) + data


def uint(number: int) -> bytes:
    """Return *number* as an unsigned int."""
    return _UINT(0x70, number)


def timestamp(milliseconds: int) -> bytes:
    """Return *milliseconds* since 1970 as a timestamp."""
    return _LONG(0x83, milliseconds)


def scalar(value: Scalar) -> bytes:
    """Return *value* in the type that Java would choose for it, as Hono's consumers
    expect: int where 32 bits suffice, else long, else double.
    """
    if isinstance(value, str):
        return string(value)
    if value is True:
        return TRUE
    if value is False:
        return FALSE
    if isinstance(value, int):
        if -128 <= value < 128:
            return _SMALL_INT(0x54, value)
        if -(1 << 31) <= value < 1 << 31:
            return _INT(0x71, value)
        if -(1 << 63) <= value < 1 << 63:
            return _LONG(0x81, value)
        if value.bit_length() > 1023:
            return string(str(value))  # beyond what a double can hold
    return _DOUBLE(0x82, value)


# Names of properties: the same few all the time, and as many as devices' defaults have.
name = lru_cache(1024)(string)


def list_of(items: list[bytes]) -> bytes:
    """Return the list of encoded *items*."""
    data = b"".join(items)
    if len(data) < 255 and len(items) < 256:
        return b"\xc0" + _BYTE[len(data) + 1] + _BYTE[len(items)] + data
    return _LONG_HEAD(0xD0, len(data) + 4, len(items)) + data


def map_of(pairs: list[bytes]) -> bytes:
    """Return the map of *pairs*: encoded keys and values in turn."""
    data = b"".join(pairs)
    if len(data) < 255 and len(pairs) < 256:
        return b"\xc1" + _BYTE[len(data) + 1] + _BYTE[len(pairs)] + data
    return _LONG_HEAD(0xD1, len(data) + 4, len(pairs)) + data


def names_and_values(items: Iterable[tuple[str, Scalar]]) -> list[bytes]:
    """Return *items* as the pairs of a map with strings for keys."""
    pairs: list[bytes] = []
    for key, value in items:
        pairs += (name(key), scalar(value))
    return pairs
