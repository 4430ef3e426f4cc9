"""Iso-recursive type equality as equality of small numbers.

Reads the type definitions of a module and gives each a *canonical id*: two types of any
modules get the same id exactly where the spec calls them equal (spec: Validation >
Conventions > Defined Types, and Matching > Type Definitions). Runs in time linear in the size
of the definitions, without recursion.
"""

from __future__ import annotations

from threading import Lock
from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64

from wasmwright.model.module import Module
from wasmwright.model.types import (
    ABSTRACT,
    ARRAY,
    FUNC,
    HEAP_MASK,
    REF,
    STRUCT,
    ArrayType,
    CompType,
    FieldType,
    FuncType,
    StructType,
    SubType,
)

NO_SUPER: Final = -1

# In the key of a recursive group, marks an index that counts from the group's first type.
_WITHIN: Final = 1 << 38


class Canon:
    """A table of interned recursive groups; types only ever enter it.

    By canonical id: ``comps`` has the composite type, whose concrete references are canonical
    ids too; ``kinds`` the abstract heap type just above it (``FUNC``, ``STRUCT`` or ``ARRAY``);
    ``supers`` the id of the declared supertype or ``NO_SUPER``; ``depths`` how many supertypes
    are above it; ``finals`` whether it may have subtypes. Any thread may read them at any time.
    """

    __slots__ = ("_displays", "_groups", "_lock", "comps", "depths", "finals", "kinds", "supers")

    def __init__(self) -> None:
        self.comps: list[CompType] = []
        self.kinds: list[int] = []
        self.supers: list[int] = []
        self.depths: list[int] = []
        self.finals: list[bool] = []
        self._groups: dict[bytes, int] = {}  # a group's key -> the id of its first type
        self._displays: dict[int, tuple[int, ...]] = {}
        self._lock: Lock = Lock()

    def add(self, types: tuple[SubType, ...], groups: tuple[tuple[int, int], ...]) -> list[int]:
        """The canonical ids of a module's types, in the order of their type indices.

        ``groups`` are the first index and size of each recursive group. Indices must be in
        range, and supertypes must come before their subtypes; the validator sees to both.
        """
        ids: list[int] = []
        with self._lock:
            for first, size in groups:
                key = _key(types, first, size, ids)
                known = self._groups.get(key)
                base = len(self.comps) if known is None else known
                ids.extend(range(base, base + size))
                if known is None:
                    self._intern(types, first, size, ids)
                    self._groups[key] = base
        return ids

    def _intern(self, types: tuple[SubType, ...], first: int, size: int, ids: list[int]) -> None:
        # Other threads index these lists with ids that `add` has returned, never with new ones.
        for index in range(first, first + size):
            subtype = types[index]
            above = ids[subtype.supers[0]] if subtype.supers else NO_SUPER
            self.comps.append(map_comptype(subtype.comp, ids))
            self.kinds.append(kind_of(subtype.comp))
            self.supers.append(above)
            self.depths.append(self.depths[above] + 1 if above != NO_SUPER else 0)
            self.finals.append(subtype.final)

    def matches(self, sub: int, sup: int) -> bool:
        """Whether the type ``sub`` is ``sup`` or is declared below it; both canonical ids."""
        for _ in range(self.depths[sub] - self.depths[sup]):
            sub = self.supers[sub]
        return sub == sup

    def display(self, type_id: int) -> tuple[int, ...]:
        """The type's ancestors, the topmost first and itself last.

        ``sub`` matches ``sup`` exactly where ``display(sub)[depths[sup]] == sup`` (and that
        item exists), which is what compiled casts test.
        """
        found = self._displays.get(type_id)
        if found is None:
            chain = [type_id]
            while self.supers[chain[-1]] != NO_SUPER:
                chain.append(self.supers[chain[-1]])
            found = tuple(reversed(chain))
            self._displays[type_id] = found
        return found


def _key(types: tuple[SubType, ...], first: int, size: int, ids: list[int]) -> bytes:
    """A recursive group as bytes that are equal exactly for equal groups.

    Every sequence is preceded by its length and references say whether they lead out of the
    group, so that two groups cannot have the same key by accident.
    """
    key = vec[i64]([])
    for index in range(first, first + size):
        subtype = types[index]
        comp = subtype.comp
        key = append(key, 1 if subtype.final else 0)
        key = append(key, len(subtype.supers))
        for above in subtype.supers:
            key = append(key, _key_index(above, first, ids))
        key = append(key, kind_of(comp))
        if isinstance(comp, FuncType):
            key = append(key, len(comp.params))
            for param in comp.params:
                key = append(key, _key_valtype(param, first, ids))
            key = append(key, len(comp.results))
            for result in comp.results:
                key = append(key, _key_valtype(result, first, ids))
        else:
            fields = comp.fields if isinstance(comp, StructType) else (comp.element,)
            key = append(key, len(fields))
            for field in fields:
                key = append(key, 1 if field.mutable else 0)
                key = append(key, _key_valtype(field.storage, first, ids))
    return bytes(key)


def _key_index(index: int, first: int, ids: list[int]) -> int:
    return ids[index] if index < first else _WITHIN | index - first


def _key_valtype(valtype: int, first: int, ids: list[int]) -> int:
    if valtype & REF == 0 or valtype & ABSTRACT != 0:
        return valtype
    return valtype & ~HEAP_MASK | _key_index(valtype & HEAP_MASK, first, ids)


def kind_of(comp: CompType) -> int:
    """The abstract heap type just above a composite type."""
    if isinstance(comp, FuncType):
        return FUNC
    return STRUCT if isinstance(comp, StructType) else ARRAY


def map_valtype(valtype: int, ids: list[int]) -> int:
    """A module's value (or storage) type with canonical ids in place of type indices."""
    if valtype & REF == 0 or valtype & ABSTRACT != 0:
        return valtype
    return valtype & ~HEAP_MASK | ids[valtype & HEAP_MASK]


def map_comptype(comp: CompType, ids: list[int]) -> CompType:
    """A module's composite type with canonical ids in place of type indices.

    What stays the same is not made again: it is most of it, and objects cost more than numbers.
    """
    if isinstance(comp, FuncType):
        params = _map_valtypes(comp.params, ids)
        results = _map_valtypes(comp.results, ids)
        if params is comp.params and results is comp.results:
            return comp
        return FuncType(params, results)
    if isinstance(comp, StructType):
        fields = [_map_field(field, ids) for field in comp.fields]
        for new, old in zip(fields, comp.fields, strict=True):
            if new is not old:
                return StructType(tuple(fields))
        return comp
    element = _map_field(comp.element, ids)
    return comp if element is comp.element else ArrayType(element)


def _map_valtypes(types: tuple[int, ...], ids: list[int]) -> tuple[int, ...]:
    for valtype in types:
        if map_valtype(valtype, ids) != valtype:
            return tuple([map_valtype(t, ids) for t in types])
    return types


def _map_field(field: FieldType, ids: list[int]) -> FieldType:
    storage = map_valtype(field.storage, ids)
    return field if storage == field.storage else FieldType(storage, field.mutable)


CANON: Final = Canon()  # the process's own; its ids are what run-time type checks compare


def canonicalize(module: Module) -> list[int]:
    """The process-wide canonical id of each type of a validated module, by type index."""
    return CANON.add(module.types, module.groups)
