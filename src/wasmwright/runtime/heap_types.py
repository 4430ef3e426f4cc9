"""Runtime types: what native code knows of a structure, array or function type.

Made on first use from canonical types (:mod:`model.canon`), once a process, and never freed:
objects point to them. :mod:`codegen.heap_layout` has the layout.
"""

from __future__ import annotations

import threading
from array import array
from typing import Final

from wasmwright.codegen import heap_layout as layout
from wasmwright.codegen import vm
from wasmwright.model.canon import CANON
from wasmwright.model.module import Module
from wasmwright.model.types import ArrayType, CompType, FieldType, StructType

_CHUNK: Final = 1 << 16


class HeapType:
    """A runtime type: its ``id`` in ``CANON``, its ``address``, and how its objects look.

    ``offsets`` are those of a structure's fields. ``name`` and ``field_names`` come from the name
    section of the first module that gave any.
    """

    __slots__ = ("address", "comp", "field_names", "fields", "id", "name", "offsets", "shift")

    def __init__(self, type_id: int, address: int) -> None:
        comp: CompType = CANON.comps[type_id]
        self.id = type_id
        self.address = address
        self.comp = comp
        self.name: str | None = None
        self.field_names: dict[str, int] = {}
        self.fields: tuple[FieldType, ...] = ()
        self.offsets: list[int] = []
        self.shift = 0
        if isinstance(comp, StructType):
            self.fields = comp.fields
            self.offsets = layout.StructLayout(comp).offsets
        elif isinstance(comp, ArrayType):
            self.fields = (comp.element,)
            self.shift = layout.element_shift(comp.element)


class _Registry:
    """The runtime types of the process, by canonical id and by address."""

    def __init__(self) -> None:
        self.by_id: dict[int, HeapType] = {}
        self.by_address: dict[int, HeapType] = {}
        self._lock = threading.RLock()
        self._at = 0
        self._end = 0

    def find(self, type_id: int) -> HeapType:
        found = self.by_id.get(type_id)
        if found is None:
            with self._lock:
                for ancestor in CANON.display(type_id):
                    if ancestor not in self.by_id:
                        self._make(ancestor)
                found = self.by_id[type_id]
        return found

    def _allocate(self, size: int) -> int:
        if self._at + size > self._end:
            chunk = max(_CHUNK, vm.round_up(size + layout.DISPLAY_REACH))
            self._at = vm.reserve(chunk)
            self._end = self._at + chunk - layout.DISPLAY_REACH
            vm.protect(self._at, chunk, vm.READ | vm.WRITE)
        address = self._at
        self._at += (size + 15) & -16
        return address

    def _make(self, type_id: int) -> None:
        comp = CANON.comps[type_id]
        display = CANON.display(type_id)
        depth = len(display) - 1
        traced: list[int] = []
        kind, size, refs = layout.KIND_FUNC, 0, 0
        if isinstance(comp, StructType):
            struct = layout.StructLayout(comp)
            for field, offset in zip(comp.fields, struct.offsets, strict=True):
                if layout.is_traced(field.storage, CANON.kinds):
                    traced.append(offset)
            kind, size, refs = layout.KIND_STRUCT, struct.size, len(traced)
        elif isinstance(comp, ArrayType):
            kind, size = layout.KIND_ARRAY, layout.element_shift(comp.element)
            refs = int(layout.is_traced(comp.element.storage, CANON.kinds))
        shown = max(layout.DISPLAY_MIN, depth + 1)
        offsets_at = layout.TYPE_DISPLAY + 8 * shown
        address = self._allocate(offsets_at + 4 * len(traced))
        ancestors = [self.by_id[each].address for each in display[:-1]]
        head = array("Q", [type_id])
        halves = array("I", [kind, depth, size, refs])
        words = array("Q", [address + offsets_at, *ancestors, address])
        words.extend([0] * (shown - depth - 1))
        vm.write(address, head.tobytes() + halves.tobytes() + words.tobytes())
        vm.write(address + offsets_at, array("I", traced).tobytes())
        made = HeapType(type_id, address)
        self.by_address[address] = made
        self.by_id[type_id] = made


_registry: Final = _Registry()


def of_id(type_id: int) -> HeapType:
    """The runtime type of a canonical type."""
    return _registry.find(type_id)


def of_address(address: int) -> HeapType:
    """The runtime type at an address, which an object has in its header."""
    return _registry.by_address[address]


def func_rtt(type_id: int) -> int:
    """What a funcref record of this type has as its runtime type: 0 where only the type itself
    matches it.
    """
    return of_id(type_id).address if CANON.depths[type_id] else 0


def learn_names(module: Module, type_ids: list[int]) -> None:
    """Takes the names of types and fields from a module, for types that have none yet."""
    from wasmwright.binary import names  # a start without such types does without

    for index, text in names.decode_names(module, names.TYPE_NAMES).types.items():
        if index < len(type_ids):
            found = of_id(type_ids[index])
            if found.name is None:
                found.name = text
    for index, fields in names.decode_names(module, names.FIELD_NAMES).fields.items():
        if index < len(type_ids):
            found = of_id(type_ids[index])
            if not found.field_names:
                known = len(found.fields)
                found.field_names = {text: at for at, text in fields.items() if at < known}
