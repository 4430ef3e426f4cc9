"""Numeric instructions on scalars (spec: Execution > Numerics).

Every row of the instruction table in these families becomes an :class:`Op` at import: most
are one LLVM instruction, a text with gaps for the operands; the others say by their kind
which function here has their checks.
"""

from __future__ import annotations

import struct
from typing import Final

from mypy_extensions import i64

from wasmwright.codegen.llvm.lower_emitter import BOOL, Emitter
from wasmwright.codegen.llvm.lower_nan import canonical
from wasmwright.errors import (
    TRAP_DIVIDE_BY_ZERO,
    TRAP_INTEGER_OVERFLOW,
    TRAP_INVALID_CONVERSION,
)
from wasmwright.isa import BY_SLOT, INSTRUCTIONS, SLOTS, Instruction
from wasmwright.model.types import F32, F64, I32, I64

# Kinds of operations.
UNARY: Final = 1  # pre operand post
BINARY: Final = 2  # pre left mid right post
SHIFT: Final = 3
ROTATE: Final = 4
DIVIDE: Final = 5
REMAINDER_SIGNED: Final = 6
ARITHMETIC: Final = 7  # of floats
MINMAX: Final = 8
TRUNCATE: Final = 9
DEMOTE: Final = 10
TEST: Final = 11
EXTEND: Final = 12
CONST_I32: Final = 13
CONST_I64: Final = 14
CONST_F32: Final = 15
CONST_F64: Final = 16
ADD_SUB_WIDE: Final = 17
MUL_WIDE: Final = 18
QUIET_UNARY: Final = 19  # as UNARY; its result is never a signalling NaN


class Op:
    """How an instruction becomes LLVM IR; ``result`` is the type of what it pushes.

    ``any_nan`` says that where the result is a NaN, the spec leaves open which.
    """

    def __init__(self, kind: int, result: int, pre: str, mid: str = "", post: str = "") -> None:
        self.kind: int = kind
        self.result: int = result
        self.pre: str = pre
        self.mid: str = mid
        self.post: str = post
        self.any_nan: bool = False


_LLVM: Final[dict[str, str]] = {"i32": "i32", "i64": "i64", "f32": "float", "f64": "double"}
_BITS: Final[dict[str, str]] = {"f32": "i32", "f64": "i64"}
_TYPE: Final[dict[str, int]] = {"i32": I32, "i64": I64, "f32": F32, "f64": F64}
_CONSTS: Final[dict[str, int]] = {
    "i32": CONST_I32,
    "i64": CONST_I64,
    "f32": CONST_F32,
    "f64": CONST_F64,
}

# What the table's operations are called in LLVM.
_PLAIN: Final = {"add": "add", "sub": "sub", "mul": "mul", "and": "and", "or": "or", "xor": "xor"}
_SHIFTS: Final = {"shl": "shl", "shr_s": "ashr", "shr_u": "lshr"}
_ROTATES: Final = {"rotl": "fshl", "rotr": "fshr"}
_DIVISIONS: Final = {"div_s": "sdiv", "div_u": "udiv", "rem_u": "urem"}
_FLOATS: Final = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
_MINMAX: Final = {"min": "olt", "max": "ogt"}
INT_RELATIONS: Final[dict[str, str]] = {
    "eq": "eq",
    "ne": "ne",
    "lt_s": "slt",
    "lt_u": "ult",
    "gt_s": "sgt",
    "gt_u": "ugt",
    "le_s": "sle",
    "le_u": "ule",
    "ge_s": "sge",
    "ge_u": "uge",
}
FLOAT_RELATIONS: Final[dict[str, str]] = {
    "eq": "oeq",
    "ne": "une",
    "lt": "olt",
    "gt": "ogt",
    "le": "ole",
    "ge": "oge",
}
_COUNTS: Final = {"clz": "ctlz", "ctz": "cttz"}
ROUNDINGS: Final[dict[str, str]] = {
    "ceil": "ceil",
    "floor": "floor",
    "trunc": "trunc",
    "nearest": "roundeven",
    "sqrt": "sqrt",
}
_ARITHMETIC: Final = (*_FLOATS, *_MINMAX, *ROUNDINGS, "madd", "nmadd")


