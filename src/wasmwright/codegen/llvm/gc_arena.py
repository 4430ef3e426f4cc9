"""The arena's blocks and a heap's segments, as LLVM IR (see :mod:`codegen.heap_layout`).

``ww_gc_blocks`` and ``ww_gc_give_back`` serve all heaps of the process, under a spin lock that is
never held while waiting for anything else. The rest belongs to one heap, whose runtime block the
calling thread is in.
"""

from __future__ import annotations

from typing import Final

from wasmwright.codegen import heap_layout as heap
from wasmwright.codegen.llvm.builder import I1, I8, I32, I64, PTR, VOID, Function, Value

NOWHERE: Final = -1
_READ_WRITE: Final = 3
_DONT_NEED: Final = 4
_PAGE: Final = 4096

DECLARATIONS: Final = """
@ww_gc_state = external global i8
declare ptr @malloc(i64)
declare ptr @calloc(i64, i64)
declare ptr @realloc(ptr, i64)
declare void @free(ptr)
declare ptr @aligned_alloc(i64, i64)
declare i32 @mprotect(ptr, i64, i32)
declare i32 @madvise(ptr, i64, i32)
declare i32 @sched_yield()
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
"""


def arena(f: Function, field: int) -> Value:
    """A word of the arena's record."""
    return f.load(I64, f.symbol("ww_gc_state"), field)


def meta(f: Function, block: Value) -> Value:
    """The address of a block's metadata."""
    return f.load(PTR, f.symbol("ww_gc_state"), heap.ARENA_META) + (block << heap.META_SHIFT)


def address(f: Function, block: Value) -> Value:
    """The address of a block."""
    return f.load(PTR, f.symbol("ww_gc_state"), heap.ARENA_BASE) + (block << heap.BLOCK_SHIFT)


def fill(f: Function, place: Value, byte: int, size: Value | int) -> None:
    """Sets bytes."""
    count = f.operand(size, I64)
    f.emit(f"call void @llvm.memset.p0.i64(ptr {place.use()}, i8 {byte}, i64 {count}, i1 false)")


def lock(f: Function, place: Value) -> None:
    """Takes a spin lock."""
    with f.loop() as loop:
        pair = f.define("{ i64, i1 }", f"cmpxchg ptr {place.use()}, i64 0, i64 1 acquire acquire")
        loop.leave_if(f.define(I1, f"extractvalue {{ i64, i1 }} {pair.use()}, 1"))
        f.call("sched_yield", I32)


def unlock(f: Function, place: Value) -> None:
    """Gives a spin lock back."""
    f.emit(f"store atomic i64 0, ptr {place.use()} release, align 8")


def arena_ir() -> str:
    """The functions of this module."""
    return "".join(
        make().text() for make in (_blocks, _discard, _give_back, _grow, _claim, _take, _next_block)
    )


def _blocks() -> Function:
    """``ww_gc_blocks(count)``: the first of so many free blocks, now accessible and all zeros."""
    f = Function("ww_gc_blocks", I64, count=I64)
    count = f.arg("count")
    state = f.symbol("ww_gc_state")
    total = arena(f, heap.ARENA_BLOCKS)
    bytes_ = f.load(PTR, state, heap.ARENA_MAP)
    found = f.var(I64, NOWHERE)
    lock(f, state + heap.ARENA_LOCK)
    start = f.load(I64, state, heap.ARENA_HINT)
    # From the hint to the end, then from the front.
    with f.count(2) as turn:
        at = f.var(I64, turn.equals(0).either(start, 0))
        run = f.var(I64, 0)
        with f.when(found.equals(NOWHERE)), f.loop() as loop:
            loop.leave_if(at >= total)
            free = f.load(I8, bytes_ + at).equals(0)
            at.set(at + 1)
            run.set(free.either(run + 1, 0))
            with f.when(run.equals(count)):
                found.set(at - count)
            loop.leave_if(found.differs(NOWHERE))
    with f.when(found.differs(NOWHERE)):
        fill(f, bytes_ + found, heap.MAP_TAKEN, count)
        f.store(found + count, state, heap.ARENA_HINT)
    unlock(f, state + heap.ARENA_LOCK)
    with f.when(found.equals(NOWHERE)):
        f.ret(NOWHERE)
    first = found.get()
    access = f.const(_READ_WRITE, I32)
    place = address(f, first)
    failed = f.call("mprotect", I32, place, count << heap.BLOCK_SHIFT, access)
    low = meta(f, first).integer() & -_PAGE
    high = (meta(f, first + count).integer() + (_PAGE - 1)) & -_PAGE
    failed = failed | f.call("mprotect", I32, low.pointer(), high - low, access)
    with f.when(failed.differs(0)):
        f.call("ww_gc_give_back", VOID, first, count)
        f.ret(NOWHERE)
    fill(f, bytes_ + first, heap.MAP_READY, count)
    f.ret(first)
    return f


