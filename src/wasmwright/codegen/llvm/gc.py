"""The garbage collector's native parts, as LLVM IR: everything between compiled code and Python.

:mod:`codegen.heap_layout` says what there is; ``docs/gc.md`` how it works. The parts:

* ``gc_arena``: blocks of address space, and which heap has them;
* ``gc_allocate``: where an allocation goes that compiled code cannot do by itself;
* ``gc_mark``, ``gc_collect``: a collection;
* ``gc_pins``: Python objects that wasm holds, objects that Python holds;
* ``gc_heaps``: heaps as Python makes, joins and frees them.
"""

from __future__ import annotations

from wasmwright.codegen.llvm import (
    gc_allocate,
    gc_arena,
    gc_collect,
    gc_heaps,
    gc_mark,
    gc_pins,
)

_ATTRIBUTES = '\nattributes #0 = { nounwind "frame-pointer"="all" }\n'


def gc_ir() -> str:
    """The unit's IR. It needs ``ww_gc_state``, the arena's record."""
    return "".join(
        (
            gc_arena.DECLARATIONS,
            gc_mark.DECLARATIONS,
            gc_collect.DECLARATIONS,
            gc_pins.DECLARATIONS,
            gc_heaps.DECLARATIONS,
            gc_arena.arena_ir(),
            gc_allocate.allocate_ir(),
            gc_mark.mark_ir(),
            gc_collect.collect_ir(),
            gc_pins.pins_ir(),
            gc_heaps.heaps_ir(),
            _ATTRIBUTES,
        )
    )
