"""Evaluates constant expressions at instantiation (spec: Execution > Modules).

Values are ints (i32 and i64 as unsigned, f32 and f64 as bit patterns, v128 as 128 bits), and
references as machine words: the form in which they are stored.
"""

from __future__ import annotations

from collections.abc import Callable

from wasmwright import isa
from wasmwright.binary.reader import Reader
from wasmwright.codegen import heap_layout as layout
from wasmwright.codegen import vm
from wasmwright.errors import WasmError
from wasmwright.model.module import Module
from wasmwright.model.parts import Expr
from wasmwright.model.types import ArrayType, StructType

_END = isa.slot("end")
_I32_CONST = isa.slot("i32.const")
_I64_CONST = isa.slot("i64.const")
_F32_CONST = isa.slot("f32.const")
_F64_CONST = isa.slot("f64.const")
_V128_CONST = isa.slot("v128.const")
_GLOBAL_GET = isa.slot("global.get")
_REF_NULL = isa.slot("ref.null")
_REF_FUNC = isa.slot("ref.func")
_REF_I31 = isa.slot("ref.i31")
_CONVERSIONS = (isa.slot("any.convert_extern"), isa.slot("extern.convert_any"))
_STRUCT_NEW = isa.slot("struct.new")
_STRUCT_NEW_DEFAULT = isa.slot("struct.new_default")
_ARRAY_NEW = isa.slot("array.new")
_ARRAY_NEW_DEFAULT = isa.slot("array.new_default")
_ARRAY_NEW_FIXED = isa.slot("array.new_fixed")
_AGGREGATES = (
    _STRUCT_NEW,
    _STRUCT_NEW_DEFAULT,
    _ARRAY_NEW,
    _ARRAY_NEW_DEFAULT,
    _ARRAY_NEW_FIXED,
)
_ARITHMETIC = {
    isa.slot(f"{kind}.{op}"): (op, mask)
    for kind, mask in (("i32", (1 << 32) - 1), ("i64", (1 << 64) - 1))
    for op in ("add", "sub", "mul")
}


class UnsupportedConstant(WasmError):
    """A constant instruction that instantiation cannot evaluate yet; the text is its name."""


def evaluate(
    module: Module,
    expr: Expr,
    global_value: Callable[[int], int],
    func_ref: Callable[[int], int],
    make: Callable[[int, int], int],
) -> int:
    """The value of a validated constant expression.

    ``global_value`` reads a global by index, ``func_ref`` gives the reference of a function.
    ``make`` gives the address of a new object, all zeros, of a type (by index) and, for an
    array, length; what it makes must live until the value is stored.
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
        elif slot == _REF_I31:
            stack.append(stack.pop() << 1 & 0xFFFFFFFF | 1)
        elif slot in _CONVERSIONS:
            pass
        elif slot in _AGGREGATES:
            _make(module, reader, slot, stack, make)
        elif slot in _ARITHMETIC:
            op, mask = _ARITHMETIC[slot]
            right, left = stack.pop(), stack.pop()
            result = {"add": left + right, "sub": left - right, "mul": left * right}[op]
            stack.append(result & mask)
        else:
            row = isa.BY_SLOT[slot]
            raise UnsupportedConstant(row.name if row else hex(slot))


def _make(
    module: Module,
    reader: Reader,
    slot: int,
    stack: list[int],
    make: Callable[[int, int], int],
) -> None:
    """Evaluates an instruction that makes a structure or array."""
    index = reader.u32()
    comp = module.types[index].comp
    if isinstance(comp, StructType):
        made = make(index, 0)
        if slot == _STRUCT_NEW:
            struct = layout.StructLayout(comp)
            for field, offset in reversed(list(zip(comp.fields, struct.offsets, strict=True))):
                _store(made + offset, stack.pop(), layout.storage_size(field.storage), 1)
        stack.append(made)
        return
    assert isinstance(comp, ArrayType)
    size = layout.storage_size(comp.element.storage)
    if slot == _ARRAY_NEW_FIXED:
        count = reader.u32()
        values = stack[len(stack) - count :]
        del stack[len(stack) - count :]
        made = make(index, count)
        for at, value in enumerate(values):
            _store(made + layout.ARRAY_ELEMENTS + size * at, value, size, 1)
    else:
        count = stack.pop()
        value = stack.pop() if slot == _ARRAY_NEW else 0
        made = make(index, count)
        _store(made + layout.ARRAY_ELEMENTS, value, size, count)
    stack.append(made)


_PIECE = 1 << 16


def _store(place: int, value: int, size: int, count: int) -> None:
    """Writes ``count`` copies of a value where there are zeros so far."""
    value &= (1 << 8 * size) - 1
    if not value:
        return
    piece = value.to_bytes(size, "little") * min(count, _PIECE)
    for first in range(0, count, _PIECE):
        vm.write(place + size * first, piece[: size * (count - first)])
