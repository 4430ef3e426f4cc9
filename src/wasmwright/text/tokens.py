"""The text format's vocabulary: the kinds of tokens as small numbers, and the keywords.

A keyword's kind says which keyword it is; that of a mnemonic is ``INSTRUCTION`` and the slot of
the first instruction of that name. A word that is no keyword is ``RESERVED``.
"""

from __future__ import annotations

from typing import Final

from wasmwright.isa import BY_NAME
from wasmwright.model.types import BOT, HEAP_BOT, HEAP_NAMES, NULL, NUMBER_NAMES, REF, SHORTHANDS

# Kinds of tokens that are no keywords.
END: Final = 0  # of the source
LPAR: Final = 1
RPAR: Final = 2
ID: Final = 3
STRING: Final = 4
NAT: Final = 5  # an integer without a sign
INT: Final = 6  # … with one
FLOAT: Final = 7  # any other number
OFFSET_EQ: Final = 8  # offset=NAT
ALIGN_EQ: Final = 9  # align=NAT
RESERVED: Final = 10  # no token of the grammar

# Keywords that are neither mnemonics nor types.
MODULE: Final = 16
BINARY: Final = 17
QUOTE: Final = 18
TYPE: Final = 19
REC: Final = 20
SUB: Final = 21
FINAL: Final = 22
FIELD: Final = 23
MUT: Final = 24
PARAM: Final = 25
RESULT: Final = 26
LOCAL: Final = 27
GLOBAL: Final = 28
TABLE: Final = 29
MEMORY: Final = 30
TAG: Final = 31
ELEM: Final = 32
DATA: Final = 33
DECLARE: Final = 34
OFFSET: Final = 35
ITEM: Final = 36
START: Final = 37
IMPORT: Final = 38
EXPORT: Final = 39
SHARED: Final = 40
PAGESIZE: Final = 41
REF_WORD: Final = 42
NULL_WORD: Final = 43
THEN: Final = 44
DO: Final = 45
CATCH_REF: Final = 46
CATCH_ALL_REF: Final = 47
# Keywords that are also abstract heap types.
FUNC: Final = 48
STRUCT: Final = 49
ARRAY: Final = 50
# The shapes of v128 constants.
I8X16: Final = 51
I16X8: Final = 52
I32X4: Final = 53
I64X2: Final = 54
F32X4: Final = 55
F64X2: Final = 56
# What only the results of scripts have.
NAN_CANONICAL: Final = 57
NAN_ARITHMETIC: Final = 58

_FIRST_TYPE: Final = 64  # types' names have the kinds from here on
INSTRUCTION: Final = 0x400

KEYWORDS: Final[dict[bytes, int]] = {
    b"module": MODULE,
    b"binary": BINARY,
    b"quote": QUOTE,
    b"type": TYPE,
    b"rec": REC,
    b"sub": SUB,
    b"final": FINAL,
    b"field": FIELD,
    b"mut": MUT,
    b"param": PARAM,
    b"result": RESULT,
    b"local": LOCAL,
    b"global": GLOBAL,
    b"table": TABLE,
    b"memory": MEMORY,
    b"tag": TAG,
    b"elem": ELEM,
    b"data": DATA,
    b"declare": DECLARE,
    b"offset": OFFSET,
    b"item": ITEM,
    b"start": START,
    b"import": IMPORT,
    b"export": EXPORT,
    b"shared": SHARED,
    b"pagesize": PAGESIZE,
    b"ref": REF_WORD,
    b"null": NULL_WORD,
    b"then": THEN,
    b"do": DO,
    b"catch_ref": CATCH_REF,
    b"catch_all_ref": CATCH_ALL_REF,
    b"func": FUNC,
    b"struct": STRUCT,
    b"array": ARRAY,
    b"i8x16": I8X16,
    b"i16x8": I16X8,
    b"i32x4": I32X4,
    b"i64x2": I64X2,
    b"f32x4": F32X4,
    b"f64x2": F64X2,
    b"nan:canonical": NAN_CANONICAL,
    b"nan:arithmetic": NAN_ARITHMETIC,
}

# By kind, below INSTRUCTION: the value or packed type that a keyword names on its own, BOT where
# it names none; and the abstract heap type, HEAP_BOT where it names none.
TYPE_OF: Final[list[int]] = [BOT] * INSTRUCTION
HEAP_OF: Final[list[int]] = [HEAP_BOT] * INSTRUCTION


def _kind_of_type(name: str) -> int:
    """The kind of the keyword of this name, which gets one where it has none."""
    return KEYWORDS.setdefault(name.encode(), _FIRST_TYPE + len(KEYWORDS))


for _type, _name in NUMBER_NAMES.items():
    if _type != BOT:
        TYPE_OF[_kind_of_type(_name)] = _type
for _type, _name in SHORTHANDS.items():
    TYPE_OF[_kind_of_type(_name)] = REF | NULL | _type
for _type, _name in HEAP_NAMES.items():
    if _type != HEAP_BOT:
        HEAP_OF[_kind_of_type(_name)] = _type

for _name, _rows in BY_NAME.items():
    KEYWORDS[_name.encode()] = INSTRUCTION + _rows[0].slot
