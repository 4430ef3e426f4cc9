"""The vector instructions of the table as operations of LLVM, made at import.

:mod:`wasmwright.codegen.llvm.lower_simd` turns them into text.
"""

from __future__ import annotations

from typing import Final

from wasmwright.codegen.llvm.lower_numeric import (
    FLOAT_RELATIONS,
    INT_RELATIONS,
    ROUNDINGS,
    any_nan,
)
from wasmwright.isa import INSTRUCTIONS, SLOTS, Instruction, slot
from wasmwright.model.types import F32, F64, I32, I64

# Kinds of operations, in groups of consecutive numbers.
UNARY: Final = 1  # pre operand post
BINARY: Final = 2  # pre left mid right post
COMPARE: Final = 3
ARITHMETIC: Final = 4  # of floats
MINMAX: Final = 5
PSEUDO_MINMAX: Final = 6
SHIFT: Final = 7
NEGATE: Final = 8
AVERAGE: Final = 9
Q15_MULTIPLY: Final = 10
NARROW: Final = 11
EXTEND_HALF: Final = 12
ADD_PAIRS: Final = 13
MULTIPLY_HALVES: Final = 14
DOT: Final = 15
ALL_TRUE: Final = 16
ANY_TRUE: Final = 17
BITMASK: Final = 18
SPLAT: Final = 19
EXTRACT: Final = 20
REPLACE: Final = 21
SHUFFLE: Final = 22
SWIZZLE: Final = 23
RELAXED_SWIZZLE: Final = 24
BITSELECT: Final = 25
AND_NOT: Final = 26
NOT: Final = 27
TRUNCATE: Final = 28
CONVERT: Final = 29
DEMOTE: Final = 30
FUSED: Final = 31
DOT_ADD: Final = 32
CONST: Final = 33


class Shape:
    """A way to see the 128 bits: ``llvm`` is the type, ``lane`` that of a lane."""

    def __init__(self, name: str, lane: str, lanes: int, bits: int, valtype: int) -> None:
        self.name: str = name
        self.lane: str = lane
        self.lanes: int = lanes
        self.bits: int = bits
        self.valtype: int = valtype
        self.llvm: str = f"<{lanes} x {lane}>"
        self.suffix: str = f"v{lanes}{'i' if lane[0] == 'i' else 'f'}{bits}"  # of intrinsics


SHAPES: Final[dict[str, Shape]] = {
    "i8x16": Shape("i8x16", "i8", 16, 8, I32),
    "i16x8": Shape("i16x8", "i16", 8, 16, I32),
    "i32x4": Shape("i32x4", "i32", 4, 32, I32),
    "i64x2": Shape("i64x2", "i64", 2, 64, I64),
    "f32x4": Shape("f32x4", "float", 4, 32, F32),
    "f64x2": Shape("f64x2", "double", 2, 64, F64),
    "v128": Shape("i64x2", "i64", 2, 64, I64),
}


class VectorOp:
    """How an instruction becomes LLVM IR: ``source`` is its operands' shape, ``result`` its own.

    ``any_nan`` says that where a lane of the result is a NaN, the spec leaves open which.
    """

    def __init__(
        self,
        kind: int,
        source: Shape,
        result: Shape,
        pre: str = "",
        mid: str = "",
        post: str = "",
        signed: bool = False,
        high: bool = False,
    ) -> None:
        self.kind: int = kind
        self.source: Shape = source
        self.result: Shape = result
        self.pre: str = pre
        self.mid: str = mid
        self.post: str = post
        self.signed: bool = signed
        self.high: bool = high
        self.any_nan: bool = False


_PLAIN: Final = {"add": "add", "sub": "sub", "mul": "mul", "and": "and", "or": "or", "xor": "xor"}
_FLOATS: Final = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_CALLS: Final = {
    "add_sat_s": "sadd.sat",
    "add_sat_u": "uadd.sat",
    "sub_sat_s": "ssub.sat",
    "sub_sat_u": "usub.sat",
    "min_s": "smin",
    "min_u": "umin",
    "max_s": "smax",
    "max_u": "umax",
}
_SHIFTS: Final = {"shl": "shl", "shr_s": "ashr", "shr_u": "lshr"}
# Those whose one kind says it all; the relaxed ones do what their exact counterparts do, or
# what x86 has one instruction for.
_KINDS: Final[dict[str, int]] = {
    "avgr_u": AVERAGE,
    "q15mulr_sat_s": Q15_MULTIPLY,
    "relaxed_q15mulr_s": Q15_MULTIPLY,
    "all_true": ALL_TRUE,
    "any_true": ANY_TRUE,
    "bitmask": BITMASK,
    "splat": SPLAT,
    "shuffle": SHUFFLE,
    "swizzle": SWIZZLE,
    "relaxed_swizzle": RELAXED_SWIZZLE,
    "bitselect": BITSELECT,
    "relaxed_laneselect": BITSELECT,
    "andnot": AND_NOT,
    "not": NOT,
    "const": CONST,
    "replace_lane": REPLACE,
}


_OTHER_FAMILIES: Final = ("variable", "vload", "vstore", "vload_lane", "vstore_lane")


def _operation(row: Instruction) -> VectorOp | None:
    """The row's lowering, or None where it is no vector instruction, or one on memory."""
    if row.family[0] != "v" or row.family in _OTHER_FAMILIES:
        return None
    prefix, _, operation = row.name.partition(".")
    shape = SHAPES[prefix]
    kind = _KINDS.get(operation)
    signed = operation.endswith("_s")
    if kind is not None:
        return VectorOp(kind, shape, shape)
    if operation.startswith("extract_lane"):
        return VectorOp(EXTRACT, shape, shape, signed=signed)
    plain = _float(shape, operation) if prefix[0] == "f" else _integer(shape, operation)
    return plain or _converting(shape, operation, signed)


