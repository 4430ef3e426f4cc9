"""The kinds of immediates, as small numbers that the hot loops switch on.

Each kind's number indexes ``NAMES``; a row of the table names kinds by those names.
"""

from __future__ import annotations

from typing import Final

BLOCKTYPE: Final = 1  # s33: 0x40, a value type, or a type index
LABEL: Final = 2  # u32, relative depth
LABELS: Final = 3  # vec(u32); the default label follows as a LABEL
FUNC: Final = 4
TYPE: Final = 5
TABLE: Final = 6
LOCAL: Final = 7
GLOBAL: Final = 8
MEMORY: Final = 9
TAG: Final = 10
DATA: Final = 11
ELEM: Final = 12
FIELD: Final = 13
U32: Final = 14  # a count, not an index
MEMARG: Final = 15  # u32 flags (alignment, bit 6: a memory index follows), [memidx], u64 offset
LANE: Final = 16  # one byte
LANES: Final = 17  # sixteen bytes
I32: Final = 18  # s32
I64: Final = 19  # s64
F32: Final = 20  # four bytes, little endian
F64: Final = 21  # eight bytes, little endian
V128: Final = 22  # sixteen bytes
HEAPTYPE: Final = 23  # s33
VALTYPES: Final = 24  # vec(valtype)
CATCHES: Final = 25  # vec(catch)
CASTFLAGS: Final = 26  # one byte: bit 0, 1: nullability of source and target
ZERO: Final = 27  # the byte 0x00

NAMES: Final[tuple[str, ...]] = (
    "",
    "blocktype",
    "label",
    "labels",
    "func",
    "type",
    "table",
    "local",
    "global",
    "memory",
    "tag",
    "data",
    "elem",
    "field",
    "u32",
    "memarg",
    "lane",
    "lanes",
    "i32",
    "i64",
    "f32",
    "f64",
    "v128",
    "heaptype",
    "valtypes",
    "catches",
    "castflags",
    "zero",
)
