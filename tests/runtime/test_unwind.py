"""The table that throws look return addresses up in."""

import ctypes
import random

import pytest

from wasmwright.codegen.arch import HERE
from wasmwright.codegen.llvm import native_throw as ir
from wasmwright.codegen.unwind import CallSite
from wasmwright.runtime.unwind import Unwinder

SAVED = (0, -24, 0, 0, -32, *[0] * (len(HERE.SAVED_REGISTERS) - 5))


class Table(Unwinder):
    """An unwinder whose calls all have frames, and the search that native code does in it."""

    def __init__(self):
        self._cell = ctypes.c_uint64()
        super().__init__(ctypes.addressof(self._cell))

    def _call_site(self, return_address):
        return CallSite(16, SAVED, return_address + 7, -(return_address & 0xFFFF))

    @property
    def table(self):
        return self._cell.value

    def find(self, address):
        """The entry with this key (its words from the landing pad on), or None."""
        mask = ctypes.c_uint64.from_address(self.table + ir.TABLE_MASK).value
        offset = address * ir.HASH_FACTOR % (1 << 64) >> ir.HASH_SHIFT & mask
        while True:
            entry = self.table + ir.TABLE_FIRST + offset
            key = ctypes.c_uint64.from_address(entry + ir.ENTRY_KEY).value
            if key == address:
                pad = ctypes.c_uint64.from_address(entry + ir.ENTRY_PAD).value
                words = (ctypes.c_int32 * (3 + len(SAVED))).from_address(entry + ir.ENTRY_KIND)
                return pad, *words
            if not key:
                return None
            offset = (offset + ir.ENTRY_SIZE) & mask


def no_frames():
    raise AssertionError("the table above finds calls by itself")


@pytest.fixture
def table():
    return Table()


def expected(address):
    return address + 7, ir.KIND_PAD, 16, -(address & 0xFFFF), *SAVED


def test_what_was_resolved_is_found(table):
    addresses = random.Random(1).sample(range(1 << 20, 1 << 47), 5000)
    for address in addresses:
        assert table.find(address) is None
        table.resolve(address)
        assert table.find(address) == expected(address)
    for address in addresses:
        assert table.find(address) == expected(address)


def test_resolving_again_changes_nothing(table):
    table.resolve(1000)
    table.resolve(1000)
    assert table.find(1000) == expected(1000)


def test_what_was_in_an_unloaded_object_is_gone(table):
    chosen = random.Random(2)
    kept = {}
    tables = set()
    for _ in range(400):
        start = chosen.randrange(1 << 30, 1 << 31) & -4096
        table.add(start, start + 4096, no_frames)
        inside = [start + chosen.randrange(1, 4097) for _ in range(20)]
        for address in inside:
            table.resolve(address)
        if len(kept) < 20:
            kept[start] = inside
        else:
            table.remove(start, start + 4096)
            assert [table.find(address) for address in inside] == [None] * 20
        tables.add(table.table)
    for inside in kept.values():
        assert [table.find(address) for address in inside] == [expected(each) for each in inside]
    # Places are used again: there is no new table for each few objects.
    assert len(tables) < 10
