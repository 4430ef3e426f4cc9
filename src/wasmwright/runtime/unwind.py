"""The table through which a throw finds its landing pad; ``codegen.llvm.native_throw`` walks it.

Reads what loaded code says of its frames, when an exception first comes through one of its
calls. Produces entries of a hash table in native memory, which other threads may be reading:
an entry's key is written last, and a table that is too full is replaced by a bigger one.
"""

from __future__ import annotations

import bisect
import ctypes
import struct
from collections.abc import Callable
from typing import Final, Protocol

from wasmwright.codegen import vm
from wasmwright.codegen.arch import HERE
from wasmwright.codegen.llvm import native_throw as ir
from wasmwright.codegen.unwind import CallSite

_FIRST_SIZE: Final = 256  # entries
# All but the key.
_ENTRY: Final = struct.Struct(f"<QIii{len(HERE.SAVED_REGISTERS)}i")
_REMOVED: Final = 1  # a key that no call has, and that does not end a search

_ENTRY_STUB: Final = _ENTRY.pack(0, ir.KIND_ENTRY, 0, 0, *(0 for _ in HERE.SAVED_REGISTERS))


class Frames(Protocol):
    """What knows the frames of a stretch of code."""

    def call_site(self, return_address: int) -> CallSite | None:
        """The call that returns to an address, or None if it is in no function."""


class Unwinder:
    """The frames of all loaded code. ``anchor`` is where native code looks for the table."""

    # No lock: finalisers remove code, and may interrupt the very thread that would hold it.
    # Each step is atomic under the GIL, and `_replace` starts anew if there was a removal.

    def __init__(self, anchor: int) -> None:
        self._anchor = anchor
        # By address: the end, how to read the frames, and whether they are stubs'.
        self._code: dict[int, tuple[int, Callable[[], Frames], bool]] = {}
        self._frames: dict[int, Frames] = {}
        self._sorted: list[int] | None = None
        self._entries: dict[int, bytes] = {}
        self._removals = 0
        self._table = 0
        self._size = 0
        self._used = 0  # entries that do not end a search
        self._replace(_FIRST_SIZE)

    def add(self, start: int, end: int, frames: Callable[[], Frames], stubs: bool = False) -> None:
        """Announces code: compiled wasm, or ``stubs``, whose entry stubs end a walk.

        ``frames`` is called when an exception first comes through.
        """
        self._code[start] = end, frames, stubs
        self._sorted = None

    def remove(self, start: int, end: int) -> None:
        """Forgets code that is about to be unloaded."""
        self._code.pop(start, None)
        self._frames.pop(start, None)
        self._sorted = None
        self._removals += 1
        for address in [each for each in list(self._entries) if start < each <= end]:
            del self._entries[address]
            self._clear(address)

    def resolve(self, return_address: int) -> None:
        """Puts the call that returns to this address into the table."""
        if return_address in self._entries:
            return
        entry = _pack(self._call_site(return_address))
        if 2 * (self._used + 1) > self._size:
            crowded = 4 * len(self._entries) > self._size
            self._replace(2 * self._size if crowded else self._size)
        self._entries[return_address] = entry
        self._write(self._table, self._size, return_address, entry)

    def _call_site(self, return_address: int) -> CallSite | None:
        starts = self._sorted
        if starts is None:
            starts = self._sorted = sorted(self._code)
        at = bisect.bisect_left(starts, return_address) - 1
        if at < 0:
            return None
        start = starts[at]
        end, read, stubs = self._code[start]
        if return_address > end:
            return None
        frames = self._frames.get(start)
        if frames is None:
            frames = self._frames[start] = read()
        found = frames.call_site(return_address)
        assert found is not None or stubs, f"the code at 0x{return_address:x} has no frame"
        return found

    def _replace(self, size: int) -> None:
        """Makes a table of ``size`` entries, a power of two."""
        while True:
            removals = self._removals
            memory = vm.round_up(ir.TABLE_FIRST + ir.ENTRY_SIZE * size)
            table = vm.reserve(memory)
            vm.protect(table, memory, vm.READ | vm.WRITE)
            mask = ir.ENTRY_SIZE * (size - 1)
            vm.write(table + ir.TABLE_MASK, mask.to_bytes(8, "little"))
            self._used = 0
            for address, entry in list(self._entries.items()):
                self._write(table, size, address, entry)
            if removals == self._removals:
                break
            vm.release(table, memory)
        # A walk in another thread may be reading the old table, so that one stays.
        self._table, self._size = table, size
        vm.write(self._anchor, table.to_bytes(8, "little"))

    def _write(self, table: int, size: int, address: int, entry: bytes) -> None:
        slot = ir.hash_of(address) & (size - 1)
        while (key := _key(table, slot)) not in (0, _REMOVED):
            slot = (slot + 1) & (size - 1)
        if not key:
            self._used += 1
        place = table + ir.TABLE_FIRST + ir.ENTRY_SIZE * slot
        vm.write(place + ir.ENTRY_PAD, entry)
        vm.write(place + ir.ENTRY_KEY, address.to_bytes(8, "little"))

    def _clear(self, address: int) -> None:
        table, mask = self._table, self._size - 1
        slot = ir.hash_of(address) & mask
        while (key := _key(table, slot)) != address:
            if not key:
                return
            slot = (slot + 1) & mask
        _set_key(table, slot, _REMOVED)
        # What ends a search anyway need not be passed by.
        while not _key(table, (slot + 1) & mask) and _key(table, slot) == _REMOVED:
            _set_key(table, slot, 0)
            self._used -= 1
            slot = (slot - 1) & mask


def _key(table: int, slot: int) -> int:
    place = table + ir.TABLE_FIRST + ir.ENTRY_SIZE * slot + ir.ENTRY_KEY
    return ctypes.c_uint64.from_address(place).value


def _set_key(table: int, slot: int, key: int) -> None:
    place = table + ir.TABLE_FIRST + ir.ENTRY_SIZE * slot + ir.ENTRY_KEY
    ctypes.c_uint64.from_address(place).value = key


def _pack(call: CallSite | None) -> bytes:
    if call is None:
        return _ENTRY_STUB
    kind = ir.KIND_PAD if call.pad else ir.KIND_FRAME
    return _ENTRY.pack(call.pad, kind, call.cfa, call.stack, *call.saved)