def _discard() -> Function:
    """``ww_gc_discard(first, count)``: the blocks' memory is the system's; they are all zeros."""
    f = Function("ww_gc_discard", VOID, first=I64, count=I64)
    size = f.arg("count") << heap.BLOCK_SHIFT
    f.call("madvise", I32, address(f, f.arg("first")), size, f.const(_DONT_NEED, I32))
    return f


def _give_back() -> Function:
    """``ww_gc_give_back(first, count)``: the blocks are free, and their memory is the system's."""
    f = Function("ww_gc_give_back", VOID, first=I64, count=I64)
    first, count = f.arg("first"), f.arg("count")
    state = f.symbol("ww_gc_state")
    f.call("ww_gc_discard", VOID, first, count)
    lock(f, state + heap.ARENA_LOCK)
    fill(f, f.load(PTR, state, heap.ARENA_MAP) + first, 0, count)
    with f.when(first < f.load(I64, state, heap.ARENA_HINT)):
        f.store(first, state, heap.ARENA_HINT)
    unlock(f, state + heap.ARENA_LOCK)
    return f


def _grow() -> Function:
    """``ww_gc_grow(heap, count)``: at least so many consecutive blocks more; whether it worked."""
    f = Function("ww_gc_grow", I1, heap=PTR, count=I64)
    h, count = f.arg("heap"), f.arg("count")
    owned = f.load(I64, h, heap.HEAP_OWNED)
    room = f.load(I64, h, heap.HEAP_LIMIT) - owned
    with f.when((count << heap.BLOCK_SHIFT) > room):
        f.ret(0)
    # A thirty-second of what there is, in one go, from 1 MiB to 32 MiB.
    wanted = owned >> (5 + heap.BLOCK_SHIFT)
    wanted = (wanted < 32).either(32, wanted)
    wanted = (wanted > 1024).either(1024, wanted)
    wanted = (wanted < count).either(count, wanted)
    wanted = ((wanted << heap.BLOCK_SHIFT) > room).either(count, wanted)
    many = f.var(I64, wanted)
    first = f.var(I64, f.call("ww_gc_blocks", I64, many))
    with f.when(first.equals(NOWHERE)):
        many.set(count)
        first.set(f.call("ww_gc_blocks", I64, many))
        with f.when(first.equals(NOWHERE)):
            f.ret(0)
    with f.count(many.get()) as i:
        place = meta(f, first + i)
        fill(f, place, 0, 1 << heap.META_SHIFT)
        f.store(h, place, heap.META_OWNER)
    f.increase(many << heap.BLOCK_SHIFT, h, heap.HEAP_OWNED)
    f.store(NOWHERE, h, heap.HEAP_LARGE_FAILED)
    # Behind the last segment it is a part of it.
    segments = f.load(PTR, h, heap.HEAP_SEGMENTS)
    number = f.load(I64, h, heap.HEAP_SEGMENT_COUNT)
    with f.when(number.differs(0)):
        last = segments + (number - 1) * heap.SEGMENT_SIZE
        size = f.load(I64, last, 8)
        with f.when((f.load(I64, last) + size).equals(first)):
            f.store(size + many, last, 8)
            f.ret(1)
    with f.when(number.equals(f.load(I64, h, heap.HEAP_SEGMENT_ROOM))):
        larger = number * 2 + 16
        moved = f.call("realloc", PTR, segments, larger * heap.SEGMENT_SIZE)
        with f.when(moved.equals(0)):
            f.call("ww_gc_give_back", VOID, first, many)
            f.increase(f.const(0) - (many << heap.BLOCK_SHIFT), h, heap.HEAP_OWNED)
            f.ret(0)
        f.store(moved, h, heap.HEAP_SEGMENTS)
        f.store(larger, h, heap.HEAP_SEGMENT_ROOM)
    added = f.load(PTR, h, heap.HEAP_SEGMENTS) + number * heap.SEGMENT_SIZE
    f.store(first.get(), added)
    f.store(many.get(), added, 8)
    f.store(number + 1, h, heap.HEAP_SEGMENT_COUNT)
    f.ret(1)
    return f


