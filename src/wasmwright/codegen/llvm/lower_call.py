"""Calls (spec: Execution > Instructions > Control Instructions, Function Calls).

Inside a unit a call names its callee, so that LLVM may inline it. Any other callee's code is
loaded from its record: it may be compiled later, and be compiled again.

An ordinary call is never made a jump by LLVM (``notail``): a runaway recursion must exhaust
the stack and trap. A tail call always is (``musttail``, or ``tail`` where that is broken).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.codegen.abi import FUNCREF_CODE, FUNCREF_CTX, FUNCREF_TYPE
from wasmwright.codegen.llvm.lower_emitter import Emitter
from wasmwright.codegen.llvm.lower_memory import widened
from wasmwright.codegen.llvm.lower_numeric import instruction_name
from wasmwright.codegen.llvm.lower_table import func_record, table64, table_length, table_place
from wasmwright.codegen.llvm.lower_unit import (
    FIXED,
    TAG_RUNTIME,
    TAG_TABLE,
    Signature,
    Unsupported,
)
from wasmwright.errors import (
    TRAP_INDIRECT_CALL_TYPE,
    TRAP_NULL_FUNCTION,
    TRAP_UNDEFINED_ELEMENT,
    TRAP_UNINITIALIZED_ELEMENT,
)
from wasmwright.isa import slot
from wasmwright.model.types import F32, F64, V128

_CALL: Final = slot("call")
_CALL_INDIRECT: Final = slot("call_indirect")
_CALL_REF: Final = slot("call_ref")
_RETURN_CALL: Final = slot("return_call")
_RETURN_CALL_INDIRECT: Final = slot("return_call_indirect")

# Results beyond these are returned in memory, which LLVM cannot do from a tail call.
_RESULT_INTEGERS: Final = 3
_RESULT_FLOATS: Final = 4

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
    unit = e.unit
    if not unit.module.types[type_index].final:
        raise Unsupported(f"{name} of a type that is not final")
    index = widened(e, e.pop(), table64(e, table))
    e.trap_if(e.define(f"icmp uge i64 {index}, {table_length(e, table)}"), TRAP_UNDEFINED_ELEMENT)
    record = e.define(f"load ptr, ptr {table_place(e, table, index)}{TAG_TABLE}")
    e.trap_if(e.define(f"icmp eq ptr {record}, null"), TRAP_UNINITIALIZED_ELEMENT)
    actual = e.define(f"load i64, ptr {e.field(record, FUNCREF_TYPE)}{FIXED}")
    wanted_at = e.context(unit.layout.type_id(type_index))
    wanted = e.define(f"load i64, ptr {wanted_at}{FIXED}")
    e.trap_if(e.define(f"icmp ne i64 {actual}, {wanted}"), TRAP_INDIRECT_CALL_TYPE)
    return record


def _call(e: Emitter, code: str, ctx: str, signature: Signature, tail: bool) -> None:
    values = e.pop_settled(len(signature.params))
    arguments = [f"ptr {ctx}"]
    for i in range(len(values)):
        arguments.append(f"{signature.param_types[i]} {values[i]}")
    callee = f"call tailcc {signature.ret} {code}({', '.join(arguments)})"
    e.called()
    if tail and _returned_in_registers(signature):
        # LLVM 22 loses what a `musttail` call passes in memory (llvm-project issue 199224); of
        # this convention a `tail` call before a `ret` is made a jump just as surely.
        plain = _passed_in_registers(signature) and _passed_in_registers(e.signature)
        _return(e, f"{'must' if plain else ''}tail {callee}", signature)
    elif tail:
        _return(e, f"notail {callee}", signature)
    elif not signature.results:
        e.out.append(f"notail {callee}\n")
    else:
        result = e.define(f"notail {callee}")
        if len(signature.results) == 1:
            e.push(result, signature.results[0])
        else:
            for i in range(len(signature.results)):
                e.result(f"extractvalue {signature.ret} {result}, {i}", signature.results[i])


def _return(e: Emitter, callee: str, signature: Signature) -> None:
    if signature.results:
        e.out.append(f"ret {signature.ret} {e.define(callee)}\n")
    else:
        e.out.append(f"{callee}\nret void\n")


def _returned_in_registers(signature: Signature) -> bool:
    floats = _floats(signature.results)
    return floats <= _RESULT_FLOATS and len(signature.results) - floats <= _RESULT_INTEGERS


def _passed_in_registers(signature: Signature) -> bool:
    floats = _floats(signature.params)
    return floats <= _PARAM_FLOATS and len(signature.params) - floats <= _PARAM_INTEGERS


def _floats(valtypes: list[int]) -> int:
    count = 0
    for valtype in valtypes:
        if valtype == F32 or valtype == F64 or valtype == V128:
            count += 1
    return count
