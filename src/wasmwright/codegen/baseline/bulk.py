"""Instructions on whole memories and tables (spec: Execution > Instructions > Memory Instructions,
Table Instructions).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.codegen.baseline.emitter import Emitter
from wasmwright.codegen.baseline.library import TYPE_I32, TYPE_I64
from wasmwright.codegen.baseline.operations import apply, calling
from wasmwright.isa import BY_SLOT, slot

_MEMORY_INIT: Final = slot("memory.init")
_MEMORY_COPY: Final = slot("memory.copy")
_MEMORY_GROW: Final = slot("memory.grow")
_MEMORY_SIZE: Final = slot("memory.size")
_DATA_DROP: Final = slot("data.drop")
_TABLE_INIT: Final = slot("table.init")
_ELEM_DROP: Final = slot("elem.drop")
_TABLE_COPY: Final = slot("table.copy")
_TABLE_GROW: Final = slot("table.grow")
_TABLE_GET: Final = slot("table.get")
_TABLE_SET: Final = slot("table.set")
_TABLE_SIZE: Final = slot("table.size")


def memory_instruction(e: Emitter, opcode: i64) -> None:
    """Compile an instruction of the family "memory"."""
    reader = e.reader
    library = e.library
    if opcode == _DATA_DROP:
        data: int = reader.u32()
        apply(e, library.family("data.drop"), 0, -1, 0, e.layout.data(data))
        return
    if opcode == _MEMORY_COPY:
        to: int = reader.u32()
        origin: int = reader.u32()
        memories = e.module.all_memories
        suffix = _between(memories[to].limits.address64, memories[origin].limits.address64)
        family = library.family("memory.copy" + suffix)
        calling(e, family, 3, -1, e.layout.memory(to), e.layout.memory(origin))
        return
    segment: int = reader.u32() if opcode == _MEMORY_INIT else 0
    memory: int = reader.u32()
    limits = e.module.all_memories[memory].limits
    suffix = ".q" if limits.address64 else ""
    at = TYPE_I64 if limits.address64 else TYPE_I32
    place = e.layout.memory(memory)
    if opcode == _MEMORY_SIZE:
        if limits.page_size_log2 == 0:
            suffix = ".bq" if limits.address64 else ".b"
        apply(e, library.family("memory.size" + suffix), 0, at, place, place)
    elif opcode == _MEMORY_GROW:
        calling(e, library.family(f"memory.grow{suffix}"), 1, at, place, memory)
    elif opcode == _MEMORY_INIT:
        family = library.family(f"memory.init{suffix}")
        calling(e, family, 3, -1, place, e.layout.data(segment))
    else:
        calling(e, library.family(f"memory.fill{suffix}"), 3, -1, place, 0)


def _between(to64: bool, from64: bool) -> str:
    """The end of the name of the family for two memories or tables."""
    if to64:
        return ".q" if from64 else ".to"
    return ".from" if from64 else ""


def table_instruction(e: Emitter, opcode: i64) -> None:
    """Compile an instruction of the family "table"."""
    reader = e.reader
    library = e.library
    if opcode == _ELEM_DROP:
        dropped: int = reader.u32()
        apply(e, library.family("elem.drop"), 0, -1, 0, e.layout.elem(dropped))
        return
    segment: int = reader.u32() if opcode == _TABLE_INIT else 0
    table: int = reader.u32()
    other: int = reader.u32() if opcode == _TABLE_COPY else table
    tables = e.module.all_tables
    is64 = tables[table].limits.address64
    at = TYPE_I64 if is64 else TYPE_I32
    row = BY_SLOT[opcode]
    assert row is not None
    family = library.family(row.name + _between(is64, tables[other].limits.address64))
    place = e.layout.table(table)
    if opcode == _TABLE_GET:
        e.mark()
        apply(e, family, 1, TYPE_I64, place, 0)
    elif opcode == _TABLE_SET:
        e.mark()
        apply(e, family, 2, -1, place, 0)
    elif opcode == _TABLE_SIZE:
        apply(e, family, 0, at, place, 0)
    elif opcode == _TABLE_GROW:
        calling(e, family, 2, at, place, table)
    elif opcode == _TABLE_INIT:
        calling(e, family, 3, -1, place, e.layout.elem(segment))
    elif opcode == _TABLE_COPY:
        calling(e, family, 3, -1, place, e.layout.table(other))
    else:
        calling(e, family, 3, -1, place, 0)
