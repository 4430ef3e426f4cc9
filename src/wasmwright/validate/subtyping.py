"""Matching of types (spec: Validation > Matching).

Concrete heap types are canonical ids of a :class:`~wasmwright.model.canon.Canon`, so that these
functions serve the validator (with a table of the module's own) and the linker (with the
process's table) alike. ``sub`` is what there is, ``sup`` what is asked for.
"""

from __future__ import annotations

from typing import Final

from wasmwright.model.canon import Canon, map_valtype
from wasmwright.model.module import ExternType
from wasmwright.model.types import (
    ABSTRACT,
    ANY,
    ARRAY,
    BOT,
    EQ,
    EXN,
    EXTERN,
    FUNC,
    HEAP_BOT,
    HEAP_MASK,
    I31,
    NOEXN,
    NOEXTERN,
    NOFUNC,
    NONE,
    NULL,
    REF,
    STRUCT,
    ArrayType,
    CompType,
    FieldType,
    FuncType,
    GlobalType,
    Limits,
    MemoryType,
    StructType,
    TableType,
    TagType,
)

# Abstract heap type -> the abstract heap types strictly above it.
_ABOVE: Final[dict[int, tuple[int, ...]]] = {
    ANY: (),
    EQ: (ANY,),
    I31: (EQ, ANY),
    STRUCT: (EQ, ANY),
    ARRAY: (EQ, ANY),
    NONE: (I31, STRUCT, ARRAY, EQ, ANY),
    FUNC: (),
    NOFUNC: (FUNC,),
    EXTERN: (),
    NOEXTERN: (EXTERN,),
    EXN: (),
    NOEXN: (EXN,),
}

# Abstract heap type -> the bottom of its hierarchy, which is below every type in it.
_BOTTOM: Final[dict[int, int]] = {STRUCT: NONE, ARRAY: NONE, FUNC: NOFUNC}


def heap_matches(canon: Canon, sub: int, sup: int) -> bool:
    """Whether heap type ``sub`` matches ``sup``."""
    if sub == sup or sub == HEAP_BOT:
        return True
    if sup & ABSTRACT == 0:
        if sub & ABSTRACT == 0:
            return canon.matches(sub, sup)
        return sub == _BOTTOM[canon.kinds[sup]]
    if sub & ABSTRACT == 0:
        sub = canon.kinds[sub]
        if sub == sup:
            return True
    return sup in _ABOVE[sub]


def top_of(canon: Canon, heap: int) -> int:
    """The top of the hierarchy that a heap type is in."""
    if heap & ABSTRACT == 0:
        heap = canon.kinds[heap]
    above = _ABOVE[heap]
    return above[-1] if above else heap


def matches(canon: Canon, sub: int, sup: int) -> bool:
    """Whether value (or storage) type ``sub`` matches ``sup``."""
    if sub == sup or sub == BOT:
        return True
    if sub & REF == 0 or sup & REF == 0 or (sub & NULL != 0 and sup & NULL == 0):
        return False
    return heap_matches(canon, sub & HEAP_MASK, sup & HEAP_MASK)


def results_match(canon: Canon, sub: tuple[int, ...], sup: tuple[int, ...]) -> bool:
    """Whether result type ``sub`` matches ``sup``, item by item."""
    if len(sub) != len(sup):
        return False
    for left, right in zip(sub, sup, strict=True):
        if not matches(canon, left, right):
            return False
    return True


def field_matches(canon: Canon, sub: FieldType, sup: FieldType) -> bool:
    """Whether field type ``sub`` matches ``sup``: mutable fields are invariant."""
    if sub.mutable != sup.mutable or not matches(canon, sub.storage, sup.storage):
        return False
    return not sub.mutable or matches(canon, sup.storage, sub.storage)


def comp_matches(canon: Canon, sub: CompType, sup: CompType) -> bool:
    """Whether composite type ``sub`` matches ``sup``."""
    if isinstance(sub, FuncType):
        return (
            isinstance(sup, FuncType)
            and results_match(canon, sup.params, sub.params)
            and results_match(canon, sub.results, sup.results)
        )
    if isinstance(sub, ArrayType):
        return isinstance(sup, ArrayType) and field_matches(canon, sub.element, sup.element)
    if not isinstance(sup, StructType) or len(sub.fields) < len(sup.fields):
        return False
    for left, right in zip(sub.fields, sup.fields, strict=False):
        if not field_matches(canon, left, right):
            return False
    return True


def limits_match(sub: Limits, sup: Limits) -> bool:
    """Whether limits ``sub`` lie within ``sup``, of the same address type and page size."""
    if (
        sub.address64 != sup.address64
        or sub.shared != sup.shared
        or sub.page_size_log2 != sup.page_size_log2
        or sub.min < sup.min
    ):
        return False
    return sup.max is None or (sub.max is not None and sub.max <= sup.max)


def extern_matches(canon: Canon, sub: ExternType, sup: ExternType) -> bool:
    """Whether an external type matches an import's; type indices are canonical ids.

    For a memory or table that exists, ``sub``'s minimum is its present size.
    """
    if isinstance(sup, MemoryType):
        return isinstance(sub, MemoryType) and limits_match(sub.limits, sup.limits)
    if isinstance(sup, TableType):
        return (
            isinstance(sub, TableType)
            and limits_match(sub.limits, sup.limits)
            and matches(canon, sub.element, sup.element)
            and matches(canon, sup.element, sub.element)
        )
    if isinstance(sup, GlobalType):
        return (
            isinstance(sub, GlobalType)
            and sub.mutable == sup.mutable
            and matches(canon, sub.valtype, sup.valtype)
            and (not sub.mutable or matches(canon, sup.valtype, sub.valtype))
        )
    if isinstance(sup, TagType):
        return isinstance(sub, TagType) and sub.type_index == sup.type_index
    return isinstance(sub, int) and canon.matches(sub, sup)


def map_externtype(desc: ExternType, ids: list[int]) -> ExternType:
    """A module's external type with canonical ids in place of type indices."""
    if isinstance(desc, GlobalType):
        return GlobalType(map_valtype(desc.valtype, ids), desc.mutable)
    if isinstance(desc, TableType):
        return TableType(desc.limits, map_valtype(desc.element, ids))
    if isinstance(desc, TagType):
        return TagType(ids[desc.type_index])
    return ids[desc] if isinstance(desc, int) else desc
