"""Writing the binary format's primitives: the counterpart of :mod:`wasmwright.binary.reader`.

Each function appends to a ``librt.strings.BytesWriter``, in the shortest encoding (spec:
Binary Format > Values, Types).
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64

from wasmwright.model.types import ABSTRACT, BLOCK_INDEX, BOT, HEAP_MASK, NULL, REF

_REF_NULL_CODE: Final = 0x63
_REF_CODE: Final = 0x64
_EMPTY_CODE: Final = 0x40
_CODE_MASK: Final = 0x7F


def leb_u32(out: BytesWriter, value: i64) -> None:
    """An unsigned integer below 2 ** 63, such as any u32."""
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def leb_u64(out: BytesWriter, value: int) -> None:
    """An unsigned integer below 2 ** 64."""
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def leb_signed(out: BytesWriter, value: i64) -> None:
    """A signed integer of at most 64 bits: an s32, s33 or s64."""
    while value >= 0x40 or value < -0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value & 0x7F)


def leb_s32(out: BytesWriter, value: i64) -> None:
    """A signed integer of 32 bits."""
    assert -(1 << 31) <= value < 1 << 31
    leb_signed(out, value)


def leb_s33(out: BytesWriter, value: i64) -> None:
    """A signed integer of 33 bits, such as a type index."""
    assert -(1 << 32) <= value < 1 << 32
    leb_signed(out, value)


def leb_s64(out: BytesWriter, value: i64) -> None:
    """A signed integer of 64 bits."""
    leb_signed(out, value)


def fixed(out: BytesWriter, value: int, size: int) -> None:
    """An unsigned integer of ``size`` bytes, little endian: a float by its bits, a v128."""
    out.write(value.to_bytes(size, "little"))


def byte_string(out: BytesWriter, content: bytes) -> None:
    """A length and the bytes."""
    leb_u32(out, len(content))
    out.write(content)


def name(out: BytesWriter, text: str) -> None:
    """A length and the text in UTF-8."""
    byte_string(out, text.encode("utf-8"))


def heaptype(out: BytesWriter, heap: i64) -> None:
    """A heap type."""
    if heap & ABSTRACT != 0:
        out.append(heap & _CODE_MASK)
    else:
        leb_s33(out, heap)


def valtype(out: BytesWriter, value: i64) -> None:
    """A value type or packed type; nullable abstract references in their short form."""
    heap = value & HEAP_MASK
    if value & REF == 0:
        out.append(value)
    elif value & NULL == 0:
        out.append(_REF_CODE)
        heaptype(out, heap)
    elif heap & ABSTRACT != 0:
        out.append(heap & _CODE_MASK)
    else:
        out.append(_REF_NULL_CODE)
        heaptype(out, heap)


def blocktype(out: BytesWriter, value: i64) -> None:
    """A block type, as `Reader.blocktype` gives it."""
    if value == BOT:
        out.append(_EMPTY_CODE)
    elif value & BLOCK_INDEX != 0:
        leb_s33(out, value & ~BLOCK_INDEX)
    else:
        valtype(out, value)
