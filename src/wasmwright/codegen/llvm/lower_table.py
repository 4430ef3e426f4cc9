"""Table, reference and global instructions (spec: Execution > Instructions).

A table is an array of pointers in its record; a reference is a pointer, null the null one.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.codegen.abi import (
    RT_TABLE_GROW,
    TABLE_ELEMENTS,
    TABLE_LENGTH,
)
from wasmwright.codegen.llvm.lower_emitter import BOOL, Emitter
from wasmwright.codegen.llvm.lower_memory import (
    drop_segment,
    end_of,
    move_bytes,
    push_size,
    runtime_function,
    segment,
    widened,
)
from wasmwright.codegen.llvm.lower_numeric import instruction_name
from wasmwright.codegen.llvm.lower_unit import (
    FIXED,
    TAG_GLOBAL,
    TAG_TABLE,
    Unsupported,
    llvm_type,
)
from wasmwright.errors import TRAP_NULL_REFERENCE, TRAP_TABLE
from wasmwright.isa import slot
from wasmwright.model.types import FUNCREF, NULL, REF

_GLOBAL_GET: Final = slot("global.get")
_TABLE_GET: Final = slot("table.get")
_TABLE_SET: Final = slot("table.set")
_TABLE_SIZE: Final = slot("table.size")
_TABLE_GROW: Final = slot("table.grow")
_TABLE_FILL: Final = slot("table.fill")
_TABLE_COPY: Final = slot("table.copy")
_TABLE_INIT: Final = slot("table.init")
_REF_NULL: Final = slot("ref.null")
_REF_IS_NULL: Final = slot("ref.is_null")
_REF_FUNC: Final = slot("ref.func")
_REF_AS_NON_NULL: Final = slot("ref.as_non_null")

_POINTER_SHIFT: Final = 3  # a table's entry is a pointer of 8 bytes


def global_instruction(e: Emitter, opcode: i64) -> None:
    """Lower ``global.get`` or ``global.set``."""
    index: int = e.reader.u32()
    layout = e.unit.layout
    globaltype = e.unit.module.all_globals[index]
    llvm = llvm_type(globaltype.valtype)
    offset = layout.global_offsets[index]
    cell = e.record(offset) if index < layout.imported_globals else e.context(offset)
    if opcode == _GLOBAL_GET:
        tag = TAG_GLOBAL if globaltype.mutable else FIXED
        e.result(f"load {llvm}, ptr {cell}{tag}", globaltype.valtype)
    else:
        value = e.settled(e.pop(), globaltype.valtype)
        e.out.append(f"store {e.unit.ordered}{llvm} {value}, ptr {cell}{TAG_GLOBAL}\n")


def reference_instruction(e: Emitter, opcode: i64) -> None:
    """Lower an instruction of the family "reference"."""
    if opcode == _REF_NULL:
        e.push("null", REF | NULL | e.reader.heaptype())
    elif opcode == _REF_IS_NULL:
        e.result(f"icmp eq ptr {e.pop()}, null", BOOL)
    elif opcode == _REF_FUNC:
        e.push(func_record(e, e.reader.u32()), FUNCREF)
    elif opcode == _REF_AS_NON_NULL:
        valtype = e.types[-1]
        value = e.pop()
        e.trap_if(e.define(f"icmp eq ptr {value}, null"), TRAP_NULL_REFERENCE)
        e.push(value, valtype & ~NULL)
    else:
        raise Unsupported(instruction_name(opcode))


def func_record(e: Emitter, index: int) -> str:
    """The funcref record of a function of the module."""
    offset = e.unit.layout.func(index)
    return e.record(offset) if index < e.unit.imported_funcs else e.context(offset)


def table_instruction(e: Emitter, opcode: i64) -> None:
    """Lower an instruction of the family "table"."""
    if opcode == _TABLE_GET:
        table: int = e.reader.u32()
        place = _entry(e, table, e.pop())
        e.result(f"load ptr, ptr {place}{TAG_TABLE}", e.unit.module.all_tables[table].element)
    elif opcode == _TABLE_SET:
        table = e.reader.u32()
        value = e.pop()
        place = _entry(e, table, e.pop())
        e.out.append(f"store {e.unit.ordered}ptr {value}, ptr {place}{TAG_TABLE}\n")
    elif opcode == _TABLE_SIZE:
        table = e.reader.u32()
        push_size(e, table_length(e, table), table64(e, table))
    elif opcode == _TABLE_GROW:
        _grow(e)
    elif opcode == _TABLE_FILL:
        _fill(e)
    elif opcode == _TABLE_COPY:
        _copy(e)
    elif opcode == _TABLE_INIT:
        _init(e)
    else:
        drop_segment(e, e.unit.layout.elem(e.reader.u32()))


def table64(e: Emitter, table: int) -> bool:
    """Whether a table's indices are i64."""
    return e.unit.module.all_tables[table].limits.address64


