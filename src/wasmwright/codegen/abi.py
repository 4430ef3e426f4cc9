"""The layout of native data and the calling convention, declared once for every backend.

A compiled function is ``f(ptr ctx, params...) -> results`` in the C calling convention: no result
is ``void``, one is itself, several are a literal struct. Only what fits into registers is passed
so (:func:`area_offsets`); the rest stands in the *argument area* of the runtime block, written just
before the call or the return, and read first thing after it. No call passes anything on the stack,
so every tail call can reuse the caller's frame, whatever the two signatures are. (``tailcc``, which
is made for that, costs every ordinary call a stack adjustment, and call-heavy code a fifth of its
time.) ``i32 i64 f32 f64`` are LLVM's ``i32 i64 float
double``, ``v128`` is ``<2 x i64>``, every reference is a ``ptr`` (null is the null pointer).

``ctx`` points to the *instance context*, one block an instance, laid out by :class:`Layout`:

====================  =========================================================================
``RT``                pointer to the thread-facing *runtime block* (below)
memories              16 bytes each: base pointer (never changes), pointer to the memory record
tables                8 bytes each: pointer to the table record
imported functions    8 bytes each: pointer to the funcref record
imported globals      8 bytes each: pointer to the global's cell
data segments         16 bytes each: pointer, length in bytes (0 once dropped)
element segments      16 bytes each: pointer to an array of references, length (0 once dropped)
type ids              8 bytes each: the canonical id of each of the module's types
runtime types         8 bytes each: pointer to the runtime type of each of them, in a module that
                      defines anything but final function types (else 0)
tags                  8 bytes each: pointer to the tag record
globals               16 bytes each, 16-aligned: the cells of the globals the module defines
functions             32 bytes each: the funcref records of the functions the module defines
====================  =========================================================================

Records that instances share stand outside the context. A *memory record* is {length in bytes,
base}; a *table record* {pointer to the array of references, length}. A *funcref record* is
{code, ctx, canonical type id, pointer to the runtime type or 0 where the type has no supertype};
its code is patched when a function is compiled, and a
``funcref`` value is the record's address. Code holds no address of any of these, so one
compiled unit serves every instance.

The *runtime block* is shared by all instances that can call one another, and used by one
thread at a time: {stack limit, trap function, memory.grow, table.grow, ...}.
"""

from __future__ import annotations

from typing import Final

from wasmwright.limits import MAX_PARAMS, MAX_RESULTS
from wasmwright.model.module import Module
from wasmwright.model.types import F32, F64, V128, FuncType, StructType

# What is passed in registers, the context besides: numbers and references, floats and vectors.
PARAM_INTS: Final = 5
PARAM_FLOATS: Final = 8
RESULT_INTS: Final = 2
RESULT_FLOATS: Final = 2

# Instance context.
CTX_RT: Final = 0
CTX_MEMORIES: Final = 16
MEMORY_ENTRY: Final = 16

# Memory record.
MEMORY_LENGTH: Final = 0
MEMORY_BASE: Final = 8

# Table record.
TABLE_ELEMENTS: Final = 0
TABLE_LENGTH: Final = 8

# Segment entries in the context.
SEGMENT_POINTER: Final = 0
SEGMENT_LENGTH: Final = 8
SEGMENT_ENTRY: Final = 16

# Funcref record.
FUNCREF_CODE: Final = 0
FUNCREF_CTX: Final = 8
FUNCREF_TYPE: Final = 16  # 32 bits
FUNCREF_SHORT: Final = 20  # 32 bits: 1 if the code there is that of a `binary.bodies.is_short`
FUNCREF_RTT: Final = 24
FUNCREF_SIZE: Final = 32

GLOBAL_CELL: Final = 16

# Runtime block. The function pointers use the C calling convention:
#   trap(ptr ctx, i32 kind) noreturn
#   memory_grow(ptr ctx, i32 memory, i64 delta) -> i64   old size in pages, or -1
#   table_grow(ptr ctx, i32 table, ptr init, i64 delta) -> i64
RT_STACK_LIMIT: Final = 0
RT_TRAP: Final = 8
RT_MEMORY_GROW: Final = 16
RT_TABLE_GROW: Final = 24
RT_ACTIVATION: Final = 32
RT_OWNER: Final = 40  # the thread state of the thread that is inside, or null
# Of the thread that is inside or was so last (`runtime.block.limits`): its number, how far down its
# stack wasm and host functions may go, and how pthread_kill knows it.
RT_THREAD_ID: Final = 48
RT_REAL_LIMIT: Final = 56
RT_HOST_LIMIT: Final = 64
RT_PTHREAD: Final = 72
RT_LIMITS_SIZE: Final = 32
RT_STOP: Final = 80  # codegen.llvm.stop
STOP_EVERYTHING: Final = (1 << 64) - 1  # the stop word that ends every activation of a block
RT_TURN: Final = 112  # the thread state of who alone may enter next, or null (runtime.turns)
RT_STACK_SIZE: Final = 120  # bytes of stack from the outermost entry on; 0: what the thread has
# Threads:
#   atomic_wait(ptr ctx, ptr at, i64 size, i64 expected, i64 timeout) -> i64
#   atomic_notify(ptr ctx, ptr at, i64 count) -> i64
RT_ATOMIC_WAIT: Final = 88
RT_ATOMIC_NOTIFY: Final = 96
RT_FUEL: Final = 104  # what code that consumes fuel has left; signed
# Garbage collection (see :mod:`wasmwright.codegen.heap_layout`): where the next object goes and up
# to where, the block's heap (null if it has none), the arena's address and size, and
#   gc_alloc(ptr rt, ptr type, i64 size, i64 length) -> ptr     null where the heap is full
#   gc_release(ptr rt)       null, or to be called where the GIL is held
RT_ALLOC: Final = 256
RT_ALLOC_LIMIT: Final = 264
RT_HEAP: Final = 272
RT_ARENA: Final = 280
RT_ARENA_SIZE: Final = 288
RT_GC_ALLOC: Final = 296
RT_GC_RELEASE: Final = 304
# Exceptions:
#   throw(ptr ctx, ptr exception) noreturn
#   new_exception(ptr ctx, ptr tag) -> ptr
RT_THROW: Final = 512
RT_NEW_EXCEPTION: Final = 520
RT_HEADER: Final = 1024  # bytes before the argument area
RT_AREA: Final = RT_HEADER
AREA_SLOT: Final = 16
AREA_SIZE: Final = AREA_SLOT * max(MAX_PARAMS, MAX_RESULTS)
RT_SIZE: Final = RT_HEADER + AREA_SIZE


