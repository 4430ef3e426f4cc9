"""Heaps as Python sees them, as LLVM IR: made, joined, collected and freed; and two Python types.

A *heap object* owns a heap. Python's own collector sees through it to the pinned objects, so that
a cycle which leads through them and the heap is found. A *root* is the base of the proxies: it
owns a slot.

Everything here runs with the GIL. What touches the heap's insides first looks whether another
thread is in its runtime block, and answers BUSY if so: the caller waits and tries again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from wasmwright.codegen import abi
from wasmwright.codegen import heap_layout as heap
from wasmwright.codegen.llvm.builder import I32, I64, PTR, VOID, Function, Value
from wasmwright.codegen.llvm.gc_arena import NOWHERE, lock, meta, unlock
from wasmwright.codegen.llvm.gc_pins import let_go

# Python objects, after their header.
OBJECT_TYPE: Final = 8
HEAP_OBJECT_HEAP: Final = 16
HEAP_OBJECT_SIZE: Final = 24
ROOT_SLOT: Final = 16
ROOT_SIZE: Final = 24

# Answers.
DONE: Final = 0
BUSY: Final = 1
NO_MEMORY: Final = 2

_SLOT_FREE: Final = 74  # Py_tp_free

DECLARATIONS: Final = """
declare ptr @PyThreadState_Get()
declare ptr @PyType_GenericAlloc(ptr, i64)
declare ptr @PyType_GetSlot(ptr, i32)
declare void @PyObject_GC_UnTrack(ptr)
declare void @PyObject_GC_Del(ptr)
"""


def heaps_ir() -> str:
    """The functions of this module."""
    makers: tuple[Callable[[], Function], ...] = (
        _create,
        _destroy,
        _take_pins,
        _merge,
        _append_segments,
        _collect_now,
        _make,
    )
    makers += (_read, _write, _hold, _traverse, _clear, _dealloc, _new_root, _root_dealloc)
    return "".join(make().text() for make in makers)


def _busy(f: Function, rt: Value) -> Value:
    """Whether another thread is in a runtime block."""
    owner = f.load(PTR, rt, abi.RT_OWNER)
    return owner.differs(0) & owner.differs(f.call("PyThreadState_Get", PTR))


def _create() -> Function:
    """``ww_gc_create(type, rt, limit, minimum, stack, pins)``: a heap object for a block without
    heap; null if there is no memory. ``stack`` is the least size of the collector's stack, and
    so many ``pins`` at least make a collection due.
    """
    f = Function("ww_gc_create", PTR, type=PTR, rt=PTR, limit=I64, minimum=I64, stack=I64, pins=I64)
    rt = f.arg("rt")
    self = f.call("PyType_GenericAlloc", PTR, f.arg("type"), f.const(0))
    with f.when(self.equals(0)):
        f.ret(0)
    h = f.call("calloc", PTR, f.const(1), f.const(heap.HEAP_SIZE))
    with f.when(h.equals(0)):
        # (Collecting it finds no heap.)
        f.call("Py_DecRef", VOID, self)
        f.ret(0)
    f.store(rt, h, heap.HEAP_BLOCK)
    f.store(f.arg("limit"), h, heap.HEAP_LIMIT)
    f.store(f.arg("minimum"), h, heap.HEAP_MINIMUM)
    f.store(f.arg("minimum"), h, heap.HEAP_THRESHOLD)
    f.store(f.arg("stack"), h, heap.HEAP_STACK_LEAST)
    f.store(f.arg("pins"), h, heap.HEAP_PIN_LEAST)
    f.store(f.arg("pins"), h, heap.HEAP_PIN_LIMIT)
    f.store(NOWHERE, h, heap.HEAP_HOLES)
    f.store(NOWHERE, h, heap.HEAP_LARGE_FAILED)
    f.store(h, self, HEAP_OBJECT_HEAP)
    _attach(f, rt, h)
    f.ret(self)
    return f


def _attach(f: Function, rt: Value, h: Value) -> None:
    f.store(h, rt, abi.RT_HEAP)
    f.store(f.symbol("ww_gc_alloc"), rt, abi.RT_GC_ALLOC)


def _take_pins() -> Function:
    """``ww_gc_take_pins(heap)``: lets go of all pinned objects."""
    f = Function("ww_gc_take_pins", VOID, heap=PTR)
    h = f.arg("heap")
    # The tables are empty before anything else runs.
    pins, room = f.load(PTR, h, heap.HEAP_PINS), f.load(I64, h, heap.HEAP_PIN_ROOM)
    dropped, count = f.load(PTR, h, heap.HEAP_DROPPED), f.load(I64, h, heap.HEAP_DROPPED_COUNT)
    for field in (heap.HEAP_PINS, heap.HEAP_PIN_ROOM, heap.HEAP_PIN_COUNT):
        f.store(f.const(0), h, field)
    for field in (heap.HEAP_DROPPED, heap.HEAP_DROPPED_COUNT):
        f.store(f.const(0), h, field)
    with f.count(room) as i:
        f.call("Py_DecRef", VOID, f.load(PTR, pins + i * heap.PIN_SIZE))
    f.call("free", VOID, pins)
    let_go(f, dropped, count)
    return f


def _destroy() -> Function:
    """``ww_gc_destroy(heap)``: frees a heap that nothing uses any more."""
    f = Function("ww_gc_destroy", VOID, heap=PTR)
    h = f.arg("heap")
    f.call("ww_gc_take_pins", VOID, h)
    segments = f.load(PTR, h, heap.HEAP_SEGMENTS)
    with f.count(f.load(I64, h, heap.HEAP_SEGMENT_COUNT)) as i:
        segment = segments + i * heap.SEGMENT_SIZE
        first, count = f.load(I64, segment), f.load(I64, segment, 8)
        with f.count(count) as j:
            f.store(f.const(0), meta(f, first + j), heap.META_OWNER)
        f.call("ww_gc_give_back", VOID, first, count)
    f.call("free", VOID, segments)
    f.call("free", VOID, f.load(PTR, h, heap.HEAP_STACK))
    chunk = f.var(PTR, f.load(PTR, h, heap.HEAP_SLOTS))
    with f.loop() as loop:
        loop.leave_if(chunk.equals(0))
        following = f.load(PTR, chunk, heap.SLOTS_NEXT)
        # When Python's collector takes a cycle apart, the proxies may go last.
        then, other = f.branch(f.load(I64, chunk, heap.SLOTS_USED).equals(0))
        with then:
            f.call("free", VOID, chunk)
        with other:
            f.store(f.const(1), chunk, heap.SLOTS_ORPHAN)
        chunk.set(following)
    f.call("free", VOID, h)
    return f


def _append_segments() -> Function:
    """``ww_gc_append(heap, other)``: the blocks of another heap become this one's."""
    f = Function("ww_gc_append", I32, heap=PTR, other=PTR)
    h, other = f.arg("heap"), f.arg("other")
    mine = f.load(I64, h, heap.HEAP_SEGMENT_COUNT)
    theirs = f.load(I64, other, heap.HEAP_SEGMENT_COUNT)
    with f.when(theirs.equals(0)):
        f.ret(DONE)
    total = mine + theirs
    segments = f.load(PTR, h, heap.HEAP_SEGMENTS)
    segments = f.call("realloc", PTR, segments, total * heap.SEGMENT_SIZE)
    with f.when(segments.equals(0)):
        f.ret(NO_MEMORY)
    f.store(segments, h, heap.HEAP_SEGMENTS)
    f.store(total, h, heap.HEAP_SEGMENT_ROOM)
    f.store(total, h, heap.HEAP_SEGMENT_COUNT)
    with f.count(theirs) as i:
        source = f.load(PTR, other, heap.HEAP_SEGMENTS) + i * heap.SEGMENT_SIZE
        target = segments + (mine + i) * heap.SEGMENT_SIZE
        first, count = f.load(I64, source), f.load(I64, source, 8)
        f.store(first, target)
        f.store(count, target, 8)
        with f.count(count) as j:
            f.store(h, meta(f, first + j), heap.META_OWNER)
    f.store(f.const(0), other, heap.HEAP_SEGMENT_COUNT)
    f.ret(DONE)
    return f