def _integer(shape: Shape, operation: str) -> VectorOp | None:
    llvm = shape.llvm
    if operation in _PLAIN:
        return VectorOp(BINARY, shape, shape, f"{_PLAIN[operation]} {llvm} ", ", ")
    if operation in _CALLS:
        name = f"call {llvm} @llvm.{_CALLS[operation]}.{shape.suffix}({llvm} "
        return VectorOp(BINARY, shape, shape, name, f", {llvm} ", ")")
    if operation in _SHIFTS:
        return VectorOp(SHIFT, shape, shape, f"{_SHIFTS[operation]} {llvm} ")
    if operation in INT_RELATIONS:
        return VectorOp(COMPARE, shape, shape, f"icmp {INT_RELATIONS[operation]} {llvm} ")
    if operation == "abs":
        name = f"call {llvm} @llvm.abs.{shape.suffix}({llvm} "
        return VectorOp(UNARY, shape, shape, name, "", ", i1 false)")
    if operation == "neg":
        return VectorOp(NEGATE, shape, shape)
    if operation == "popcnt":
        name = f"call {llvm} @llvm.ctpop.{shape.suffix}({llvm} "
        return VectorOp(UNARY, shape, shape, name, "", ")")
    return None


def _float(shape: Shape, operation: str) -> VectorOp | None:
    llvm = shape.llvm
    if operation in _FLOATS:
        return VectorOp(ARITHMETIC, shape, shape, f"{_FLOATS[operation]} {llvm} ")
    if operation in FLOAT_RELATIONS:
        return VectorOp(COMPARE, shape, shape, f"fcmp {FLOAT_RELATIONS[operation]} {llvm} ")
    if operation in ROUNDINGS:
        name = f"call {llvm} @llvm.{ROUNDINGS[operation]}.{shape.suffix}({llvm} "
        return VectorOp(UNARY, shape, shape, name, "", ")")
    if operation == "abs":
        name = f"call {llvm} @llvm.fabs.{shape.suffix}({llvm} "
        return VectorOp(UNARY, shape, shape, name, "", ")")
    if operation == "neg":
        return VectorOp(UNARY, shape, shape, f"fneg {llvm} ")
    if operation in ("min", "max"):
        relation, bits = ("olt", "or") if operation == "min" else ("ogt", "and")
        return VectorOp(MINMAX, shape, shape, f"fcmp {relation} {llvm} ", bits)
    if operation in ("pmin", "pmax", "relaxed_min", "relaxed_max"):
        relation = "olt" if operation.endswith("min") else "ogt"
        return VectorOp(PSEUDO_MINMAX, shape, shape, f"fcmp {relation} {llvm} ")
    if operation in ("relaxed_madd", "relaxed_nmadd"):
        name = f"call {llvm} @llvm.fmuladd.{shape.suffix}({llvm} "
        sign = "-" if operation == "relaxed_nmadd" else ""
        return VectorOp(FUSED, shape, shape, name, f", {llvm} ", sign)
    return None


def _converting(shape: Shape, operation: str, signed: bool) -> VectorOp:
    """Instructions whose operands have another shape, which their names hold."""
    parts = operation.split("_")
    source = next(SHAPES[part] for part in parts if part in SHAPES)
    if operation.startswith("narrow"):
        return VectorOp(NARROW, source, shape, signed=signed)
    if operation.startswith(("extend_low", "extend_high")):
        return VectorOp(EXTEND_HALF, source, shape, signed=signed, high=parts[1] == "high")
    if operation.startswith("extadd_pairwise"):
        return VectorOp(ADD_PAIRS, source, shape, signed=signed)
    if operation.startswith("extmul"):
        return VectorOp(MULTIPLY_HALVES, source, shape, signed=signed, high=parts[1] == "high")
    if operation == "relaxed_dot_i8x16_i7x16_add_s":
        return VectorOp(DOT_ADD, source, shape)
    if operation in ("dot_i16x8_s", "relaxed_dot_i8x16_i7x16_s"):
        return VectorOp(DOT, source, shape)
    if parts[0] == "trunc" or operation.startswith("relaxed_trunc"):
        signed = "s" in parts
        return VectorOp(TRUNCATE, source, shape, "fptosi" if signed else "fptoui")
    if parts[0] == "convert":
        return VectorOp(CONVERT, source, shape, "sitofp" if signed else "uitofp")
    if parts[0] == "promote":
        return VectorOp(CONVERT, source, shape, "fpext")
    assert parts[0] == "demote", operation
    return VectorOp(DEMOTE, source, shape)


# By slot; None where the instruction is none of these.
VECTOR_OPS: Final[list[VectorOp | None]] = [None] * SLOTS
for _row in INSTRUCTIONS:
    _made = _operation(_row)
    if _made is not None:
        _made.any_nan = any_nan(_row.name)
    VECTOR_OPS[_row.slot] = _made

# What relaxed instructions are in the deterministic profile, by slot, where that is another
# instruction, and not what they are anyway. (A fused multiplication is not one: see FUSED.)
EXACT: Final[dict[int, int]] = {
    slot("f32x4.relaxed_min"): slot("f32x4.min"),
    slot("f32x4.relaxed_max"): slot("f32x4.max"),
    slot("f64x2.relaxed_min"): slot("f64x2.min"),
    slot("f64x2.relaxed_max"): slot("f64x2.max"),
    slot("i8x16.relaxed_swizzle"): slot("i8x16.swizzle"),
}
