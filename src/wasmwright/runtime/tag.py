"""Tags (spec: Execution > Runtime Structure > Tag Instances).

A tag is a record in native memory whose address is its identity. The record is also the runtime
type of the exceptions thrown with the tag (``codegen.heap_layout``), which are objects like
structures: the tag, then the payload, laid out as fields. So what compiled code stores as an
exception's type is what it compares when it catches, and the collector needs to know no more.
"""

from __future__ import annotations

import ctypes
import struct
import weakref
from typing import NoReturn

from wasmwright.codegen import heap_layout as layout
from wasmwright.model import types
from wasmwright.model.canon import CANON
from wasmwright.model.types import FieldType, FuncType, StructType, SubType
from wasmwright.runtime import references
from wasmwright.runtime.block import Block

_VALTYPES = {
    **{types.NUMBER_NAMES[t]: t for t in (types.I32, types.I64, types.F32, types.F64, types.V128)},
    **{text: types.REF | types.NULL | heap for heap, text in types.SHORTHANDS.items()},
}
_DISPLAY = 8 * layout.DISPLAY_MIN

# Tags by the address of their record.
tags: weakref.WeakValueDictionary[int, Tag] = weakref.WeakValueDictionary()


class Tag:
    """A tag of exceptions: ``Tag("i32", "f64")`` has a payload of two values.

    Two tags are never the same, whatever their types. A tag can be imported by instances, and is
    what ``WasmException`` takes to throw, and has to say what was thrown.
    """

    def __init__(self, *params: str) -> None:
        for name in params:
            if name not in _VALTYPES:
                raise ValueError(f"a value type is one of {', '.join(_VALTYPES)}, not {name!r}")
        func_type = FuncType(tuple(_VALTYPES[name] for name in params), ())
        (type_id,) = CANON.add((SubType(func_type),), ((0, 1),))
        self._set_up(func_type, type_id)

    @classmethod
    def from_type(cls, func_type: FuncType, type_id: int) -> Tag:
        """A tag of a function type, which has canonical ids, as its own canonical id says."""
        self = cls.__new__(cls)
        self._set_up(func_type, type_id)
        return self

    def _set_up(self, func_type: FuncType, type_id: int) -> None:
        self.type = func_type
        self.type_id = type_id
        fields = tuple(FieldType(each, False) for each in func_type.params)
        found = layout.StructLayout(StructType(fields))
        self.offsets = found.offsets
        traced = [
            offset
            for offset, each in zip(found.offsets, func_type.params, strict=True)
            if layout.is_traced(each, CANON.kinds)
        ]
        size = layout.TYPE_DISPLAY + _DISPLAY
        self._memory = ctypes.create_string_buffer(size + 4 * len(traced) + 8)
        self.record = (ctypes.addressof(self._memory) + 7) & -8
        head = struct.pack(
            "<qiiiiQ",
            type_id,
            layout.KIND_STRUCT,
            0,
            found.size,
            len(traced),
            self.record + size if traced else 0,
        )
        ctypes.memmove(self.record, head, len(head))
        offsets = struct.pack(f"<{len(traced)}i", *traced)
        ctypes.memmove(self.record + size, offsets, len(offsets))
        tags[self.record] = self

    def enter(self, block: Block) -> None:
        """Notes that exceptions of this tag may be in the heap of a block."""
        block.root.tags.add(self)
        block.need_heap()

    def use(self, owner: references.Owner) -> None:
        """Notes that code of ``owner`` throws with this tag."""
        self.enter(owner.block)
        for each in self.type.params:
            if types.is_ref(each) and not layout.is_traced(each, CANON.kinds):
                owner.block.keep(owner)  # a function in an exception needs its instance

    def __reduce__(self) -> NoReturn:
        raise TypeError("a tag can be neither copied nor pickled")

    def __repr__(self) -> str:
        return f"<wasmwright.Tag [{' '.join(map(types.name, self.type.params))}]>"
