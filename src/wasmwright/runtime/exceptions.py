"""Wasm exceptions (spec: Execution > Runtime Structure > Exception Instances) in Python.

An exception is an object in native memory (``runtime.tag`` has its layout). What Python sees of it
is a :class:`errors.WasmException`, one and the same as long as somebody holds it, which holds the
native object by a :class:`Hold`.
"""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

from wasmwright.codegen import heap_layout as layout
from wasmwright.codegen.llvm import native as ir
from wasmwright.errors import WasmException
from wasmwright.model import types
from wasmwright.runtime import native, references, traps
from wasmwright.runtime.block import Block, join
from wasmwright.runtime.globals import from_cell, to_cell
from wasmwright.runtime.references import Owner
from wasmwright.runtime.tag import Tag, tags


class Hold:
    """Keeps an exception alive in the world of ``block``."""

    __slots__ = ("address", "block")

    def __init__(self, address: int, block: Block) -> None:
        self.address = address
        self.block = block


# What Python has of exceptions, by their address.
_seen: weakref.WeakValueDictionary[int, WasmException] = weakref.WeakValueDictionary()


def to_python(address: int, block: Block) -> WasmException:
    """The Python exception that stands for the exception at an address."""
    found = _seen.get(address)
    if found is None:
        tag = tags[native.read64(address + layout.OBJECT_TYPE)]
        payload = [
            from_cell(ctypes.string_at(address + offset, _size(each)), each)
            for offset, each in zip(tag.offsets, tag.type.params, strict=True)
        ]
        found = WasmException(tag, *payload)
        _bind(found, Hold(address, block))
    return found


def from_python(error: WasmException, owner: Owner) -> int:
    """The address of the exception that ``error`` stands for, made now if there is none yet.

    Raises TypeError, ValueError or OverflowError where the payload does not fit the tag.
    """
    hold = error._hold
    if hold is None:
        hold = Hold(_make(error, owner), owner.block.root)
        _bind(error, hold)
    assert isinstance(hold, Hold)
    join(owner.block, hold.block.root)
    return hold.address


def _bind(error: WasmException, hold: Hold) -> None:
    error._hold = hold
    _seen[hold.address] = error


def _make(error: WasmException, owner: Owner) -> int:
    tag, payload = error.tag, error.payload
    if not isinstance(tag, Tag):
        raise TypeError(f"a WasmException is thrown with a Tag, not a {type(tag).__name__}")
    params = tag.type.params
    if len(payload) != len(params):
        raise TypeError(f"{tag!r} takes {len(params)} values, not {len(payload)}")
    tag.use(owner)
    cells = [_cell(value, each, owner) for value, each in zip(payload, params, strict=True)]
    address: int = native.get().new_exception(owner.context, tag.record)
    for offset, each, cell in zip(tag.offsets, params, cells, strict=True):
        ctypes.memmove(address + offset, cell, _size(each))
    return address


def _cell(value: Any, valtype: int, owner: Owner) -> bytes:
    if types.is_ref(valtype):
        return references.from_python(value, valtype, owner).to_bytes(16, "little")
    return to_cell(value, valtype)


def _size(valtype: int) -> int:
    return layout.storage_size(valtype)


def thrown(error: BaseException, owner: Owner) -> int:
    """The exception that wasm sees when a function of ``owner`` raised ``error``; 0 for none."""
    return from_python(error, owner) if isinstance(error, WasmException) else 0


def uncaught(activation: int, owner: Owner) -> WasmException:
    """The Python exception for the one that left the activation's outermost wasm frame."""
    error = to_python(native.read64(activation + ir.ACT_EXCEPTION), owner.block.root)
    error.frames = traps.frames(activation)
    return error
