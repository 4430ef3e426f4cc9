"""Heaps from Python: the collector's native functions, and a block's heap as an object.

:mod:`codegen.llvm.gc_heaps` has what is called here. Each call that touches the inside of a heap
waits until no other thread is in its block.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from wasmwright import errors, tuning
from wasmwright.codegen import abi
from wasmwright.codegen import heap_layout as layout
from wasmwright.codegen.llvm import gc_heaps as ir
from wasmwright.runtime import native, native_types, turns

if TYPE_CHECKING:
    from wasmwright.runtime.block import Block

# Turns stress mode on for every new heap: a collection at every allocation.
STRESS_VARIABLE: Final = "WASMWRIGHT_GC_STRESS"


class Collector:
    """The native functions and types. There is one, from :func:`collector`."""

    def __init__(self, core: native.Native) -> None:
        self._core = core
        address, word, status = ctypes.c_size_t, ctypes.c_uint64, ctypes.c_int
        self.heap_type = self._make_heap_type()
        self.root_type = self._make_root_type()
        pythonic = ctypes.py_object
        self.create = self._function("create", pythonic, pythonic, address, *[word] * 4)
        self.new_root = self._function("new_root", pythonic, pythonic, address)
        self.merge = self._function("merge", status, address, address, pythonic)
        self.collect_now = self._function("collect_now", status, address)
        self.make = self._function("make", status, address, address, word, address)
        self.read = self._function("read", status, address, address, address)
        self.write = self._function("write", status, address, address, word)
        self.hold = self._function("hold", status, address, word, address)
        self.free_slot = self._function("free_slot", None, address)
        self.link = self._function("link", None, address, address)
        self.unlink = self._function("unlink", None, address, address)

    def _function(self, name: str, result: Any, *params: Any) -> Callable[..., Any]:
        found: Callable[..., Any] = ctypes.PYFUNCTYPE(result, *params)(
            self._core.gc_symbol(f"ww_gc_{name}")
        )
        return found

    def _make_heap_type(self) -> Any:
        symbol = self._core.gc_symbol
        return native_types.make_type(
            b"wasmwright.runtime.heap.HeapObject",
            ir.HEAP_OBJECT_SIZE,
            native_types.TPFLAGS_HAVE_GC | native_types.TPFLAGS_DISALLOW_INSTANTIATION,
            [
                (native_types.SLOT_DEALLOC, symbol("ww_gc_dealloc")),
                (native_types.SLOT_TRAVERSE, symbol("ww_gc_traverse")),
                (native_types.SLOT_CLEAR, symbol("ww_gc_clear")),
            ],
            [],
        )

    def _make_root_type(self) -> Any:
        return native_types.make_type(
            b"wasmwright.runtime.heap.Root",
            ir.ROOT_SIZE,
            native_types.TPFLAGS_BASETYPE,
            [(native_types.SLOT_DEALLOC, self._core.gc_symbol("ww_gc_root_dealloc"))],
            [],
        )


@functools.cache
def collector() -> Collector:
    """The process's collector, loaded on first use."""
    return Collector(native.get())


def create(block: Block) -> object:
    """A heap for a block that has none: the object that owns it."""
    made: object = collector().create(
        collector().heap_type,
        block.address,
        tuning.GC_HEAP_LIMIT,
        tuning.GC_THRESHOLD,
        tuning.GC_MARK_STACK,
        tuning.GC_PINS,
    )
    if os.environ.get(STRESS_VARIABLE):
        Heap(block).stress = True
    return made


class Heap:
    """A block's heap as an object: figures, knobs, and a collection on request."""

    __slots__ = ("_block",)

    def __init__(self, block: Block) -> None:
        self._block = block

    def _field(self, offset: int) -> int:
        return native.read64(_record(self._block) + offset)

    def _set(self, offset: int, value: int) -> None:
        native.write64(_record(self._block) + offset, value)

    @property
    def limit(self) -> int:
        """Bytes that it may take."""
        return self._field(layout.HEAP_LIMIT)

    @limit.setter
    def limit(self, size: int) -> None:
        self._set(layout.HEAP_LIMIT, size)

    @property
    def threshold(self) -> int:
        """Bytes given out after which it is collected, at least."""
        return self._field(layout.HEAP_MINIMUM)

    @threshold.setter
    def threshold(self, size: int) -> None:
        self._set(layout.HEAP_MINIMUM, size)
        self._set(layout.HEAP_THRESHOLD, size)

    @property
    def stress(self) -> bool:
        """Whether every allocation collects."""
        return self._field(layout.HEAP_STRESS) != 0

    @stress.setter
    def stress(self, on: bool) -> None:
        root = self._block.root.address
        # What compiled code has at hand must not be used any more.
        native.write64(root + abi.RT_ALLOC, 0)
        native.write64(root + abi.RT_ALLOC_LIMIT, 0)
        self._set(layout.HEAP_PTR, 0)
        self._set(layout.HEAP_END, 0)
        self._set(layout.HEAP_STRESS, int(on))

    @property
    def size(self) -> int:
        """Bytes of address space that it has."""
        return self._field(layout.HEAP_OWNED)

    @property
    def live(self) -> int:
        """Bytes of objects that the last collection found alive."""
        return self._field(layout.HEAP_LIVE)

    @property
    def collections(self) -> int:
        """How many collections there were."""
        return self._field(layout.HEAP_COLLECTIONS)

    @property
    def pins(self) -> int:
        """How many Python objects it keeps alive for wasm."""
        return self._field(layout.HEAP_PIN_COUNT) + self._field(layout.HEAP_DROPPED_COUNT)

    def collect(self) -> None:
        """Collects now, and lets go of the Python objects that wasm holds no longer.

        Does nothing while a module is being instantiated that belongs to the same heap.
        """
        _retry(self._block, collector().collect_now)

    def pause(self, count: int) -> None:
        """Asks for no collection (``+1``), or no longer asks for it (``-1``)."""
        self._set(layout.HEAP_PAUSED, self._field(layout.HEAP_PAUSED) + count)

    def __repr__(self) -> str:
        return f"<wasmwright.Heap {self.live} of {self.size} bytes alive>"


