"""Allocation where compiled code's own few instructions do not do, as LLVM IR.

Compiled code allocates by moving ``RT_ALLOC`` up to ``RT_ALLOC_LIMIT``, in memory that is all
zeros. What is here gives it another stretch of such memory: a run of free lines in a block that
has survivors, or a whole block. Objects too large for the run at hand go to a *spare* block, and
those beyond ``LARGE`` bytes have blocks of their own.
"""

from __future__ import annotations

from typing import Final

from wasmwright.codegen import abi
from wasmwright.codegen import heap_layout as heap
from wasmwright.codegen.llvm.builder import I1, I8, I16, I32, I64, PTR, VOID, Function, Value
from wasmwright.codegen.llvm.gc_arena import NOWHERE, address, fill, meta

# What is left of a run of lines, in bytes, and may be given up for an object that does not fit.
_ABANDONED: Final = 2048

# A heap is full when less than this part of its limit (1 / 2 ** n) is free after a collection.
_FULL_SHIFT: Final = 5


def allocate_ir() -> str:
    """The functions of this module."""
    makers = (_line_used, _next_hole, _large, _whole_block, _place, _allocate, _new)
    return "".join(make().text() for make in makers)


def _line_used() -> Function:
    """``ww_gc_line_used(meta, line)``: whether an object begins in a line or was marked to be
    in it. (A line after one in which objects begin counts as used, too; callers see to that.)
    """
    f = Function(
        "ww_gc_line_used", I1, linkage="internal", attributes="alwaysinline ", meta=PTR, line=I64
    )
    place, line = f.arg("meta"), f.arg("line")
    starts = f.load(I16, place + (line << 1), heap.META_MARKS)
    covered = f.load(I8, place + line, heap.META_LINES)
    f.ret(starts.differs(0) | covered.differs(0))
    return f


def after_objects(f: Function, place: Value, line: Value) -> Value:
    """Whether objects begin in the line before, the last of which may reach into this one."""
    before = (line.equals(0)).either(line, line - 1)
    starts = f.load(I16, place + (before << 1), heap.META_MARKS)
    return line.differs(0) & starts.differs(0)


def _next_hole() -> Function:
    """``ww_gc_next_hole(heap)``: points HEAP_PTR and HEAP_END at fresh zeros, or returns 0."""
    f = Function("ww_gc_next_hole", I1, heap=PTR)
    h = f.arg("heap")
    with f.loop() as loop:
        block = f.load(I64, h, heap.HEAP_HOLES)
        with f.when(block.differs(NOWHERE)):
            place = meta(f, block)
            line = f.var(I64, f.load(I32, place, heap.META_CURSOR).to(I64))
            with f.loop() as search:
                search.leave_if(line >= heap.LINES)
                taken = f.call("ww_gc_line_used", I1, place, line)
                search.leave_if((taken | after_objects(f, place, line)).equals(0))
                line.set(line + 1)
            with f.when(line < heap.LINES):
                end = f.var(I64, line + 1)
                with f.loop() as measure:
                    measure.leave_if(end >= heap.LINES)
                    measure.leave_if(f.call("ww_gc_line_used", I1, place, end))
                    end.set(end + 1)
                f.store(end.to(I32), place, heap.META_CURSOR)
                first = address(f, block) + (line << heap.LINE_SHIFT)
                size = (end - line) << heap.LINE_SHIFT
                fill(f, first, 0, size)
                f.store(first, h, heap.HEAP_PTR)
                f.store(first + size, h, heap.HEAP_END)
                f.increase(size, h, heap.HEAP_GIVEN)
                f.ret(1)
            f.store(heap.LINES, place, heap.META_CURSOR, I32)
            f.store(NOWHERE, h, heap.HEAP_HOLES)
        following = f.call("ww_gc_next_block", I64, h)
        loop.leave_if(following.equals(NOWHERE))
        small = f.load(I32, meta(f, following), heap.META_STATE).equals(heap.STATE_SMALL)
        then, other = f.branch(small)
        with then:
            f.store(following, h, heap.HEAP_HOLES)
        with other:
            _give_whole(f, h, following, heap.HEAP_PTR, heap.HEAP_END)
            f.ret(1)
    f.ret(0)
    return f


def _give_whole(f: Function, h: Value, block: Value, pointer_at: int, end_at: int) -> None:
    start = f.call("ww_gc_claim", PTR, block)
    f.store(start, h, pointer_at)
    f.store(start + heap.BLOCK_SIZE, h, end_at)
    f.increase(heap.BLOCK_SIZE, h, heap.HEAP_GIVEN)


def _find(f: Function, h: Value, count: Value) -> Value:
    """The first of so many free blocks, from what the heap has or from the arena; or -1."""
    found = f.var(I64, f.call("ww_gc_take", I64, h, count))
    with f.when(found.equals(NOWHERE)), f.when(f.call("ww_gc_grow", I1, h, count)):
        found.set(f.call("ww_gc_take", I64, h, count))
    return found.get()


def _large() -> Function:
    """``ww_gc_large(heap, size)``: zeros for an object that has blocks of its own, or null."""
    f = Function("ww_gc_large", PTR, heap=PTR, size=I64)
    h = f.arg("heap")
    count = (f.arg("size") + (heap.BLOCK_SIZE - 1)) >> heap.BLOCK_SHIFT
    first = _find(f, h, count)
    with f.when(first.equals(NOWHERE)):
        f.ret(0)
    with f.count(count) as i:
        place = meta(f, first + i)
        with f.when(f.load(I32, place, heap.META_STATE).equals(heap.STATE_DIRTY)):
            fill(f, address(f, first + i), 0, heap.BLOCK_SIZE)
        f.store(heap.STATE_LARGE, place, heap.META_STATE, I32)
        f.store(first, place, heap.META_HEAD)
    head = meta(f, first)
    fill(f, head, 0, heap.META_LINES)
    f.store(count, head, heap.META_SIZE)
    f.increase(count << heap.BLOCK_SHIFT, h, heap.HEAP_GIVEN)
    f.ret(address(f, first))
    return f


