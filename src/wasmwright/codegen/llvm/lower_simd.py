"""Vector instructions but loads and stores (spec: Execution > Numerics, Vector Instructions).

On the operand stack a vector is ``<2 x i64>``. An instruction sees it in its own shape; the
casts cost nothing, and a value that comes out of one shape into the same is not cast at all.
The patterns are those that LLVM has machine instructions for (a saturating truncation is a
`pack`, and so on).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.codegen.llvm.lower_emitter import Emitter
from wasmwright.codegen.llvm.lower_nan import canonical
from wasmwright.codegen.llvm.lower_numeric import is_literal
from wasmwright.codegen.llvm.lower_simd_ops import (
    ADD_PAIRS,
    ALL_TRUE,
    AND_NOT,
    ANY_TRUE,
    ARITHMETIC,
    AVERAGE,
    BINARY,
    BITMASK,
    BITSELECT,
    COMPARE,
    CONST,
    CONVERT,
    DEMOTE,
    DOT,
    DOT_ADD,
    EXACT,
    EXTEND_HALF,
    EXTRACT,
    FUSED,
    MINMAX,
    MULTIPLY_HALVES,
    NARROW,
    NEGATE,
    NOT,
    PSEUDO_MINMAX,
    Q15_MULTIPLY,
    RELAXED_SWIZZLE,
    REPLACE,
    SHAPES,
    SHIFT,
    SHUFFLE,
    SPLAT,
    SWIZZLE,
    TRUNCATE,
    UNARY,
    VECTOR_OPS,
    Shape,
    VectorOp,
)
from wasmwright.model.types import F32, F64, I32, V128

_I64X2: Final[Shape] = SHAPES["i64x2"]
_I32X4: Final[Shape] = SHAPES["i32x4"]
_I16X8: Final[Shape] = SHAPES["i16x8"]
_I8X16: Final[Shape] = SHAPES["i8x16"]


# Operands and results


def pop_shape(e: Emitter, shape: Shape) -> str:
    """Pop a vector, seen in a shape."""
    return in_shape(e, e.pop(), shape)


def in_shape(e: Emitter, value: str, shape: Shape) -> str:
    """A vector seen in a shape."""
    if shape is _I64X2:
        return value
    if is_literal(value):
        return f"bitcast (<2 x i64> {value} to {shape.llvm})"
    known = e.shaped.get(f"{value} {shape.name}")
    if known is not None:
        return known
    return e.convert(f"bitcast <2 x i64> {value} to {shape.llvm}", value)


def push_shape(e: Emitter, text: str, shape: Shape) -> str:
    """Define a vector in a shape, and push it."""
    value = e.define(text)
    push_value(e, value, shape)
    return value


def push_value(e: Emitter, value: str, shape: Shape) -> None:
    """Push a vector that is in a shape."""
    if shape is _I64X2:
        e.push(value, V128)
    else:
        whole = e.result(f"bitcast {shape.llvm} {value} to <2 x i64>", V128)
        e.shaped[f"{whole} {shape.name}"] = value


def lanes(numbers: list[int]) -> str:
    """A shuffle's mask."""
    return f"<{len(numbers)} x i32> <{', '.join([f'i32 {i}' for i in numbers])}>"


def splat(e: Emitter, value: str, shape: Shape) -> str:
    """A vector with a value in every lane."""
    first = e.define(f"insertelement {shape.llvm} poison, {shape.lane} {value}, i64 0")
    mask = f"<{shape.lanes} x i32> zeroinitializer"
    return e.define(f"shufflevector {shape.llvm} {first}, {shape.llvm} poison, {mask}")


def constant(shape: Shape, value: int) -> str:
    """An integer vector literal with a value in every lane, in the shape."""
    return f"splat ({shape.lane} {value})"


def _wide(shape: Shape, count: int) -> str:
    """The type of ``count`` lanes, each twice as wide as the shape's."""
    return f"<{count} x i{2 * shape.bits}>"


def _extension(op: VectorOp) -> str:
    return "sext" if op.signed else "zext"


