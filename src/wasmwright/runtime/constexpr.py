"""Evaluates constant expressions at instantiation (spec: Execution > Modules).

Values are ints (i32 and i64 as unsigned, f32 and f64 as bit patterns, v128 as 128 bits), and
references as machine words: the form in which they are stored.
"""

from __future__ import annotations

from collections.abc import Callable

from wasmwright import isa
from wasmwright.binary.reader import Reader
from wasmwright.model.module import Expr, Module

_END = isa.slot("end")
_I32_CONST = isa.slot("i32.const")
_I64_CONST = isa.slot("i64.const")
_F32_CONST = isa.slot("f32.const")
_F64_CONST = isa.slot("f64.const")
_V128_CONST = isa.slot("v128.const")
_GLOBAL_GET = isa.slot("global.get")
_REF_NULL = isa.slot("ref.null")
_REF_FUNC = isa.slot("ref.func")
_ARITHMETIC = {
    isa.slot(f"{kind}.{op}"): (op, mask)
    for kind, mask in (("i32", (1 << 32) - 1), ("i64", (1 << 64) - 1))
    for op in ("add", "sub", "mul")
}


class UnsupportedConstant(Exception):
    """A constant instruction that instantiation cannot evaluate yet; the text is its name."""


def evaluate(
    module: Module,
    expr: Expr,
    global_value: Callable[[int], int],
    func_ref: Callable[[int], int],
) -> int:
    """The value of a validated constant expression.

    ``global_value`` reads a global by index, ``func_ref`` gives the reference of a function.
    """
    reader = Reader(module.data, expr.start, expr.end)
    stack: list[int] = []
    while True:
        opcode = reader.byte()
        slot = opcode
        if opcode in isa.PREFIX_BASE:
            slot = isa.PREFIX_BASE[opcode] + reader.u32()
        if slot == _END:
            return stack[-1]
        if slot == _I32_CONST:
            stack.append(reader.s32() & 0xFFFFFFFF)
        elif slot == _I64_CONST:
            stack.append(reader.s64() & 0xFFFFFFFFFFFFFFFF)
        elif slot == _F32_CONST:
            stack.append(reader.word32())
        elif slot == _F64_CONST:
            stack.append(reader.word64())
        elif slot == _V128_CONST:
            stack.append(reader.word64() | reader.word64() << 64)
        elif slot == _GLOBAL_GET:
            stack.append(global_value(reader.u32()))
        elif slot == _REF_NULL:
            reader.s33()
            stack.append(0)
        elif slot == _REF_FUNC:
            stack.append(func_ref(reader.u32()))
        elif slot in _ARITHMETIC:
            op, mask = _ARITHMETIC[slot]
            right, left = stack.pop(), stack.pop()
            result = {"add": left + right, "sub": left - right, "mul": left * right}[op]
            stack.append(result & mask)
        else:
            row = isa.BY_SLOT[slot]
            raise UnsupportedConstant(row.name if row else hex(slot))
