"""References as machine words, and as the Python objects they stand for.

A ``funcref`` is the address of a funcref record; the context that the record names belongs to an
instance or a host function, found through ``owners``. Any other reference is an ``i31``, the
address of a structure or array in the heap of a block, or the address of a Python object, which
the heap keeps alive as long as wasm may reach it (:mod:`codegen.heap_layout`). Types here are
canonical: concrete ones are ids of ``CANON``.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any, Final, Protocol

from wasmwright.codegen import abi
from wasmwright.errors import WasmException
from wasmwright.model import types
from wasmwright.model.canon import CANON
from wasmwright.runtime import heap, native, native_types
from wasmwright.runtime.block import Block, join
from wasmwright.runtime.heap import RootRecord
from wasmwright.runtime.resource import resource
from wasmwright.validate.subtyping import heap_matches, top_of

# Reference types that can be named without a module.
NAMED: Final[dict[str, int]] = {
    types.SHORTHANDS[heap_type]: types.REF | types.NULL | heap_type
    for heap_type in (
        types.FUNC,
        types.EXTERN,
        types.ANY,
        types.EQ,
        types.I31,
        types.STRUCT,
        types.ARRAY,
        types.EXN,
    )
}

_I31_BITS: Final = 31


class Owner(Protocol):
    """What funcref records live in: an instance or a host function."""

    block: Block
    context: int

    def wrap(self, record: int) -> Any:
        """The function object for one of its records; the same one while somebody holds it."""

    def keep(self, other: object) -> None:
        """Keeps ``other`` alive as long as itself."""

    def func_name(self, index: int) -> str:
        """What to call the function ``index`` of its module, in messages."""


class Holder(Protocol):
    """What stands outside of instances and holds references: a table, a global made in Python.

    ``owners`` is whatever owns a function that it may hold; compiled code writes entries
    without telling us which. ``roots`` are its words, or None if the collector need not look.
    """

    block: Block | None
    owners: set[object]
    roots: RootRecord | None


class Owners:
    """Owners by the address of their context.

    They are borrowed, not weak references, which would end before their finalisers run (see
    ``runtime.resource``): an owner's entry goes with what ``enter`` gave it.
    """

    def __init__(self) -> None:
        self._cells: dict[int, ctypes.py_object[Any]] = {}

    def enter(self, context: int, owner: Owner) -> object:
        """Makes ``owner`` known as long as it holds the result."""
        # A view of a pointer, which counts no reference.
        self._cells[context] = ctypes.py_object.from_buffer(ctypes.c_void_p(id(owner)))
        return resource(self._leave, context)

    def _leave(self, context: int) -> None:
        del self._cells[context]

    def __getitem__(self, context: int) -> Any:
        return self._cells[context].value


owners = Owners()


def owner_of(record: int) -> Owner:
    """The owner of a funcref record."""
    owner: Owner = owners[native.read64(record + abi.FUNCREF_CTX)]
    return owner


def block_of(function: object) -> Block:
    """The runtime block that a wasm function's code runs in."""
    return owner_of(record_of(function)).block.root


def is_func(valtype: int) -> bool:
    """Whether references of this type are functions."""
    return top_of(CANON, valtype & types.HEAP_MASK) == types.FUNC


def to_python(word: int, valtype: int, block: Block) -> Any:
    """The Python value of a reference that keeps existing meanwhile: this thread is in the block
    that it is from, and has it on its stack.
    """
    if not word:
        return None
    if is_func(valtype):
        return owner_of(word).wrap(word)
    if word & 1:
        return _i31_value(word)
    if _in_arena(word):
        return _proxy(word, heap.hold(block, word), block)
    return ctypes.cast(word, ctypes.py_object).value


def load(place: int, valtype: int, block: Block | None) -> Any:
    """The Python value of the reference that stands at an address, where wasm may change it.

    Without a block nothing has been put there yet.
    """
    if is_func(valtype):
        word = native.read64(place)
        return owner_of(word).wrap(word) if word else None
    if block is None:
        return None
    word, slot = heap.read(block, place)
    if not word:
        return None
    if word & 1:
        return _i31_value(word)
    if slot:
        return _proxy(word, slot, block)
    found = ctypes.cast(word, ctypes.py_object)
    value = found.value
    ctypes.pythonapi.Py_DecRef(found)
    return value


def _i31_value(word: int) -> int:
    value = word >> 1 & (1 << _I31_BITS) - 1
    return value - (value >> _I31_BITS - 1 << _I31_BITS)


def _in_arena(word: int) -> bool:
    arena = native.get().heap_arena
    return 0 <= word - arena.base < arena.size


def _proxy(word: int, slot: int, block: Block) -> Any:
    from wasmwright.runtime import aggregates, exceptions, tag

    if native.read64(word) in tag.tags:
        return exceptions.proxy(word, slot, block)
    return aggregates.proxy(word, slot, block)