def _integer(prefix: str, operation: str) -> Op | None:
    llvm, valtype = _LLVM[prefix], _TYPE[prefix]
    if operation in _PLAIN:
        return Op(BINARY, valtype, f"{_PLAIN[operation]} {llvm} ", ", ")
    if operation in _SHIFTS:
        return Op(SHIFT, valtype, f"{_SHIFTS[operation]} {llvm} ", str(int(prefix[1:]) - 1))
    if operation in _ROTATES:
        return Op(ROTATE, valtype, f"call {llvm} @llvm.{_ROTATES[operation]}.{llvm}", llvm)
    if operation in _DIVISIONS:
        return Op(DIVIDE, valtype, f"{_DIVISIONS[operation]} {llvm} ", llvm)
    if operation == "rem_s":
        return Op(REMAINDER_SIGNED, valtype, f"srem {llvm} ", llvm)
    if operation in INT_RELATIONS:
        return Op(BINARY, BOOL, f"icmp {INT_RELATIONS[operation]} {llvm} ", ", ")
    if operation == "eqz":
        return Op(TEST, BOOL, f"icmp eq {llvm} ")
    if operation in _COUNTS:
        name = f"@llvm.{_COUNTS[operation]}.{llvm}"
        return Op(UNARY, valtype, f"call {llvm} {name}({llvm} ", "", ", i1 false)")
    if operation == "popcnt":
        return Op(UNARY, valtype, f"call {llvm} @llvm.ctpop.{llvm}({llvm} ", "", ")")
    if operation.startswith("extend"):  # extend8_s, extend16_s, extend32_s
        return Op(EXTEND, valtype, llvm, f"i{operation[6:-2]}")
    return None


def _float(prefix: str, operation: str) -> Op | None:
    llvm, valtype = _LLVM[prefix], _TYPE[prefix]
    if operation in _FLOATS:
        return Op(ARITHMETIC, valtype, f"{_FLOATS[operation]} {llvm} ", ", ")
    if operation in _MINMAX:
        bits = "or" if operation == "min" else "and"
        return Op(MINMAX, valtype, f"fcmp {_MINMAX[operation]} {llvm} ", bits, _BITS[prefix])
    if operation in FLOAT_RELATIONS:
        return Op(BINARY, BOOL, f"fcmp {FLOAT_RELATIONS[operation]} {llvm} ", ", ")
    if operation in ROUNDINGS:
        name = f"@llvm.{ROUNDINGS[operation]}.{prefix}"
        return Op(QUIET_UNARY, valtype, f"call {llvm} {name}({llvm} ", "", ")")
    if operation == "abs":
        return Op(UNARY, valtype, f"call {llvm} @llvm.fabs.{prefix}({llvm} ", "", ")")
    if operation == "neg":
        return Op(UNARY, valtype, f"fneg {llvm} ")
    if operation == "copysign":
        call = f"call {llvm} @llvm.copysign.{prefix}({llvm} "
        return Op(BINARY, valtype, call, f", {llvm} ", ")")
    return None


# The range in which a truncation is defined, open at both ends: doubles just outside of it
# (for an f32, the next one that an f32 can be). Exact: they are powers of two, or one less.
_RANGES: Final[dict[str, tuple[str, str]]] = {
    "i32.trunc_f32_s": ("0xC1E0000020000000", "0x41E0000000000000"),
    "i32.trunc_f32_u": ("0xBFF0000000000000", "0x41F0000000000000"),
    "i32.trunc_f64_s": ("0xC1E0000000200000", "0x41E0000000000000"),
    "i32.trunc_f64_u": ("0xBFF0000000000000", "0x41F0000000000000"),
    "i64.trunc_f32_s": ("0xC3E0000020000000", "0x43E0000000000000"),
    "i64.trunc_f32_u": ("0xBFF0000000000000", "0x43F0000000000000"),
    "i64.trunc_f64_s": ("0xC3E0000000000001", "0x43E0000000000000"),
    "i64.trunc_f64_u": ("0xBFF0000000000000", "0x43F0000000000000"),
}