def _retry(block: Block, function: Callable[..., int], *arguments: object) -> None:
    """Calls a native function on the block until no other thread is in the way."""
    while True:
        address = block.root.address
        status = function(address, *arguments)
        if status == ir.BUSY:
            turns.wait(address, turns.this_thread())
            status = function(address, *arguments)
            turns.pass_on(address)
        if status == ir.NO_MEMORY:
            raise MemoryError
        if status == ir.DONE:
            return


@contextlib.contextmanager
def paused(block: Block) -> Iterator[None]:
    """No collection of the block's heap, which is made if there is none."""
    block.need_heap().pause(1)
    try:
        yield
    finally:
        Heap(block).pause(-1)


def merge(block: Block, other: Block) -> None:
    """Gives ``block`` the heap of ``other``, which ends."""
    if other.heap_object is None:
        return
    _retry(block, collector().merge, other.address, other.heap_object)
    if block.heap_object is None:
        block.heap_object = other.heap_object
    other.heap_object = None


def make(block: Block, rtt: int, length: int = 0) -> int:
    """The address of a new object, all zeros; the caller sees to it that it is kept alive.

    Raises ExhaustionError where the heap is full.
    """
    out = ctypes.c_uint64()
    try:
        _retry(block, collector().make, rtt, length, ctypes.addressof(out))
    except MemoryError:
        raise errors.ExhaustionError(errors.TRAP_KINDS[errors.TRAP_HEAP]) from None
    return out.value


def read(block: Block, place: int) -> tuple[int, int]:
    """The reference at an address, and a slot that keeps it alive (0 if it needs none).

    A Python object comes with one reference more, which the caller takes.
    """
    out = (ctypes.c_uint64 * 2)()
    _retry(block, collector().read, place, ctypes.addressof(out))
    return out[0], out[1]


def write(block: Block, place: int, word: int) -> None:
    """Stores a reference, whose object the caller keeps alive, at an address."""
    _retry(block, collector().write, place, word)


def pin(block: Block, word: int) -> None:
    """Keeps a Python object, if a reference is one, alive as long as wasm may reach it."""
    cell = ctypes.c_uint64()
    write(block, ctypes.addressof(cell), word)


def hold(block: Block, word: int) -> int:
    """A slot for an object that the caller, inside the block, knows to be alive."""
    out = (ctypes.c_uint64 * 2)()
    if collector().hold(block.root.address, word, ctypes.addressof(out)) != ir.DONE:
        raise MemoryError
    return out[1]


class RootRecord:
    """Words outside of the heap that are roots of a block's heap, from ``enter`` on.

    ``entries`` are (address, count): so many words, each 16 bytes from the next, or INDIRECT
    for the record of a table or segment. ``leave`` must be called before the words go.
    """

    __slots__ = ("__weakref__", "_block", "_memory")

    def __init__(self, entries: Sequence[tuple[int, int]]) -> None:
        size = layout.ROOT_FIRST + layout.ROOT_ENTRY * len(entries)
        self._memory = ctypes.create_string_buffer(size)
        # Weak: a finaliser keeps this object, and must not keep what the block keeps.
        self._block: weakref.ref[Block] | None = None
        address = ctypes.addressof(self._memory)
        native.write64(address + layout.ROOT_ENTRIES, len(entries))
        for number, entry in enumerate(entries):
            at = address + layout.ROOT_FIRST + layout.ROOT_ENTRY * number
            native.write64(at, entry[0])
            native.write64(at + 8, entry[1])

    def enter(self, block: Block) -> None:
        """Makes the words roots of the heap of ``block``; once (joining blocks does the rest)."""
        if self._block is None:
            block.need_heap()
            block.add(self)
            collector().link(_record(block), ctypes.addressof(self._memory))

    def set_block(self, block: Block) -> None:
        """Implements Member."""
        self._block = weakref.ref(block)

    def leave(self, *_kept: object) -> None:
        """Takes the words back.

        A finaliser may call it, and give it what must outlast the words' being roots.
        """
        block = self._block() if self._block is not None else None
        if block is not None:
            collector().unlink(_record(block), ctypes.addressof(self._memory))


def _record(block: Block) -> int:
    return native.read64(block.root.address + abi.RT_HEAP)
