"""The layout of garbage-collected objects and of the records that the collector keeps of them.

A reference of the ``any`` hierarchy is a word: 0 is null, an ``i31`` is its value shifted left by
one plus 1, a structure or array is its address, and anything else the address of a Python
object (which ``any.convert_extern`` brought in). All objects of the process live in one stretch
of reserved address space, the *arena*, so that a range comparison tells them from the others.

An object begins with the pointer to its *runtime type*. A structure's fields follow, each
aligned to its size (vectors to 8), in order, so that a subtype begins like its supertype. An
array has its length at 8 and its elements from 16 on. Sizes are multiples of 8.

A *runtime type* is made once a process for each canonical type and never goes away. Its display
has the runtime types of its ancestors, the topmost first and itself last, padded with null to at
least ``DISPLAY_MIN``: ``sub`` matches ``sup`` exactly if ``sub.display[sup.depth]`` is ``sup``.

The arena is divided into *blocks*. A heap (one for each runtime block of :mod:`codegen.abi` that
needs one) owns *segments* of consecutive blocks. A block holds small objects, or is part of a
run of blocks that one large object has for itself. Beside the arena lies a table with the
*metadata* of each block: a mark bit for each 8 bytes and a byte for each line of 128.
"""

from __future__ import annotations

from typing import Final

from wasmwright.limits import MAX_SUBTYPING_DEPTH
from wasmwright.model.canon import kind_of
from wasmwright.model.module import Module
from wasmwright.model.types import (
    ABSTRACT,
    F32,
    F64,
    FUNC,
    HEAP_MASK,
    I8,
    I16,
    I32,
    I64,
    NOFUNC,
    REF,
    V128,
    FieldType,
    FuncType,
    StructType,
)

# Objects.
OBJECT_TYPE: Final = 0
STRUCT_FIELDS: Final = 8
ARRAY_LENGTH: Final = 8
ARRAY_ELEMENTS: Final = 16
GRANULE: Final = 8

# Runtime types. Of an array, SIZE is the logarithm of an element's size, and REFS is 1 where the
# elements are references; of a structure, SIZE is in bytes, and REFS how many of the fields are
# references, whose offsets (i32 each) are behind REF_OFFSETS.
TYPE_ID: Final = 0
TYPE_KIND: Final = 8
TYPE_DEPTH: Final = 12
TYPE_SIZE: Final = 16
TYPE_REFS: Final = 20
TYPE_REF_OFFSETS: Final = 24
TYPE_DISPLAY: Final = 32
DISPLAY_MIN: Final = 8
# A cast may look beyond the end of a display, as far as the longest there can be: so much behind
# each runtime type can be read, whatever it holds.
DISPLAY_REACH: Final = 8 * (MAX_SUBTYPING_DEPTH + 1)

KIND_STRUCT: Final = 1
KIND_ARRAY: Final = 2
KIND_FUNC: Final = 3

# Blocks and lines.
BLOCK_SHIFT: Final = 15
BLOCK_SIZE: Final = 1 << BLOCK_SHIFT
LINE_SHIFT: Final = 7
LINE_SIZE: Final = 1 << LINE_SHIFT
LINES: Final = BLOCK_SIZE // LINE_SIZE
LARGE: Final = 8192  # an object beyond this many bytes gets blocks of its own

# The metadata of a block. CURSOR is the line up to which lines were given out for allocation
# since the last collection; WALKED whether the objects in them have their mark bits; HEAD of a
# large object's blocks the number of the first of them, SIZE their number (in the first).
META_SHIFT: Final = 10
META_MARKS: Final = 0
META_LINES: Final = 512
META_STATE: Final = 768
META_OWNER: Final = 776
META_CURSOR: Final = 784
META_WALKED: Final = 788
META_HEAD: Final = 792
META_SIZE: Final = 800

STATE_CLEAN: Final = 0  # free, all zeros
STATE_DIRTY: Final = 1  # free
STATE_SMALL: Final = 2
STATE_LARGE: Final = 3

# The process's arena (`ww_gc_state`). MAP has a byte for each block: 0 where no heap owns it, and
# READY once its metadata may be looked at.
ARENA_LOCK: Final = 0
ARENA_BASE: Final = 8
ARENA_SIZE: Final = 16
ARENA_META: Final = 24
ARENA_MAP: Final = 32
ARENA_BLOCKS: Final = 40
ARENA_HINT: Final = 48
MAP_TAKEN: Final = 1
MAP_READY: Final = 2

