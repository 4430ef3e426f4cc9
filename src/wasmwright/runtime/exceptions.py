"""Wasm exceptions (spec: Execution > Runtime Structure > Exception Instances) in Python.

An exception is an object of a block's heap (``runtime.tag`` has its layout). What Python sees of it
is a :class:`errors.WasmException`, one and the same as long as somebody holds it, which keeps the
object alive by a :class:`Held`.
"""

from __future__ import annotations

import ctypes
import weakref
from typing import TYPE_CHECKING, Final

from wasmwright.codegen import heap_layout as layout
from wasmwright.codegen.llvm import native as ir
from wasmwright.errors import WasmException
from wasmwright.model import types
from wasmwright.runtime import backtraces, heap, native, references
from wasmwright.runtime.block import Block
from wasmwright.runtime.globals import from_cell, to_cell
from wasmwright.runtime.references import Owner
from wasmwright.runtime.tag import Tag, tags

if TYPE_CHECKING:

    class _Root:
        """A native type; making one takes over a slot."""

else:
    _Root = heap.collector().root_type


class Held(_Root):
    """Keeps the exception at ``address``, in the heap of ``block``, alive."""

    __slots__ = ("address", "block", "other")

    address: int
    block: Block
    # The same for another block, if the Python exception was thrown in several.
    other: Held | None

    @property
    def tag(self) -> Tag:
        """Implements HeldException."""
        return tags[native.read64(self.address + layout.OBJECT_TYPE)]

    def payload(self) -> tuple[object, ...]:
        """Implements HeldException."""
        tag = self.tag
        places = [self.address + offset for offset in tag.offsets]
        return tuple(map(self._read, places, tag.type.params))

    def _read(self, place: int, valtype: int) -> object:
        if types.is_ref(valtype):
            return references.load(place, valtype, self.block)
        return from_cell(ctypes.string_at(place, layout.storage_size(valtype)), valtype)


# What Python has of exceptions, by their address.
_seen: Final[weakref.WeakValueDictionary[int, WasmException]] = weakref.WeakValueDictionary()


def proxy(address: int, slot: int, block: Block) -> WasmException:
    """The Python exception for the one at ``address``; takes over a slot that keeps it alive."""
    found = _seen.get(address)
    if found is not None:
        heap.collector().free_slot(slot)
        return found
    made = _seen[address] = WasmException._of(_hold(address, slot, block))
    return made


def _hold(address: int, slot: int, block: Block) -> Held:
    held: Held = heap.collector().new_root(Held, slot)
    held.address = address
    held.block = block.root
    held.other = None
    return held


def convert(error: WasmException, block: Block | None) -> tuple[int, Block]:
    """The address of an exception that ``error`` stands for, and the block that it is in.

    That is ``block``, where one is asked for. The exception is made if there is none yet. Raises
    TypeError, ValueError or OverflowError where the payload does not fit the tag.
    """
    first = error._held
    assert first is None or isinstance(first, Held)
    held: Held | None = first
    while held is not None and block is not None and held.block.root is not block.root:
        held = held.other
    if held is None:
        held = _make(error, block or Block())
        held.other = first
        error._held = held
        _seen[held.address] = error
    return held.address, held.block.root


def _make(error: WasmException, block: Block) -> Held:
    tag, payload = error.tag, error.payload
    if not isinstance(tag, Tag):
        raise TypeError(f"a WasmException is thrown with a Tag, not a {type(tag).__name__}")
    params = tag.type.params
    if len(payload) != len(params):
        raise TypeError(f"{tag!r} takes {len(params)} values, not {len(payload)}")
    tag.enter(block)
    with heap.paused(block):
        address = heap.make(block, tag.record)
        held = _hold(address, heap.hold(block, address), block)
    for offset, valtype, value in zip(tag.offsets, params, payload, strict=True):
        if types.is_ref(valtype):
            references.store(address + offset, value, valtype, block)
        else:
            cell = to_cell(value, valtype)
            ctypes.memmove(address + offset, cell, layout.storage_size(valtype))
    return held


def thrown(error: BaseException, owner: Owner) -> int:
    """The exception that wasm sees when a function of ``owner`` raised ``error``; 0 for none."""
    if not isinstance(error, WasmException):
        return 0
    try:
        return references.from_python(error, types.EXNREF, owner)
    except (TypeError, ValueError, OverflowError) as misfit:
        raise misfit from error


def uncaught(activation: int, owner: Owner) -> WasmException:
    """The Python exception for the one that left the activation's outermost wasm frame.

    The thread is still in the block, and the activation on its stack.
    """
    word = native.read64(activation + ir.ACT_EXCEPTION)
    error = references.to_python(word, types.EXNREF, owner.block)
    assert isinstance(error, WasmException)
    backtraces.leave(error, activation)
    return error
