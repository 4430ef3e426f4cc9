"""Calls (spec: Execution > Instructions > Control Instructions, Function Calls).

A call passes all registers that parameters can be in, whatever the callee takes, so that one
stencil does for every signature. What does not fit goes through the argument area.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.codegen.baseline.emitter import Emitter
from wasmwright.codegen.baseline.library import TYPE_F32, TYPE_I32, TYPE_V128
from wasmwright.codegen.baseline.places import CONSTANT
from wasmwright.codegen.baseline.unsupported import Unsupported
from wasmwright.isa import slot

_CALL: Final = slot("call")
_CALL_INDIRECT: Final = slot("call_indirect")
_CALL_REF: Final = slot("call_ref")


def call_instruction(e: Emitter, opcode: i64) -> None:
    """Compile an instruction of the family "call"."""
    view = e.view
    library = e.library
    if opcode == _CALL:
        index = e.reader.u32()
        first = library.call_import if index < view.imported_funcs else library.call_defined
        _call(e, first, view.func_types[index], False, view.func_place(index), 0)
    elif opcode == _CALL_INDIRECT:
        type_index: int = e.reader.u32()
        table: int = e.reader.u32()
        _require_final(e, type_index)
        wide = view.module.all_tables[table].limits.address64
        first = library.first("call_indirect.q" if wide else "call_indirect")
        layout = view.layout
        _call(e, first, type_index, True, layout.table(table), layout.type_id(type_index))
    elif opcode == _CALL_REF:
        _call(e, library.first("call_ref"), e.reader.u32(), True, 0, 0)
    else:
        raise Unsupported("a tail call")


def _require_final(e: Emitter, type_index: int) -> None:
    if not e.view.module.types[type_index].final:
        raise Unsupported("call_indirect of a type that may have subtypes")


def _call(e: Emitter, stencils: i64, type_index: i64, operand: bool, extra: i64, more: i64) -> None:
    signature = e.view.signature(type_index)
    library = e.library
    e.leave_registers()
    if operand:
        e.put(e.height - 1)
        e.to_register(e.height - 1)
        e.drop()
    params = signature.params
    count = params.count
    base = e.height - count
    places = params.places
    for i in range(count):
        at = base + i
        kind = e.kinds[at]
        if kind & 15 == CONSTANT and (kind >> 4 != TYPE_I32 or places[i] >= 0):
            _put_constant(e, at, operand)
    if params.in_area:
        for i in range(count):
            if places[i] >= 0:
                wide: i64 = 1 if params.types[i] == TYPE_V128 else 0
                number = library.number(library.area_put + wide)
                e.emit(number, e.payloads[base + i], 0, 0, places[i], 0)
    ints: i64 = 0
    floats: i64 = 0
    for i in range(count):
        if places[i] >= 0:
            continue
        kind = e.kinds[base + i]
        valtype = kind >> 4
        if valtype >= TYPE_F32:
            first = library.argument_vector if valtype == TYPE_V128 else library.argument_float
            number = library.number(first + floats)
            floats += 1
        else:
            constant: i64 = 1 if kind & 15 == CONSTANT else 0
            number = library.number(library.argument_int + 2 * ints + constant)
            ints += 1
        e.emit(number, e.payloads[base + i], 0, 0, 0, 0)
    for _ in range(count):
        e.drop()
    e.mark()
    results = signature.results
    e.emit(library.number(stencils + results.narrow), 0, 0, 0, extra, more)
    for i in range(results.count):
        kind = results.types[i]
        if results.places[i] < 0:
            e.push_register(kind)
        else:
            e.push_slot(kind)
            wide = 1 if kind == TYPE_V128 else 0
            number = library.number(library.area_get + wide)
            e.emit(number, e.payloads[e.height - 1], 0, 0, results.places[i], 0)


def _put_constant(e: Emitter, at: i64, operand: bool) -> None:
    """Puts a constant argument into its slot; the first register may have the callee."""
    if operand and not e.fits(at):
        # The register that holds the callee is kept by counting it.
        e.ints += 1
        e.put(at)
        e.ints -= 1
        return
    e.put(at)
