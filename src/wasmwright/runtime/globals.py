"""Globals (spec: Execution > Runtime Structure > Global Instances).

A global is a cell of 16 bytes, in the context of the instance that defines it or, for one made in
Python, on its own.
"""

from __future__ import annotations

import ctypes
import operator
import struct
from typing import Any, NoReturn

from wasmwright.model import types
from wasmwright.model.types import GlobalType
from wasmwright.runtime import heap, native, references
from wasmwright.runtime.block import Block
from wasmwright.runtime.heap import RootRecord
from wasmwright.runtime.references import Owner
from wasmwright.runtime.resource import resource

_VALTYPES = {
    "i32": types.I32,
    "i64": types.I64,
    "f32": types.F32,
    "f64": types.F64,
    "v128": types.V128,
    **references.NAMED,
}


def to_cell(value: Any, valtype: int) -> bytes:
    """The 16 bytes of a cell that holds a Python value, which is no reference.

    Raises TypeError or OverflowError where the value is not one of the type.
    """
    if valtype in (types.I32, types.I64):
        bits = 32 if valtype == types.I32 else 64
        number = operator.index(value)
        if not -(1 << bits - 1) <= number < 1 << bits:
            raise OverflowError(f"{number} does not fit {types.name(valtype)}")
        return (int(number) & (1 << bits) - 1).to_bytes(16, "little")
    if valtype in (types.F32, types.F64):
        number_type = ctypes.c_float if valtype == types.F32 else ctypes.c_double
        return bytes(number_type(value)).ljust(16, b"\0")
    assert valtype == types.V128
    if not isinstance(value, bytes):
        raise TypeError(f"v128 is 16 bytes, not {type(value).__name__}")
    if len(value) != 16:
        raise ValueError(f"v128 is 16 bytes, not {len(value)}")
    return value


def from_cell(data: bytes, valtype: int) -> Any:
    """The Python value of a cell, which holds no reference."""
    if valtype in (types.I32, types.I64):
        size = 4 if valtype == types.I32 else 8
        return int.from_bytes(data[:size], "little", signed=True)
    if valtype == types.F32:
        return struct.unpack_from("<f", data)[0]
    if valtype == types.F64:
        return struct.unpack_from("<d", data)[0]
    if valtype == types.V128:
        return data
    raise AssertionError("a reference is not read from its bits")


def cell_bits(address: int) -> int:
    """The 128 bits of a cell, as constant expressions pass values on."""
    return native.read64(address) | native.read64(address + 8) << 64


class Global:
    """A global: ``Global("i32", 7, mutable=True)``, or one that an instance exports.

    ``value`` reads it and, if it is mutable, sets it.
    """

    def __init__(self, valtype: str, value: Any, mutable: bool = False) -> None:
        if valtype not in _VALTYPES:
            raise ValueError(f"a value type is one of {', '.join(_VALTYPES)}, not {valtype!r}")
        self._make(GlobalType(_VALTYPES[valtype], mutable), value)

    def _make(self, global_type: GlobalType, value: Any, block: Block | None = None) -> None:
        self._cell = ctypes.create_string_buffer(32)
        self._set_up(global_type, (ctypes.addressof(self._cell) + 15) & -16, None, block)
        self._store(value)

    @classmethod
    def of_value(cls, global_type: GlobalType, value: Any, block: Block) -> Global:
        """A global of any type, a canonical one, in a block that others share.

        Raises TypeError, ValueError or OverflowError where the value is not of the type.
        """
        self = cls.__new__(cls)
        self._make(global_type, value, block)
        return self

    @classmethod
    def of_owner(cls, global_type: GlobalType, address: int, owner: Owner) -> Global:
        """The global whose cell is at ``address`` in the context of ``owner``."""
        self = cls.__new__(cls)
        self._set_up(global_type, address, owner)
        return self

    def _set_up(
        self, global_type: GlobalType, address: int, owner: Owner | None, block: Block | None = None
    ) -> None:
        self.type = global_type
        self.address = address
        self.owner = owner
        self.block = block
        self.owners: set[object] = set()
        self.roots: RootRecord | None = None
        valtype = global_type.valtype
        if owner is None and types.is_ref(valtype) and not references.is_func(valtype):
            self.roots = RootRecord([(address, 1)])
            self._roots = resource(self.roots.leave, self._cell)

    def _store(self, value: Any) -> None:
        valtype = self.type.valtype
        if not types.is_ref(valtype):
            ctypes.memmove(self.address, to_cell(value, valtype), 16)
        elif self.owner is None:
            references.put(self, self.address, value, valtype)
        else:
            word = references.from_python(value, valtype, self.owner)
            if references.is_func(valtype):
                native.write64(self.address, word)
            else:
                heap.write(self.owner.block, self.address, word)

    @property
    def mutable(self) -> bool:
        """Whether it may be set."""
        return self.type.mutable

    @property
    def value(self) -> Any:
        """The current value."""
        valtype = self.type.valtype
        if types.is_ref(valtype):
            block = self.block if self.owner is None else self.owner.block
            return references.load(self.address, valtype, block)
        return from_cell(ctypes.string_at(self.address, 16), valtype)

    @value.setter
    def value(self, value: Any) -> None:
        if not self.type.mutable:
            raise TypeError("an immutable global cannot be set")
        self._store(value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a global can be neither copied nor pickled")

    def __repr__(self) -> str:
        return f"<wasmwright.Global {self.type} = {self.value!r}>"