def _conversion(name: str) -> Op | None:
    prefix, operation = name.split(".")
    to, valtype = _LLVM[prefix], _TYPE[prefix]
    parts = operation.split("_")  # operation, source type, signedness
    source = next(part for part in parts if part in _LLVM)
    signed = parts[-1] == "s"
    cast = f"{_LLVM[source]} "
    if parts[0] == "convert":
        return Op(
            QUIET_UNARY, valtype, f"{'sitofp' if signed else 'uitofp'} {cast}", "", f" to {to}"
        )
    if parts[0] == "trunc":
        instruction = "fptosi" if signed else "fptoui"
        if parts[1] == "sat":
            callee = f"@llvm.{instruction}.sat.{to}.{source}"
            return Op(UNARY, valtype, f"call {to} {callee}({cast}", "", ")")
        low, high = _RANGES[name]
        return Op(
            TRUNCATE, valtype, f"{instruction} {cast}", f"{cast}%s, {low}", f"{cast}%s, {high}"
        )
    if parts[0] == "demote":
        return Op(DEMOTE, valtype, f"fptrunc {cast}", "", f" to {to}")
    instruction = {
        "wrap": "trunc",
        "extend": "sext" if signed else "zext",
        "promote": "fpext",
        "reinterpret": "bitcast",
    }[parts[0]]
    return Op(UNARY, valtype, f"{instruction} {cast}", "", f" to {to}")


def _wide(name: str) -> Op:
    if name.startswith("i64.mul"):
        return Op(MUL_WIDE, I64, "sext" if name.endswith("_s") else "zext")
    return Op(ADD_SUB_WIDE, I64, name[4:7])


def any_nan(name: str) -> bool:
    """Whether an instruction computes floats: its results that are NaNs are arbitrary ones."""
    prefix, _, operation = name.partition(".")
    first = operation.split("_")[0]
    return prefix[0] == "f" and (
        first in ("promote", "demote") or operation.removeprefix("relaxed_") in _ARITHMETIC
    )


def _operation(row: Instruction) -> Op | None:
    prefix, _, operation = row.name.partition(".")
    if row.family == "const":
        return Op(_CONSTS[prefix], _TYPE[prefix], "")
    if row.family == "cvtop":
        return _conversion(row.name)
    if row.family == "wide":
        return _wide(row.name)
    if row.family in ("unop", "binop", "testop", "relop"):
        return _integer(prefix, operation) if prefix[0] == "i" else _float(prefix, operation)
    return None


# By slot; None where the instruction is no numeric one (or unknown here).
OPS: Final[list[Op | None]] = [None] * SLOTS
for _row in INSTRUCTIONS:
    _made = _operation(_row)
    if _made is not None:
        _made.any_nan = any_nan(_row.name)
    OPS[_row.slot] = _made


def numeric(e: Emitter, slot: i64) -> None:
    """Lower the numeric instruction in ``slot``, whose immediates are still to be read."""
    op = OPS[slot]
    assert op is not None
    kind: i64 = op.kind
    if kind == BINARY:
        right = e.pop()
        left = e.pop()
        e.result(f"{op.pre}{left}{op.mid}{right}{op.post}", op.result)
    elif kind == UNARY:
        _unary(e, op)
    elif kind == CONST_I32:
        e.push(str(e.reader.s32()), I32)
    elif kind == CONST_I64:
        e.push(str(e.reader.s64()), I64)
    elif kind == CONST_F32:
        e.push(f32_literal(e.reader.word32()), F32)
    elif kind == CONST_F64:
        e.push(f64_literal(e.reader.word64()), F64)
    elif kind == ARITHMETIC:
        _arithmetic(e, op)
    elif kind == TEST:
        _test(e, op)
    elif kind == SHIFT:
        _shift(e, op)
    elif kind == QUIET_UNARY:
        e.quiet.add(_unary(e, op))
    elif kind == ROTATE:
        right = e.pop()
        left = e.pop()
        llvm = op.mid
        e.result(f"{op.pre}({llvm} {left}, {llvm} {left}, {llvm} {right})", op.result)
    elif kind == EXTEND:
        narrow = e.define(f"trunc {op.pre} {e.pop()} to {op.mid}")
        e.result(f"sext {op.mid} {narrow} to {op.pre}", op.result)
    elif kind == DIVIDE or kind == REMAINDER_SIGNED:
        _divide(e, op)
    elif kind == MINMAX:
        _minmax(e, op)
    elif kind == TRUNCATE:
        _truncate(e, op)
    elif kind == DEMOTE:
        _demote(e, op)
    elif kind == MUL_WIDE:
        _multiply_wide(e, op)
    else:
        _add_wide(e, op)
    if op.any_nan and e.unit.options.deterministic:
        e.push(canonical(e, e.pop(), op.result), op.result)


