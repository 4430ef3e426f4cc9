"""Memories, tables, globals and tags, as the package shows them."""

from __future__ import annotations

import ctypes
from typing import Any

from wasmwright.api import Func as ApiFunc
from wasmwright.api import Global as ApiGlobal
from wasmwright.api import Memory as ApiMemory
from wasmwright.api import Table as ApiTable
from wasmwright.api import Tag as ApiTag
from wasmwright.api import types as api
from wasmwright.compat.wasmtime.config import Engine
from wasmwright.compat.wasmtime.errors import Closeable, WasmtimeError, WrongType
from wasmwright.compat.wasmtime.func import Func
from wasmwright.compat.wasmtime.store import Store, Storelike, store_of
from wasmwright.compat.wasmtime.types import (
    GlobalType,
    MemoryType,
    TableType,
    TagType,
    ValType,
    from_api,
    func_type,
)
from wasmwright.compat.wasmtime.values import Val, from_engine, to_engine
from wasmwright.model import types as model

_Pointer = Any  # ctypes' pointer types cannot be named at run time


def wrap(native: Any) -> Any:
    """The package's face of one of our externs."""
    if isinstance(native, ApiFunc):
        return Func.of(native)
    if isinstance(native, ApiMemory):
        return SharedMemory.of(native) if native.shared else Memory.of(native)
    if isinstance(native, ApiTable):
        return Table.of(native)
    if isinstance(native, ApiGlobal):
        return Global.of(native)
    return Tag.of(native)


def _shown(value: Any, name: str) -> Any:
    """A value read from a table or global: a null reference is a `Val`, as in the package."""
    convert = from_engine(name)
    value = value if convert is None else convert(value)
    return Val(ValType.of(name), None) if value is None else value


def _new_memory(ty: MemoryType) -> ApiMemory:
    limits = ty.limits
    wanted = model.MemoryType(
        model.Limits(limits.min, limits.max, ty.is_64, ty.is_shared, ty.page_size_log2)
    )
    try:
        return ApiMemory.from_type(wanted)
    except MemoryError as error:
        raise WasmtimeError(str(error)) from error


def _memory_type(native: ApiMemory) -> MemoryType:
    found = from_api(api.from_object(native.type))
    assert isinstance(found, MemoryType)
    return found


def _grow(native: ApiMemory, delta: int) -> int:
    if delta < 0:
        raise WasmtimeError("cannot grow by negative amount")
    try:
        return native.grow(delta)
    except MemoryError as error:
        raise WasmtimeError(f"failed to grow memory by `{delta}`") from error


def _pointer(native: ApiMemory) -> _Pointer:
    return ctypes.cast(native.base, ctypes.POINTER(ctypes.c_ubyte))