# A heap. Counts of bytes: LIMIT is what it may own of the arena and OWNED what it does; LIVE
# what the last collection found alive; GIVEN what was given out for allocation since then, and
# THRESHOLD how much it takes until the next one.
HEAP_BLOCK: Final = 0  # the runtime block
HEAP_LIMIT: Final = 8
HEAP_OWNED: Final = 16
HEAP_LIVE: Final = 24
HEAP_GIVEN: Final = 32
HEAP_THRESHOLD: Final = 40
HEAP_MINIMUM: Final = 48  # of the threshold
HEAP_COLLECTIONS: Final = 56
HEAP_STRESS: Final = 64  # collect at every allocation
HEAP_PAUSED: Final = 72  # how many ask for no collection now
HEAP_PTR: Final = 80  # in stress mode, where the allocation pointer and limit are kept
HEAP_END: Final = 88
# Segments: {i64 first block, i64 blocks} each.
HEAP_SEGMENTS: Final = 96
HEAP_SEGMENT_COUNT: Final = 104
HEAP_SEGMENT_ROOM: Final = 112
# Where the search for small and for large objects' places goes on: segment, block in it.
HEAP_SMALL_SEGMENT: Final = 120
HEAP_SMALL_BLOCK: Final = 128
HEAP_LARGE_SEGMENT: Final = 136
HEAP_LARGE_BLOCK: Final = 144
HEAP_LARGE_FAILED: Final = 280  # so many free blocks in a row are not there
HEAP_HOLES: Final = 152  # the block whose free lines are being used, or -1
HEAP_SPARE_PTR: Final = 160  # a whole block for objects that fit no hole
HEAP_SPARE_END: Final = 168
# The collector's stack of objects to look into.
HEAP_STACK: Final = 176
HEAP_STACK_TOP: Final = 184
HEAP_STACK_ROOM: Final = 192
HEAP_OVERFLOW: Final = 200
# Roots: the lock, the list of root records, and the list of chunks with proxies' slots.
HEAP_LOCK: Final = 208
HEAP_ROOTS: Final = 216
HEAP_SLOTS: Final = 224
# Python objects that wasm may hold: a hash table of {object, collection that last saw it}.
HEAP_PINS: Final = 232
HEAP_PIN_COUNT: Final = 240
HEAP_PIN_ROOM: Final = 248
HEAP_EPOCH: Final = 256
# … and those that it holds no longer, to be released with the GIL.
HEAP_DROPPED: Final = 264
HEAP_DROPPED_COUNT: Final = 272
HEAP_STACK_LEAST: Final = 288
# So many pins make a collection due, at least (LEAST), and since the last one.
HEAP_PIN_LEAST: Final = 296
HEAP_PIN_LIMIT: Final = 304
HEAP_SIZE: Final = 320

SEGMENT_SIZE: Final = 16
PIN_SIZE: Final = 16
# A new pin is worth so many bytes (a power of two) of what a collection has to look at.
PIN_SHIFT: Final = 10

# A root record: {next, previous, entries, then (address, count) for each}. A count is of words
# 16 bytes apart; INDIRECT says that the address is that of {pointer to words, their number}.
ROOT_NEXT: Final = 0
ROOT_PREVIOUS: Final = 8
ROOT_ENTRIES: Final = 16
ROOT_FIRST: Final = 24
ROOT_ENTRY: Final = 16
INDIRECT: Final = (1 << 64) - 1

# A chunk of slots: {next chunk, free list, slots in use, whether its heap is gone}, then words.
# An odd word is free: the address of the next free one, plus 1 (just 1 at the end of the list).
SLOTS_CHUNK: Final = 4096
SLOTS_NEXT: Final = 0
SLOTS_FREE: Final = 8
SLOTS_USED: Final = 16
SLOTS_ORPHAN: Final = 24
SLOTS_FIRST: Final = 32

_SIZES: Final[dict[int, int]] = {I8: 1, I16: 2, I32: 4, I64: 8, F32: 4, F64: 8, V128: 16}
_SHIFTS: Final[dict[int, int]] = {1: 0, 2: 1, 4: 2, 8: 3, 16: 4}


def storage_size(storage: int) -> int:
    """The bytes of a field or element of a storage type."""
    return 8 if storage & REF else _SIZES[storage]


def element_shift(element: FieldType) -> int:
    """The logarithm of the bytes of an array's element."""
    return _SHIFTS[storage_size(element.storage)]


def is_traced(storage: int, kinds: list[int]) -> bool:
    """Whether the collector looks at values of a type: references that are not to functions.

    (What owns a function is kept alive by other means.) ``kinds`` has the abstract type above
    each concrete one.
    """
    if storage & REF == 0:
        return False
    heap = storage & HEAP_MASK
    if heap & ABSTRACT == 0:
        heap = kinds[heap]
    return heap != FUNC and heap != NOFUNC


class StructLayout:
    """Where a structure's fields are, and its size in bytes."""

    __slots__ = ("offsets", "size")

    def __init__(self, struct: StructType) -> None:
        self.offsets: list[int] = []
        at = STRUCT_FIELDS
        for field in struct.fields:
            size = storage_size(field.storage)
            align = min(size, GRANULE)
            at = (at + align - 1) & -align
            self.offsets.append(at)
            at += size
        self.size = (at + GRANULE - 1) & -GRANULE


class HeapNeeds:
    """What instances of a module need of the heap.

    ``types``: the runtime types of the module's types; ``heap``: a heap at all, because objects
    (of which exceptions are some) or Python objects may come in; ``functions``: objects may have
    functions in them.
    """

    __slots__ = ("functions", "heap", "types")

    def __init__(self, module: Module) -> None:
        kinds = [kind_of(each.comp) for each in module.types]
        self.types = False
        self.functions = False
        valtypes = [each.element for each in module.all_tables]
        valtypes += [each.valtype for each in module.all_globals]
        for each in module.types:
            comp = each.comp
            if isinstance(comp, FuncType):
                valtypes += comp.params + comp.results
                self.types = self.types or not each.final or bool(each.supers)
            else:
                fields = comp.fields if isinstance(comp, StructType) else (comp.element,)
                self.types = True
                for field in fields:
                    storage = field.storage
                    if storage & REF and not is_traced(storage, kinds):
                        self.functions = True
        traced = any(is_traced(each, kinds) for each in valtypes)
        objects = any(kind != FUNC for kind in kinds) or bool(module.all_tags)
        self.heap = traced or objects
