"""Module instances (spec: Execution > Modules > Instantiation).

Reads a module's code and its resolved imports; produces an instance with its native context.
What users hold is ``wasmwright.api.Instance``, which refers to this; nothing here refers
back to exported function objects, so an instance goes as soon as the last of them does.
"""

from __future__ import annotations

import ctypes
import weakref
from array import array
from collections.abc import Sequence
from typing import Any, Final

from wasmwright import errors
from wasmwright.codegen import abi
from wasmwright.codegen.heap_layout import INDIRECT, is_traced
from wasmwright.model import types
from wasmwright.model.canon import CANON, canonicalize, map_valtype
from wasmwright.model.module import ACTIVE, DECLARATIVE
from wasmwright.model.parts import Expr
from wasmwright.model.types import FuncType, GlobalType, TableType
from wasmwright.runtime import constexpr, data_segments, func, heap_types, native, references
from wasmwright.runtime.block import Block, join
from wasmwright.runtime.code import ModuleCode
from wasmwright.runtime.globals import Global, cell_bits
from wasmwright.runtime.heap import RootRecord, make, paused
from wasmwright.runtime.memory import Memory
from wasmwright.runtime.resource import resource
from wasmwright.runtime.table import Table
from wasmwright.runtime.tag import Tag


class Externs:
    """Resolved imports, each list in the order of its index space."""

    def __init__(self) -> None:
        self.funcs: list[int] = []  # funcref records
        self.func_owners: list[Any] = []
        self.tables: list[Table] = []
        self.memories: list[Memory] = []
        self.globals: list[Global] = []
        self.tags: list[Tag] = []


_MANY: Final = 32  # functions from which on all records are written at once


