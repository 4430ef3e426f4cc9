"""Structures and arrays of the garbage-collected heap, as Python objects.

A proxy holds a slot, which keeps the object alive; there is at most one proxy for an object at a
time, so ``is`` tells objects apart while somebody holds them.
"""

from __future__ import annotations

import ctypes
import operator
import weakref
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from wasmwright.codegen import heap_layout as layout
from wasmwright.model import types
from wasmwright.model.types import FieldType
from wasmwright.runtime import heap, heap_types, native
from wasmwright.runtime.block import Block
from wasmwright.runtime.heap_types import HeapType

if TYPE_CHECKING:
    _Root: Any = object
else:
    _Root = heap.collector().root_type

# Proxies by the address of their objects.
_proxies: Final[weakref.WeakValueDictionary[int, Any]] = weakref.WeakValueDictionary()

_NUMBERS: Final[dict[int, Any]] = {
    types.I8: ctypes.c_int8,
    types.I16: ctypes.c_int16,
    types.I32: ctypes.c_int32,
    types.I64: ctypes.c_int64,
    types.F32: ctypes.c_float,
    types.F64: ctypes.c_double,
}
_SHOWN: Final = 60  # characters of the repr of what a field refers to
_INTEGERS: Final = (types.I8, types.I16, types.I32, types.I64)


class _Aggregate(_Root):  # type: ignore[misc]  # the base is made at run time
    """What structures and arrays have in common."""

    __slots__ = ("__weakref__", "_address", "_block", "_type")

    _address: int
    _block: Block
    _type: HeapType
    _part: ClassVar[str]

    def __new__(cls, *_: object) -> NoReturn:
        raise TypeError("structures and arrays are made by wasm code")

    def __init_subclass__(cls) -> None:
        if cls.__module__ != __name__:
            raise TypeError(f"{cls.__bases__[0].__name__} cannot be derived from")

    def _read(self, field: FieldType, offset: int) -> Any:
        place = self._address + offset
        storage = field.storage
        if storage & types.REF:
            from wasmwright.runtime import references

            return references.load(place, storage, self._block)
        if storage == types.V128:
            return ctypes.string_at(place, 16)
        return _NUMBERS[storage].from_address(place).value

    def _write(self, field: FieldType, offset: int, value: Any) -> None:
        if not field.mutable:
            raise TypeError(f"the {self._part} is immutable")
        place = self._address + offset
        storage = field.storage
        if storage & types.REF:
            from wasmwright.runtime import references

            references.store(place, value, storage, self._block)
        elif storage == types.V128:
            if len(value) != 16:
                raise ValueError(f"v128 is 16 bytes, not {len(value)}")
            ctypes.memmove(place, bytes(value), 16)
        elif storage in _INTEGERS:
            number = operator.index(value)
            bits = 8 * layout.storage_size(storage)
            if not -(1 << bits - 1) <= number < 1 << bits:
                raise OverflowError(f"{number} does not fit {types.name(storage)}")
            _NUMBERS[storage].from_address(place).value = number
        else:
            _NUMBERS[storage].from_address(place).value = value

    def __copy__(self) -> NoReturn:
        raise TypeError("a wasm object can be neither copied nor pickled")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a wasm object can be neither copied nor pickled")