def _merge() -> Function:
    """``ww_gc_merge(rt, other, object)``: the heap of block ``rt`` gets all that the heap of
    ``other`` has, which nobody is in, and which ``object`` owns so far. Where ``rt`` has no heap,
    the other becomes its heap, and ``object`` keeps it.
    """
    f = Function("ww_gc_merge", I32, rt=PTR, other=PTR, object=PTR)
    rt = f.arg("rt")
    second = f.load(PTR, f.arg("other"), abi.RT_HEAP)
    h = f.load(PTR, rt, abi.RT_HEAP)
    with f.when(h.equals(0)):
        f.store(rt, second, heap.HEAP_BLOCK)
        _attach(f, rt, second)
        for field in (abi.RT_ALLOC, abi.RT_ALLOC_LIMIT, abi.RT_GC_RELEASE):
            f.store(f.load(I64, f.arg("other"), field), rt, field)
        f.store(f.const(0), f.arg("other"), abi.RT_HEAP)
        f.ret(DONE)
    # (A thread inside uses all of its heap but the root records.)
    content = f.load(I64, second, heap.HEAP_SEGMENT_COUNT) | f.load(
        I64, second, heap.HEAP_PIN_COUNT
    )
    content = content | f.load(PTR, second, heap.HEAP_SLOTS).integer()
    with f.when(content.differs(0) & _busy(f, rt)):
        f.ret(BUSY)
    failed = f.call("ww_gc_append", I32, h, second)
    with f.when(failed.differs(DONE)):
        f.ret(failed)
    for field in (heap.HEAP_OWNED, heap.HEAP_LIVE, heap.HEAP_GIVEN):
        with f.when(content.differs(0)):
            f.increase(f.load(I64, second, field), h, field)
    with f.when(f.load(I64, second, heap.HEAP_STRESS).differs(0)):
        f.store(1, h, heap.HEAP_STRESS)
    f.increase(f.load(I64, second, heap.HEAP_PAUSED), h, heap.HEAP_PAUSED)
    _merge_pins(f, h, second)
    _merge_lists(f, h, second)
    f.store(f.const(0), f.arg("object"), HEAP_OBJECT_HEAP)
    f.call("ww_gc_destroy", VOID, second)
    f.store(f.const(0), f.arg("other"), abi.RT_HEAP)
    f.ret(DONE)
    return f