class Memory:
    """A linear memory."""

    __slots__ = ("__weakref__", "native")

    native: ApiMemory

    def __init__(self, store: Storelike, ty: MemoryType) -> None:
        found = store_of(store)
        if not isinstance(ty, MemoryType):
            raise WrongType("expected a MemoryType")
        most = found.limits.memory
        if most is not None and ty.limits.min * ty.page_size > most:
            raise WasmtimeError(
                f"memory minimum size of {ty.limits.min} pages exceeds memory limits"
            )
        self.native = _new_memory(ty)
        if most is not None:
            self.native.restrict(most)
        found.keep(self.native)

    @classmethod
    def of(cls, native: ApiMemory) -> Memory:
        """The package's face of one of our memories."""
        self = cls.__new__(cls)
        self.native = native
        return self

    def type(self, store: Storelike) -> MemoryType:
        """The type, with the current size as its minimum."""
        return _memory_type(self.native)

    def grow(self, store: Storelike, delta: int) -> int:
        """Grow by pages; gives the old size in pages."""
        return _grow(self.native, delta)

    def size(self, store: Storelike) -> int:
        """The size in pages."""
        return self.native.pages

    def data_len(self, store: Storelike) -> int:
        """The size in bytes."""
        return len(self.native)

    def page_size(self, store: Storelike) -> int:
        """The bytes of a page."""
        return _memory_type(self.native).page_size

    def page_size_log2(self, store: Storelike) -> int:
        """The binary logarithm of the page's size."""
        return _memory_type(self.native).page_size_log2

    def data_ptr(self, store: Storelike) -> _Pointer:
        """A ctypes pointer to the first byte. What is beyond `data_len` must not be touched."""
        return _pointer(self.native)

    def get_buffer_ptr(
        self, store: Storelike, size: int | None = None, offset: int = 0
    ) -> ctypes.Array[ctypes.c_ubyte]:
        """``size`` bytes from ``offset`` on (all by default) as a ctypes array, not a copy.

        Raises IndexError where they are not all inside the memory.
        """
        length = len(self.native)
        if size is None:
            size = length
        if offset < 0 or size < 0 or offset + size > length:
            raise IndexError("index out of range")
        # Bounds are checked above, and a memory neither moves nor shrinks while it lives.
        array = (ctypes.c_ubyte * size).from_address(self.native.base + offset)
        array.memory = self.native  # type: ignore[attr-defined]
        return array

    def read(self, store: Storelike, start: int | None = 0, stop: int | None = None) -> bytearray:
        """A copy of the bytes from ``start`` to ``stop``, which count as in a slice."""
        start, stop, _ = slice(start, stop).indices(len(self.native))
        return bytearray(memoryview(self.native)[start : max(start, stop)])

    def write(self, store: Storelike, value: Any, start: int | None = None) -> int:
        """Write bytes from ``start`` on; gives how many. IndexError where they do not fit."""
        size = len(self.native)
        first = slice(start, None).indices(size)[0]
        if first >= size:
            raise IndexError("index out of range")
        if not isinstance(value, (bytes, bytearray, memoryview)):
            value = bytearray(value)
        data = memoryview(value).cast("B")
        if first + len(data) > size:
            raise IndexError("index out of range")
        memoryview(self.native)[first : first + len(data)] = data
        return len(data)

    def importable(self, store: Store) -> ApiMemory:
        """What an instance is given for this memory."""
        return self.native


class SharedMemory(Closeable):
    """A linear memory that threads may share; it is in no store."""

    __slots__ = ("__weakref__", "native")

    native: ApiMemory

    def __init__(self, engine: Engine, ty: MemoryType) -> None:
        if not isinstance(engine, Engine):
            raise WrongType("expected an Engine")
        if not isinstance(ty, MemoryType):
            raise WrongType("expected a MemoryType")
        if not ty.is_shared:
            raise WasmtimeError(
                "shared memory must have the `shared` flag enabled on its memory type"
            )
        self.native = _new_memory(ty)

    @classmethod
    def of(cls, native: ApiMemory) -> SharedMemory:
        """The package's face of one of our memories."""
        self = cls.__new__(cls)
        self.native = native
        return self

    def type(self) -> MemoryType:
        """The type, with the current size as its minimum."""
        return _memory_type(self.native)

    def grow(self, delta: int) -> int:
        """Grow by pages; gives the old size in pages."""
        return _grow(self.native, delta)

    def size(self) -> int:
        """The size in pages."""
        return self.native.pages

    def data_len(self) -> int:
        """The size in bytes."""
        return len(self.native)

    def data_ptr(self) -> _Pointer:
        """A ctypes pointer to the first byte. What is beyond `data_len` must not be touched."""
        return _pointer(self.native)

    def importable(self, store: Store) -> ApiMemory:
        """What an instance is given for this memory."""
        return self.native


