"""Stepping over instructions, driven by the instruction table.

Finds where an instruction's immediates and a constant expression end, and checks their
encoding on the way (spec: Binary Format > Instructions). It makes no object per instruction;
:mod:`wasmwright.binary.instructions` does.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

from wasmwright import features as feature
from wasmwright.binary.reader import Reader
from wasmwright.errors import MalformedError
from wasmwright.isa import INSTRUCTIONS, PREFIX_BASE, PREFIX_SIZE, SLOTS, slot
from wasmwright.isa.immediates import (
    BLOCKTYPE,
    CASTFLAGS,
    CATCHES,
    F32,
    F64,
    HEAPTYPE,
    I32,
    I64,
    LABELS,
    LANE,
    LANES,
    MEMARG,
    U32,
    V128,
    VALTYPES,
)

# Kinds of catch clauses, by their code; those below CATCH_ALL name a tag.
CATCH: Final = 0
CATCH_REF: Final = 1
CATCH_ALL: Final = 2
CATCH_ALL_REF: Final = 3

_MEMARG_HAS_MEMORY: Final = 0x40
_CASTFLAGS: Final = 0x03
_KIND_BITS: Final = 5  # of one kind in `SHAPES`
_KIND_MASK: Final = (1 << _KIND_BITS) - 1
_NO_INSTRUCTION: Final = -1

# By slot: the instruction's kinds of immediates, the first in the lowest five bits; -1
# where there is no instruction.
SHAPES: Final[vec[i64]] = vec[i64]([_NO_INSTRUCTION] * SLOTS)
for _instruction in INSTRUCTIONS:
    _shape = 0
    for _kind in reversed(_instruction.immediates):
        _shape = _shape << _KIND_BITS | _kind
    SHAPES[_instruction.slot] = _shape

_PREFIX_BASE: Final[vec[i64]] = vec[i64]([PREFIX_BASE.get(byte, 0) for byte in range(0x100)])
_PREFIX_SIZE: Final[vec[i64]] = vec[i64]([PREFIX_SIZE.get(byte, 0) for byte in range(0x100)])
FIRST_PREFIX: Final = 0xFB

# By slot: what an instruction does to the depth of nested blocks.
_NESTING: Final[vec[i64]] = vec[i64]([0] * SLOTS)
for _name in ("block", "loop", "if", "try", "try_table"):
    _NESTING[slot(_name)] = 1
for _name in ("end", "delegate"):
    _NESTING[slot(_name)] = -1
_ELSE: Final = slot("else")

# By slot: whether an instruction opens a block that an ``end`` closes.
OPENS: Final[vec[bool]] = vec[bool]([False] * SLOTS)
for _instruction in INSTRUCTIONS:
    OPENS[_instruction.slot] = BLOCKTYPE in _instruction.immediates


def read_opcode(reader: Reader) -> i64:
    """The slot of the next instruction, whose opcode is read."""
    pos = reader.pos
    byte = reader.byte()
    if byte < FIRST_PREFIX:
        if SHAPES[byte] == _NO_INSTRUCTION:
            raise MalformedError(f"illegal opcode {byte:02x}", pos)
        return byte
    size = _PREFIX_SIZE[byte]
    if size == 0:
        raise MalformedError(f"illegal opcode {byte:02x}", pos)
    code = reader.u32()
    if code < size:
        base = _PREFIX_BASE[byte]
        if SHAPES[base + code] != _NO_INSTRUCTION:
            return base + code
    raise MalformedError(f"illegal opcode {byte:02x} {code:02x}", pos)


def skip_immediates(reader: Reader, opcode: i64) -> None:
    """Step over the immediates of the instruction in the slot ``opcode``."""
    shape = SHAPES[opcode]
    while shape != 0:
        kind = shape & _KIND_MASK
        shape >>= _KIND_BITS
        if BLOCKTYPE < kind <= U32 and kind != LABELS:  # an index, or a count
            reader.u32()
        elif kind == MEMARG:
            memarg_flags(reader)
            reader.u64()
        elif kind == I32:
            reader.s32()
        elif kind == I64:
            reader.s64()
        elif kind == BLOCKTYPE:
            reader.blocktype()
        elif kind == HEAPTYPE:
            reader.heaptype()
        elif kind == F32:
            reader.skip(4)
        elif kind == F64:
            reader.skip(8)
        elif kind == V128 or kind == LANES:
            reader.skip(16)
        elif kind == LANE:
            reader.skip(1)
        elif kind == LABELS:
            for _ in range(reader.length()):
                reader.u32()
        elif kind == VALTYPES:
            for _ in range(reader.length()):
                reader.valtype()
        elif kind == CATCHES:
            for _ in range(reader.length()):
                if catch_kind(reader) < CATCH_ALL:
                    reader.u32()
                reader.u32()
        elif kind == CASTFLAGS:
            castflags(reader)
        else:
            zero(reader)


def memarg_flags(reader: Reader) -> i64:
    """A memarg up to its offset: the alignment's logarithm, with the memory's index << 6."""
    pos = reader.pos
    flags = reader.u32()
    if flags >= _MEMARG_HAS_MEMORY << 1:
        raise MalformedError(f"malformed memop flags: 0x{flags:02x}", pos)
    if flags & _MEMARG_HAS_MEMORY == 0:
        return flags
    reader.need(feature.MULTI_MEMORY, "malformed memop flags", "a memory index", pos)
    return (flags & (_MEMARG_HAS_MEMORY - 1)) | reader.u32() << 6


def catch_kind(reader: Reader) -> i64:
    """The kind of a catch clause."""
    kind = reader.byte()
    if kind > CATCH_ALL_REF:
        raise MalformedError(f"malformed catch clause: 0x{kind:02x}", reader.pos - 1)
    return kind


def castflags(reader: Reader) -> i64:
    """The nullability of a cast's source (bit 0) and target (bit 1)."""
    flags = reader.byte()
    if flags & ~_CASTFLAGS != 0:
        raise MalformedError(f"malformed br_on_cast flags: 0x{flags:02x}", reader.pos - 1)
    return flags


def zero(reader: Reader) -> None:
    """A byte that is reserved and must be zero."""
    if reader.byte() != 0:
        raise MalformedError("zero byte expected", reader.pos - 1)


def skip_expr(reader: Reader) -> None:
    """Step over an expression and its ``end``.

    Nested blocks are followed, though no valid constant expression has any; whether an
    ``else`` in them is where it may be is left to the validator.
    """
    depth: i64 = 0
    while depth >= 0:
        pos = reader.pos
        opcode = read_opcode(reader)
        if opcode == _ELSE and depth == 0:
            raise MalformedError("END opcode expected: found else", pos)
        skip_immediates(reader, opcode)
        depth += _NESTING[opcode]