def _half(e: Emitter, op: VectorOp, value: str) -> str:
    """The low or high lanes, extended to the width of the result's."""
    count = op.result.lanes
    first = op.source.lanes - count if op.high else 0
    source = op.source.llvm
    mask = lanes(list(range(first, first + count)))
    narrow = e.define(f"shufflevector {source} {value}, {source} poison, {mask}")
    kind = f"<{count} x {op.source.lane}>"
    return e.define(f"{_extension(op)} {kind} {narrow} to {op.result.llvm}")


def _pairs(e: Emitter, value: str, lane: str, count: int) -> str:
    """The sums of a vector's lanes 0 and 1, 2 and 3, ...; ``count`` of them."""
    kind = f"<{2 * count} x {lane}>"
    even = lanes([2 * i for i in range(count)])
    odd = lanes([2 * i + 1 for i in range(count)])
    left = e.define(f"shufflevector {kind} {value}, {kind} poison, {even}")
    right = e.define(f"shufflevector {kind} {value}, {kind} poison, {odd}")
    return e.define(f"add <{count} x {lane}> {left}, {right}")


# Instructions


def vector(e: Emitter, opcode: i64) -> None:
    """Lower a vector instruction that is no load or store."""
    deterministic = e.unit.options.deterministic
    op = VECTOR_OPS[EXACT.get(opcode, opcode) if deterministic else opcode]
    assert op is not None
    kind: i64 = op.kind
    if kind == CONST:
        _const(e)
    elif kind <= PSEUDO_MINMAX:
        _lanewise(e, op, kind)
    elif kind <= Q15_MULTIPLY:
        _integers(e, op, kind)
    elif kind <= DOT:
        _widths(e, op, kind)
    elif kind <= BITMASK:
        _tests(e, op, kind)
    elif kind <= REPLACE:
        _lane_access(e, op, kind)
    elif kind <= RELAXED_SWIZZLE:
        _permutations(e, kind)
    elif kind <= NOT:
        _bitwise(e, kind)
    else:
        _conversions(e, op, kind)
    if deterministic and op.any_nan:
        shape = op.result
        value = canonical(e, pop_shape(e, shape), shape.valtype, shape.lanes)
        push_value(e, value, shape)


def _const(e: Emitter) -> None:
    low = e.reader.word64()
    high = e.reader.word64()
    e.push(f"<i64 {low}, i64 {high}>" if low or high else "zeroinitializer", V128)


def _lanewise(e: Emitter, op: VectorOp, kind: i64) -> None:
    shape = op.source
    if kind == UNARY:
        push_shape(e, f"{op.pre}{pop_shape(e, shape)}{op.post}", shape)
        return
    if kind == ARITHMETIC or kind == MINMAX:
        # See `Emitter.settled`: LLVM must not know a constant that it could leave out.
        e.unit.float_vectors = True
        values = e.pop_settled(2)
        left = in_shape(e, values[0], shape)
        right = in_shape(e, values[1], shape)
    else:
        right = pop_shape(e, shape)
        left = pop_shape(e, shape)
    if kind == BINARY:
        push_shape(e, f"{op.pre}{left}{op.mid}{right}{op.post}", shape)
    elif kind == ARITHMETIC:
        e.quiet.add(push_shape(e, f"{op.pre}{left}, {right}", shape))
    elif kind == COMPARE:
        integers = f"<{shape.lanes} x i{shape.bits}>"
        bits = e.define(f"{op.pre}{left}, {right}")
        value = e.define(f"sext <{shape.lanes} x i1> {bits} to {integers}")
        push_value(e, value, _integer_shape(shape))
    elif kind == PSEUDO_MINMAX:
        # The second operand if it is less (greater), else the first, whatever they are.
        less = e.define(f"{op.pre}{right}, {left}")
        mask = f"<{shape.lanes} x i1> {less}"
        push_shape(e, f"select {mask}, {shape.llvm} {right}, {shape.llvm} {left}", shape)
    else:
        _minmax(e, op, left, right)


def _integer_shape(shape: Shape) -> Shape:
    if shape.valtype == F32:
        return _I32X4
    return _I64X2 if shape.valtype == F64 else shape