class Struct(_Aggregate):
    """A structure: ``struct[0]`` by index, ``struct["name"]`` or ``struct.name`` by the names of
    the module's name section. ``len`` is the number of fields; ``==`` compares by identity.

    Packed fields read as signed. A field's index may count from the end.
    """

    __slots__ = ()
    _part = "field"

    def _index(self, key: int | str) -> int:
        if isinstance(key, str):
            found = self._type.field_names.get(key)
            if found is None:
                raise KeyError(key)
            return found
        index = operator.index(key)
        count = len(self._type.fields)
        if not -count <= index < count:
            raise IndexError(f"field {index} of a structure of {count}")
        return index % count

    def __getitem__(self, key: int | str) -> Any:
        index = self._index(key)
        return self._read(self._type.fields[index], self._type.offsets[index])

    def __setitem__(self, key: int | str, value: Any) -> None:
        index = self._index(key)
        self._write(self._type.fields[index], self._type.offsets[index], value)

    def __getattr__(self, name: str) -> Any:
        index = None if name == "_type" else self._type.field_names.get(name)
        if index is None:
            raise AttributeError(f"the structure has no field {name!r}")
        return self[index]

    def __setattr__(self, name: str, value: Any) -> None:
        index = self._type.field_names.get(name)
        if index is None:
            raise AttributeError(f"the structure has no field {name!r}")
        self[index] = value

    def __len__(self) -> int:
        return len(self._type.fields)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self[index]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._type.field_names]

    def __repr__(self) -> str:
        names = {at: name for name, at in self._type.field_names.items()}
        shown = []
        for index, field in enumerate(self._type.fields):
            name = f"{names[index]}=" if index in names else ""
            shown.append(name + _show(self[index], field))
        what = f" {self._type.name}" if self._type.name else ""
        return f"<wasmwright.Struct{what} at {self._address:#x}: {', '.join(shown)}>"


class Array(_Aggregate):
    """An array: ``array[i]``, ``array[a:b]`` (a list), ``len`` and iteration; ``==`` compares by
    identity. Packed elements read as signed.
    """

    __slots__ = ()
    _part = "element"

    def _offset(self, index: int) -> int:
        count = len(self)
        at = operator.index(index)
        if not -count <= at < count:
            raise IndexError(f"element {at} of an array of {count}")
        return layout.ARRAY_ELEMENTS + (at % count << self._type.shift)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        return self._read(self._type.fields[0], self._offset(index))

    def __setitem__(self, index: int | slice, value: Any) -> None:
        if isinstance(index, slice):
            places = range(*index.indices(len(self)))
            values: Sequence[Any] = list(value)
            if len(values) != len(places):
                raise ValueError(f"{len(values)} values for {len(places)} elements")
            for at, each in zip(places, values, strict=True):
                self[at] = each
        else:
            self._write(self._type.fields[0], self._offset(index), value)

    def __len__(self) -> int:
        return native.read32(self._address + layout.ARRAY_LENGTH)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self[index]

    def __repr__(self) -> str:
        field = self._type.fields[0]
        shown = [_show(self[at], field) for at in range(min(len(self), 8))]
        if len(self) > 8:
            shown.append("…")
        what = f" {self._type.name}" if self._type.name else ""
        return f"<wasmwright.Array{what} at {self._address:#x}: {len(self)} [{', '.join(shown)}]>"


def _show(value: Any, field: FieldType) -> str:
    # Not what an object has inside: that may lead back here.
    if isinstance(value, _Aggregate):
        return f"<{type(value).__name__} at {value._address:#x}>"
    text = repr(value)
    return text if not field.storage & types.REF or len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def proxy(word: int, slot: int, block: Block) -> Struct | Array:
    """The proxy of the object at ``word``, which a slot keeps alive; the slot is taken over."""
    found: Struct | Array | None = _proxies.get(word)
    if found is not None:
        heap.collector().free_slot(slot)
        return found
    heap_type = heap_types.of_address(native.read64(word + layout.OBJECT_TYPE))
    is_struct = isinstance(heap_type.comp, types.StructType)
    made: Struct | Array = heap.collector().new_root(Struct if is_struct else Array, slot)
    fill = object.__setattr__
    fill(made, "_address", word)
    fill(made, "_block", block.root)
    fill(made, "_type", heap_type)
    _proxies[word] = made
    return made


def describe(value: Struct | Array) -> tuple[int, Block, int]:
    """A proxy's address, its block, and the canonical id of its type."""
    return value._address, value._block.root, value._type.id


native.get().set_proxy_types(Struct, Array)
