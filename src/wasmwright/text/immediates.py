"""Instructions that are no blocks: an opcode and the immediates that its row of the table names.

Reads the immediates in the text format's order, with their abbreviations, and appends the
instruction's binary form (spec: Text Format > Instructions).
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64

from wasmwright.binary import writer
from wasmwright.binary.cursor import SHAPES
from wasmwright.binary.writer import leb_u32, leb_u64
from wasmwright.isa import BY_NAME, INSTRUCTIONS, NATURAL_ALIGNMENT, SLOTS
from wasmwright.isa import immediates as imm
from wasmwright.model.types import HEAP_MASK, NULL
from wasmwright.text import constants
from wasmwright.text.context import Context
from wasmwright.text.tokens import ALIGN_EQ, ID, NAT, OFFSET_EQ, RESULT, RPAR
from wasmwright.text.types import heaptype, reftype, typeuse, valtype

# How an instruction's immediates are written: 0 for none, the kind of a single one (see
# `isa.immediates`), or one of these.
IN_ORDER: Final = 32
BLOCK: Final = 33  # a block, or a delimiter of one; see `instructions`
INDIRECT: Final = 34  # [table] typeuse
INIT: Final = 35  # [memory] data, [table] elem
COPY: Final = 36  # both memories or tables, or neither
FIELD: Final = 37  # type field
MEMARG_LANE: Final = 38
BRANCHES: Final = 39  # labels, the last of which is the default
CAST_BRANCH: Final = 40  # label reftype reftype
CAST: Final = 41  # reftype, whose nullability is in the opcode
SELECT: Final = 42  # [result types]

_FORMS_BY_KINDS: Final[dict[str, int]] = {
    "type table": INDIRECT,
    "data memory": INIT,
    "elem table": INIT,
    "memory memory": COPY,
    "table table": COPY,
    "type field": FIELD,
    "memarg lane": MEMARG_LANE,
    "labels label": BRANCHES,
    "castflags label heaptype heaptype": CAST_BRANCH,
}
_FORMS_BY_NAME: Final[dict[str, int]] = {"ref.test": CAST, "ref.cast": CAST, "select": SELECT}
_BLOCK_WORDS: Final = frozenset(
    "block loop if else end try catch catch_all delegate try_table".split()
)

FORMS: Final[list[int]] = [0] * SLOTS
ENCODINGS: Final[list[bytes]] = [b""] * SLOTS
for _row in INSTRUCTIONS:
    _kinds = " ".join([imm.NAMES[kind] for kind in _row.immediates])
    ENCODINGS[_row.slot] = _row.encoding
    if _row.name in _BLOCK_WORDS:
        FORMS[_row.slot] = BLOCK
    elif _row.name in _FORMS_BY_NAME:
        FORMS[_row.slot] = _FORMS_BY_NAME[_row.name]
    elif _kinds in _FORMS_BY_KINDS:
        FORMS[_row.slot] = _FORMS_BY_KINDS[_kinds]
    elif len(_row.immediates) == 1:
        FORMS[_row.slot] = _row.immediates[0]
    elif _row.immediates:
        FORMS[_row.slot] = IN_ORDER

_SELECT_TYPED: Final[int] = BY_NAME["select"][1].slot
_KIND_BITS: Final = 5
_KIND_MASK: Final = (1 << _KIND_BITS) - 1
_HAS_MEMORY: Final = 0x40


def opcode(out: BytesWriter, slot: i64) -> None:
    """Append an opcode."""
    if slot < 0x100:
        out.append(slot)
    else:
        out.write(ENCODINGS[slot])


def plain(context: Context, out: BytesWriter, slot: i64) -> None:
    """Append the instruction in ``slot``, whose immediates come next."""
    form: i64 = FORMS[slot]
    if form == 0:
        opcode(out, slot)
    elif form < IN_ORDER:
        opcode(out, slot)
        _immediate(context, out, form, slot)
    else:
        _special(context, out, form, slot)


def _immediate(context: Context, out: BytesWriter, kind: i64, slot: i64) -> None:
    """Append an immediate that is written as it is encoded, if possibly left out where 0."""
    stream = context.stream
    if kind == imm.LOCAL:
        leb_u32(out, context.locals.index(stream))
    elif kind == imm.I32:
        constants.i32_const(stream, out)
    elif kind == imm.MEMARG:
        _memarg(context, out, slot)
    elif kind == imm.LABEL:
        leb_u32(out, context.labels.index(stream))
    elif kind == imm.FUNC:
        leb_u32(out, context.funcs.index(stream))
    elif kind == imm.GLOBAL:
        leb_u32(out, context.globals.index(stream))
    elif kind == imm.I64:
        constants.i64_const(stream, out)
    elif kind == imm.F32:
        constants.f32_const(stream, out)
    elif kind == imm.F64:
        constants.f64_const(stream, out)
    elif kind == imm.TYPE:
        leb_u32(out, context.types.index(stream))
    elif kind == imm.MEMORY:
        leb_u32(out, context.memories.optional_index(stream))
    elif kind == imm.TABLE:
        leb_u32(out, context.tables.optional_index(stream))
    elif kind == imm.V128:
        constants.v128_const(stream, out)
    elif kind == imm.LANE:
        out.append(stream.nat(8, "a lane's index"))
    elif kind == imm.LANES:
        constants.shuffle_lanes(stream, out)
    elif kind == imm.HEAPTYPE:
        writer.heaptype(out, heaptype(context))
    elif kind == imm.TAG:
        leb_u32(out, context.tags.index(stream))
    elif kind == imm.ELEM:
        leb_u32(out, context.elems.index(stream))
    elif kind == imm.DATA:
        context.uses_data_count = True
        leb_u32(out, context.datas.index(stream))
    elif kind == imm.U32:
        leb_u32(out, stream.u32("a number"))
    else:
        assert kind == imm.ZERO
        out.append(0)


def _special(context: Context, out: BytesWriter, form: i64, slot: i64) -> None:
    stream = context.stream
    if form == IN_ORDER:
        opcode(out, slot)
        shape: i64 = SHAPES[slot]
        while shape != 0:
            _immediate(context, out, shape & _KIND_MASK, slot)
            shape >>= _KIND_BITS
    elif form == INDIRECT:
        opcode(out, slot)
        table = context.tables.optional_index(stream)
        leb_u32(out, typeuse(context, None, False))
        leb_u32(out, table)
    elif form == INIT:
        _init(context, out, slot)
    elif form == COPY:
        opcode(out, slot)
        memories = SHAPES[slot] & _KIND_MASK == imm.MEMORY
        space = context.memories if memories else context.tables
        kind = stream.kind()
        either = kind == ID or kind == NAT
        leb_u32(out, space.optional_index(stream))
        leb_u32(out, space.index(stream) if either else 0)
    elif form == FIELD:
        opcode(out, slot)
        index = context.types.index(stream)
        leb_u32(out, index)
        leb_u32(out, context.field(index))
    elif form == MEMARG_LANE:
        opcode(out, slot)
        _memarg(context, out, slot)
        out.append(stream.nat(8, "a lane's index"))
    elif form == BRANCHES:
        opcode(out, slot)
        _branches(context, out)
    elif form == CAST_BRANCH:
        opcode(out, slot)
        _cast_branch(context, out)
    elif form == CAST:
        target = reftype(context)
        opcode(out, slot + 1 if target & NULL != 0 else slot)
        writer.heaptype(out, target & HEAP_MASK)
    else:
        assert form == SELECT
        _select(context, out, slot)


def _init(context: Context, out: BytesWriter, slot: i64) -> None:
    """``memory.init`` or ``table.init``: the memory or table is written first, encoded last."""
    stream = context.stream
    opcode(out, slot)
    tables = SHAPES[slot] & _KIND_MASK == imm.ELEM
    target = context.tables if tables else context.memories
    segments = context.elems if tables else context.datas
    where: i64 = 0
    follows = i64(stream.kinds[stream.pos + 1])
    if follows == ID or follows == NAT:
        where = target.index(stream)
    leb_u32(out, segments.index(stream))
    leb_u32(out, where)
    if not tables:
        context.uses_data_count = True


def _memarg(context: Context, out: BytesWriter, slot: i64) -> None:
    stream = context.stream
    kind = stream.kind()
    memory: i64 = 0
    if kind == ID or (kind == NAT and (FORMS[slot] != MEMARG_LANE or _before_lane(context))):
        memory = context.memories.index(stream)
        kind = stream.kind()
    offset = 0
    if kind == OFFSET_EQ:
        stream.pos += 1
        offset = stream.unsigned(stream.pos - 1, 7, 64)
        kind = stream.kind()
    flags: i64 = NATURAL_ALIGNMENT[slot]
    if kind == ALIGN_EQ:
        stream.pos += 1
        alignment = stream.unsigned(stream.pos - 1, 6, 64)
        if alignment == 0 or alignment & (alignment - 1) != 0:
            raise stream.error_at(
                stream.pos - 1, f"alignment must be a power of two: it is {alignment}"
            )
        flags = alignment.bit_length() - 1
    if memory != 0:
        leb_u32(out, flags | _HAS_MEMORY)
        leb_u32(out, memory)
    else:
        leb_u32(out, flags)
    leb_u64(out, offset)


def _before_lane(context: Context) -> bool:
    """Whether the next number is a memory's index, since a lane's comes after it."""
    stream = context.stream
    follows = i64(stream.kinds[stream.pos + 1])
    return follows == NAT or follows == OFFSET_EQ or follows == ALIGN_EQ


def _branches(context: Context, out: BytesWriter) -> None:
    stream = context.stream
    labels = BytesWriter()
    count: i64 = 0
    last = context.labels.index(stream)
    while stream.kind() == ID or stream.kind() == NAT:
        leb_u32(labels, last)
        count += 1
        last = context.labels.index(stream)
    leb_u32(out, count)
    out.write(labels.getvalue())
    leb_u32(out, last)


def _cast_branch(context: Context, out: BytesWriter) -> None:
    label = context.labels.index(context.stream)
    source = reftype(context)
    target = reftype(context)
    flags: i64 = 1 if source & NULL != 0 else 0
    out.append(flags | 2 if target & NULL != 0 else flags)
    leb_u32(out, label)
    writer.heaptype(out, source & HEAP_MASK)
    writer.heaptype(out, target & HEAP_MASK)


def _select(context: Context, out: BytesWriter, slot: i64) -> None:
    stream = context.stream
    if not stream.at_list(RESULT):
        opcode(out, slot)
        return
    opcode(out, _SELECT_TYPED)
    types = BytesWriter()
    count: i64 = 0
    while stream.take_list(RESULT):
        while stream.kind() != RPAR:
            writer.valtype(types, valtype(context))
            count += 1
        stream.close()
    leb_u32(out, count)
    out.write(types.getvalue())