class Table:
    """A table of references."""

    __slots__ = ("__weakref__", "_element", "native")

    native: ApiTable

    def __init__(self, store: Storelike, ty: TableType, init: Any) -> None:
        found = store_of(store)
        if not isinstance(ty, TableType):
            raise WrongType("expected a TableType")
        limits = ty.limits
        most = found.limits.table
        if most is not None and limits.min > most:
            raise WasmtimeError(f"table minimum size of {limits.min} elements exceeds table limits")
        first = to_engine(ty.element.name)(init)
        try:
            self.native = ApiTable(ty.element.name, limits.min, limits.max)
            if first is not None:
                for index in range(limits.min):
                    self.native[index] = first
        except (MemoryError, ValueError) as error:
            raise WasmtimeError(str(error)) from error
        if most is not None:
            self.native.restrict(most)
        self._element = ty.element.name
        found.keep(self.native)

    @classmethod
    def of(cls, native: ApiTable) -> Table:
        """The package's face of one of our tables."""
        self = cls.__new__(cls)
        self.native = native
        self._element = model.name(native.element)
        return self

    def type(self, store: Storelike) -> TableType:
        """The type, with the current size as its minimum."""
        found = from_api(api.from_object(self.native.type))
        assert isinstance(found, TableType)
        return found

    def size(self, store: Storelike) -> int:
        """The number of entries."""
        return len(self.native)

    def grow(self, store: Storelike, amt: int, init: Any) -> int:
        """Grow by ``amt`` entries of ``init``; gives the old size."""
        first = to_engine(self._element)(init)
        try:
            return self.native.grow(amt, first)
        except MemoryError as error:
            raise WasmtimeError(f"failed to grow table by `{amt}`") from error

    def get(self, store: Storelike, idx: int) -> Any:
        """The entry at ``idx``: a function, an object, or a `Val` for null; None out of bounds."""
        try:
            return _shown(self.native[idx], self._element)
        except IndexError:
            return None

    def set(self, store: Storelike, idx: int, val: Any) -> None:
        """Set the entry at ``idx``; WasmtimeError out of bounds."""
        value = to_engine(self._element)(val)
        try:
            self.native[idx] = value
        except IndexError as error:
            raise WasmtimeError(
                "wasm trap: undefined element: out of bounds table access"
            ) from error

    def importable(self, store: Store) -> ApiTable:
        """What an instance is given for this table."""
        return self.native


class Global:
    """A global."""

    __slots__ = ("__weakref__", "_valtype", "native")

    native: ApiGlobal

    def __init__(self, store: Storelike, ty: GlobalType, val: Any) -> None:
        found = store_of(store)
        if not isinstance(ty, GlobalType):
            raise WrongType("expected a GlobalType")
        self._valtype = ty.content.name
        self.native = ApiGlobal(self._valtype, to_engine(self._valtype)(val), ty.mutable)
        found.keep(self.native)

    @classmethod
    def of(cls, native: ApiGlobal) -> Global:
        """The package's face of one of our globals."""
        self = cls.__new__(cls)
        self.native = native
        self._valtype = model.name(native.type.valtype)
        return self

    def type(self, store: Storelike) -> GlobalType:
        """The type."""
        return GlobalType(ValType.of(self._valtype), self.native.mutable)

    def value(self, store: Storelike) -> Any:
        """The current value; a `Val` for null."""
        return _shown(self.native.value, self._valtype)

    def set_value(self, store: Storelike, val: Any) -> None:
        """Set the value; WasmtimeError if the global is immutable."""
        value = to_engine(self._valtype)(val)
        if not self.native.mutable:
            raise WasmtimeError("immutable global cannot be set")
        self.native.value = value

    def importable(self, store: Store) -> ApiGlobal:
        """What an instance is given for this global."""
        return self.native


class Tag:
    """An exception tag."""

    __slots__ = ("__weakref__", "native")

    native: Any

    def __init__(self, store: Storelike, ty: TagType) -> None:
        if not isinstance(ty, TagType):
            raise WrongType("expected a TagType")
        if ty.functype.results:
            raise WasmtimeError("tag types cannot have results")
        self.native = ApiTag(*map(str, ty.functype.params))

    @classmethod
    def of(cls, native: Any) -> Tag:
        """The package's face of one of our tags."""
        self = cls.__new__(cls)
        self.native = native
        return self

    def type(self, store: Storelike) -> TagType:
        """The types of the payload."""
        return TagType(func_type(api.func_type_of(self.native.type)))

    def eq(self, store: Storelike, other: Tag) -> bool:
        """Whether both are the same tag."""
        return self.native is other.native

    def importable(self, store: Store) -> Any:
        """What an instance is given for this tag."""
        return self.native


AsExtern = Func | Table | Memory | SharedMemory | Global | Tag