def _minmax(e: Emitter, op: VectorOp, left: str, right: str) -> None:
    """As for scalars (see `lower_numeric`): both ways of choosing, united; NaNs by their sum."""
    shape = op.source
    llvm = shape.llvm
    bits = _integer_shape(shape).llvm
    mask = f"<{shape.lanes} x i1>"
    first = e.define(f"{op.pre}{left}, {right}")
    one = e.define(f"select {mask} {first}, {llvm} {left}, {llvm} {right}")
    second = e.define(f"{op.pre}{right}, {left}")
    other = e.define(f"select {mask} {second}, {llvm} {right}, {llvm} {left}")
    one_bits = e.define(f"bitcast {llvm} {one} to {bits}")
    other_bits = e.define(f"bitcast {llvm} {other} to {bits}")
    both = e.define(f"{op.mid} {bits} {one_bits}, {other_bits}")
    united = e.define(f"bitcast {bits} {both} to {llvm}")
    unordered = e.define(f"fcmp uno {llvm} {left}, {right}")
    total = e.define(f"fadd {llvm} {left}, {right}")
    text = f"select {mask} {unordered}, {llvm} {total}, {llvm} {united}"
    e.quiet.add(push_shape(e, text, shape))


def _integers(e: Emitter, op: VectorOp, kind: i64) -> None:
    shape = op.source
    llvm = shape.llvm
    if kind == SHIFT:
        amount = e.define(f"and i32 {e.pop()}, {shape.bits - 1}")
        if shape.bits < 32:
            amount = e.define(f"trunc i32 {amount} to {shape.lane}")
        elif shape.bits > 32:
            amount = e.define(f"zext i32 {amount} to {shape.lane}")
        amounts = splat(e, amount, shape)
        push_shape(e, f"{op.pre}{pop_shape(e, shape)}, {amounts}", shape)
    elif kind == NEGATE:
        push_shape(e, f"sub {llvm} zeroinitializer, {pop_shape(e, shape)}", shape)
    elif kind == AVERAGE:
        wide = _wide(shape, shape.lanes)
        right = e.define(f"zext {llvm} {pop_shape(e, shape)} to {wide}")
        left = e.define(f"zext {llvm} {pop_shape(e, shape)} to {wide}")
        total = e.define(f"add nuw {wide} {left}, {right}")
        lane = f"i{2 * shape.bits}"
        rounded = e.define(f"add nuw {wide} {total}, splat ({lane} 1)")
        halved = e.define(f"lshr {wide} {rounded}, splat ({lane} 1)")
        push_shape(e, f"trunc {wide} {halved} to {llvm}", shape)
    else:
        assert kind == Q15_MULTIPLY
        right = e.define(f"sext <8 x i16> {pop_shape(e, shape)} to <8 x i32>")
        left = e.define(f"sext <8 x i16> {pop_shape(e, shape)} to <8 x i32>")
        product = e.define(f"mul nsw <8 x i32> {left}, {right}")
        rounded = e.define(f"add nsw <8 x i32> {product}, splat (i32 16384)")
        shifted = e.define(f"ashr <8 x i32> {rounded}, splat (i32 15)")
        least = "@llvm.smin.v8i32"
        capped = e.define(
            f"call <8 x i32> {least}(<8 x i32> {shifted}, <8 x i32> splat (i32 32767))"
        )
        push_shape(e, f"trunc <8 x i32> {capped} to <8 x i16>", shape)