class Reference:
    """A Python value as a machine word, with what it is from: the owner of a function, or the
    block that a structure or array is in.
    """

    __slots__ = ("block", "owner", "word")

    def __init__(self, word: int, owner: Owner | None = None, block: Block | None = None) -> None:
        self.word = word
        self.owner = owner
        self.block = block


def convert(value: Any, valtype: int, block: Block | None = None) -> Reference:
    """The reference of this type that a Python value stands for; TypeError if there is none.

    An exception is one in ``block``, or else anywhere.
    """
    if value is None:
        if not valtype & types.NULL:
            raise TypeError(f"None is no {_name(valtype)}")
        return Reference(0)
    wanted = valtype & types.HEAP_MASK
    top = top_of(CANON, wanted)
    if top == types.FUNC:
        record = record_of(value)
        if not heap_matches(CANON, native.read32(record + abi.FUNCREF_TYPE), wanted):
            raise TypeError(f"the function is no {_name(valtype)}")
        return Reference(record, owner=owner_of(record))
    if wanted == types.EXN and isinstance(value, WasmException):
        from wasmwright.runtime import exceptions

        address, home = exceptions.convert(value, block)
        return Reference(address, block=home)
    found = _convert_any(value, wanted if top == types.ANY else types.ANY)
    if found is None or wanted in (types.NOEXTERN, types.EXN, types.NOEXN):
        raise TypeError(f"a Python {type(value).__name__} is no {_name(valtype)}")
    if top == types.EXTERN and found.word & 1:
        return Reference(id(value))  # any object by its identity, numbers too
    return found


def _convert_any(value: Any, wanted: int) -> Reference | None:
    aggregates: Any = sys.modules.get("wasmwright.runtime.aggregates")
    if aggregates is not None and type(value) in (aggregates.Struct, aggregates.Array):
        address, block, type_id = aggregates.describe(value)
        return Reference(address, block=block) if heap_matches(CANON, type_id, wanted) else None
    if type(value) is int and heap_matches(CANON, types.I31, wanted):
        if -(1 << _I31_BITS - 1) <= value < 1 << _I31_BITS - 1:
            return Reference((value & (1 << _I31_BITS) - 1) << 1 | 1)
    return Reference(id(value)) if wanted == types.ANY else None


def _name(valtype: int) -> str:
    heap_type = valtype & types.HEAP_MASK
    if heap_type & types.ABSTRACT:
        return types.name(valtype)
    return f"reference to {CANON.comps[heap_type]}"


def from_python(value: Any, valtype: int, owner: Owner) -> int:
    """The machine word of a Python value that goes into ``owner``'s world.

    Raises TypeError where the value is no reference of the type. A Python object must then be
    pinned by a thread that is in the block.
    """
    found = convert(value, valtype, owner.block)
    if found.owner is not None and found.owner is not owner:
        link(owner, found.owner)
    if found.block is not None:
        join(owner.block, found.block)
    return found.word


def record_of(value: Any) -> int:
    """The funcref record of a function object; TypeError for anything else."""
    if type(value) is not native_types.func_type:
        raise TypeError(f"expected a wasm function or None, not {type(value).__name__}")
    return native.func_record(value)


def link(first: Owner, second: Owner) -> None:
    """Lets functions of both call each other: one runtime block, and mutual keeping alive."""
    join(first.block, second.block)
    first.keep(second)
    second.keep(first)


def into_holder(holder: Holder, value: Any, valtype: int) -> int:
    """The machine word of a Python value that goes into ``holder``.

    Raises TypeError where the value is no reference of the type. ``put`` stores it; who stores it
    otherwise must call ``heap.pin``.
    """
    found = convert(value, valtype)
    if found.owner is not None:
        open_to(holder, found.owner)
    elif found.word and not is_func(valtype):
        block = Block() if holder.block is None else holder.block.root
        if found.block is not None:
            block = join(block, found.block)
        settle(holder, block)
    return found.word


def put(holder: Holder, place: int, value: Any, valtype: int) -> None:
    """Stores a Python value at an address in ``holder``."""
    word = into_holder(holder, value, valtype)
    if holder.block is None or is_func(valtype):
        native.write64(place, word)
    else:
        holder.block.need_heap()
        heap.write(holder.block, place, word)


def store(place: int, value: Any, valtype: int, block: Block) -> None:
    """Stores a Python value at an address in an object of a block's heap."""
    found = convert(value, valtype)
    if found.owner is not None:
        join(block, found.owner.block)
        block.keep(found.owner)
        native.write64(place, found.word)
        return
    if found.block is not None:
        join(block, found.block)
    heap.write(block, place, found.word)


def open_to(holder: Holder, owner: Owner) -> None:
    """Records that functions of ``owner`` may stand in ``holder`` from now on."""
    block = owner.block if holder.block is None else join(holder.block, owner.block)
    settle(holder, block)
    holder.owners.add(owner)


def settle(holder: Holder, block: Block) -> None:
    """Says which block a holder is in: that of whoever can reach it."""
    holder.block = block
    if holder.roots is not None:
        holder.roots.enter(block)
