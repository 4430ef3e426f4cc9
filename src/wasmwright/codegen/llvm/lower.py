"""WebAssembly functions to the text of LLVM IR.

Reads a validated module's function bodies, byte for byte, and produces one unit of LLVM IR
text that defines each as ``@f<index>`` (see :mod:`wasmwright.codegen.abi` for what
they are passed and where they find things). Everything the semantics of the spec leaves to
the hardware or to LLVM is named where it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mypy_extensions import i64

from wasmwright import tuning
from wasmwright.binary.bodies import carried, merges
from wasmwright.binary.cursor import OPENS, read_opcode, skip_immediates
from wasmwright.codegen.abi import Layout
from wasmwright.codegen.llvm.lower_aggregate import aggregate_instruction
from wasmwright.codegen.llvm.lower_atomic import atomic_instruction
from wasmwright.codegen.llvm.lower_call import call_instruction
from wasmwright.codegen.llvm.lower_cast import cast_instruction
from wasmwright.codegen.llvm.lower_control import control_instruction, else_, open_function
from wasmwright.codegen.llvm.lower_definition import definition
from wasmwright.codegen.llvm.lower_emitter import Emitter
from wasmwright.codegen.llvm.lower_entry import enter_here
from wasmwright.codegen.llvm.lower_exceptions import end_instruction, exception_instruction
from wasmwright.codegen.llvm.lower_memory import load, memory_instruction, store
from wasmwright.codegen.llvm.lower_numeric import OPS, instruction_name, numeric
from wasmwright.codegen.llvm.lower_simd import vector
from wasmwright.codegen.llvm.lower_simd_memory import vector_load, vector_store
from wasmwright.codegen.llvm.lower_simd_ops import VECTOR_OPS
from wasmwright.codegen.llvm.lower_table import (
    global_instruction,
    reference_instruction,
    table_instruction,
)
from wasmwright.codegen.llvm.lower_unit import Options, Unit, Unsupported, llvm_type
from wasmwright.isa import INSTRUCTIONS, SLOTS, slot
from wasmwright.model.module import Module
from wasmwright.model.types import REF

# What lowers an instruction.
_UNSUPPORTED: Final = 0
_NUMERIC: Final = 1
_LOCAL_GET: Final = 2
_LOCAL_SET: Final = 3
_LOCAL_TEE: Final = 4
_LOAD: Final = 5
_STORE: Final = 6
_CONTROL: Final = 7
_CALL: Final = 8
_GLOBAL: Final = 9
_DROP: Final = 10
_SELECT: Final = 11
_SELECT_TYPED: Final = 12
_MEMORY: Final = 13
_TABLE: Final = 14
_REFERENCE: Final = 15
_VECTOR: Final = 16
_VECTOR_LOAD: Final = 17
_VECTOR_STORE: Final = 18
_EXCEPTION: Final = 19
_END_OF_BLOCK: Final = 20
_ATOMIC: Final = 21
_AGGREGATE: Final = 22
_CAST: Final = 23

_BY_FAMILY: Final[dict[str, int]] = {
    "load": _LOAD,
    "store": _STORE,
    "control": _CONTROL,
    "call": _CALL,
    "variable": _GLOBAL,
    "memory": _MEMORY,
    "atomic.load": _ATOMIC,
    "atomic.store": _ATOMIC,
    "atomic.rmw": _ATOMIC,
    "atomic.cmpxchg": _ATOMIC,
    "atomic.wait": _ATOMIC,
    "atomic.notify": _ATOMIC,
    "atomic.fence": _ATOMIC,
    "aggregate": _AGGREGATE,
    "table": _TABLE,
    "reference": _REFERENCE,
    "vload": _VECTOR_LOAD,
    "vload_lane": _VECTOR_LOAD,
    "vstore": _VECTOR_STORE,
    "vstore_lane": _VECTOR_STORE,
}
_BY_NAME: Final[dict[str, int]] = {
    "local.get": _LOCAL_GET,
    "local.set": _LOCAL_SET,
    "local.tee": _LOCAL_TEE,
    "drop": _DROP,
    "end": _END_OF_BLOCK,
    "try": _EXCEPTION,
    "catch": _EXCEPTION,
    "throw": _EXCEPTION,
    "rethrow": _EXCEPTION,
    "throw_ref": _EXCEPTION,
    "delegate": _EXCEPTION,
    "catch_all": _EXCEPTION,
    "try_table": _EXCEPTION,
    "ref.eq": _CAST,
    "ref.test": _CAST,
    "ref.cast": _CAST,
    "br_on_cast": _CAST,
    "br_on_cast_fail": _CAST,
    "any.convert_extern": _CAST,
    "extern.convert_any": _CAST,
    "ref.i31": _CAST,
    "i31.get_s": _CAST,
    "i31.get_u": _CAST,
}


def _handlers() -> list[int]:
    handlers = [_UNSUPPORTED] * SLOTS
    for row in INSTRUCTIONS:
        if OPS[row.slot] is not None:
            handlers[row.slot] = _NUMERIC
        elif VECTOR_OPS[row.slot] is not None:
            handlers[row.slot] = _VECTOR
        elif row.name == "select":
            handlers[row.slot] = _SELECT_TYPED if row.immediates else _SELECT
        else:
            handlers[row.slot] = _BY_NAME.get(row.name, _BY_FAMILY.get(row.family, _UNSUPPORTED))
    return handlers


# By slot.
_HANDLERS: Final[list[int]] = _handlers()

_ELSE: Final = slot("else")
_END: Final = slot("end")
_DELEGATE: Final = slot("delegate")
_CATCHES: Final = (slot("catch"), slot("catch_all"))


class Lowered:
    """The LLVM IR of one unit, whether a few passes get all out of it, and how far LLVM may go."""

    def __init__(self, text: str, plain: bool, huge: bool) -> None:
        self.text: str = text
        self.plain: bool = plain
        self._huge: bool = huge

    def level(self, wanted: int) -> int:
        """The level to compile at: 0 where others would take more memory than there may be."""
        return 0 if self._huge else wanted


def lower_unit(module: Module, layout: Layout, funcs: Sequence[int], options: Options) -> str:
    """The text of :func:`lower`."""
    return lower(module, layout, funcs, options).text


def lower(
    module: Module,
    layout: Layout,
    funcs: Sequence[int],
    options: Options,
    entered: tuple[int, int, int] | None = None,
) -> Lowered:
    """The LLVM IR of one unit: the functions with these indices, which must be valid.

    ``entered`` has it define ``@o<index>``, too: a function that goes on at the head of a loop
    where other code left off. It is the function's index, the loop's offset in the binary, and
    the bytes that a local takes up in the frame whose address it is passed (behind ``ctx``): see
    `lower_entry`. Raises :class:`Unsupported` for an instruction that has
    no lowering yet, OverflowError for what LLVM should not be asked to compile.
    """
    members = list(funcs)
    for func in members:
        _refuse_heavy(module, func)
    unit = Unit(module, layout, options, members)
    functions = [_function(unit, func, -1, 0) for func in members]
    if entered is not None:
        functions.append(_function(unit, entered[0], entered[1], entered[2]))
    unit.resolve()
    lines = ["".join(function) for function in functions]
    lines.append(unit.epilogue())
    longest, together = 0, 0
    for func in members:
        number = func - module.imported_funcs
        code = module.codes[number]
        longest = max(longest, code.end - code.start)
        together += merges(module, number, tuning.MOST_MERGES)
    plain = longest <= tuning.PLAIN_BODY and together <= tuning.PLAIN_MERGES
    return Lowered("".join(lines), plain and not unit.gains, together > tuning.MOST_MERGES)


def _refuse_heavy(module: Module, func: int) -> None:
    """Raises OverflowError for a function for which LLVM would take gigabytes."""
    most = tuning.MOST_CARRIED
    if carried(module, func - module.imported_funcs, most) > most:
        raise OverflowError(f"branches of function {func} carry more than {most} operands")


def _function(unit: Unit, func: int, entry: i64, step: i64) -> list[str]:
    e = Emitter(unit, func)
    e.entry = entry
    e.entry_step = step
    if entry >= 0:
        e.scope = unit.entered_scope(func)
    reader = e.reader
    open_function(e)
    while e.frames:
        e.offset = reader.pos
        e.origin = 0
        if e.offset == entry and e.plan is None:
            enter_here(e)
        opcode = read_opcode(reader)
        if e.dead:
            _dead(e, opcode)
            continue
        if e.meter is not None:
            e.consume(opcode, e.meter)
        handler: i64 = _HANDLERS[opcode]
        if handler == _LOCAL_GET:
            e.local_get(reader.u32())
        elif handler == _NUMERIC:
            numeric(e, opcode)
        elif handler == _LOCAL_SET:
            e.local_set(reader.u32(), e.pop())
        elif handler == _LOCAL_TEE:
            _local_tee(e)
        elif handler == _LOAD:
            load(e, opcode)
        elif handler == _STORE:
            store(e, opcode)
        elif handler == _END_OF_BLOCK:
            end_instruction(e)
        elif handler == _CONTROL:
            control_instruction(e, opcode)
        elif handler == _CALL:
            e.dead = call_instruction(e, opcode)
        elif handler == _GLOBAL:
            global_instruction(e, opcode)
        elif handler == _DROP:
            e.drop(1)
        elif handler == _SELECT:
            _select(e)
        elif handler == _SELECT_TYPED:
            _select_typed(e)
        elif handler == _VECTOR:
            unit.gains = True
            _need_vectors(e, opcode)
            vector(e, opcode)
        elif handler == _VECTOR_LOAD:
            _need_vectors(e, opcode)
            vector_load(e, opcode)
        elif handler == _VECTOR_STORE:
            vector_store(e, opcode)
        elif handler == _MEMORY:
            memory_instruction(e, opcode)
        elif handler == _TABLE:
            table_instruction(e, opcode)
        elif handler == _REFERENCE:
            reference_instruction(e, opcode)
        elif handler == _AGGREGATE:
            unit.gains = True
            aggregate_instruction(e, opcode)
        elif handler == _CAST:
            unit.gains = True
            cast_instruction(e, opcode)
        elif handler == _EXCEPTION:
            exception_instruction(e, opcode)
        elif handler == _ATOMIC:
            atomic_instruction(e, opcode)
        else:
            raise Unsupported(instruction_name(opcode))
        depth: i64 = len(e.vals)
        if depth > e.max_stack:
            e.max_stack = depth
    assert entry < 0 or e.entry_label, "a loop that is to be entered was not found"
    return definition(e)


def _need_vectors(e: Emitter, opcode: i64) -> None:
    if not e.unit.swizzle:
        raise Unsupported(f"{instruction_name(opcode)} for {e.unit.options.arch}")


def _dead(e: Emitter, opcode: i64) -> None:
    """Step over an instruction that is never reached."""
    if opcode == _END:
        if e.nesting == 0:
            end_instruction(e)
        else:
            e.nesting -= 1
    elif opcode == _ELSE:
        if e.nesting == 0:
            else_(e)
    elif e.nesting == 0 and (opcode == _DELEGATE or opcode in _CATCHES):
        exception_instruction(e, opcode)
    else:
        if OPENS[opcode]:
            e.nesting += 1
        elif opcode == _DELEGATE:
            e.nesting -= 1
        skip_immediates(e.reader, opcode)


def _local_tee(e: Emitter) -> None:
    index = e.reader.u32()
    value = e.pop()
    e.local_set(index, value)
    e.push(value, e.local_types[index])


def _select(e: Emitter) -> None:
    condition = e.pop_condition()
    values = e.top(2)
    valtype = e.types[-1]
    e.drop(2)
    for value in values:
        e.takes(value)
    llvm = llvm_type(valtype)
    e.result(f"select i1 {condition}, {llvm} {values[0]}, {llvm} {values[1]}", valtype)


def _select_typed(e: Emitter) -> None:
    e.reader.u32()  # one type
    valtype: int = e.reader.valtype()
    _select(e)
    if valtype & REF:
        # The operands may be of different subtypes, and null only one of them.
        e.types[-1] = valtype


__all__ = ["Lowered", "Options", "Unsupported", "lower", "lower_unit"]
