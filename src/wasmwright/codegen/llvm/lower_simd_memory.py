"""Vector loads and stores (spec: Execution > Instructions > Memory Instructions)."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.codegen.llvm.lower_emitter import Emitter
from wasmwright.codegen.llvm.lower_memory import address, loaded, stored
from wasmwright.codegen.llvm.lower_simd import pop_shape, push_shape, push_value, splat
from wasmwright.codegen.llvm.lower_simd_ops import SHAPES, Shape
from wasmwright.isa import INSTRUCTIONS, SLOTS

# Kinds of accesses.
WHOLE: Final = 1
EXTEND: Final = 2
SPLAT: Final = 3
ZERO: Final = 4
LANE: Final = 5


class VectorAccess:
    """A vector load or store: its kind, its size in bytes, and the shape of what it makes."""

    def __init__(self, kind: int, size: int, shape: Shape, extension: str) -> None:
        self.kind: int = kind
        self.size: int = size
        self.shape: Shape = shape
        self.extension: str = extension
        self.lane: bool = kind == LANE


_BY_BITS: Final[dict[int, Shape]] = {
    8: SHAPES["i8x16"],
    16: SHAPES["i16x8"],
    32: SHAPES["i32x4"],
    64: SHAPES["i64x2"],
}


def _access(name: str) -> VectorAccess:
    operation = name.partition(".")[2]
    detail = operation.removeprefix("load").removeprefix("store")
    if not detail:
        return VectorAccess(WHOLE, 16, _BY_BITS[64], "")
    width, _, suffix = detail.partition("_")  # "8x8", "s"; "32", "splat"
    bits = int(width.partition("x")[0])
    if "x" in width:
        extension = "sext" if suffix == "s" else "zext"
        return VectorAccess(EXTEND, 8, _BY_BITS[2 * bits], extension)
    kind = {"splat": SPLAT, "zero": ZERO, "lane": LANE}[suffix]
    return VectorAccess(kind, bits // 8, _BY_BITS[bits], "")


# By slot.
VECTOR_ACCESSES: Final[list[VectorAccess | None]] = [None] * SLOTS
for _row in INSTRUCTIONS:
    if _row.family in ("vload", "vstore", "vload_lane", "vstore_lane"):
        VECTOR_ACCESSES[_row.slot] = _access(_row.name)


def vector_load(e: Emitter, opcode: i64) -> None:
    """Lower an instruction of the families "vload" and "vload_lane"."""
    access = VECTOR_ACCESSES[opcode]
    assert access is not None
    shape = access.shape
    if access.kind == LANE:
        into = pop_shape(e, shape)
        scalar = loaded(e, address(e, access.size), shape.lane)
        lane = e.reader.byte()
        push_shape(
            e, f"insertelement {shape.llvm} {into}, {shape.lane} {scalar}, i64 {lane}", shape
        )
        return
    place = address(e, access.size)
    if access.kind == WHOLE:
        push_value(e, loaded(e, place, shape.llvm), shape)
    elif access.kind == EXTEND:
        narrow = f"<{shape.lanes} x i{shape.bits // 2}>"
        value = loaded(e, place, narrow)
        push_shape(e, f"{access.extension} {narrow} {value} to {shape.llvm}", shape)
    elif access.kind == SPLAT:
        push_value(e, splat(e, loaded(e, place, shape.lane), shape), shape)
    else:
        scalar = loaded(e, place, shape.lane)
        text = f"insertelement {shape.llvm} zeroinitializer, {shape.lane} {scalar}, i64 0"
        push_shape(e, text, shape)


def vector_store(e: Emitter, opcode: i64) -> None:
    """Lower an instruction of the families "vstore" and "vstore_lane"."""
    access = VECTOR_ACCESSES[opcode]
    assert access is not None
    shape = access.shape
    value = pop_shape(e, shape)
    place = address(e, access.size, store=True)
    llvm = shape.llvm
    if access.kind == LANE:
        lane = e.reader.byte()
        value = e.define(f"extractelement {llvm} {value}, i64 {lane}")
        llvm = shape.lane
    stored(e, place, llvm, value)
