"""Type definitions and the types of imports and definitions (spec: Validation > Types)."""

from __future__ import annotations

from typing import Final

from wasmwright import features as feature
from wasmwright import limits
from wasmwright.errors import InvalidError
from wasmwright.model.canon import Canon
from wasmwright.model.module import Module
from wasmwright.model.types import (
    HEAP_MASK,
    FuncType,
    Limits,
    MemoryType,
    StructType,
    TableType,
    is_concrete,
)
from wasmwright.validate.subtyping import comp_matches

_PAGE_SIZES: Final = (0, 16)  # logarithms of the page sizes that memories may have


def check_types(module: Module, features: int, canon: Canon) -> list[int]:
    """Check a module's type definitions; their canonical ids in ``canon``."""
    types = module.types
    depths: list[int] = []
    for first, size in module.groups:
        for index in range(first, first + size):
            subtype = types[index]
            check_comptype(subtype.comp, index, first + size)
            if isinstance(subtype.comp, FuncType) and len(subtype.comp.results) > 1:
                require(features, feature.MULTI_VALUE, f"type {index} with multiple results")
            depths.append(super_depth(module, index, depths))
    ids = canon.add(types, module.groups)
    for index, subtype in enumerate(types):
        for above in subtype.supers:
            # With canonical ids on both sides, so that a mention of either type is the same.
            if not comp_matches(canon, canon.comps[ids[index]], canon.comps[ids[above]]):
                raise InvalidError(f"sub type {index} does not match super type {above}")
    return ids


def super_depth(module: Module, index: int, depths: list[int]) -> int:
    """How many supertypes type ``index`` has, after a check of the one it declares."""
    supers = module.types[index].supers
    if not supers:
        return 0
    if len(supers) > 1:
        raise InvalidError(f"sub type {index} has {len(supers)} super types, at most 1 is allowed")
    above = supers[0]
    if above >= len(module.types):
        raise InvalidError(f"unknown type {above}")
    if above >= index:
        raise InvalidError(f"unknown type {above}: forward use in sub type {index}")
    if module.types[above].final:
        raise InvalidError(f"sub type {index} has final super type {above}")
    if depths[above] == limits.MAX_SUBTYPING_DEPTH:
        raise InvalidError(
            f"sub type {index} is below {limits.MAX_SUBTYPING_DEPTH} others: the implementation "
            f"limit MAX_SUBTYPING_DEPTH"
        )
    return depths[above] + 1


def check_comptype(comp: object, index: int, known: int) -> None:
    """Check that type definition ``index`` refers only to the first ``known`` types."""
    if isinstance(comp, FuncType):
        for valtype in comp.params:
            check_valtype(valtype, known)
        for valtype in comp.results:
            check_valtype(valtype, known)
    elif isinstance(comp, StructType):
        for field in comp.fields:
            check_valtype(field.storage, known)