def _whole_block() -> Function:
    """``ww_gc_whole_block(heap)``: makes a whole block the run at hand, if little is left of
    that, or else the spare one; whether there was one.
    """
    f = Function("ww_gc_whole_block", I1, heap=PTR)
    h = f.arg("heap")
    block = _find(f, h, f.const(1))
    with f.when(block.equals(NOWHERE)):
        f.ret(0)
    left = f.load(I64, h, heap.HEAP_END) - f.load(I64, h, heap.HEAP_PTR)
    then, other = f.branch(left <= _ABANDONED)
    with then:
        _give_whole(f, h, block, heap.HEAP_PTR, heap.HEAP_END)
    with other:
        _give_whole(f, h, block, heap.HEAP_SPARE_PTR, heap.HEAP_SPARE_END)
    f.ret(1)
    return f


def _place() -> Function:
    """``ww_gc_place(heap, size)``: zeros for an object, or null."""
    f = Function("ww_gc_place", PTR, heap=PTR, size=I64)
    h, size = f.arg("heap"), f.arg("size")
    with f.when(size > heap.LARGE):
        f.ret(f.call("ww_gc_large", PTR, h, size))
    with f.loop() as loop:
        for pointer_at, end_at in (
            (heap.HEAP_PTR, heap.HEAP_END),
            (heap.HEAP_SPARE_PTR, heap.HEAP_SPARE_END),
        ):
            pointer = f.load(I64, h, pointer_at)
            with f.when((pointer + size) <= f.load(I64, h, end_at)):
                f.store(pointer + size, h, pointer_at)
                f.ret(pointer.pointer())
        # A run of lines has at least one of them.
        then, other = f.branch(size <= heap.LINE_SIZE)
        with then:
            found = f.call("ww_gc_next_hole", I1, h)
            loop.again_if(found)
            loop.again_if(f.call("ww_gc_grow", I1, h, f.const(1)))
            loop.leave()
        with other:
            loop.again_if(f.call("ww_gc_whole_block", I1, h))
            loop.leave()
    f.ret(0)
    return f


def _allocate() -> Function:
    """``ww_gc_alloc(rt, type, size, length)``: a new object, all zeros behind its header.

    Null where the heap's limit does not allow it, even after a collection. ``length`` counts for
    arrays only.
    """
    f = Function("ww_gc_alloc", PTR, rt=PTR, type=PTR, size=I64, length=I64)
    rt, size = f.arg("rt"), f.arg("size")
    h = f.load(PTR, rt, abi.RT_HEAP)
    stress = f.load(I64, h, heap.HEAP_STRESS).differs(0)
    # In stress mode, compiled code's own attempt always fails.
    with f.when(stress.equals(0)):
        f.store(f.load(I64, rt, abi.RT_ALLOC), h, heap.HEAP_PTR)
        f.store(f.load(I64, rt, abi.RT_ALLOC_LIMIT), h, heap.HEAP_END)
    running = f.load(I64, h, heap.HEAP_PAUSED).equals(0)
    due = f.load(I64, h, heap.HEAP_GIVEN) >= f.load(I64, h, heap.HEAP_THRESHOLD)
    with f.when(running & (stress | due)):
        f.call("ww_gc_collect", VOID, h)
    found = f.var(PTR, f.call("ww_gc_place", PTR, h, size))
    with f.when(found.equals(0) & running):
        f.call("ww_gc_collect", VOID, h)
        # A heap that is all but full would be collected over and over for very little.
        limit = f.load(I64, h, heap.HEAP_LIMIT)
        with f.when(f.load(I64, h, heap.HEAP_LIVE) <= limit - (limit >> _FULL_SHIFT)):
            found.set(f.call("ww_gc_place", PTR, h, size))
    f.store(stress.either(0, f.load(I64, h, heap.HEAP_PTR)), rt, abi.RT_ALLOC)
    f.store(stress.either(0, f.load(I64, h, heap.HEAP_END)), rt, abi.RT_ALLOC_LIMIT)
    with f.when(found.differs(0)):
        f.store(f.arg("type"), found, heap.OBJECT_TYPE)
        kind = f.load(I32, f.arg("type"), heap.TYPE_KIND)
        with f.when(kind.equals(heap.KIND_ARRAY)):
            f.store(f.arg("length").to(I32), found, heap.ARRAY_LENGTH)
    f.ret(found)
    return f


def _new() -> Function:
    """``ww_gc_new(rt, type, length)``: the same for Python; it works out the size."""
    f = Function("ww_gc_new", PTR, rt=PTR, type=PTR, length=I64)
    kind = f.load(I32, f.arg("type"), heap.TYPE_KIND)
    size = f.load(I32, f.arg("type"), heap.TYPE_SIZE).to(I64)
    array = array_size(f.arg("length"), size & 7)
    size = kind.equals(heap.KIND_ARRAY).either(array, size)
    f.ret(f.call("ww_gc_alloc", PTR, f.arg("rt"), f.arg("type"), size, f.arg("length")))
    return f


def array_size(length: Value, shift: Value) -> Value:
    """The bytes of an array, from its length and the logarithm of its elements' size."""
    return ((length << shift) + (heap.ARRAY_ELEMENTS + heap.GRANULE - 1)) & -heap.GRANULE