class Instance:
    """The runtime's side of an instance; also a Member of a block and an Owner of funcrefs.

    ``memories`` are the imported ones and then new ones for those that the module defines;
    ``code`` must be of the mode that fits them all. ``heap_limit`` bounds the heap, in bytes.
    """

    def __init__(
        self,
        code: ModuleCode,
        externs: Externs,
        memories: list[Memory],
        heap_limit: int | None = None,
    ) -> None:
        module = code.module
        self.code = code
        self.module = module
        self._kept: set[object] = set()
        self._externs = externs
        # What stands for functions and globals of this instance in Python, while somebody has it;
        # each keeps the instance alive.
        self._wrappers: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        # What users hold, while somebody does; api.Instance sets it.
        self.handle: weakref.ref[Any] | None = None
        self._memory = ctypes.create_string_buffer(code.layout.size + 16)
        self.context = (ctypes.addressof(self._memory) + 15) & -16
        self._entry = references.owners.enter(self.context, self)
        Block().add(self)
        self._fill_types()
        code.attach(self)
        self._fill_funcs()
        self._link_funcs()
        self.memories = memories
        self._fill_memories()
        self.tables = self._fill_tables()
        self.tags = self._fill_tags()
        if code.needs.heap:
            if heap_limit is not None:
                heap = self.block.need_heap()
                heap.limit = min(heap.limit, heap_limit)
            # No collection before what constant expressions make is where one looks.
            with paused(self.block):
                self._fill()
                self._enter_heap()
        else:
            self._fill()
        native.get().watch_signals()

    def _fill(self) -> None:
        self._cells = self._fill_globals()
        self._fill_own_tables()
        self._fill_segments()

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
            found = func.make(record, func.FuncInfo(self.module.func_type(index), index, self))
            self._wrappers[record] = found
        return found

    def func_name(self, index: int) -> str:
        """Implements Owner."""
        return self.code.symbols.name(index) or f"func[{index}]"

    def func_record(self, index: int) -> int:
        """The funcref record of a function in the module's index space."""
        if index < self.module.imported_funcs:
            return self._externs.funcs[index]
        return self.context + self.code.layout.func(index)

    def func(self, index: int) -> Any:
        """The function object of a function in the module's index space."""
        record = self.func_record(index)
        return references.owner_of(record).wrap(record)

    def table(self, index: int) -> Table:
        """A table of the module's index space, for others: from now on it keeps this alive."""
        table = self.tables[index]
        references.open_to(table, self)
        return table

    def global_(self, index: int) -> Global:
        """The global of the module's index space."""
        if index < self.module.imported_globals:
            return self._externs.globals[index]
        address = self._cells[index]
        found: Global | None = self._wrappers.get(address)
        if found is None:
            declared = self.module.all_globals[index]
            valtype = map_valtype(declared.valtype, self._type_ids)
            found = Global.of_owner(GlobalType(valtype, declared.mutable), address, self)
            self._wrappers[address] = found
        return found

    def global_address(self, index: int) -> int:
        """The address of the cell of a global of the module's index space."""
        return self._cells[index]

    # -- filling the context -------------------------------------------------------------

    def _words(self, offset: int, values: array[int]) -> None:
        address, count = values.buffer_info()
        ctypes.memmove(self.context + offset, address, 8 * count)

    def _fill_types(self) -> None:
        self._type_ids = ids = canonicalize(self.module)
        self._words(self.code.layout.type_ids, array("Q", ids))
        if self.code.needs.types:
            addresses = [heap_types.of_id(type_id).address for type_id in ids]
            self._words(self.code.layout.rtts, array("Q", addresses))
            heap_types.learn_names(self.module, ids)

    def _fill_funcs(self) -> None:
        count = len(self.module.funcs)
        if count:
            words = array("Q", bytes(abi.FUNCREF_SIZE * count))
            stride = abi.FUNCREF_SIZE // 8
            words[abi.FUNCREF_CODE // 8 :: stride] = self.code.entries()
            words[abi.FUNCREF_CTX // 8 :: stride] = array("Q", [self.context]) * count
            ids = self._type_ids
            kinds = array("Q", [ids[i] for i in self.module.funcs])
            # (Both are in one word.)
            number = self.code.short.find(1)
            while number >= 0:
                kinds[number] |= 1 << (8 * (abi.FUNCREF_SHORT - abi.FUNCREF_TYPE))
                number = self.code.short.find(1, number + 1)
            words[abi.FUNCREF_TYPE // 8 :: stride] = kinds
            if self.code.needs.types:
                rtts = [heap_types.func_rtt(ids[i]) for i in self.module.funcs]
                words[abi.FUNCREF_RTT // 8 :: stride] = array("Q", rtts)
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
            element = map_valtype(defined.type.element, self._type_ids)
            table = Table.from_type(TableType(defined.type.limits, element))
            references.settle(table, self.block)
            found.append(table)
        for index, table in enumerate(found):
            native.write64(self.context + self.code.layout.table(index), table.record)
        return found

    def _fill_globals(self) -> list[int]:
        """The addresses of all globals' cells."""
        offsets = self.code.layout.global_offsets
        self._cells = cells = []
        for index, imported in enumerate(self._externs.globals):
            native.write64(self.context + offsets[index], imported.address)
            cells.append(imported.address)
            if types.is_ref(imported.type.valtype):
                if imported.owner is None:
                    references.open_to(imported, self)
                else:
                    references.link(self, imported.owner)
        for defined in self.module.globals:
            address = self.context + offsets[len(cells)]
            value = self.evaluate(defined.init)
            ctypes.memmove(address, value.to_bytes(16, "little"), 16)
            cells.append(address)
        return cells

    def _fill_own_tables(self) -> None:
        for table, defined in zip(
            self.tables[self.module.imported_tables :], self.module.tables, strict=True
        ):
            if defined.init is not None and len(table):
                table.fill_raw(0, [self.evaluate(defined.init)] * len(table))

    def evaluate(self, expr: Expr) -> int:
        """The value of one of the module's constant expressions, as a machine word."""
        return constexpr.evaluate(
            self.module,
            expr,
            lambda index: cell_bits(self._cells[index]),
            self.func_record,
            self._make,
        )

    def _make(self, type_index: int, length: int) -> int:
        """The address of a new object of a type of the module."""
        rtt = heap_types.of_id(self._type_ids[type_index]).address
        return make(self.block, rtt, length)

    def _enter_heap(self) -> None:
        """Tells the collector of what may refer to objects, and keeps functions in objects."""
        layout = self.code.layout
        entries: list[tuple[int, int]] = []
        first = self.module.imported_globals
        for number, defined in enumerate(self.module.globals):
            if self._is_traced(defined.type.valtype):
                address = self._cells[first + number]
                before, count = entries[-1] if entries else (0, 0)
                if entries and before + abi.GLOBAL_CELL * count == address:
                    entries[-1] = (before, count + 1)
                else:
                    entries.append((address, 1))
        for index, elem in enumerate(self.module.elems):
            if self._is_traced(elem.type):
                entries.append((self.context + layout.elem(index), INDIRECT))
        self.block.need_heap()
        if entries:
            roots = RootRecord(entries)
            self._roots = resource(roots.leave, self._memory, self._elems)
            roots.enter(self.block)
        if self.code.needs.functions:
            self.block.keep(self)

    def _is_traced(self, valtype: int) -> bool:
        return is_traced(map_valtype(valtype, self._type_ids), CANON.kinds)

    def _fill_segments(self) -> None:
        layout = self.code.layout
        data_segments.describe(self.module, self.context + layout.data(0))
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

    def restrict(self, memory: int | None, table: int | None, stack: int | None) -> None:
        """Bounds how far its own memories, in bytes, and tables, in entries, may grow, and how
        many bytes of stack its code may take.
        """
        if stack is not None:
            self.block.root.restrict_stack(stack)
        if memory is not None:
            for each in self.memories[self.module.imported_memories :]:
                each.restrict(memory)
        if table is not None:
            for other in self.tables[self.module.imported_tables :]:
                other.restrict(table)

    def _fill_tags(self) -> list[Tag]:
        found = list(self._externs.tags)
        for defined in self.module.tags:
            type_id = self._type_ids[defined.type_index]
            func_type = CANON.comps[type_id]
            assert isinstance(func_type, FuncType)
            found.append(Tag.from_type(func_type, type_id))
        for index, tag in enumerate(found):
            native.write64(self.context + self.code.layout.tag(index), tag.record)
            tag.use(self)
        return found

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
        entries = self.context + layout.data(0)
        data_segments.write_active(self.module, entries, self.memories, self._offset)
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

    def set_codes(self, numbers: Sequence[int]) -> None:
        """Implements Client."""
        if len(numbers) < _MANY:
            for number in numbers:
                self.set_code(number, self.code.entry_of(number), bool(self.code.short[number]))
            return
        count = len(self.module.funcs)
        place = self.context + self.code.layout.funcs
        records = (ctypes.c_uint64 * (abi.FUNCREF_SIZE // 8 * count)).from_address(place)
        words = memoryview(records).cast("B").cast("Q")
        # Words are written one by one, so that who calls meanwhile finds an address that is right.
        words[abi.FUNCREF_CODE // 8 :: abi.FUNCREF_SIZE // 8] = memoryview(self.code.entries())
        number = self.code.short.find(1)
        while number >= 0:
            native.write32(place + abi.FUNCREF_SIZE * number + abi.FUNCREF_SHORT, 1)
            number = self.code.short.find(1, number + 1)

    def set_code(self, number: int, address: int, short: bool) -> None:
        """Implements Client."""
        record = self.context + self.code.layout.funcs + abi.FUNCREF_SIZE * number
        native.write64(record + abi.FUNCREF_CODE, address)
        native.write32(record + abi.FUNCREF_SHORT, short)