def _widths(e: Emitter, op: VectorOp, kind: i64) -> None:
    """Instructions whose results have lanes of another width."""
    source = op.source
    result = op.result
    if kind == NARROW:
        right = pop_shape(e, source)
        left = pop_shape(e, source)
        wide = f"<{result.lanes} x {source.lane}>"
        mask = lanes(list(range(result.lanes)))
        joined = e.define(f"shufflevector {source.llvm} {left}, {source.llvm} {right}, {mask}")
        low = -(1 << (result.bits - 1)) if op.signed else 0
        high = (1 << (result.bits - 1)) - 1 if op.signed else (1 << result.bits) - 1
        suffix = f"v{result.lanes}i{source.bits}"
        for name, bound in (("smax", low), ("smin", high)):
            limit = f"{wide} splat ({source.lane} {bound})"
            joined = e.define(f"call {wide} @llvm.{name}.{suffix}({wide} {joined}, {limit})")
        push_shape(e, f"trunc {wide} {joined} to {result.llvm}", result)
    elif kind == EXTEND_HALF:
        push_value(e, _half(e, op, pop_shape(e, source)), result)
    elif kind == MULTIPLY_HALVES:
        right = _half(e, op, pop_shape(e, source))
        left = _half(e, op, pop_shape(e, source))
        push_shape(e, f"mul {result.llvm} {left}, {right}", result)
    elif kind == ADD_PAIRS:
        wide = _wide(source, source.lanes)
        value = pop_shape(e, source)
        extended = e.define(f"{_extension(op)} {source.llvm} {value} to {wide}")
        push_value(e, _pairs(e, extended, result.lane, result.lanes), result)
    else:
        assert kind == DOT
        push_value(e, _dot(e, source), result)