def table_length(e: Emitter, table: int) -> str:
    """The number of a table's entries, an i64: a literal where it cannot change."""
    limits = e.unit.module.all_tables[table].limits
    if limits.max == limits.min:
        return str(limits.min)
    record = e.record(e.unit.layout.table(table))
    return e.define(f"load i64, ptr {e.field(record, TABLE_LENGTH)}{TAG_TABLE}")


def table_place(e: Emitter, table: int, index: str) -> str:
    """The address of an entry, its index an i64 within the table."""
    record = e.record(e.unit.layout.table(table))
    # The array has its place from the start, whatever the table grows to.
    elements = e.define(f"load ptr, ptr {e.field(record, TABLE_ELEMENTS)}{FIXED}")
    return e.define(f"getelementptr ptr, ptr {elements}, i64 {index}")


def _entry(e: Emitter, table: int, operand: str) -> str:
    index = widened(e, operand, table64(e, table))
    e.trap_if(e.define(f"icmp uge i64 {index}, {table_length(e, table)}"), TRAP_TABLE)
    return table_place(e, table, index)


def _grow(e: Emitter) -> None:
    table: int = e.reader.u32()
    delta = widened(e, e.pop(), table64(e, table))
    value = e.pop()
    function = runtime_function(e, RT_TABLE_GROW)
    old = e.define(
        f"call i64 {function}(ptr %ctx, i32 {table}, ptr {value}, i64 {delta}){e.here()}"
    )
    e.called()
    push_size(e, old, table64(e, table))


def _fill(e: Emitter) -> None:
    table: int = e.reader.u32()
    is64 = table64(e, table)
    count = widened(e, e.pop(), is64)
    value = e.pop()
    to = widened(e, e.pop(), is64)
    end = end_of(e, to, count, not is64)
    e.trap_if(e.define(f"icmp ugt i64 {end}, {table_length(e, table)}"), TRAP_TABLE)
    first = table_place(e, table, to)
    last = e.define(f"getelementptr ptr, ptr {first}, i64 {count}")
    before = e.block
    head, body, done = e.label(), e.label(), e.label()
    e.out.append(f"br label %{head}\n")
    e.begin(head)
    at = e.new()
    after = f"%{body}n"
    e.out.append(f"{at} = phi ptr [ {first}, %{before} ], [ {after}, %{body} ]\n")
    more = e.define(f"icmp ne ptr {at}, {last}")
    e.out.append(f"br i1 {more}, label %{body}, label %{done}\n")
    e.begin(body)
    e.out.append(f"store {e.unit.ordered}ptr {value}, ptr {at}{TAG_TABLE}\n")
    e.out.append(f"{after} = getelementptr i8, ptr {at}, i64 {1 << _POINTER_SHIFT}\n")
    e.out.append(f"br label %{head}\n")
    e.begin(done)


def _copy(e: Emitter) -> None:
    to_table: int = e.reader.u32()
    from_table: int = e.reader.u32()
    to64, from64 = table64(e, to_table), table64(e, from_table)
    count = widened(e, e.pop(), to64 and from64)
    source = widened(e, e.pop(), from64)
    to = widened(e, e.pop(), to64)
    to_end = end_of(e, to, count, not to64)
    from_end = end_of(e, source, count, not from64)
    outside = e.define(f"icmp ugt i64 {to_end}, {table_length(e, to_table)}")
    beyond = e.define(f"icmp ugt i64 {from_end}, {table_length(e, from_table)}")
    e.trap_if(e.define(f"or i1 {outside}, {beyond}"), TRAP_TABLE)
    target = table_place(e, to_table, to)
    origin = table_place(e, from_table, source)
    move_bytes(e, target, origin, e.define(f"shl i64 {count}, {_POINTER_SHIFT}"))


def _init(e: Emitter) -> None:
    elem: int = e.reader.u32()
    table: int = e.reader.u32()
    is64 = table64(e, table)
    count = widened(e, e.pop(), False)
    source = widened(e, e.pop(), False)
    to = widened(e, e.pop(), is64)
    pointer, available = segment(e, e.unit.layout.elem(elem))
    out_of_elem = e.define(f"icmp ugt i64 {end_of(e, source, count, True)}, {available}")
    end = end_of(e, to, count, not is64)
    outside = e.define(f"icmp ugt i64 {end}, {table_length(e, table)}")
    e.trap_if(e.define(f"or i1 {out_of_elem}, {outside}"), TRAP_TABLE)
    target = table_place(e, table, to)
    origin = e.define(f"getelementptr ptr, ptr {pointer}, i64 {source}")
    move_bytes(e, target, origin, e.define(f"shl i64 {count}, {_POINTER_SHIFT}"))
