"""Module instances (spec: Execution > Modules > Instantiation).

Reads a module's code and its resolved imports; produces an instance with its native context.
What users hold is ``wasmwright.api.Instance``, which refers to this; nothing here refers
back to exported function objects, so an instance goes as soon as the last of them does.
"""

from __future__ import annotations

import ctypes
import weakref
from array import array
from dataclasses import dataclass, field
from typing import Any

from wasmwright import errors
from wasmwright.codegen import abi
from wasmwright.model import types
from wasmwright.model.canon import canonicalize
from wasmwright.model.module import ACTIVE, DECLARATIVE, Expr
from wasmwright.runtime import constexpr, func, native, references
from wasmwright.runtime.block import Block, join
from wasmwright.runtime.code import ModuleCode
from wasmwright.runtime.globals import Global
from wasmwright.runtime.memory import Memory
from wasmwright.runtime.table import Table


@dataclass
class Externs:
    """Resolved imports, each list in the order of its index space."""

    funcs: list[int] = field(default_factory=list)  # funcref records
    func_owners: list[Any] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)
    globals: list[Global] = field(default_factory=list)


class Instance:
    """The runtime's side of an instance; also a Member of a block and an Owner of funcrefs.

    ``memories`` are the imported ones and then new ones for those that the module defines;
    ``code`` must be of the mode that fits them all.
    """

    def __init__(self, code: ModuleCode, externs: Externs, memories: list[Memory]) -> None:
        module = code.module
        self.code = code
        self.module = module
        self._kept: set[object] = set()
        self._externs = externs
        self._wrappers: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        # What users hold, while somebody does; api.Instance sets it.
        self.handle: weakref.ref[Any] | None = None
        self._memory = ctypes.create_string_buffer(code.layout.size + 16)
        self.context = (ctypes.addressof(self._memory) + 15) & -16
        references.owners[self.context] = self
        Block().add(self)
        self._fill_types()
        code.attach(self)
        self._fill_funcs()
        self._link_funcs()
        self.memories = memories
        self._fill_memories()
        self.tables = self._fill_tables()
        self.globals = self._fill_globals()
        self._fill_segments()
        native.get().watch_signals()

    # -- Member and Owner ----------------------------------------------------------------

    def set_block(self, block: Block) -> None:
        """Implements Member."""
        self.block = block
        native.write64(self.context + abi.CTX_RT, block.address)

    def keep(self, other: object) -> None:
        """Implements Owner."""
        self._kept.add(other)

    def wrap(self, record: int) -> Any:
        """Implements Owner."""
        found = self._wrappers.get(record)
        if found is None:
            number = (record - self.context - self.code.layout.funcs) // abi.FUNCREF_SIZE
            index = number + self.module.imported_funcs
            name = self.code.name(index) or f"func[{index}]"
            info = func.FuncInfo(self.module.func_type(index), name, index, self)
            found = func.make(record, info)
            self._wrappers[record] = found
        return found

    def func_record(self, index: int) -> int:
        """The funcref record of a function in the module's index space."""
        if index < self.module.imported_funcs:
            return self._externs.funcs[index]
        return self.context + self.code.layout.func(index)

    def func(self, index: int) -> Any:
        """The function object of a function in the module's index space."""
        record = self.func_record(index)
        return references.owner_of(record).wrap(record)

    # -- filling the context -------------------------------------------------------------

    def _words(self, offset: int, values: array[int]) -> None:
        address, count = values.buffer_info()
        ctypes.memmove(self.context + offset, address, 8 * count)

    def _fill_types(self) -> None:
        self._type_ids = canonicalize(self.module)
        self._words(self.code.layout.type_ids, array("Q", self._type_ids))

    def _fill_funcs(self) -> None:
        count = len(self.module.funcs)
        if count:
            words = array("Q", bytes(abi.FUNCREF_SIZE * count))
            stride = abi.FUNCREF_SIZE // 8
            words[abi.FUNCREF_CODE // 8 :: stride] = self.code.entries()
            words[abi.FUNCREF_CTX // 8 :: stride] = array("Q", [self.context]) * count
            ids = self._type_ids
            words[abi.FUNCREF_TYPE // 8 :: stride] = array("Q", [ids[i] for i in self.module.funcs])
            self._words(self.code.layout.funcs, words)

    def _link_funcs(self) -> None:
        for index, record in enumerate(self._externs.funcs):
            native.write64(self.context + self.code.layout.func(index), record)
            owner = self._externs.func_owners[index]
            join(self.block, owner.block)
            # Only a call that passes references can leave one of ours on the other side.
            func_type = self.module.func_type(index)
            if any(map(types.is_ref, func_type.params + func_type.results)):
                references.link(self, owner)

    def _fill_memories(self) -> None:
        for index, memory in enumerate(self.memories):
            at = self.context + self.code.layout.memory(index)
            native.write64(at, memory.base)
            native.write64(at + 8, memory.record)

    def _fill_tables(self) -> list[Table]:
        for table in self._externs.tables:
            references.open_to(table, self)
        found = list(self._externs.tables)
        for defined in self.module.tables:
            table = Table.from_type(defined.type)
            table.block = self.block
            found.append(table)
        for index, table in enumerate(found):
            native.write64(self.context + self.code.layout.table(index), table.record)
        return found

    def _fill_globals(self) -> list[Global]:
        layout = self.code.layout
        found = list(self._externs.globals)
        for index, imported in enumerate(found):
            native.write64(self.context + layout.global_offsets[index], imported.address)
            if types.is_ref(imported.type.valtype):
                if imported.owner is None:
                    references.open_to(imported, self)
                else:
                    references.link(self, imported.owner)
        self.globals = found
        for defined in self.module.globals:
            address = self.context + layout.global_offsets[len(found)]
            value = self.evaluate(defined.init)
            ctypes.memmove(address, value.to_bytes(16, "little"), 16)
            found.append(Global.of_owner(defined.type, address, self))
        for table, defined_table in zip(
            self.tables[self.module.imported_tables :], self.module.tables, strict=True
        ):
            if defined_table.init is not None and len(table):
                table.fill_raw(0, [self.evaluate(defined_table.init)] * len(table))
        return found

    def evaluate(self, expr: Expr) -> int:
        """The value of one of the module's constant expressions, as a machine word."""
        return constexpr.evaluate(
            self.module, expr, lambda index: self.globals[index].raw(), self.func_record
        )

    def _fill_segments(self) -> None:
        layout = self.code.layout
        data = self.module.data
        start = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0
        for index, segment in enumerate(self.module.datas):
            at = self.context + layout.data(index)
            native.write64(at + abi.SEGMENT_POINTER, start + segment.start)
            native.write64(at + abi.SEGMENT_LENGTH, segment.end - segment.start)
        self._elems: list[array[int]] = []
        for index, elem in enumerate(self.module.elems):
            if elem.flags & 4:
                refs = array("Q", [self.evaluate(expr) for expr in elem.exprs])
            else:
                refs = array("Q", map(self.func_record, elem.funcs))
            self._elems.append(refs)
            address, count = refs.buffer_info()
            at = self.context + layout.elem(index)
            native.write64(at + abi.SEGMENT_POINTER, address if count else 0)
            native.write64(at + abi.SEGMENT_LENGTH, count)

    def restrict(self, memory: int | None, table: int | None) -> None:
        """Bounds how far its own memories, in bytes, and tables, in entries, may grow."""
        if memory is not None:
            for each in self.memories[self.module.imported_memories :]:
                each.restrict(memory)
        if table is not None:
            for other in self.tables[self.module.imported_tables :]:
                other.restrict(table)

    # -- running -------------------------------------------------------------------------

    def initialize(self) -> None:
        """Writes the active segments and calls the start function.

        Raises Trap; what was written before stays written.
        """
        layout = self.code.layout
        for index, elem in enumerate(self.module.elems):
            if elem.mode == ACTIVE:
                assert elem.offset is not None
                table = self.tables[elem.table]
                start = self._offset(elem.offset, table.address64)
                refs = self._elems[index]
                if start + len(refs) > len(table):
                    raise errors.Trap(
                        errors.TRAP_KINDS[errors.TRAP_TABLE],
                        detail=f"element segment {index} of {len(refs)} entries at {start} "
                        f"does not fit the table of {len(table)}",
                    )
                if refs:
                    table.fill_raw(start, list(refs))
            if elem.mode in (ACTIVE, DECLARATIVE):
                native.write64(self.context + layout.elem(index) + abi.SEGMENT_LENGTH, 0)
        for index, segment in enumerate(self.module.datas):
            if segment.mode == ACTIVE:
                assert segment.offset is not None
                memory = self.memories[segment.memory]
                start = self._offset(segment.offset, memory.address64)
                size = segment.end - segment.start
                if start + size > len(memory):
                    raise errors.Trap(
                        errors.TRAP_KINDS[errors.TRAP_MEMORY],
                        detail=f"data segment {index} of {size} bytes at {start} "
                        f"does not fit the memory of {len(memory)}",
                    )
                source = native.read64(self.context + layout.data(index))
                ctypes.memmove(memory.base + start, source, size)
                native.write64(self.context + layout.data(index) + abi.SEGMENT_LENGTH, 0)
        if self.module.start is not None:
            self.func(self.module.start)()

    def _offset(self, expr: Expr, address64: bool) -> int:
        value = self.evaluate(expr)
        return value & ((1 << 64) - 1 if address64 else (1 << 32) - 1)

    # -- called by compiled code through runtime.helpers ----------------------------------

    def grow_memory(self, index: int, delta: int) -> int:
        """The instruction memory.grow; -1 where it fails."""
        return self.memories[index].try_grow(delta)

    def grow_table(self, index: int, delta: int, init: int) -> int:
        """The instruction table.grow; -1 where it fails."""
        return self.tables[index].try_grow(delta, init)

    def set_code(self, number: int, address: int) -> None:
        """Implements Client."""
        record = self.context + self.code.layout.funcs + abi.FUNCREF_SIZE * number
        native.write64(record + abi.FUNCREF_CODE, address)
