"""Type definitions, and the types that imports and definitions mention (spec: Validation >
Types).
"""

from __future__ import annotations

from typing import Final

from wasmwright import features as feature
from wasmwright import limits as limit
from wasmwright.errors import InvalidError
from wasmwright.model.canon import Canon
from wasmwright.model.module import ExternType, Module
from wasmwright.model.types import (
    HEAP_MASK,
    CompType,
    FuncType,
    GlobalType,
    Limits,
    MemoryType,
    StructType,
    TableType,
    TagType,
    is_concrete,
)
from wasmwright.validate.subtyping import comp_matches

_ONE_BYTE: Final = 0  # logarithms of the page sizes that memories may have
_WASM_PAGE: Final = 16


def check_types(module: Module, features: int, canon: Canon) -> list[int]:
    """Check a module's type definitions; their canonical ids in ``canon``."""
    types = module.types
    depths: list[int] = []
    for first, size in module.groups:
        for index in range(first, first + size):
            comp = types[index].comp
            check_comptype(comp, first + size)
            if isinstance(comp, FuncType) and len(comp.results) > 1:
                require(features, feature.MULTI_VALUE, f"type {index} has multiple results")
            depths.append(super_depth(module, index, depths))
    ids = canon.add(types, module.groups)
    for index, subtype in enumerate(types):
        for above in subtype.supers:
            # With canonical ids on both sides, where equal types are the same number.
            if not comp_matches(canon, canon.comps[ids[index]], canon.comps[ids[above]]):
                raise InvalidError(f"sub type {index} does not match super type {above}")
    return ids


def super_depth(module: Module, index: int, depths: list[int]) -> int:
    """How many types are above type ``index``, after a check of the one it declares."""
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
    if depths[above] == limit.MAX_SUBTYPING_DEPTH:
        raise InvalidError(
            f"sub type {index} has too many types above: the implementation limit "
            f"MAX_SUBTYPING_DEPTH is {limit.MAX_SUBTYPING_DEPTH}"
        )
    return depths[above] + 1


def check_comptype(comp: CompType, known: int) -> None:
    """Check that a composite type refers only to the first ``known`` types."""
    if isinstance(comp, FuncType):
        for valtype in comp.params:
            check_valtype(valtype, known)
        for valtype in comp.results:
            check_valtype(valtype, known)
    elif isinstance(comp, StructType):
        for field in comp.fields:
            check_valtype(field.storage, known)
    else:
        check_valtype(comp.element.storage, known)


def check_valtype(valtype: int, known: int) -> None:
    """Check that a value (or storage) type refers only to the first ``known`` types."""
    if is_concrete(valtype) and valtype & HEAP_MASK >= known:
        raise InvalidError(f"unknown type {valtype & HEAP_MASK}")


def check_externtype(module: Module, desc: ExternType) -> None:
    """Check the type of an import or of a definition; an ``int`` is a function's type index."""
    if isinstance(desc, int):
        func_type(module, desc)
    elif isinstance(desc, MemoryType):
        check_memory_limits(desc.limits)
    elif isinstance(desc, TableType):
        check_valtype(desc.element, len(module.types))
        check_table_limits(desc.limits)
    elif isinstance(desc, GlobalType):
        check_valtype(desc.valtype, len(module.types))
    else:
        check_tagtype(module, desc)


def func_type(module: Module, index: int) -> FuncType:
    """The function type of this type index."""
    if index >= len(module.types):
        raise InvalidError(f"unknown type {index}")
    comp = module.types[index].comp
    if not isinstance(comp, FuncType):
        raise InvalidError(f"type mismatch: non-function type {index}")
    return comp


def check_tagtype(module: Module, tag: TagType) -> None:
    """Check a tag's type: a function type without results."""
    if func_type(module, tag.type_index).results:
        raise InvalidError(f"non-empty tag result type {tag.type_index}")


def check_memory_limits(limits: Limits) -> None:
    """Check the limits of a memory: in pages, and within its address type."""
    if limits.page_size_log2 == _WASM_PAGE:
        most = limit.MAX_MEMORY64_PAGES if limits.address64 else limit.MAX_MEMORY32_PAGES
        text = "2^48 pages (256 TiB)" if limits.address64 else "65536 pages (4GiB)"
    elif limits.page_size_log2 == _ONE_BYTE:
        most = (1 << (64 if limits.address64 else 32)) - 1
        text = f"{most} bytes"
    else:
        raise InvalidError(f"invalid custom page size: 2 ** {limits.page_size_log2}")
    check_range(limits, most, f"memory size must be at most {text}")
    if limits.shared and limits.max is None:
        raise InvalidError("shared memory must have maximum")


def check_table_limits(limits: Limits) -> None:
    """Check the limits of a table: in entries, and within its address type."""
    most = (1 << (64 if limits.address64 else 32)) - 1
    check_range(limits, most, f"table size must be at most {most}")


def check_range(limits: Limits, most: int, message: str) -> None:
    """Check that limits are in order and at most ``most``; or else this is the message."""
    if limits.min > most or (limits.max is not None and limits.max > most):
        raise InvalidError(f"{message}, is {limits}")
    if limits.max is not None and limits.min > limits.max:
        raise InvalidError(f"size minimum must not be greater than maximum: {limits}")


def require(features: int, flag: int, what: str) -> None:
    """Check that a feature is on, for the sake of ``what``."""
    if features & flag == 0:
        raise InvalidError(f"{feature.describe(flag)} support is not enabled: {what}")