def _merge_pins(f: Function, h: Value, second: Value) -> None:
    pins = f.load(PTR, second, heap.HEAP_PINS)
    with f.count(f.load(I64, second, heap.HEAP_PIN_ROOM)) as i:
        word = f.load(I64, pins + i * heap.PIN_SIZE)
        with f.when(word.differs(0)):
            # (Destroying the other heap lets go of its own reference.)
            f.call("ww_gc_pin", I32, f.load(PTR, h, heap.HEAP_BLOCK), word)


def _merge_lists(f: Function, h: Value, second: Value) -> None:
    """Puts the other heap's root records and slots in front of this one's."""
    for field, following, guarded in (
        (heap.HEAP_ROOTS, heap.ROOT_NEXT, True),
        (heap.HEAP_SLOTS, heap.SLOTS_NEXT, False),
    ):
        first = f.load(PTR, second, field)
        with f.when(first.differs(0)):
            last = f.var(PTR, first)
            with f.loop() as loop:
                after = f.load(PTR, last, following)
                loop.leave_if(after.equals(0))
                last.set(after)
            if guarded:
                lock(f, h + heap.HEAP_LOCK)
            mine = f.load(PTR, h, field)
            f.store(mine, last, following)
            if guarded:
                with f.when(mine.differs(0)):
                    f.store(last.get(), mine, heap.ROOT_PREVIOUS)
            f.store(first, h, field)
            if guarded:
                unlock(f, h + heap.HEAP_LOCK)
            f.store(f.const(0), second, field)


