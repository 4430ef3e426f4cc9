"""One instruction as text: its mnemonic and immediates (spec: Text Format > Instructions).

Mnemonics, immediates and natural alignments come from :mod:`wasmwright.isa`. What differs
between the two formats, by the shape of an instruction's immediates, is decided here: which
index comes first, and which may be left out.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64

from wasmwright.binary.cursor import (
    CATCH_ALL,
    SHAPES,
    castflags,
    catch_kind,
    memarg_flags,
    zero,
)
from wasmwright.binary.reader import Reader
from wasmwright.isa import BY_NAME, INSTRUCTIONS, NATURAL_ALIGNMENT, SLOTS
from wasmwright.isa import immediates as imm
from wasmwright.model.types import NULL, REF
from wasmwright.text import printer_atoms as atoms
from wasmwright.text.printer_atoms import decimal
from wasmwright.text.printer_names import Ids, IdSpace, Labels
from wasmwright.text.printer_types import Types

_KIND_BITS: Final = 5
_KIND_MASK: Final = (1 << _KIND_BITS) - 1

MNEMONICS: Final[list[bytes]] = [b""] * SLOTS
for _instruction in INSTRUCTIONS:
    MNEMONICS[_instruction.slot] = _instruction.name.encode("ascii")

# By slot: what the heap type of a cast is made a reference type with; 0 where it stays itself.
_CASTS: Final[list[int]] = [0] * SLOTS
for _name in ("ref.test", "ref.cast"):
    for _instruction, _flags in zip(BY_NAME[_name], (REF, REF | NULL), strict=True):
        _CASTS[_instruction.slot] = _flags


def _shape(*kinds: int) -> int:
    shape = 0
    for kind in reversed(kinds):
        shape = shape << _KIND_BITS | kind
    return shape


# Shapes that the text format orders or abbreviates in a way of its own.
_CALL_INDIRECT: Final = _shape(imm.TYPE, imm.TABLE)
_MEMORY: Final = _shape(imm.MEMORY)
_MEMORY_COPY: Final = _shape(imm.MEMORY, imm.MEMORY)
_MEMORY_INIT: Final = _shape(imm.DATA, imm.MEMORY)
_TABLE_COPY: Final = _shape(imm.TABLE, imm.TABLE)
_TABLE_INIT: Final = _shape(imm.ELEM, imm.TABLE)
_BR_ON_CAST: Final = _shape(imm.CASTFLAGS, imm.LABEL, imm.HEAPTYPE, imm.HEAPTYPE)
_LOCAL: Final = _shape(imm.LOCAL)
_I32: Final = _shape(imm.I32)

_CATCHES: Final = (b" (catch ", b" (catch_ref ", b" (catch_all ", b" (catch_all_ref ")


class Instructions:
    """Writes instructions of one module to ``out``, which `head` and `immediates` append to.

    ``locals`` and ``labels`` are those of the function that is being printed.
    """

    __slots__ = ("_f32s", "_f64s", "ids", "labels", "locals", "out", "types")

    def __init__(self, types: Types, ids: Ids, out: BytesWriter) -> None:
        self.types = types
        self.ids = ids
        self.out = out
        self.locals = IdSpace({}, 0)
        self.labels = Labels({})
        self._f32s: dict[int, bytes] = {}
        self._f64s: dict[int, bytes] = {}

    def head(self, reader: Reader, opcode: i64) -> None:
        """The instruction in the slot ``opcode``, whose immediates are read."""
        out = self.out
        out.write(MNEMONICS[opcode])
        shape: i64 = SHAPES[opcode]
        if shape == 0:
            return
        if shape == _LOCAL:
            out.append(0x20)
            out.write(self.locals.ref(reader.u32()))
        elif shape == _I32:
            out.append(0x20)
            out.write(decimal(reader.s32()))
        else:
            self.immediates(reader, opcode)

    def immediates(self, reader: Reader, opcode: i64) -> None:
        """What follows the mnemonic, each immediate with a blank before it."""
        shape: i64 = SHAPES[opcode]
        if shape & _KIND_MASK == imm.MEMARG:
            self._memarg(reader, opcode)
            shape >>= _KIND_BITS
        elif self._by_shape(reader, shape):
            return
        type_index: i64 = 0
        while shape != 0:
            kind = shape & _KIND_MASK
            shape >>= _KIND_BITS
            if kind == imm.TYPE:
                type_index = reader.u32()
                self._word(self.ids.types.ref(type_index))
            elif kind == imm.FIELD:
                self._word(self.ids.fields(type_index).ref(reader.u32()))
            elif kind == imm.HEAPTYPE:
                self._heaptype(reader.heaptype(), opcode)
            elif kind <= imm.ELEM and kind >= imm.FUNC:
                self._word(self._space(kind).ref(reader.u32()))
            else:
                self._other(reader, kind)

    def _word(self, text: bytes) -> None:
        self.out.append(0x20)
        self.out.write(text)

    def _space(self, kind: i64) -> IdSpace:
        if kind == imm.FUNC:
            return self.ids.funcs
        if kind == imm.LOCAL:
            return self.locals
        if kind == imm.GLOBAL:
            return self.ids.globals
        if kind == imm.TABLE:
            return self.ids.tables
        if kind == imm.MEMORY:
            return self.ids.memories
        if kind == imm.TAG:
            return self.ids.tags
        if kind == imm.DATA:
            return self.ids.datas
        assert kind == imm.ELEM
        return self.ids.elems

    def _memarg(self, reader: Reader, opcode: i64) -> None:
        flags = memarg_flags(reader)
        offset = reader.u64()
        memory = flags >> 6
        align = flags & 0x3F
        if memory != 0:
            self._word(self.ids.memories.ref(memory))
        if offset != 0:
            self.out.write(b" offset=")
            self.out.write(decimal(offset) if offset < 1 << 62 else str(offset).encode("ascii"))
        natural: i64 = NATURAL_ALIGNMENT[opcode]
        if align != natural:
            self.out.write(b" align=" + str(1 << int(align)).encode("ascii"))

    def _by_shape(self, reader: Reader, shape: i64) -> bool:
        """The shapes with rules of their own; whether this was one of them."""
        ids = self.ids
        if shape == _CALL_INDIRECT:
            index = reader.u32()
            table = reader.u32()
            if table != 0:
                self._word(ids.tables.ref(table))
            self.out.write(b" (type " + ids.types.ref(index) + b")")
        elif shape == _MEMORY:
            memory = reader.u32()
            if memory != 0:
                self._word(ids.memories.ref(memory))
        elif shape == _MEMORY_COPY:
            self._pair(reader, ids.memories)
        elif shape == _TABLE_COPY:
            self._pair(reader, ids.tables)
        elif shape == _MEMORY_INIT:
            self._segment(reader, ids.datas, ids.memories)
        elif shape == _TABLE_INIT:
            self._segment(reader, ids.elems, ids.tables)
        elif shape == _BR_ON_CAST:
            flags = castflags(reader)
            self._word(self.labels.ref(reader.u32()))
            self._cast_type(reader.heaptype(), flags & 1 != 0)
            self._cast_type(reader.heaptype(), flags & 2 != 0)
        else:
            return False
        return True

    def _pair(self, reader: Reader, space: IdSpace) -> None:
        """Where to and where from, left out where both are the first."""
        target = reader.u32()
        source = reader.u32()
        if target != 0 or source != 0:
            self._word(space.ref(target))
            self._word(space.ref(source))

    def _segment(self, reader: Reader, segments: IdSpace, space: IdSpace) -> None:
        segment = reader.u32()
        target = reader.u32()
        if target != 0:
            self._word(space.ref(target))
        self._word(segments.ref(segment))

    def _cast_type(self, heap: i64, nullable: bool) -> None:
        self._word(self.types.valtype(heap | REF | (NULL if nullable else 0)))

    def _heaptype(self, heap: i64, opcode: i64) -> None:
        flags: i64 = _CASTS[opcode]
        if flags != 0:
            self._word(self.types.valtype(heap | flags))
        else:
            self._word(self.types.heaptype(heap))

    def _other(self, reader: Reader, kind: i64) -> None:
        """An immediate that is not an index into one of the module's spaces."""
        out = self.out
        if kind == imm.BLOCKTYPE:
            out.write(self.types.blocktype(reader.blocktype()))
        elif kind == imm.LABEL:
            self._word(self.labels.ref(reader.u32()))
        elif kind == imm.LABELS:
            for _ in range(reader.length()):
                self._word(self.labels.ref(reader.u32()))
        elif kind == imm.U32:
            self._word(decimal(reader.u32()))
        elif kind == imm.LANE:
            self._word(decimal(reader.byte()))
        elif kind == imm.LANES:
            for _ in range(16):
                self._word(decimal(reader.byte()))
        elif kind == imm.I32:
            self._word(decimal(reader.s32()))
        elif kind == imm.I64:
            self._word(decimal(reader.s64()))
        elif kind == imm.F32:
            self._word(self._f32(reader.word32()))
        elif kind == imm.F64:
            self._word(self._f64(reader.word64()))
        elif kind == imm.V128:
            start = reader.pos
            reader.skip(16)
            self._word(atoms.v128(reader.data, start))
        elif kind == imm.VALTYPES:
            self._select_types(reader)
        elif kind == imm.CATCHES:
            self._catches(reader)
        else:
            assert kind == imm.ZERO
            zero(reader)

    def _f32(self, bits: i64) -> bytes:
        text = self._f32s.get(bits)
        if text is None:
            text = self._f32s[bits] = atoms.f32(bits)
        return text

    def _f64(self, bits: int) -> bytes:
        text = self._f64s.get(bits)
        if text is None:
            text = self._f64s[bits] = atoms.f64(bits)
        return text

    def _select_types(self, reader: Reader) -> None:
        self.out.write(b" (result")
        for _ in range(reader.length()):
            self._word(self.types.valtype(reader.valtype()))
        self.out.append(0x29)

    def _catches(self, reader: Reader) -> None:
        for _ in range(reader.length()):
            kind = catch_kind(reader)
            self.out.write(_CATCHES[kind])
            if kind < CATCH_ALL:
                self.out.write(self.ids.tags.ref(reader.u32()))
                self.out.append(0x20)
            self.out.write(self.labels.ref(reader.u32()))
            self.out.append(0x29)
