"""Which rule checks which instruction, packed into one integer a slot.

Reads the instruction table, produces *signatures*: what the body walk needs of an instruction,
in one machine word. The lowest byte is the rule's number; what the other bits hold is said
where the rule's number is declared. Rows whose stack type is fixed need no entry here.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

from wasmwright.features import EXTENDED_CONST
from wasmwright.isa import (
    BY_SLOT,
    INSTRUCTIONS,
    NATURAL_ALIGNMENT,
    PREFIX_BASE,
    PREFIX_SIZE,
    SLOTS,
    Instruction,
)
from wasmwright.isa.immediates import F32, F64, I32, I64, LANE, LANES, MEMARG, V128, ZERO

# Where a signature has its parts; each part is a byte.
RESULT: Final = 8  # the result's type
LAST: Final = 16  # the last parameter's type
FIRST: Final = 24  # the type of the parameter before the last
EXTRA: Final = 32  # a byte of the rule's own

# Where the signature of a prefix byte has its parts, of two bytes each.
PREFIX_SLOTS: Final = 8  # the slot of code 0
PREFIX_CODES: Final = 24  # how many slots there are

# Rules for opcodes that are not instructions of this module.
ILLEGAL: Final = 0
DISABLED: Final = 1  # the instruction's feature is off
NOT_CONST: Final = 2  # not in constant expressions
PREFIX: Final = 3

# Rules for rows that type the instruction by themselves.
UNARY: Final = 4  # one parameter (LAST), one result
BINARY: Final = 5  # two parameters, one result
FIXED: Final = 6  # any other stack type without addresses
CONST_INT: Final = 7  # LEB128; in encodings of up to EXTRA bytes no bit is unused
CONST_BYTES: Final = 8  # EXTRA bytes of immediate
LOAD: Final = 10  # memarg, EXTRA is the alignment
STORE: Final = 11
ACCESS_LANE: Final = 12  # memarg and lane, EXTRA is the alignment
ACCESS_ATOMIC: Final = 13  # memarg, EXTRA is the alignment
USE_LANE: Final = 14  # EXTRA is the number of lanes
SHUFFLE: Final = 15
FENCE: Final = 16
NOP: Final = 17

# Rules with a name of their own. A family's numbers are in one range, so that the walk
# finds the family by comparing with its last number.
LOCAL_GET: Final = 20
LOCAL_SET: Final = 21
LOCAL_TEE: Final = 22
GLOBAL_GET: Final = 23
GLOBAL_SET: Final = 24
GLOBAL_GET_CONST: Final = 25
DROP: Final = 26
SELECT: Final = 27
SELECT_TYPED: Final = 28
LAST_BASIC: Final = 29

UNREACHABLE: Final = 30
BLOCK: Final = 31
LOOP: Final = 32
IF: Final = 33
ELSE: Final = 34
END: Final = 35
BR: Final = 36
BR_IF: Final = 37
BR_TABLE: Final = 38
RETURN: Final = 39
CALL: Final = 40
CALL_INDIRECT: Final = 41
CALL_REF: Final = 42
RETURN_CALL: Final = 43
RETURN_CALL_INDIRECT: Final = 44
RETURN_CALL_REF: Final = 45
LAST_CONTROL: Final = 49

TRY_TABLE: Final = 50
THROW: Final = 51
THROW_REF: Final = 52
TRY: Final = 53
CATCH: Final = 54
CATCH_ALL: Final = 55
DELEGATE: Final = 56
RETHROW: Final = 57
LAST_EXCEPTION: Final = 59

MEMORY_SIZE: Final = 60
MEMORY_GROW: Final = 61
MEMORY_INIT: Final = 62
MEMORY_COPY: Final = 63
MEMORY_FILL: Final = 64
DATA_DROP: Final = 65
LAST_MEMORY: Final = 69

TABLE_GET: Final = 70
TABLE_SET: Final = 71
TABLE_SIZE: Final = 72
TABLE_GROW: Final = 73
TABLE_FILL: Final = 74
TABLE_COPY: Final = 75
TABLE_INIT: Final = 76
ELEM_DROP: Final = 77
LAST_TABLE: Final = 79

REF_NULL: Final = 80
REF_IS_NULL: Final = 81
REF_FUNC: Final = 82
REF_EQ: Final = 83
REF_AS_NON_NULL: Final = 84
REF_TEST: Final = 85
REF_TEST_NULL: Final = 86
REF_CAST: Final = 87
REF_CAST_NULL: Final = 88
BR_ON_NULL: Final = 89
BR_ON_NON_NULL: Final = 90
BR_ON_CAST: Final = 91
BR_ON_CAST_FAIL: Final = 92
CONVERT_TO_ANY: Final = 93
CONVERT_TO_EXTERN: Final = 94
REF_I31: Final = 95
I31_GET: Final = 96
REF_FUNC_CONST: Final = 97
LAST_REFERENCE: Final = 99

STRUCT_NEW: Final = 100
STRUCT_NEW_DEFAULT: Final = 101
STRUCT_GET: Final = 102
STRUCT_GET_PACKED: Final = 103
STRUCT_SET: Final = 104
ARRAY_NEW: Final = 105
ARRAY_NEW_DEFAULT: Final = 106
ARRAY_NEW_FIXED: Final = 107
ARRAY_NEW_DATA: Final = 108
ARRAY_NEW_ELEM: Final = 109
ARRAY_GET: Final = 110
ARRAY_GET_PACKED: Final = 111
ARRAY_SET: Final = 112
ARRAY_LEN: Final = 113
ARRAY_FILL: Final = 114
ARRAY_COPY: Final = 115
ARRAY_INIT_DATA: Final = 116
ARRAY_INIT_ELEM: Final = 117

# Instructions that a rule of their own checks; of those that share a mnemonic, in opcode order.
_NAMED: Final[dict[str, tuple[int, ...]]] = {
    "local.get": (LOCAL_GET,),
    "local.set": (LOCAL_SET,),
    "local.tee": (LOCAL_TEE,),
    "global.get": (GLOBAL_GET,),
    "global.set": (GLOBAL_SET,),
    "drop": (DROP,),
    "select": (SELECT, SELECT_TYPED),
    "nop": (NOP,),
    "unreachable": (UNREACHABLE,),
    "block": (BLOCK,),
    "loop": (LOOP,),
    "if": (IF,),
    "else": (ELSE,),
    "end": (END,),
    "br": (BR,),
    "br_if": (BR_IF,),
    "br_table": (BR_TABLE,),
    "return": (RETURN,),
    "call": (CALL,),
    "call_indirect": (CALL_INDIRECT,),
    "call_ref": (CALL_REF,),
    "return_call": (RETURN_CALL,),
    "return_call_indirect": (RETURN_CALL_INDIRECT,),
    "return_call_ref": (RETURN_CALL_REF,),
    "try_table": (TRY_TABLE,),
    "throw": (THROW,),
    "throw_ref": (THROW_REF,),
    "try": (TRY,),
    "catch": (CATCH,),
    "catch_all": (CATCH_ALL,),
    "delegate": (DELEGATE,),
    "rethrow": (RETHROW,),
    "memory.size": (MEMORY_SIZE,),
    "memory.grow": (MEMORY_GROW,),
    "memory.init": (MEMORY_INIT,),
    "memory.copy": (MEMORY_COPY,),
    "memory.fill": (MEMORY_FILL,),
    "data.drop": (DATA_DROP,),
    "table.get": (TABLE_GET,),
    "table.set": (TABLE_SET,),
    "table.size": (TABLE_SIZE,),
    "table.grow": (TABLE_GROW,),
    "table.fill": (TABLE_FILL,),
    "table.copy": (TABLE_COPY,),
    "table.init": (TABLE_INIT,),
    "elem.drop": (ELEM_DROP,),
    "ref.null": (REF_NULL,),
    "ref.is_null": (REF_IS_NULL,),
    "ref.func": (REF_FUNC,),
    "ref.eq": (REF_EQ,),
    "ref.as_non_null": (REF_AS_NON_NULL,),
    "ref.test": (REF_TEST, REF_TEST_NULL),
    "ref.cast": (REF_CAST, REF_CAST_NULL),
    "br_on_null": (BR_ON_NULL,),
    "br_on_non_null": (BR_ON_NON_NULL,),
    "br_on_cast": (BR_ON_CAST,),
    "br_on_cast_fail": (BR_ON_CAST_FAIL,),
    "any.convert_extern": (CONVERT_TO_ANY,),
    "extern.convert_any": (CONVERT_TO_EXTERN,),
    "ref.i31": (REF_I31,),
    "i31.get_s": (I31_GET,),
    "i31.get_u": (I31_GET,),
    "struct.new": (STRUCT_NEW,),
    "struct.new_default": (STRUCT_NEW_DEFAULT,),
    "struct.get": (STRUCT_GET,),
    "struct.get_s": (STRUCT_GET_PACKED,),
    "struct.get_u": (STRUCT_GET_PACKED,),
    "struct.set": (STRUCT_SET,),
    "array.new": (ARRAY_NEW,),
    "array.new_default": (ARRAY_NEW_DEFAULT,),
    "array.new_fixed": (ARRAY_NEW_FIXED,),
    "array.new_data": (ARRAY_NEW_DATA,),
    "array.new_elem": (ARRAY_NEW_ELEM,),
    "array.get": (ARRAY_GET,),
    "array.get_s": (ARRAY_GET_PACKED,),
    "array.get_u": (ARRAY_GET_PACKED,),
    "array.set": (ARRAY_SET,),
    "array.len": (ARRAY_LEN,),
    "array.fill": (ARRAY_FILL,),
    "array.copy": (ARRAY_COPY,),
    "array.init_data": (ARRAY_INIT_DATA,),
    "array.init_elem": (ARRAY_INIT_ELEM,),
}

# Instructions that may stand in a constant expression, beside those that EXTENDED_CONST adds.
_CONST: Final = frozenset(
    "end i32.const i64.const f32.const f64.const v128.const global.get ref.null ref.func ref.i31 "
    "struct.new struct.new_default array.new array.new_default array.new_fixed "
    "any.convert_extern extern.convert_any".split()
)
_EXTENDED_CONST: Final = frozenset("i32.add i32.sub i32.mul i64.add i64.sub i64.mul".split())


def _lanes(row: Instruction) -> int:
    """The number of lanes that a vector instruction's shape, or its memory access, has."""
    if MEMARG in row.immediates:
        return 16 >> NATURAL_ALIGNMENT[row.slot]
    return int(row.name.partition(".")[0].partition("x")[2])