def f32_literal(bits: i64) -> str:
    """An f32 by its bits, as an operand: LLVM writes it as the double of the same value."""
    if bits & 0x7F800000 == 0x7F800000 and bits & 0x7FFFFF != 0:
        return f"bitcast (i32 {bits} to float)"
    value: float = struct.unpack("<f", struct.pack("<I", bits))[0]
    wide: int = struct.unpack("<Q", struct.pack("<d", value))[0]
    return f"0x{wide:016X}"


def f64_literal(bits: int) -> str:
    """An f64 by its bits, as an operand."""
    return f"0x{bits:016X}"


def is_literal(operand: str) -> bool:
    """Whether an operand is no value's name."""
    return operand[0] != "%"


def _unary(e: Emitter, op: Op) -> str:
    valtype = e.types[-1]
    value = e.pop()
    if is_literal(value) and (op.result == F64 or op.result == F32):
        value = e.hide(value, valtype)  # the result might be a constant to hide
    return e.result(f"{op.pre}{value}{op.post}", op.result)


def _test(e: Emitter, op: Op) -> None:
    value = e.vals.pop()
    e.takes(value)
    if e.types.pop() == BOOL:
        e.result(f"xor i1 {value}, true", BOOL)
    else:
        e.result(f"{op.pre}{value}, 0", BOOL)


def _shift(e: Emitter, op: Op) -> None:
    amount = e.pop()
    value = e.pop()
    mask = op.mid
    if is_literal(amount):
        amount = str(int(amount) & int(mask))
    else:
        amount = e.define(f"and {'i32' if op.result == I32 else 'i64'} {amount}, {mask}")
    e.result(f"{op.pre}{value}, {amount}", op.result)


def _divide(e: Emitter, op: Op) -> None:
    divisor = e.pop()
    dividend = e.pop()
    llvm = op.mid
    known = is_literal(divisor)
    if not known or divisor == "0":
        e.trap_if(e.define(f"icmp eq {llvm} {divisor}, 0"), TRAP_DIVIDE_BY_ZERO)
    if op.pre[0] == "s" and (not known or divisor == "-1"):
        ones = e.define(f"icmp eq {llvm} {divisor}, -1")
        if op.kind == REMAINDER_SIGNED:
            # The remainder by -1 is that by 1, which does not overflow.
            divisor = e.define(f"select i1 {ones}, {llvm} 1, {llvm} {divisor}")
        else:
            least = -(1 << 31) if op.result == I32 else -(1 << 63)
            lowest = e.define(f"icmp eq {llvm} {dividend}, {least}")
            both = e.define(f"and i1 {ones}, {lowest}")
            e.trap_if(both, TRAP_INTEGER_OVERFLOW)
    e.result(f"{op.pre}{dividend}, {divisor}", op.result)


def _arithmetic(e: Emitter, op: Op) -> None:
    right = e.pop()
    left = e.pop()
    if is_literal(left) and is_literal(right):
        right = e.hide(right, op.result)  # the result might be a constant to hide
    left = e.settled(left, op.result)
    right = e.settled(right, op.result)
    value = e.result(f"{op.pre}{left}, {right}", op.result)
    e.quiet.add(value)