def _collect_now() -> Function:
    """``ww_gc_collect_now(rt)``: collects, unless somebody asks for no collection."""
    f = Function("ww_gc_collect_now", I32, rt=PTR)
    rt = f.arg("rt")
    h = f.load(PTR, rt, abi.RT_HEAP)
    with f.when(_busy(f, rt)):
        f.ret(BUSY)
    with f.when(f.load(I64, h, heap.HEAP_PAUSED).differs(0)):
        f.ret(DONE)
    f.call("ww_gc_collect", VOID, h)
    # What compiled code allocates from is free now.
    f.store(f.const(0), rt, abi.RT_ALLOC)
    f.store(f.const(0), rt, abi.RT_ALLOC_LIMIT)
    _release_dropped(f, rt)
    f.ret(DONE)
    return f


def _release_dropped(f: Function, rt: Value) -> None:
    with f.when(f.load(PTR, rt, abi.RT_GC_RELEASE).differs(0)):
        f.call("ww_gc_release", VOID, rt)


def _make() -> Function:
    """``ww_gc_make(rt, type, length, out)``: a new object, whose address goes to ``out``."""
    f = Function("ww_gc_make", I32, rt=PTR, type=PTR, length=I64, out=PTR)
    rt = f.arg("rt")
    with f.when(_busy(f, rt)):
        f.ret(BUSY)
    made = f.call("ww_gc_new", PTR, rt, f.arg("type"), f.arg("length"))
    f.store(made, f.arg("out"))
    f.ret(made.equals(0).either(NO_MEMORY, DONE, I32))
    return f


def _read() -> Function:
    """``ww_gc_read(rt, place, out)``: reads a reference and holds what it refers to.

    ``out`` gets the word and a slot for an object of the heap, or else 0; a Python object gets
    one reference more, which is the caller's.
    """
    f = Function("ww_gc_read", I32, rt=PTR, place=PTR, out=PTR)
    rt = f.arg("rt")
    with f.when(_busy(f, rt)):
        f.ret(BUSY)
    word = f.load(I64, f.arg("place"))
    f.store(word, f.arg("out"))
    f.store(f.const(0), f.arg("out"), 8)
    with f.when(word.differs(0) & (word & 1).equals(0)):
        then, other = f.branch(_in_arena(f, rt, word))
        with then:
            f.ret(f.call("ww_gc_hold", I32, rt, word, f.arg("out")))
        with other:
            f.call("Py_IncRef", VOID, word.pointer())
    f.ret(DONE)
    return f


def _in_arena(f: Function, rt: Value, word: Value) -> Value:
    return (word - f.load(I64, rt, abi.RT_ARENA)) < f.load(I64, rt, abi.RT_ARENA_SIZE)


def _hold() -> Function:
    """``ww_gc_hold(rt, word, out)``: a slot for an object that the caller knows to be alive, in
    the second word of ``out``. The thread is in the block, or nobody is.
    """
    f = Function("ww_gc_hold", I32, rt=PTR, word=I64, out=PTR)
    slot = f.call("ww_gc_new_slot", PTR, f.arg("rt"), f.arg("word"))
    f.store(slot, f.arg("out"), 8)
    f.ret(slot.equals(0).either(NO_MEMORY, DONE, I32))
    return f


def _write() -> Function:
    """``ww_gc_write(rt, place, word)``: stores a reference; pins it if it is a Python object."""
    f = Function("ww_gc_write", I32, rt=PTR, place=PTR, word=I64)
    rt = f.arg("rt")
    with f.when(_busy(f, rt)):
        f.ret(BUSY)
    status = f.call("ww_gc_pin_word", I32, rt, f.arg("word"))
    with f.when(status.differs(0)):
        f.ret(NO_MEMORY)
    f.store(f.arg("word"), f.arg("place"))
    _release_dropped(f, rt)
    f.ret(DONE)
    return f


