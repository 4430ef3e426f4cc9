"""The active data segments of a valid module, all at once: programs may have tens of thousands."""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, write_i64_le
from mypy_extensions import i64

from wasmwright.binary.reader import Reader
from wasmwright.isa import slot
from wasmwright.model.module import ACTIVE, Module

WORDS: Final = 5  # of a segment
NO_OFFSET: Final = -1

_I32_CONST: Final = slot("i32.const")


def active_data(module: Module) -> bytes:
    """Five words of 64 bits for each: its index, its memory, the offset in that, and its bytes'
    start in the module's data and their count.

    The offset is NO_OFFSET where it is not just an ``i32.const``.
    """
    out = BytesWriter()
    reader = Reader(module.data)
    index: i64 = -1
    for segment in module.datas:
        index += 1
        if segment.mode != ACTIVE:
            continue
        offset: i64 = NO_OFFSET
        expr = segment.offset
        assert expr is not None
        reader.pos = expr.start
        if reader.byte() == _I32_CONST:
            value = reader.s32()
            if reader.pos + 1 == expr.end:
                offset = value & 0xFFFFFFFF
        write_i64_le(out, index)
        write_i64_le(out, segment.memory)
        write_i64_le(out, offset)
        write_i64_le(out, segment.start)
        write_i64_le(out, segment.end - segment.start)
    return out.getvalue()