def _rule(row: Instruction) -> tuple[int, int]:
    """The rule and the EXTRA part for a row whose stack type is fixed."""
    params, results = row.params, row.results
    if params is None or results is None:
        raise AssertionError(f"no rule for {row.name}")
    kinds = row.immediates
    if MEMARG in kinds:
        alignment = NATURAL_ALIGNMENT[row.slot]
        if LANE in kinds:
            return ACCESS_LANE, alignment
        if row.family.startswith("atomic"):
            return ACCESS_ATOMIC, alignment
        return (LOAD if results else STORE), alignment
    if LANE in kinds:
        return USE_LANE, _lanes(row)
    for kind, rule, size in (
        (I32, CONST_INT, 32 // 7),
        (I64, CONST_INT, 64 // 7),
        (F32, CONST_BYTES, 4),
        (F64, CONST_BYTES, 8),
        (V128, CONST_BYTES, 16),
        (LANES, SHUFFLE, 0),
        (ZERO, FENCE, 0),
    ):
        if kind in kinds:
            return rule, size
    assert not kinds, row
    if len(results) == 1 and len(params) in (1, 2):
        return (UNARY if len(params) == 1 else BINARY), 0
    return FIXED, 0


def _signature(row: Instruction, rule: int, extra: int) -> int:
    signature = rule | extra << EXTRA
    for place, side in ((LAST, row.params), (RESULT, row.results)):
        if side:
            signature |= side[-1] << place
    if row.params and len(row.params) > 1:
        signature |= row.params[-2] << FIRST
    return signature


def _build() -> list[int]:
    table = [ILLEGAL] * SLOTS
    for byte, base in PREFIX_BASE.items():
        table[byte] = PREFIX | base << PREFIX_SLOTS | PREFIX_SIZE[byte] << PREFIX_CODES
    seen: dict[str, int] = {}
    for row in INSTRUCTIONS:
        named = _NAMED.get(row.name)
        if named is None:
            rule, extra = _rule(row)
        else:
            rule, extra = named[seen.get(row.name, 0)], 0
            seen[row.name] = seen.get(row.name, 0) + 1
        table[row.slot] = _signature(row, rule, extra)
    return table


_SIGNATURES: Final[list[int]] = _build()


def signatures(features: int) -> vec[i64]:
    """The signatures by slot, for function bodies of a module that may use ``features``."""
    table = list(_SIGNATURES)
    for row in INSTRUCTIONS:
        if row.missing(features):
            table[row.slot] = DISABLED
    return vec[i64](table)


def const_signatures(features: int) -> vec[i64]:
    """The signatures by slot, for constant expressions of a module that may use ``features``."""
    table: list[int] = list(signatures(features))
    allowed = _CONST | _EXTENDED_CONST if features & EXTENDED_CONST else _CONST
    for row in INSTRUCTIONS:
        if row.name == "global.get":
            table[row.slot] = GLOBAL_GET_CONST
        elif row.name == "ref.func" and table[row.slot] != DISABLED:
            table[row.slot] = REF_FUNC_CONST
        elif row.name not in allowed and table[row.slot] != DISABLED:
            table[row.slot] = NOT_CONST
    return vec[i64](table)


# By slot: the parameters and results of the rows that type themselves; empty for the others.
PARAMS: Final[list[tuple[int, ...]]] = [()] * SLOTS
RESULTS: Final[list[tuple[int, ...]]] = [()] * SLOTS
for _row in INSTRUCTIONS:
    PARAMS[_row.slot] = _row.params or ()
    RESULTS[_row.slot] = _row.results or ()


def name_of(slot: i64) -> str:
    """The mnemonic of the instruction in a slot."""
    row = BY_SLOT[slot]
    return "illegal opcode" if row is None else row.name
