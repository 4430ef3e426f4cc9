"""References as machine words, and as the Python objects they stand for.

A ``funcref`` is the address of a funcref record; the context that the record names belongs to an
instance or a host function, found through ``owners``. An ``externref`` is the address of a Python
object, which the runtime block of whoever received it keeps alive.
"""

from __future__ import annotations

import ctypes
import weakref
from typing import Any, Protocol

from wasmwright.codegen import abi
from wasmwright.model import types
from wasmwright.runtime import native
from wasmwright.runtime.block import Block, join


class Owner(Protocol):
    """What funcref records live in: an instance or a host function."""

    block: Block
    context: int

    def wrap(self, record: int) -> Any:
        """The function object for one of its records; the same one while somebody holds it."""

    def keep(self, other: object) -> None:
        """Keeps ``other`` alive as long as itself."""


class Holder(Protocol):
    """What stands outside of instances and holds references: a table, a global made in Python.

    ``owners`` is whatever owns a function that it may hold; compiled code writes entries
    without telling us which.
    """

    block: Block | None
    owners: set[object]


# Owners by the address of their context.
owners: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def owner_of(record: int) -> Owner:
    """The owner of a funcref record."""
    owner: Owner = owners[native.read64(record + abi.FUNCREF_CTX)]
    return owner


def is_extern(valtype: int) -> bool:
    """Whether references of this type are Python objects."""
    return valtype & types.HEAP_MASK in (types.EXTERN, types.NOEXTERN)


def to_python(word: int, valtype: int) -> Any:
    """The Python value of a reference."""
    if not word:
        return None
    if is_extern(valtype):
        return ctypes.cast(word, ctypes.py_object).value
    return owner_of(word).wrap(word)


def from_python(value: Any, valtype: int, owner: Owner) -> int:
    """The machine word of a Python value that goes into ``owner``'s world.

    Raises TypeError where the value is no reference of the type.
    """
    if value is None:
        if not valtype & types.NULL:
            raise TypeError(f"None is no {types.name(valtype)}")
        return 0
    if is_extern(valtype):
        owner.block.pins[id(value)] = value
        return id(value)
    record = record_of(value)
    source = owner_of(record)
    if source is not owner:
        link(owner, source)
    return record


def record_of(value: Any) -> int:
    """The funcref record of a function object; TypeError for anything else."""
    if type(value) is not native.get().func_type:
        raise TypeError(f"expected a wasm function or None, not {type(value).__name__}")
    return native.func_record(value)


def link(first: Owner, second: Owner) -> None:
    """Lets functions of both call each other: one runtime block, and mutual keeping alive."""
    join(first.block, second.block)
    first.keep(second)
    second.keep(first)


def into_holder(holder: Holder, value: Any, valtype: int) -> int:
    """The machine word of a Python value that goes into ``holder``.

    Raises TypeError where the value is no reference of the type.
    """
    if value is None:
        if not valtype & types.NULL:
            raise TypeError(f"None is no {types.name(valtype)}")
        return 0
    if is_extern(valtype):
        holder.block = Block() if holder.block is None else holder.block.root
        holder.block.pins[id(value)] = value
        return id(value)
    record = record_of(value)
    open_to(holder, owner_of(record))
    return record


def open_to(holder: Holder, owner: Owner) -> None:
    """Records that functions of ``owner`` may stand in ``holder`` from now on."""
    if holder.block is None:
        holder.block = owner.block
    holder.block = join(holder.block, owner.block)
    holder.owners.add(owner)
