"""What was looked up before, packed into blocks: for what there may be 100,000 of.

See docs/decisions/0045-remembered-things-are-packed.md.
"""

from __future__ import annotations

import hashlib
import marshal
import secrets
from collections.abc import Callable
from struct import Struct
from typing import Any, Generic, TypeVar

V = TypeVar("V")

# Values that are at hand as they are: all those of a site with few devices. Where there
# are more, the same ones stay at hand for so many lookups of others: objects that come
# and go at the pace of requests, but live longer, spread those of requests over the
# memory. Only values whose packed form is short are.
AT_HAND, PATIENCE, SHORT = 1024, 65_536, 1024

# Bytes of the longest packed form that is remembered.
LONGEST = 65_536

# Blocks of each half. Each has some KiB at most, so that the search in it is short.
_BLOCKS = 4096

_KEY = 16  # bytes
_LENGTH = Struct("<I")
_HEAD = _KEY + _LENGTH.size


class PackedMemory(Generic[V]):
    """Remembers values by 16 bytes, a keyed hash of what each follows from (`key_of`).

    A value is kept as what marshal makes of the plain data that *flatten* returns for
    it, and made anew from that by *restore*; all together take *most* bytes at most,
    and some are also at hand as they are. The least used are forgotten first, by halves
    as in `Memory`: what takes less than half of *most* is never forgotten.
    """

    __slots__ = (
        "_at_hand",
        "_flatten",
        "_half",
        "_hash",
        "_missed",
        "_old",
        "_restore",
        "_young",
    )

    def __init__(
        self, most: int, flatten: Callable[[V], Any], restore: Callable[[Any], V]
    ) -> None:
        self._half = most // 2
        self._flatten = flatten
        self._restore = restore
        self._hash = hashlib.blake2b(key=secrets.token_bytes(32), digest_size=_KEY)
        self.clear()

    @property
    def size(self) -> int:
        """How many bytes the packed values take."""
        return self._young.size + self._old.size

    def key_of(self, what: bytes) -> bytes:
        """Return the key of values that follow from *what*, which it does not tell."""
        keyed = self._hash.copy()
        keyed.update(what)
        return keyed.digest()

    def get(self, key: bytes) -> V | None:
        """Return the value of *key*, or None."""
        value = self._at_hand.get(key)
        if value is None:
            record = self._young.get(key)
            if record is None:
                record = self._old.get(key)
                if record is None:
                    return None
                self._keep(key, record)
            value = self._restore(marshal.loads(record))  # noqa: S302 - our own
            if len(record) <= SHORT:
                self._have_at_hand(key, value)
        return value

    def put(self, key: bytes, value: V) -> None:
        """Remember *value*, which is not None."""
        record = marshal.dumps(self._flatten(value))
        if _HEAD + len(record) > min(LONGEST, self._half):
            self.forget(key)
            return
        self._keep(key, record)
        self._at_hand.pop(key, None)
        if len(record) <= SHORT:
            self._have_at_hand(key, value)

    def forget(self, key: bytes) -> None:
        """Forget the value of *key*, if there is one."""
        self._at_hand.pop(key, None)
        self._young.forget(key)
        self._old.forget(key)

    def clear(self) -> None:
        """Forget everything."""
        self._at_hand: dict[bytes, V] = {}
        self._missed = 0  # lookups of others since the last one came to be at hand
        self._young, self._old = _Blocks(), _Blocks()

    def _have_at_hand(self, key: bytes, value: V) -> None:
        if len(self._at_hand) >= AT_HAND:
            self._missed += 1
            if self._missed < PATIENCE:
                return
            self._missed = 0
            # Their records were not asked for all that time.
            used, self._at_hand = self._at_hand, {}
            for other, kept in used.items():
                self._keep(other, marshal.dumps(self._flatten(kept)))
        self._at_hand[key] = value

    def _keep(self, key: bytes, record: bytes) -> None:
        if self._young.size + _HEAD + len(record) > self._half:
            self._old, self._young = self._young, _Blocks()
        self._young.put(key, record)


class _Blocks:
    """Records by keys of 16 bytes: each after its key and length in one of the blocks.

    Keys are as good as random, so nothing else in a block ever looks like one.
    """

    __slots__ = ("_blocks", "size")

    def __init__(self) -> None:
        self._blocks = [b""] * _BLOCKS
        self.size = 0

    def get(self, key: bytes) -> bytes | None:
        """Return the record of *key*, or None."""
        block = self._blocks[key[0] << 4 | key[1] >> 4]
        at = block.find(key)
        if at < 0:
            return None
        (length,) = _LENGTH.unpack_from(block, at + _KEY)
        at += _HEAD
        return block[at : at + length]

    def put(self, key: bytes, record: bytes) -> None:
        """Keep *record*, instead of any other of *key*."""
        self.forget(key)
        self._blocks[key[0] << 4 | key[1] >> 4] += (
            key + _LENGTH.pack(len(record)) + record
        )
        self.size += _HEAD + len(record)

    def forget(self, key: bytes) -> None:
        """Drop the record of *key*, if there is one."""
        number = key[0] << 4 | key[1] >> 4
        block = self._blocks[number]
        at = block.find(key)
        if at >= 0:
            (length,) = _LENGTH.unpack_from(block, at + _KEY)
            end = at + _HEAD + length
            self._blocks[number] = block[:at] + block[end:]
            self.size -= end - at
