"""Calls (spec: Execution > Instructions > Control Instructions, Function Calls).

Inside a unit a call names its callee, so that LLVM may inline it. Any other callee's code is
loaded from its record: it may be compiled later, and be compiled again.

An ordinary call is never made a jump by LLVM (``notail``): a runaway recursion must exhaust
the stack and trap. A tail call always is: nothing is passed on the stack (see
:mod:`wasmwright.codegen.abi`), so there is nothing that could keep LLVM from it.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.codegen.abi import CTX_RT, FUNCREF_CODE, FUNCREF_CTX
from wasmwright.codegen.llvm.lower_emitter import Emitter
from wasmwright.codegen.llvm.lower_memory import widened
from wasmwright.codegen.llvm.lower_numeric import instruction_name
from wasmwright.codegen.llvm.lower_table import func_record, table64, table_length, table_place
from wasmwright.codegen.llvm.lower_type_test import func_matches, wanted_func
from wasmwright.codegen.llvm.lower_unit import (
    FIXED,
    TAG_RUNTIME,
    TAG_TABLE,
    Signature,
)
from wasmwright.errors import (
    TRAP_INDIRECT_CALL_TYPE,
    TRAP_NULL_FUNCTION,
    TRAP_UNDEFINED_ELEMENT,
    TRAP_UNINITIALIZED_ELEMENT,
)
from wasmwright.isa import slot

_CALL: Final = slot("call")
_CALL_INDIRECT: Final = slot("call_indirect")
_CALL_REF: Final = slot("call_ref")
_RETURN_CALL: Final = slot("return_call")
_RETURN_CALL_INDIRECT: Final = slot("return_call_indirect")


# Parameters beyond these are passed in memory (one register is the context's).
_PARAM_INTEGERS: Final = 5
_PARAM_FLOATS: Final = 8


def call_instruction(e: Emitter, opcode: i64) -> bool:
    """Lower an instruction of the family "call"; whether it ends the function."""
    if opcode == _CALL or opcode == _RETURN_CALL:
        _direct(e, e.reader.u32(), opcode == _RETURN_CALL)
        return opcode == _RETURN_CALL
    type_index: int = e.reader.u32()
    if opcode == _CALL_INDIRECT or opcode == _RETURN_CALL_INDIRECT:
        tail = opcode == _RETURN_CALL_INDIRECT
        record = _from_table(e, e.reader.u32(), type_index, instruction_name(opcode))
    else:
        tail = opcode != _CALL_REF
        record = e.pop()
        e.trap_if(e.define(f"icmp eq ptr {record}, null"), TRAP_NULL_FUNCTION)
    _by_record(e, record, e.unit.signature(type_index), tail)
    return tail


def _direct(e: Emitter, index: int, tail: bool) -> None:
    unit = e.unit
    signature = unit.signature(unit.module.all_funcs[index])
    if index in unit.members:
        _call(e, f"@f{index}", "%ctx", signature, tail)
    elif index < unit.imported_funcs:
        _by_record(e, func_record(e, index), signature, tail)
    else:
        code = e.define(
            f"load ptr, ptr {e.field(func_record(e, index), FUNCREF_CODE)}{TAG_RUNTIME}"
        )
        _call(e, code, "%ctx", signature, tail)


def _by_record(e: Emitter, record: str, signature: Signature, tail: bool) -> None:
    code = e.define(f"load ptr, ptr {e.field(record, FUNCREF_CODE)}{TAG_RUNTIME}")
    ctx = e.define(f"load ptr, ptr {e.field(record, FUNCREF_CTX)}{FIXED}")
    _call(e, code, ctx, signature, tail)


def _from_table(e: Emitter, table: int, type_index: int, name: str) -> str:
    """The record that a table holds at the index on the stack, once it is found to fit."""
    wanted = wanted_func(e, type_index)
    index = widened(e, e.pop(), table64(e, table))
    e.trap_if(e.define(f"icmp uge i64 {index}, {table_length(e, table)}"), TRAP_UNDEFINED_ELEMENT)
    record = e.define(f"load ptr, ptr {table_place(e, table, index)}{TAG_TABLE}")
    e.trap_if(e.define(f"icmp eq ptr {record}, null"), TRAP_UNINITIALIZED_ELEMENT)
    fits = func_matches(e, record, type_index, wanted)
    e.trap_if(e.define(f"xor i1 {fits}, true"), TRAP_INDIRECT_CALL_TYPE)
    return record


def _call(e: Emitter, code: str, ctx: str, signature: Signature, tail: bool) -> None:
    values = e.pop_settled(len(signature.params))
    arguments = [f"ptr {ctx}"]
    for i in range(len(values)):
        place = signature.param_places[i]
        if place < 0:
            arguments.append(f"{signature.param_types[i]} {values[i]}")
        else:
            put_in_area(e, place, signature.param_types[i], values[i])
    target = f"{signature.ret} {code}({', '.join(arguments)})"
    callee = f"call {target}"
    e.called()
    if tail:
        # In registers only, a `tail` call before a `ret` always becomes a jump.
        if signature.returned:
            e.out.append(f"ret {signature.ret} {e.define(f'tail {callee}{e.here()}')}\n")
        else:
            e.out.append(f"tail {callee}{e.here()}\nret void\n")
    else:
        callee = f"notail {callee} nomerge{e.here()}"
        after = ""
        if e.handlers:
            handler = e.handlers[-1]
            handler.invoked = True
            after = e.label()
            callee = f"invoke {target} to label %{after} unwind label %{handler.pad}{e.here()}"
        result = ""
        if signature.returned:
            result = e.define(callee)
        else:
            e.out.append(f"{callee}\n")
        if after:
            e.begin(after)
        _push_results(e, signature, result)


def _push_results(e: Emitter, signature: Signature, result: str) -> None:
    """Push what a call gave: ``result`` has what registers brought, the area the rest."""
    single = len(signature.returned) == 1
    taken = 0
    for i in range(len(signature.results)):
        place = signature.result_places[i]
        if place >= 0:
            at = e.field(e.record(CTX_RT), place)
            e.result(
                f"load {signature.result_types[i]}, ptr {at}{TAG_RUNTIME}", signature.results[i]
            )
        elif single:
            e.push(result, signature.results[i])
        else:
            e.result(f"extractvalue {signature.ret} {result}, {taken}", signature.results[i])
            taken += 1


def put_in_area(e: Emitter, place: int, llvm: str, value: str) -> None:
    """Write a value that goes through the argument area, at its offset in the runtime block."""
    at = e.field(e.record(CTX_RT), place)
    e.out.append(f"store {llvm} {value}, ptr {at}{TAG_RUNTIME}\n")