def _claim() -> Function:
    """``ww_gc_claim(block)``: makes a free block one for small objects, all zeros; its address."""
    f = Function("ww_gc_claim", PTR, block=I64)
    place = meta(f, f.arg("block"))
    start = address(f, f.arg("block"))
    with f.when(f.load(I32, place, heap.META_STATE).equals(heap.STATE_DIRTY)):
        fill(f, start, 0, heap.BLOCK_SIZE)
    fill(f, place, 0, heap.META_STATE)
    f.store(heap.STATE_SMALL, place, heap.META_STATE, I32)
    f.store(heap.LINES, place, heap.META_CURSOR, I32)
    f.store(0, place, heap.META_WALKED, I32)
    f.ret(start)
    return f


def _take() -> Function:
    """``ww_gc_take(heap, count)``: the first of so many consecutive free blocks, or -1.

    The search goes on where the last one ended; it begins anew after a collection.
    """
    f = Function("ww_gc_take", I64, heap=PTR, count=I64)
    h, count = f.arg("heap"), f.arg("count")
    with f.when(count >= f.load(I64, h, heap.HEAP_LARGE_FAILED)):
        f.ret(NOWHERE)
    segments = f.load(PTR, h, heap.HEAP_SEGMENTS)
    number = f.load(I64, h, heap.HEAP_SEGMENT_COUNT)
    segment = f.var(I64, f.load(I64, h, heap.HEAP_LARGE_SEGMENT))
    at = f.var(I64, f.load(I64, h, heap.HEAP_LARGE_BLOCK))
    run = f.var(I64, 0)
    with f.loop() as loop:
        loop.leave_if(segment >= number)
        place = segments + segment * heap.SEGMENT_SIZE
        then, other = f.branch(at < f.load(I64, place, 8))
        with then:
            block = f.load(I64, place) + at
            at.set(at + 1)
            state = f.load(I32, meta(f, block), heap.META_STATE)
            run.set((state <= heap.STATE_DIRTY).either(run + 1, 0))
            with f.when(run.equals(count)):
                f.store(segment.get(), h, heap.HEAP_LARGE_SEGMENT)
                f.store(at.get(), h, heap.HEAP_LARGE_BLOCK)
                f.ret(block + 1 - count)
        with other:
            segment.set(segment + 1)
            at.set(0)
            run.set(0)
    f.store(count, h, heap.HEAP_LARGE_FAILED)
    f.ret(NOWHERE)
    return f


def _next_block() -> Function:
    """``ww_gc_next_block(heap)``: a block that is free or may have free lines, or -1."""
    f = Function("ww_gc_next_block", I64, heap=PTR)
    h = f.arg("heap")
    segments = f.load(PTR, h, heap.HEAP_SEGMENTS)
    number = f.load(I64, h, heap.HEAP_SEGMENT_COUNT)
    segment = f.var(I64, f.load(I64, h, heap.HEAP_SMALL_SEGMENT))
    at = f.var(I64, f.load(I64, h, heap.HEAP_SMALL_BLOCK))
    found = f.var(I64, NOWHERE)
    with f.loop() as loop:
        loop.leave_if(segment >= number)
        place = segments + segment * heap.SEGMENT_SIZE
        inside = at < f.load(I64, place, 8)
        then, other = f.branch(inside)
        with then:
            block = f.load(I64, place) + at
            at.set(at + 1)
            place = meta(f, block)
            state = f.load(I32, place, heap.META_STATE)
            unused = f.load(I32, place, heap.META_CURSOR).equals(0)
            holes = state.equals(heap.STATE_SMALL) & unused
            with f.when((state <= heap.STATE_DIRTY) | holes):
                found.set(block)
        with other:
            # At the end it stays in the last segment, which may grow.
            loop.leave_if((segment + 1) >= number)
            segment.set(segment + 1)
            at.set(0)
        loop.leave_if(found.differs(NOWHERE))
    f.store(segment.get(), h, heap.HEAP_SMALL_SEGMENT)
    f.store(at.get(), h, heap.HEAP_SMALL_BLOCK)
    f.ret(found)
    return f
