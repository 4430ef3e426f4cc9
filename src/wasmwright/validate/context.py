"""What a module's instructions may refer to (spec: Validation > Conventions > Contexts).

Built from a module whose types have been checked; the body walk reads it as flat vectors of
machine words. Value types in it have canonical ids, of a :class:`~wasmwright.model.canon.Canon`
that the module has for itself, in place of type indices: equal types are equal numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64

from wasmwright.errors import InvalidError
from wasmwright.model.canon import Canon, map_valtype
from wasmwright.model.module import Module
from wasmwright.model.types import (
    ABSTRACT,
    HEAP_MASK,
    I8,
    I16,
    I32,
    I64,
    REF,
    ArrayType,
    FieldType,
    FuncType,
    Limits,
    StructType,
    defaultable,
    is_concrete,
    name,
)

# A result type is a packed pair: its place in `Context.flat`, and how many types it has.
COUNT_BITS: Final = 16
COUNT_MASK: Final = (1 << COUNT_BITS) - 1
EMPTY: Final = 0
NOT_A_FUNC: Final = -1

MUTABLE: Final = 1 << 43  # added to the type of a mutable global

_SHOWN: Final = 12  # types of a longer list that a message shows


class Context:
    """The index spaces of one module, by index, imports first.

    ``params`` and ``results`` are packed result types by type index (``NOT_A_FUNC`` where the
    type is none); ``funcs`` and ``tags`` hold type indices; ``globals`` value types, with
    ``MUTABLE``; ``memories`` and ``tables`` address types; ``elements`` the tables' and
    ``elems`` the segments' reference types. ``datas`` counts the data segments, or is -1 without
    a data count section. ``declared`` are the functions that ``ref.func`` may name.
    """

    __slots__ = (
        "_first",
        "_nondefaultable",
        "_singles",
        "_structs",
        "canon",
        "datas",
        "declared",
        "elements",
        "elems",
        "features",
        "flat",
        "funcs",
        "globals",
        "ids",
        "memories",
        "module",
        "params",
        "results",
        "tables",
        "tags",
        "visible_globals",
    )  # fmt: skip

    def __init__(self, module: Module, features: int, canon: Canon, ids: list[int]) -> None:
        self.module: Module = module
        self.features: int = features
        self.canon: Canon = canon
        self.ids: list[int] = ids
        self._first: dict[int, int] = {}
        for index in range(len(ids) - 1, -1, -1):
            self._first[ids[index]] = index
        # A number type stands in `flat` at its own code, so that `single` need not look for it.
        self.flat: vec[i64] = vec[i64](list(range(0x80)))
        self._singles: dict[int, int] = {}
        self._structs: dict[int, int] = {}
        self._nondefaultable: set[int] = set()
        params: list[int] = []
        results: list[int] = []
        for type_id in ids:
            comp = canon.comps[type_id]
            if isinstance(comp, FuncType):
                params.append(self._pack(comp.params))
                results.append(self._pack(comp.results))
            else:
                params.append(NOT_A_FUNC)
                results.append(NOT_A_FUNC)
        self.params: vec[i64] = vec[i64](params)
        self.results: vec[i64] = vec[i64](results)
        self.funcs: vec[i64] = vec[i64](list(module.all_funcs))
        self.tags: vec[i64] = vec[i64]([tag.type_index for tag in module.all_tags])
        self.globals: vec[i64] = vec[i64](
            [
                map_valtype(item.valtype, ids) | (MUTABLE if item.mutable else 0)
                for item in module.all_globals
            ]
        )
        self.memories: vec[i64] = vec[i64]([address(m.limits) for m in module.all_memories])
        self.tables: vec[i64] = vec[i64]([address(t.limits) for t in module.all_tables])
        self.elements: vec[i64] = vec[i64](
            [map_valtype(table.element, ids) for table in module.all_tables]
        )
        self.elems: vec[i64] = vec[i64]([map_valtype(elem.type, ids) for elem in module.elems])
        self.datas: i64 = -1 if module.data_count is None else module.data_count
        self.declared: set[int] = set()
        self.visible_globals: i64 = module.imported_globals

    def _pack(self, types: tuple[int, ...]) -> int:
        if not types:
            return EMPTY
        if len(types) == 1:
            return self.single(types[0])
        place = len(self.flat)
        for valtype in types:
            self.flat = append(self.flat, valtype)
        return place << COUNT_BITS | len(types)

    def single(self, valtype: i64) -> i64:
        """The packed result type of this one type."""
        if valtype < 0x80:
            return valtype << COUNT_BITS | 1
        known = self._singles.get(valtype)
        if known is not None:
            return known
        packed: i64 = len(self.flat) << COUNT_BITS | 1
        self.flat = append(self.flat, valtype)
        self._singles[valtype] = packed
        return packed

    def unpack(self, packed: i64) -> list[int]:
        """The types of a packed result type."""
        place = packed >> COUNT_BITS
        return [self.flat[place + i] for i in range(packed & COUNT_MASK)]

    # Types that an instruction or a local names

    def heaptype(self, heap: i64) -> i64:
        """A heap type of the module with a canonical id for its index, which is checked."""
        if heap & ABSTRACT != 0:
            return heap
        return self.ids[self.type_index(heap)]

    def valtype(self, valtype: i64) -> i64:
        """A value type of the module with a canonical id for its index, which is checked."""
        if valtype & REF == 0 or valtype & ABSTRACT != 0:
            return valtype
        return valtype & ~HEAP_MASK | self.heaptype(valtype & HEAP_MASK)

    def type_index(self, index: i64) -> i64:
        """``index`` itself, if the module has such a type."""
        if index >= len(self.ids):
            raise unknown("type", index)
        return index

    def func_type(self, index: i64) -> i64:
        """``index`` itself, if it is that of a function type."""
        if self.params[self.type_index(index)] == NOT_A_FUNC:
            raise InvalidError(f"type mismatch: non-function type {index}")
        return index

    def struct_type(self, index: i64) -> StructType:
        """The struct type of this index, with canonical ids."""
        comp = self.canon.comps[self.ids[self.type_index(index)]]
        if not isinstance(comp, StructType):
            raise InvalidError(f"type mismatch: non-structure type {index}")
        return comp

    def array_type(self, index: i64) -> ArrayType:
        """The array type of this index, with canonical ids."""
        comp = self.canon.comps[self.ids[self.type_index(index)]]
        if not isinstance(comp, ArrayType):
            raise InvalidError(f"type mismatch: non-array type {index}")
        return comp

    def struct_fields(self, index: i64) -> i64:
        """The packed types, on the operand stack, of the fields of a struct type."""
        type_id = self.ids[index]
        known = self._structs.get(type_id)
        if known is not None:
            return known
        fields = self.struct_type(index).fields
        packed: i64 = self._pack(tuple([unpacked(field) for field in fields]))
        self._structs[type_id] = packed
        if not all(defaultable(field.storage) for field in fields):
            self._nondefaultable.add(type_id)
        return packed

    def struct_defaultable(self, index: i64) -> bool:
        """Whether all fields of a struct type have default values."""
        self.struct_fields(index)
        return self.ids[index] not in self._nondefaultable

    # Messages

    def type_name(self, valtype: int) -> str:
        """A value type of this context as text, with a type index of the module."""
        if is_concrete(valtype):
            heap = valtype & HEAP_MASK
            valtype = valtype & ~HEAP_MASK | self._first.get(heap, heap)
        return "(ref bot)" if valtype == REF | ABSTRACT else name(valtype)

    def type_list(self, types: Sequence[int]) -> str:
        """Value types of this context as text in brackets, the middle of long lists left out."""
        if len(types) <= _SHOWN:
            return f"[{' '.join([self.type_name(t) for t in types])}]"
        left = " ".join([self.type_name(t) for t in types[: _SHOWN // 2]])
        right = " ".join([self.type_name(t) for t in types[-(_SHOWN // 2) :]])
        return f"[{left} ... {right}] ({len(types)} types)"


def unpacked(field: FieldType) -> int:
    """The type of a field's or element's values on the operand stack."""
    return I32 if field.storage == I8 or field.storage == I16 else field.storage


def address(limits: Limits) -> int:
    """The address type of a memory or table."""
    return I64 if limits.address64 else I32


def unknown(what: str, index: i64) -> InvalidError:
    """The error of an index that is out of its space."""
    return InvalidError(f"unknown {what} {index}")