# The heap object's type ------------------------------------------------------------------


def _visit(f: Function, target: Value) -> None:
    """Calls a traverse function's visitor, and returns what it gives if that is not 0."""
    arguments = f"ptr {target.use()}, ptr {f.arg('arg').use()}"
    status = f.define(I32, f"call i32 {f.arg('visit').use()}({arguments})")
    with f.when(status.differs(0)):
        f.ret(status)


def _traverse() -> Function:
    f = Function("ww_gc_traverse", I32, self=PTR, visit=PTR, arg=PTR)
    self = f.arg("self")
    _visit(f, f.load(PTR, self, OBJECT_TYPE))
    h = f.load(PTR, self, HEAP_OBJECT_HEAP)
    with f.when(h.equals(0)):
        f.ret(0)
    # While another thread is inside it may be moving pins about. Then the heap is in use, and
    # to Python's collector its references are like any that it cannot see.
    with f.when(_busy(f, f.load(PTR, h, heap.HEAP_BLOCK))):
        f.ret(0)
    pins = f.load(PTR, h, heap.HEAP_PINS)
    with f.count(f.load(I64, h, heap.HEAP_PIN_ROOM)) as i:
        word = f.load(PTR, pins + i * heap.PIN_SIZE)
        with f.when(word.differs(0)):
            _visit(f, word)
    dropped = f.load(PTR, h, heap.HEAP_DROPPED)
    with f.count(f.load(I64, h, heap.HEAP_DROPPED_COUNT)) as i:
        _visit(f, f.load(PTR, dropped + (i << 3)))
    f.ret(0)
    return f


def _clear() -> Function:
    f = Function("ww_gc_clear", I32, self=PTR)
    h = f.load(PTR, f.arg("self"), HEAP_OBJECT_HEAP)
    with f.when(h.differs(0)):
        f.call("ww_gc_take_pins", VOID, h)
    f.ret(0)
    return f


def _dealloc() -> Function:
    f = Function("ww_gc_dealloc", VOID, self=PTR)
    self = f.arg("self")
    f.call("PyObject_GC_UnTrack", VOID, self)
    h = f.load(PTR, self, HEAP_OBJECT_HEAP)
    with f.when(h.differs(0)):
        f.call("ww_gc_destroy", VOID, h)
    kind = f.load(PTR, self, OBJECT_TYPE)
    f.call("PyObject_GC_Del", VOID, self)
    f.call("Py_DecRef", VOID, kind)
    return f


# Roots -----------------------------------------------------------------------------------


def _new_root() -> Function:
    """``ww_gc_new_root(type, slot)``: a proxy of a type derived from the root type."""
    f = Function("ww_gc_new_root", PTR, type=PTR, slot=PTR)
    self = f.call("PyType_GenericAlloc", PTR, f.arg("type"), f.const(0))
    then, other = f.branch(self.equals(0))
    with then:
        f.call("ww_gc_free_slot", VOID, f.arg("slot"))
    with other:
        f.store(f.arg("slot"), self, ROOT_SLOT)
    f.ret(self)
    return f


def _root_dealloc() -> Function:
    f = Function("ww_gc_root_dealloc", VOID, self=PTR)
    self = f.arg("self")
    kind = f.load(PTR, self, OBJECT_TYPE)
    slot = f.load(PTR, self, ROOT_SLOT)
    with f.when(slot.differs(0)):
        f.call("ww_gc_free_slot", VOID, slot)
    release = f.call("PyType_GetSlot", PTR, kind, f.const(_SLOT_FREE, I32))
    f.emit(f"call void {release.use()}(ptr {self.use()})")
    f.call("Py_DecRef", VOID, kind)
    return f
