"""The address space of the garbage-collected heaps: reserved once, given out by native code.

Produces the arena's record, ``ww_gc_state`` (:mod:`codegen.heap_layout`).
"""

from __future__ import annotations

from wasmwright import tuning
from wasmwright.codegen import heap_layout as layout
from wasmwright.codegen import vm


class HeapArena:
    """The arena: ``base`` and ``size`` in bytes (0 where nothing can be reserved), ``record``."""

    def __init__(self) -> None:
        size = tuning.GC_ARENA
        while size >= tuning.GC_ARENA_LEAST:
            try:
                self._reserve(size)
                return
            except OSError:
                size //= 4
        self._describe(0, 0, 0, 0)

    def _reserve(self, size: int) -> None:
        blocks = size >> layout.BLOCK_SHIFT
        start = vm.reserve(size + layout.BLOCK_SIZE)
        base = (start + layout.BLOCK_SIZE - 1) & -layout.BLOCK_SIZE
        try:
            meta = vm.reserve(blocks << layout.META_SHIFT)
            owned = vm.reserve(vm.round_up(blocks))
        except OSError:
            vm.release(start, size + layout.BLOCK_SIZE)
            raise
        vm.protect(owned, vm.round_up(blocks), vm.READ | vm.WRITE)
        self._describe(base, size, meta, owned)

    def _describe(self, base: int, size: int, meta: int, owned: int) -> None:
        self.base = base
        self.size = size
        self.record = vm.reserve(vm.PAGE)
        vm.protect(self.record, vm.PAGE, vm.READ | vm.WRITE)
        for offset, value in (
            (layout.ARENA_BASE, base),
            (layout.ARENA_SIZE, size),
            (layout.ARENA_META, meta),
            (layout.ARENA_MAP, owned),
            (layout.ARENA_BLOCKS, size >> layout.BLOCK_SHIFT),
        ):
            vm.write(self.record + offset, value.to_bytes(8, "little"))
