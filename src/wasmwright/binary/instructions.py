"""Instructions as objects, for tools: a lazy view of a body or a constant expression.

Walks the bytes with the same cursor as everything else and yields one tuple an instruction.
What is on a hot path uses :mod:`wasmwright.binary.cursor` and makes no objects.
"""

from __future__ import annotations

from collections.abc import Iterator

from wasmwright import features as feature
from wasmwright.binary.cursor import (
    CATCH_ALL,
    castflags,
    catch_kind,
    memarg_flags,
    read_opcode,
    zero,
)
from wasmwright.binary.reader import Reader
from wasmwright.isa import BY_SLOT, Instruction
from wasmwright.isa import immediates as imm
from wasmwright.model.module import Module
from wasmwright.model.parts import Code, Expr

# One immediate, by its kind:
#   blocktype          as `Reader.blocktype` gives it
#   heaptype           as `Reader.heaptype` gives it
#   memarg             (the alignment's logarithm, memory index, offset)
#   labels, valtypes   a tuple of ints
#   catches            a tuple of (kind, tag index or -1, label)
#   lanes, v128        16 bytes
#   f32, f64           the bits as an unsigned int
#   all else           an int
Immediate = int | bytes | tuple[int, ...] | tuple[tuple[int, int, int], ...]


def instructions(
    module: Module, code: Code | Expr, features: int = feature.DEFAULT
) -> Iterator[tuple[int, Instruction, tuple[Immediate, ...]]]:
    """The instructions of a body or constant expression of ``module``, in order.

    Yields ``(offset, instruction, immediates)``; offsets are into ``module.data``. Raises
    MalformedError at the first instruction that is not well-formed. Blocks are not matched.
    """
    reader = Reader(module.data, code.start, code.end, features)
    while reader.pos < code.end:
        offset = reader.pos
        instruction = BY_SLOT[read_opcode(reader)]
        assert instruction is not None
        yield (
            offset,
            instruction,
            tuple([read_immediate(reader, k) for k in instruction.immediates]),
        )


def read_immediate(reader: Reader, kind: int) -> Immediate:
    """One immediate of a kind of :mod:`wasmwright.isa.immediates`."""
    if kind == imm.MEMARG:
        flags = memarg_flags(reader)
        return flags & 0x3F, flags >> 6, reader.u64()
    if kind == imm.BLOCKTYPE:
        return reader.blocktype()
    if kind == imm.HEAPTYPE:
        return reader.heaptype()
    if kind == imm.I32:
        return reader.s32()
    if kind == imm.I64:
        return reader.s64()
    if kind == imm.F32:
        return reader.word32()
    if kind == imm.F64:
        return reader.word64()
    if kind in (imm.V128, imm.LANES):
        start = reader.pos
        reader.skip(16)
        return reader.data[start : reader.pos]
    if kind == imm.LANE:
        return reader.byte()
    if kind == imm.LABELS:
        return tuple([reader.u32() for _ in range(reader.length())])
    if kind == imm.VALTYPES:
        return tuple([reader.valtype() for _ in range(reader.length())])
    if kind == imm.CATCHES:
        return tuple([_catch(reader) for _ in range(reader.length())])
    if kind == imm.CASTFLAGS:
        return castflags(reader)
    if kind == imm.ZERO:
        zero(reader)
        return 0
    return reader.u32()


def _catch(reader: Reader) -> tuple[int, int, int]:
    kind = catch_kind(reader)
    tag = reader.u32() if kind < CATCH_ALL else -1
    return kind, tag, reader.u32()
