"""Matches given imports against a module's import section (spec: Execution > Modules, Matching).

Every import that is missing or does not match is collected, so that the LinkError names all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from wasmwright.codegen import abi
from wasmwright.errors import LinkError
from wasmwright.model.canon import CANON, canonicalize, map_valtype
from wasmwright.model.module import (
    KIND_FUNC,
    KIND_GLOBAL,
    KIND_MEMORY,
    KIND_NAMES,
    KIND_TABLE,
    Import,
    Module,
)
from wasmwright.model.types import FuncType, GlobalType, Limits, MemoryType, TableType, TagType
from wasmwright.runtime import native, native_types, references
from wasmwright.runtime.block import Block
from wasmwright.runtime.func import HostFunction
from wasmwright.runtime.globals import Global
from wasmwright.runtime.instance import Externs
from wasmwright.runtime.memory import Memory
from wasmwright.runtime.table import Table
from wasmwright.runtime.tag import Tag
from wasmwright.validate.subtyping import matches

# Characters of an import's name that a message shows; Dart's modules have whole texts for names.
_LONG_NAME: Final = 100

Imports = Mapping[str, Any]
Adapt = Callable[[Callable[..., Any]], Callable[..., Any]]


def describe(module: Module, imported: Import) -> str:
    """An import's kind and type, for messages."""
    desc = imported.desc
    if isinstance(desc, int):
        return f"func {module.types[desc].comp}"
    if isinstance(desc, TagType):
        return f"tag {module.types[desc.type_index].comp}"
    return f"{KIND_NAMES[imported.kind]} {desc}"


def resolve(module: Module, imports: Imports | None, adapt: Adapt) -> Externs:
    """The externs for the module's imports.

    ``imports`` maps module names to mappings (or objects with attributes or an ``exports``)
    of names to values: a wasm function or a callable for a function, a Memory, a Table, a Global
    or (if immutable) a value. ``adapt`` gives what is called for a plain callable. Raises
    LinkError, which lists all that is wrong.
    """
    externs = Externs()
    values = Block()
    problems: list[str] = []
    type_ids = canonicalize(module)
    for imported in module.imports:
        place = f"{_shown(imported.module)}.{_shown(imported.name)}: {describe(module, imported)}"
        try:
            value = _lookup(imports, imported)
        except KeyError:
            problems.append(f"{place} is not given")
            continue
        try:
            _link(module, imported, value, externs, values, type_ids, adapt)
        except _Mismatch as mismatch:
            problems.append(f"{place} is given {mismatch}")
    if problems:
        missing = any("is not given" in problem for problem in problems)
        head = "unknown import" if missing else "incompatible import type"
        raise LinkError(head + "".join(f"\n  {problem}" for problem in problems))
    return externs


def _shown(name: str) -> str:
    """A name of the module's, fit for a terminal: cut, and what does not print is escaped."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in name[:_LONG_NAME])
    return shown if len(name) <= _LONG_NAME else f"{shown}…"


class _Mismatch(Exception):
    """A value does not match its import; the text says what it is."""


def _lookup(imports: Imports | None, imported: Import) -> Any:
    if imports is None:
        raise KeyError
    space = imports[imported.module]
    if not isinstance(space, Mapping):
        space = getattr(space, "exports", space)
    if isinstance(space, Mapping):
        return space[imported.name]
    try:
        return getattr(space, imported.name)
    except AttributeError:
        raise KeyError from None


def _link(
    module: Module,
    imported: Import,
    value: Any,
    externs: Externs,
    values: Block,
    type_ids: list[int],
    adapt: Adapt,
) -> None:
    kind, desc = imported.kind, imported.desc
    if kind == KIND_FUNC:
        assert isinstance(desc, int)
        _link_func(module, desc, value, externs, type_ids, adapt)
    elif kind == KIND_MEMORY:
        assert isinstance(desc, MemoryType)
        if not isinstance(value, Memory):
            raise _Mismatch(_what(value))
        _check_limits(value.type.limits, desc.limits, f"memory {value.type}")
        externs.memories.append(value)
    elif kind == KIND_TABLE:
        assert isinstance(desc, TableType)
        if not isinstance(value, Table):
            raise _Mismatch(_what(value))
        _check_limits(value.type.limits, desc.limits, f"table {value.type}")
        if value.element != map_valtype(desc.element, type_ids):
            raise _Mismatch(f"table {value.type}")
        externs.tables.append(value)
    elif kind == KIND_GLOBAL:
        assert isinstance(desc, GlobalType)
        externs.globals.append(_global(desc, value, values, type_ids))
    else:
        assert isinstance(desc, TagType)
        if not isinstance(value, Tag) or value.type_id != type_ids[desc.type_index]:
            raise _Mismatch(_what(value))
        externs.tags.append(value)


def _what(value: Any) -> str:
    if type(value) is native_types.func_type:
        return f"func {value._info.func_type}"
    if isinstance(value, Memory):
        return f"memory {value.type}"
    if isinstance(value, Table):
        return f"table {value.type}"
    if isinstance(value, Global):
        return f"global {value.type}"
    if isinstance(value, Tag):
        return f"tag {value.type}"
    return f"a Python {type(value).__name__}"


def _link_func(
    module: Module,
    type_index: int,
    value: Any,
    externs: Externs,
    type_ids: list[int],
    adapt: Adapt,
) -> None:
    wanted = type_ids[type_index]
    if type(value) is native_types.func_type:
        record = native.func_record(value)
        if not CANON.matches(native.read32(record + abi.FUNCREF_TYPE), wanted):
            raise _Mismatch(_what(value))
        owner: Any = references.owner_of(record)
    elif callable(value):
        func_type = module.types[type_index].comp
        if not isinstance(func_type, FuncType):
            raise _Mismatch("a function for a type that is none")
        owner = HostFunction(func_type, adapt(value), wanted)
        record = owner.record
    else:
        raise _Mismatch(_what(value))
    externs.funcs.append(record)
    externs.func_owners.append(owner)


def _check_limits(given: Limits, wanted: Limits, what: str) -> None:
    fits = (
        given.min >= wanted.min
        and (wanted.max is None or (given.max is not None and given.max <= wanted.max))
        and given.address64 == wanted.address64
        and given.shared == wanted.shared
        and given.page_size_log2 == wanted.page_size_log2
    )
    if not fits:
        raise _Mismatch(what)


def _global(wanted: GlobalType, value: Any, values: Block, type_ids: list[int]) -> Global:
    """The global for an import: the one that is given, or a new one in the block ``values``."""
    expected = map_valtype(wanted.valtype, type_ids)
    if isinstance(value, Global):
        given = value.type
        # What only gives values may give them of a subtype; what takes them too may not.
        fits = (
            given.valtype == expected if wanted.mutable else matches(CANON, given.valtype, expected)
        )
        if given.mutable != wanted.mutable or not fits:
            raise _Mismatch(_what(value))
        return value
    if wanted.mutable:
        raise _Mismatch(_what(value))
    try:
        return Global.of_value(GlobalType(expected, False), value, values)
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise _Mismatch(f"{_what(value)} ({error})") from None