def _dot(e: Emitter, source: Shape) -> str:
    """The sums of pairs of the products of two vectors' lanes, twice as wide."""
    wide = _wide(source, source.lanes)
    right = e.define(f"sext {source.llvm} {pop_shape(e, source)} to {wide}")
    left = e.define(f"sext {source.llvm} {pop_shape(e, source)} to {wide}")
    products = e.define(f"mul nsw {wide} {left}, {right}")
    return _pairs(e, products, f"i{2 * source.bits}", source.lanes // 2)


def _tests(e: Emitter, op: VectorOp, kind: i64) -> None:
    shape = op.source
    value = pop_shape(e, shape)
    if kind == ANY_TRUE:
        whole = e.define(f"bitcast <2 x i64> {value} to i128")
        e.result(f"zext i1 {e.define(f'icmp ne i128 {whole}, 0')} to i32", I32)
        return
    relation = "slt" if kind == BITMASK else "eq"
    found = e.define(f"icmp {relation} {shape.llvm} {value}, zeroinitializer")
    bits = e.define(f"bitcast <{shape.lanes} x i1> {found} to i{shape.lanes}")
    if kind == BITMASK:
        e.result(f"zext i{shape.lanes} {bits} to i32", I32)
    else:
        assert kind == ALL_TRUE
        none = e.define(f"icmp eq i{shape.lanes} {bits}, 0")
        e.result(f"zext i1 {none} to i32", I32)


def _lane_access(e: Emitter, op: VectorOp, kind: i64) -> None:
    shape = op.source
    narrow = shape.bits < 32
    if kind == EXTRACT:
        lane = e.reader.byte()
        value = pop_shape(e, shape)
        text = f"extractelement {shape.llvm} {value}, i64 {lane}"
        if narrow:
            extension = "sext" if op.signed else "zext"
            e.result(f"{extension} {shape.lane} {e.define(text)} to i32", I32)
        else:
            e.result(text, shape.valtype)
        return
    lane = e.reader.byte() if kind == REPLACE else 0
    scalar = e.pop()
    if is_literal(scalar):
        scalar = e.hide_vector(scalar, shape.valtype)
    if narrow:
        scalar = e.define(f"trunc i32 {scalar} to {shape.lane}")
    if kind == SPLAT:
        push_value(e, splat(e, scalar, shape), shape)
    else:
        value = pop_shape(e, shape)
        text = f"insertelement {shape.llvm} {value}, {shape.lane} {scalar}, i64 {lane}"
        push_shape(e, text, shape)


def _permutations(e: Emitter, kind: i64) -> None:
    if kind == SHUFFLE:
        numbers: list[int] = []
        for _ in range(16):
            numbers.append(e.reader.byte())
        right = pop_shape(e, _I8X16)
        left = pop_shape(e, _I8X16)
        mask = lanes(numbers)
        push_shape(e, f"shufflevector <16 x i8> {left}, <16 x i8> {right}, {mask}", _I8X16)
        return
    indices = pop_shape(e, _I8X16)
    value = pop_shape(e, _I8X16)
    if kind == SWIZZLE and e.unit.swizzle_wraps:
        # Indices below 16 keep their low bits, all others reach 128.
        addend = "<16 x i8> splat (i8 112)"
        name = "@llvm.uadd.sat.v16i8"
        indices = e.define(f"call <16 x i8> {name}(<16 x i8> {indices}, {addend})")
    text = f"call <16 x i8> {e.unit.swizzle}(<16 x i8> {value}, <16 x i8> {indices})"
    push_shape(e, text, _I8X16)


def _bitwise(e: Emitter, kind: i64) -> None:
    if kind == NOT:
        e.result(f"xor <2 x i64> {e.pop()}, splat (i64 -1)", V128)
    elif kind == AND_NOT:
        without = e.define(f"xor <2 x i64> {e.pop()}, splat (i64 -1)")
        e.result(f"and <2 x i64> {e.pop()}, {without}", V128)
    else:
        assert kind == BITSELECT
        mask = e.pop()
        right = e.pop()
        left = e.pop()
        chosen = e.define(f"and <2 x i64> {left}, {mask}")
        inverse = e.define(f"xor <2 x i64> {mask}, splat (i64 -1)")
        other = e.define(f"and <2 x i64> {right}, {inverse}")
        e.result(f"or <2 x i64> {chosen}, {other}", V128)


def _conversions(e: Emitter, op: VectorOp, kind: i64) -> None:
    source = op.source
    result = op.result
    if kind == TRUNCATE:
        # Of two doubles the results are the low lanes, the others are zero.
        value = pop_shape(e, source)
        count = source.lanes
        kinds = f"v{count}i32.{source.suffix}"
        text = f"call <{count} x i32> @llvm.{op.pre}.sat.{kinds}({source.llvm} {value})"
        _push_low(e, e.define(text), "i32", result, count)
    elif kind == CONVERT:
        # From lanes half as wide, it is the low ones.
        value = pop_shape(e, source)
        llvm = source.llvm
        if source.lanes != result.lanes:
            mask = lanes([0, 1])
            value = e.define(f"shufflevector {llvm} {value}, {llvm} poison, {mask}")
            llvm = f"<2 x {source.lane}>"
        push_shape(e, f"{op.pre} {llvm} {value} to {result.llvm}", result)
    elif kind == DEMOTE:
        value = pop_shape(e, source)
        if value not in e.quiet:
            # See `lower_numeric`: LLVM takes the demotion of a promotion for nothing.
            register = e.unit.float_register
            value = e.define(f'call {source.llvm} asm "", "{register}"({source.llvm} {value})')
        narrow = e.define(f"fptrunc {source.llvm} {value} to <2 x float>")
        _push_low(e, narrow, "float", result, 2)
    elif kind == FUSED:
        e.unit.float_vectors = True
        values = e.pop_settled(3)
        shaped = [in_shape(e, value, source) for value in values]
        if op.post:
            shaped[0] = e.define(f"fneg {source.llvm} {shaped[0]}")
        if e.unit.options.deterministic:
            product = e.define(f"fmul {source.llvm} {shaped[0]}, {shaped[1]}")
            text = f"fadd {source.llvm} {product}, {shaped[2]}"
        else:
            text = f"{op.pre}{op.mid.join(shaped)})"
        e.quiet.add(push_shape(e, text, source))
    else:
        assert kind == DOT_ADD
        addend = pop_shape(e, _I32X4)
        products = _dot(e, source)
        wide = e.define(f"sext <8 x i16> {products} to <8 x i32>")
        sums = _pairs(e, wide, "i32", 4)
        push_shape(e, f"add <4 x i32> {sums}, {addend}", _I32X4)


def _push_low(e: Emitter, value: str, lane: str, shape: Shape, count: int) -> None:
    """Push the lanes there are, zeros above them."""
    if count == shape.lanes:
        push_value(e, value, shape)
        return
    kind = f"<{count} x {lane}>"
    mask = lanes(list(range(shape.lanes)))
    text = f"shufflevector {kind} {value}, {kind} zeroinitializer, {mask}"
    push_shape(e, text, shape)
