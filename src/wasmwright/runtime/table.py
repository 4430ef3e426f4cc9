"""Tables (spec: Execution > Runtime Structure > Table Instances).

Like a memory, a table reserves its address space once, so that its elements never move while
compiled code reads them.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any, NoReturn

from wasmwright import limits as bounds
from wasmwright.codegen import vm
from wasmwright.codegen.heap_layout import INDIRECT
from wasmwright.model import types
from wasmwright.model.types import Limits, TableType
from wasmwright.runtime import heap, native, references
from wasmwright.runtime.block import Block
from wasmwright.runtime.heap import RootRecord
from wasmwright.runtime.resource import resource


class Table:
    """A table of references.

    ``Table("funcref", 10)`` holds ten functions, ``Table("externref", 1, 5)`` grows to at most
    five Python objects. ``table[i]`` gives and takes a function, an object, or None.
    """

    def __init__(self, element: str, min: int, max: int | None = None) -> None:
        if element not in references.NAMED:
            names = ", ".join(references.NAMED)
            raise ValueError(f"element type is one of {names}, not {element!r}")
        if min < 0 or (max is not None and max < min):
            raise ValueError("a table's maximum is at least its minimum, and neither is negative")
        self._set_up(TableType(Limits(min, max), references.NAMED[element]))

    @classmethod
    def from_type(cls, table_type: TableType) -> Table:
        """A table of this type, filled with null."""
        self = cls.__new__(cls)
        self._set_up(table_type)
        return self

    def _set_up(self, table_type: TableType) -> None:
        size = table_type.limits
        if size.min > bounds.MAX_TABLE_SIZE:
            raise MemoryError(
                f"a table of {size.min} entries is beyond the limit of {bounds.MAX_TABLE_SIZE}"
            )
        self.element = table_type.element
        self.address64 = size.address64
        self._declared_max = size.max
        self._limit = bounds.MAX_TABLE_SIZE if size.max is None else size.max
        self._limit = min(self._limit, bounds.MAX_TABLE_SIZE)
        reserved = vm.round_up(max(8 * self._limit, 1))
        self._base = vm.reserve(reserved)
        self._accessible = 0
        self._lock = threading.RLock()
        self._record = ctypes.create_string_buffer(16)
        self.owners: set[object] = set()
        self.block: Block | None = None
        self.roots: RootRecord | None = None
        if not references.is_func(self.element):
            self.roots = RootRecord([(self.record, INDIRECT)])
        self._space = resource(_release, self._base, reserved, self._record, self.roots)
        self._make_accessible(size.min)
        native.write64(self.record, self._base)
        native.write64(self.record + 8, size.min)

    def _make_accessible(self, entries: int) -> None:
        wanted = vm.round_up(8 * entries)
        if wanted > self._accessible:
            try:
                vm.protect(
                    self._base + self._accessible, wanted - self._accessible, vm.READ | vm.WRITE
                )
            except OSError as error:
                raise MemoryError(f"table cannot grow to {entries}: {error}") from error
            self._accessible = wanted

    def restrict(self, size: int) -> None:
        """Keeps it from growing beyond ``size`` entries, whatever its type says."""
        self._limit = min(self._limit, max(size, len(self)))

    @property
    def record(self) -> int:
        """The address of the table record that compiled code reads."""
        return ctypes.addressof(self._record)

    @property
    def type(self) -> TableType:
        """The type, with the current size as its minimum."""
        return TableType(Limits(len(self), self._declared_max, self.address64), self.element)

    def __len__(self) -> int:
        return native.read64(self.record + 8)

    def _address(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise IndexError(f"table index {index} of {len(self)}")
        return self._base + 8 * index

    def get_raw(self, index: int) -> int:
        """The reference at ``index`` as a machine word."""
        return native.read64(self._address(index))

    def set_raw(self, index: int, value: int) -> None:
        """Stores a reference that the caller keeps alive through ``owners``."""
        native.write64(self._address(index), value)

    def words(self) -> list[int]:
        """All references as machine words."""
        return list((ctypes.c_uint64 * len(self)).from_address(self._base))

    def fill_raw(self, start: int, values: list[int]) -> None:
        """Stores references from ``start`` on; the caller checked that they fit."""
        array = (ctypes.c_uint64 * len(values))(*values)
        ctypes.memmove(self._base + 8 * start, array, 8 * len(values))

    def __getitem__(self, index: int) -> Any:
        return references.load(self._address(index), self.element, self.block)

    def __setitem__(self, index: int, value: Any) -> None:
        references.put(self, self._address(index), value, self.element)

    def grow(self, delta: int, init: Any = None) -> int:
        """Grows by ``delta`` entries of ``init``; gives the old size.

        Raises MemoryError where the maximum does not allow it.
        """
        word = references.into_holder(self, init, self.element)
        old = self.try_grow(delta, word)
        if word and self.block is not None and self.roots is not None:
            heap.pin(self.block, word)
        if old < 0:
            raise MemoryError(f"table of {len(self)} entries cannot grow by {delta}")
        return old

    def try_grow(self, delta: int, init: int) -> int:
        """``grow`` as the instruction does it, with a raw reference: -1 where it fails."""
        with self._lock:
            old = len(self)
            if delta < 0 or old + delta > self._limit:
                return -1
            try:
                self._make_accessible(old + delta)
            except MemoryError:
                return -1
            if init and delta:
                self.fill_raw(old, [init] * delta)
            native.write64(self.record + 8, old + delta)
            return old

    def __reduce__(self) -> NoReturn:
        raise TypeError("a table can be neither copied nor pickled")

    def __repr__(self) -> str:
        return f"<wasmwright.Table {len(self)} {types.name(self.element)}>"


def _release(base: int, reserved: int, record: object, roots: RootRecord | None) -> None:
    if roots is not None:
        roots.leave(record)
    vm.release(base, reserved)
    del record
