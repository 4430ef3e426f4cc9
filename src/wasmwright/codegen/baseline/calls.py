"""Calls (spec: Execution > Instructions > Control Instructions, Function Calls).

A call passes all registers that parameters can be in, whatever the callee takes, so that one
stencil does for every signature. What does not fit goes through the argument area.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.codegen.abi import (
    PARAM_FLOATS,
    PARAM_INTS,
    RESULT_FLOATS,
    RESULT_INTS,
    area_offsets,
)
from wasmwright.codegen.baseline.emitter import Emitter
from wasmwright.codegen.baseline.library import TYPE_F32, TYPE_I32, TYPE_V128, type_code
from wasmwright.codegen.baseline.places import CONSTANT
from wasmwright.codegen.baseline.unsupported import Unsupported
from wasmwright.isa import slot
from wasmwright.model.types import V128, FuncType

_CALL: Final = slot("call")
_CALL_INDIRECT: Final = slot("call_indirect")
_CALL_REF: Final = slot("call_ref")


def call_instruction(e: Emitter, opcode: i64) -> None:
    """Compile an instruction of the family "call"."""
    module = e.module
    layout = e.layout
    if opcode == _CALL:
        index: int = e.reader.u32()
        name = "call.i" if index < module.imported_funcs else "call.d"
        _call(e, name, module.all_funcs[index], False, layout.func(index), 0)
    elif opcode == _CALL_INDIRECT:
        type_index: int = e.reader.u32()
        table: int = e.reader.u32()
        _require_final(e, type_index)
        name = "call_indirect.q" if module.all_tables[table].limits.address64 else "call_indirect"
        _call(e, name, type_index, True, layout.table(table), layout.type_id(type_index))
    elif opcode == _CALL_REF:
        _call(e, "call_ref", e.reader.u32(), True, 0, 0)
    else:
        raise Unsupported("a tail call")


def _require_final(e: Emitter, type_index: int) -> None:
    if not e.module.types[type_index].final:
        raise Unsupported("call_indirect of a type that may have subtypes")


def _call(e: Emitter, name: str, type_index: int, operand: bool, extra: i64, more: i64) -> None:
    comp = e.module.types[type_index].comp
    assert isinstance(comp, FuncType)
    library = e.library
    e.leave_registers()
    if operand:
        e.put(e.height - 1)
        e.to_register(e.height - 1)
        e.drop()
    params = comp.params
    count: i64 = len(params)
    base = e.height - count
    places = area_offsets(params, PARAM_INTS, PARAM_FLOATS)
    for i in range(count):
        at = base + i
        kind = e.kinds[at]
        if kind & 15 == CONSTANT and (kind >> 4 != TYPE_I32 or places[i] >= 0):
            _put_constant(e, at, operand)
    for i in range(count):
        if places[i] >= 0:
            wide: i64 = 1 if params[i] == V128 else 0
            number = library.number(library.first("area.put") + wide)
            e.emit(number, e.payloads[base + i], 0, 0, places[i], 0)
    ints: i64 = 0
    floats: i64 = 0
    for i in range(count):
        if places[i] >= 0:
            continue
        kind = e.kinds[base + i]
        valtype = kind >> 4
        if valtype >= TYPE_F32:
            first = library.first("argument.vector" if valtype == TYPE_V128 else "argument.float")
            number = library.number(first + floats)
            floats += 1
        else:
            constant: i64 = 1 if kind & 15 == CONSTANT else 0
            number = library.number(library.first("argument.int") + 2 * ints + constant)
            ints += 1
        e.emit(number, e.payloads[base + i], 0, 0, 0, 0)
    for _ in range(count):
        e.drop()
    _results(e, name, comp, extra, more)


def _put_constant(e: Emitter, at: i64, operand: bool) -> None:
    """Puts a constant argument into its slot; the first register may have the callee."""
    if operand and not e.fits(at):
        # The register that holds the callee is kept by counting it.
        e.ints += 1
        e.put(at)
        e.ints -= 1
        return
    e.put(at)


def _results(e: Emitter, name: str, functype: FuncType, extra: i64, more: i64) -> None:
    results = functype.results
    places = area_offsets(results, RESULT_INTS, RESULT_FLOATS)
    bits: i64 = 0
    ints: i64 = 0
    for i in range(len(results)):
        kind: i64 = type_code(results[i])
        if places[i] < 0 and kind < TYPE_F32:
            if kind == TYPE_I32:
                bits |= 1 << ints
            ints += 1
    e.mark()
    e.emit(e.library.number(e.library.first(name) + bits), 0, 0, 0, extra, more)
    for i in range(len(results)):
        kind = type_code(results[i])
        if places[i] < 0:
            e.push_register(kind)
        else:
            e.push_slot(kind)
            wide: i64 = 1 if results[i] == V128 else 0
            number = e.library.number(e.library.first("area.get") + wide)
            e.emit(number, e.payloads[e.height - 1], 0, 0, places[i], 0)