def area_offsets(valtypes: tuple[int, ...], ints: int, floats: int) -> list[int]:
    """Where each value of a signature's side is passed.

    -1 for a register, of which there are ``ints`` and ``floats``; else the offset of its slot in
    the runtime block.
    """
    places: list[int] = []
    offset = RT_AREA
    for valtype in valtypes:
        is_float = valtype in (F32, F64, V128)
        if is_float and floats:
            floats -= 1
            places.append(-1)
        elif not is_float and ints:
            ints -= 1
            places.append(-1)
        else:
            places.append(offset)
            offset += AREA_SLOT
    return places


def _align(offset: int, alignment: int) -> int:
    return (offset + alignment - 1) & -alignment


def _has_vectors(module: Module) -> bool:
    """Whether a global, a signature, or an object's field is a vector."""
    for each in module.all_globals:
        if each.valtype == V128:
            return True
    for subtype in module.types:
        comp = subtype.comp
        if isinstance(comp, FuncType):
            if V128 in comp.params or V128 in comp.results:
                return True
        elif isinstance(comp, StructType):
            for field in comp.fields:
                if field.storage == V128:
                    return True
        elif comp.element.storage == V128:
            return True
    return False


class Layout:
    """Where a module's things are in its instances' contexts, in bytes from ``ctx``."""

    __slots__ = (
        "datas",
        "elems",
        "funcs",
        "global_offsets",
        "imported_funcs",
        "imported_globals",
        "imports",
        "memories",
        "rtts",
        "size",
        "tables",
        "tags",
        "type_ids",
        "vectors",
    )

    def __init__(self, module: Module) -> None:
        self.imported_funcs = module.imported_funcs
        self.imported_globals = module.imported_globals
        self.memories = CTX_MEMORIES
        self.tables = self.memories + MEMORY_ENTRY * len(module.all_memories)
        self.imports = self.tables + 8 * len(module.all_tables)
        imported_cells = self.imports + 8 * self.imported_funcs
        self.datas = imported_cells + 8 * self.imported_globals
        self.elems = self.datas + SEGMENT_ENTRY * len(module.datas)
        self.type_ids = self.elems + SEGMENT_ENTRY * len(module.elems)
        self.rtts = self.type_ids + 8 * len(module.types)
        self.tags = self.rtts + 8 * len(module.types)
        cells = _align(self.tags + 8 * len(module.all_tags), 16)
        self.global_offsets = [imported_cells + 8 * i for i in range(self.imported_globals)]
        self.global_offsets += [cells + GLOBAL_CELL * i for i in range(len(module.globals))]
        self.funcs = cells + GLOBAL_CELL * len(module.globals)
        self.size = self.funcs + FUNCREF_SIZE * len(module.funcs)
        # Whether a function that has no vector instructions may get vectors from elsewhere.
        self.vectors = _has_vectors(module)

    def memory(self, index: int) -> int:
        """Offset of the entry of memory ``index``."""
        return self.memories + MEMORY_ENTRY * index

    def table(self, index: int) -> int:
        """Offset of the pointer to the record of table ``index``."""
        return self.tables + 8 * index

    def data(self, index: int) -> int:
        """Offset of the entry of data segment ``index``."""
        return self.datas + SEGMENT_ENTRY * index

    def elem(self, index: int) -> int:
        """Offset of the entry of element segment ``index``."""
        return self.elems + SEGMENT_ENTRY * index

    def type_id(self, index: int) -> int:
        """Offset of the canonical id of type ``index``."""
        return self.type_ids + 8 * index

    def rtt(self, index: int) -> int:
        """Offset of the pointer to the runtime type of type ``index``."""
        return self.rtts + 8 * index

    def tag(self, index: int) -> int:
        """Offset of the pointer to the record of tag ``index``."""
        return self.tags + 8 * index

    def func(self, index: int) -> int:
        """Offset of an imported function's record pointer, or of a defined function's record."""
        if index < self.imported_funcs:
            return self.imports + 8 * index
        return self.funcs + FUNCREF_SIZE * (index - self.imported_funcs)
