"""Calls (spec: Execution > Instructions > Control Instructions, Function Calls).

A call passes all registers that parameters can be in, whatever the callee takes, so that one
stencil does for every signature. What does not fit goes through the argument area.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.codegen.baseline.areas import from_area
from wasmwright.codegen.baseline.arguments import pass_arguments
from wasmwright.codegen.baseline.emitter import Emitter
from wasmwright.codegen.baseline.operations import type_depth
from wasmwright.codegen.heap_layout import TYPE_DISPLAY
from wasmwright.isa import slot

_CALL: Final = slot("call")
_CALL_INDIRECT: Final = slot("call_indirect")
_RETURN_CALL: Final = slot("return_call")
_RETURN_CALL_INDIRECT: Final = slot("return_call_indirect")
_RETURN_CALL_REF: Final = slot("return_call_ref")


def call_instruction(e: Emitter, opcode: i64) -> bool:
    """Compile an instruction of the family "call"; whether it ends the function."""
    view = e.view
    library = e.library
    if opcode == _CALL:
        index = e.reader.u32()
        first = library.call_import if index < view.imported_funcs else library.call_defined
        _call(e, first, view.func_types[index], False, view.func_place(index))
        return False
    if opcode == _RETURN_CALL:
        index = e.reader.u32()
        name = "return_call.i" if index < view.imported_funcs else "return_call.d"
        _tail_call(e, library.first(name), view.func_types[index], False, view.func_place(index))
        return True
    type_index: int = e.reader.u32()
    if opcode == _CALL_INDIRECT or opcode == _RETURN_CALL_INDIRECT:
        table: int = e.reader.u32()
        name = (
            "call_indirect.q" if view.module.all_tables[table].limits.address64 else "call_indirect"
        )
        if not view.module.types[type_index].final:
            name += ".open"
        place = view.layout.table(table)
        if opcode == _CALL_INDIRECT:
            _call(e, library.first(name), type_index, True, place)
            return False
        _tail_call(e, library.first("return_" + name), type_index, True, place)
        return True
    if opcode == _RETURN_CALL_REF:
        _tail_call(e, library.first("return_call_ref"), type_index, True, 0)
        return True
    _call(e, library.first("call_ref"), type_index, True, 0)
    return False


def _call(e: Emitter, stencils: i64, type_index: i64, operand: bool, extra: i64) -> None:
    """A call; the index or reference on the stack, if it takes one, is its ``operand``."""
    signature = e.view.signature(type_index)
    pass_arguments(e, signature.params, operand)
    results = signature.results
    e.protect(_emit(e, stencils + results.narrow, type_index, operand, extra))
    base = e.height
    for i in range(results.count):
        if results.places[i] < 0:
            e.push_register(results.types[i])
        else:
            e.push_slot(results.types[i])
    if results.in_area:
        from_area(e, results, e.slot(base))


def _tail_call(e: Emitter, stencils: i64, type_index: i64, operand: bool, extra: i64) -> None:
    pass_arguments(e, e.view.signature(type_index).params, operand)
    _emit(e, stencils, type_index, operand, extra)
    e.out.write(e.around.leave)


def _emit(e: Emitter, at: i64, type_index: i64, operand: bool, extra: i64) -> i64:
    """Appends the stencil of a call, which has holes for all that a type test needs."""
    number = e.library.number(at)
    e.mark()
    if not operand:
        return e.emit(number, 0, 0, 0, extra, 0)
    depth = type_depth(e, type_index)
    rtt, type_id = e.layout.rtt(type_index), e.layout.type_id(type_index)
    return e.emit(number, rtt, TYPE_DISPLAY + 8 * depth, depth, extra, type_id)
