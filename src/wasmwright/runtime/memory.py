"""Memories (spec: Execution > Runtime Structure > Memory Instances).

A memory reserves address space once and never moves: growing makes more of it accessible, so
pointers, memoryviews and numpy arrays stay valid. With *guard pages* the whole reach of a 32-bit
address plus a constant offset is reserved, and compiled code needs no bounds checks.
"""

from __future__ import annotations

import ctypes
import gc
import threading
from typing import TYPE_CHECKING, Any, Final, NoReturn

from wasmwright import tuning
from wasmwright.codegen import vm
from wasmwright.model.types import Limits, MemoryType
from wasmwright.runtime import native, native_types
from wasmwright.runtime.resource import resource
from wasmwright.runtime.typed import TypedAccess

if TYPE_CHECKING:
    _Buffer: Any = object
else:
    _Buffer = native_types.buffer_type


class Memory(TypedAccess, _Buffer):  # type: ignore[misc]  # the base is made at run time
    """A linear memory.

    ``Memory(1)`` has one page of 64 KiB and may grow; ``Memory(1, 2)`` at most to two.
    ``memory[a:b]`` reads and writes bytes, ``memoryview(memory)`` and numpy see it without a
    copy and stay valid when it grows (they keep the length they were made with). ``read_i32`` and
    its like read and write numbers, ``read_str`` and ``write_str`` strings.
    """

    def __init__(self, min: int = 0, max: int | None = None, *, guard: bool | None = None) -> None:
        if min < 0 or (max is not None and max < min):
            raise ValueError("a memory's maximum is at least its minimum, and neither is negative")
        self._set_up(MemoryType(Limits(min, max)), guard)

    @classmethod
    def from_type(cls, memory_type: MemoryType, guard: bool | None = None) -> Memory:
        """A memory of this type; ``guard`` asks for guard pages (None: if they can be had)."""
        self: Memory = cls.__new__(cls)
        self._set_up(memory_type, guard)
        return self

    def _set_up(self, memory_type: MemoryType, guard: bool | None) -> None:
        size = memory_type.limits
        self._page = 1 << size.page_size_log2
        ceiling = _ceiling(size)
        if size.min > ceiling:
            raise MemoryError(f"a memory of {size.min} pages is beyond the implementation limit")
        self._declared_max = size.max
        self._limit_pages = ceiling if size.max is None else min(size.max, ceiling)
        self._pages = size.min
        self.address64 = size.address64
        self.shared = size.shared
        wants_guard = guard is not False and not size.address64
        self.guarded = False
        base = 0
        if wants_guard:
            try:
                base = _reserve_guarded()
                reserved = tuning.GUARD_SIZE
                self.guarded = True
            except OSError:
                if guard:
                    raise MemoryError("guard pages cannot be reserved") from None
        if not base:
            base, reserved = _reserve_checked(size.min * self._page, self._limit_pages * self._page)
            self._limit_pages = min(self._limit_pages, reserved // self._page)
        self._base = base
        self._view: memoryview | None = None
        self._accessible = 0
        self._lock = threading.RLock()
        self._record = ctypes.create_string_buffer(16)
        slot = native.get().add_region(base, base + reserved)
        # The record goes last: views of the memory read it.
        self._space = resource(_release, base, reserved, slot, self._record)
        self._make_accessible(size.min * self._page)
        record = ctypes.addressof(self._record)
        native.write64(record + 8, base)
        native.write64(record, size.min * self._page)
        native.set_buffer_record(self, record)

    def _make_accessible(self, size: int) -> None:
        wanted = vm.round_up(size)
        if wanted > self._accessible:
            try:
                vm.protect(
                    self._base + self._accessible,
                    wanted - self._accessible,
                    vm.READ | vm.WRITE,
                )
            except OSError as error:
                raise MemoryError(f"memory cannot grow to {size} bytes: {error}") from error
            self._accessible = wanted

    def restrict(self, size: int) -> None:
        """Keeps it from growing beyond ``size`` bytes, whatever its type says."""
        self._limit_pages = min(self._limit_pages, max(size // self._page, self._pages))

    @property
    def base(self) -> int:
        """The address of the first byte in this process."""
        return self._base

    @property
    def record(self) -> int:
        """The address of the memory record that compiled code reads."""
        return ctypes.addressof(self._record)

    @property
    def type(self) -> MemoryType:
        """The type, with the current size as its minimum."""
        log2 = self._page.bit_length() - 1
        return MemoryType(
            Limits(self._pages, self._declared_max, self.address64, self.shared, log2)
        )

    @property
    def pages(self) -> int:
        """The size in pages."""
        return self._pages

    def __len__(self) -> int:
        return self._pages * self._page

    def grow(self, delta: int) -> int:
        """Grows by ``delta`` pages; gives the old size in pages.

        Raises MemoryError where the maximum or the system does not allow it.
        """
        old = self.try_grow(delta)
        if old < 0:
            raise MemoryError(f"memory of {self._pages} pages cannot grow by {delta}")
        return old

    def try_grow(self, delta: int) -> int:
        """``grow`` as the instruction does it: -1 where it fails."""
        with self._lock:
            old = self._pages
            if delta < 0 or old + delta > self._limit_pages:
                return -1
            try:
                self._make_accessible((old + delta) * self._page)
            except MemoryError:
                return -1
            self._pages = old + delta
            self._view = None
            native.write64(self.record, self._pages * self._page)
            return old

    def _look(self) -> memoryview:
        """The bytes that there are now. Not for others to keep: it does not keep this alive."""
        view = self._view
        if view is None:
            # Nothing that refers to this object: that would be a circle.
            whole = (ctypes.c_ubyte * len(self)).from_address(self._base)
            view = self._view = memoryview(whole).cast("B")
        return view

    def __getitem__(self, index: int | slice) -> int | bytes:
        view = self._view or self._look()
        return bytes(view[index]) if isinstance(index, slice) else view[index]

    def __setitem__(self, index: int | slice, value: Any) -> None:
        (self._view or self._look())[index] = value

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes from ``address``; IndexError where they are not all inside."""
        view = self._view or self._look()
        end = address + size
        if address < 0 or size < 0 or end > len(view):
            raise self._outside(address, size)
        return bytes(view[address:end])

    def write(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Writes ``data`` at ``address``; IndexError where it does not all fit."""
        view = self._view or self._look()
        if type(data) is not bytes:
            data = memoryview(data).cast("B")
        end = address + len(data)
        if address < 0 or end > len(view):
            raise self._outside(address, len(data))
        view[address:end] = data

    def _outside(self, address: int, size: int) -> IndexError:
        return IndexError(f"bytes {address} to {address + size} of a memory of {len(self)}")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a memory can be neither copied nor pickled")

    def __repr__(self) -> str:
        limit = "" if self._declared_max is None else f" of at most {self._declared_max}"
        return f"<wasmwright.Memory {self._pages} pages{limit}>"


def _ceiling(size: Limits) -> int:
    """The most pages that a memory of this kind may ever have here."""
    most = 1 << 48 if size.address64 else 1 << 32
    return most >> size.page_size_log2


def _reserve_guarded() -> int:
    try:
        return vm.reserve(tuning.GUARD_SIZE)
    except OSError:
        # Instances in cycles may hold what is missing; the collector does not know how much.
        gc.collect()
        return vm.reserve(tuning.GUARD_SIZE)


_FIRST_TRY: Final = tuning.MAX_RESERVATION


def _reserve_checked(least: int, most: int) -> tuple[int, int]:
    """Reserves up to ``most`` bytes, or less if the system refuses; (address, bytes)."""
    wanted = max(min(most, _FIRST_TRY), least, vm.PAGE)
    while True:
        size = vm.round_up(wanted)
        try:
            return vm.reserve(size), size
        except OSError as error:
            if wanted <= max(least, vm.PAGE):
                raise MemoryError(f"memory of {least} bytes cannot be reserved: {error}") from error
            wanted = max(wanted // 4, least, vm.PAGE)


def _release(base: int, reserved: int, slot: int, record: object) -> None:
    native.get().remove_region(slot)
    vm.release(base, reserved)
    del record