def _demote(e: Emitter, op: Op) -> None:
    """LLVM takes the demotion of a promotion for nothing, and looks for it behind signs."""
    value = e.pop()
    if value not in e.quiet:
        value = e.define(f'call double asm "", "{e.unit.float_register}"(double {value})')
    e.quiet.add(e.result(f"{op.pre}{value}{op.post}", op.result))


def _minmax(e: Emitter, op: Op) -> None:
    """Both ways of choosing the lesser, united: they differ for NaNs and zeros of two signs.

    Each select is one `minsd` on x86. Of -0 and +0 the union of bits is the lesser (the
    intersection the greater). Where one operand is NaN the sum is a quiet NaN.
    """
    right = e.pop()
    left = e.pop()
    if is_literal(left) and is_literal(right):
        right = e.hide(right, op.result)
    bits = op.post
    llvm = "float" if bits == "i32" else "double"
    first = e.define(f"{op.pre}{left}, {right}")
    one = e.define(f"select i1 {first}, {llvm} {left}, {llvm} {right}")
    second = e.define(f"{op.pre}{right}, {left}")
    other = e.define(f"select i1 {second}, {llvm} {right}, {llvm} {left}")
    one_bits = e.define(f"bitcast {llvm} {one} to {bits}")
    other_bits = e.define(f"bitcast {llvm} {other} to {bits}")
    both = e.define(f"{op.mid} {bits} {one_bits}, {other_bits}")
    united = e.define(f"bitcast {bits} {both} to {llvm}")
    unordered = e.define(f"fcmp uno {llvm} {left}, {right}")
    total = e.define(f"fadd {llvm} {e.settled(left, op.result)}, {e.settled(right, op.result)}")
    value = e.result(f"select i1 {unordered}, {llvm} {total}, {llvm} {united}", op.result)
    e.quiet.add(value)


def _truncate(e: Emitter, op: Op) -> None:
    value = e.pop()
    above = e.define("fcmp ogt " + op.mid.replace("%s", value))
    below = e.define("fcmp olt " + op.post.replace("%s", value))
    inside = e.define(f"and i1 {above}, {below}")
    trap = e.label()
    on = e.label()
    e.out.append(f"br i1 {inside}, label %{on}, label %{trap}, !prof !3\n")
    source = op.pre.split(" ")[1]
    nan = f"%{trap}n"
    kind = f"%{trap}k"
    e.cold.append(
        f"{trap}:\n{nan} = fcmp uno {source} {value}, {value}\n"
        f"{kind} = select i1 {nan}, i32 {TRAP_INVALID_CONVERSION}, i32 {TRAP_INTEGER_OVERFLOW}\n"
        + e.trap_call(kind)
    )
    e.begin(on)
    e.result(f"{op.pre}{value} to {'i32' if op.result == I32 else 'i64'}", op.result)


def _multiply_wide(e: Emitter, op: Op) -> None:
    right, left = e.pop(), e.pop()
    right = e.convert(f"{op.pre} i64 {right} to i128", right)
    left = e.convert(f"{op.pre} i64 {left} to i128", left)
    _push_halves(e, e.define(f"mul i128 {left}, {right}"))


def _add_wide(e: Emitter, op: Op) -> None:
    right = _joined(e)
    left = _joined(e)
    _push_halves(e, e.define(f"{op.pre} i128 {left}, {right}"))


def _joined(e: Emitter) -> str:
    high, low = e.pop(), e.pop()
    high = e.convert(f"zext i64 {high} to i128", high)
    low = e.convert(f"zext i64 {low} to i128", low)
    shifted = e.define(f"shl i128 {high}, 64")
    return e.define(f"or i128 {shifted}, {low}")


def _push_halves(e: Emitter, wide: str) -> None:
    e.result(f"trunc i128 {wide} to i64", I64)
    high = e.define(f"lshr i128 {wide}, 64")
    e.result(f"trunc i128 {high} to i64", I64)


def instruction_name(slot: i64) -> str:
    """The mnemonic of the instruction in ``slot``, for messages."""
    row = BY_SLOT[slot]
    return row.name if row is not None else f"slot 0x{slot:x}"
