"""A collection from beginning to end, as LLVM IR.

The roots are: every word of the thread's stack from here to the entry stub by which Python first
called into the runtime block (registers that a caller may rely on are saved there first), the
root records of the heap (globals, tables, element segments), and the slots of the proxies that
Python holds. Nothing moves, so a word that only looks like a reference does no harm but to keep
something alive.

``ww_gc_collect`` runs in whatever thread is inside the runtime block, and needs no GIL: Python
objects that wasm holds no longer are only put aside here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Final

from wasmwright.codegen import abi
from wasmwright.codegen import heap_layout as heap
from wasmwright.codegen.llvm import native
from wasmwright.codegen.llvm.builder import I1, I8, I32, I64, PTR, VOID, Function, Value
from wasmwright.codegen.llvm.gc_allocate import after_objects
from wasmwright.codegen.llvm.gc_arena import NOWHERE, address, fill, lock, meta, unlock
from wasmwright.codegen.llvm.gc_mark import Marker

# What free memory is overwritten with in stress mode: no address, and no i31 that anyone expects.
_POISON: Final = 0xDA

DECLARATIONS: Final = """
declare void @llvm.eh.unwind.init()
declare ptr @llvm.frameaddress.p0(i32)
"""


def collect_ir() -> str:
    """The functions of this module."""
    makers: tuple[Callable[[], Function], ...] = (
        _room_for_stack,
        _scan_stack,
        _forget_marks,
        _mark_candidates,
        _mark_roots,
    )
    makers += (_sweep, _poison, _give_back_segments, _give_back_blocks, _collect)
    return "".join(make().text() for make in makers)


@contextlib.contextmanager
def _every_block(f: Function, h: Value) -> Iterator[Value]:
    """What is written inside is done for the number of each block of a heap."""
    segments = f.load(PTR, h, heap.HEAP_SEGMENTS)
    with f.count(f.load(I64, h, heap.HEAP_SEGMENT_COUNT)) as i:
        segment = segments + i * heap.SEGMENT_SIZE
        with f.count(f.load(I64, segment, 8)) as j:
            yield f.load(I64, segment) + j


def _room_for_stack() -> Function:
    """``ww_gc_room(heap, bytes)``: makes room for all candidates of a thread's stack of so many
    bytes, two for each word; whether there is.
    """
    f = Function("ww_gc_room", I1, heap=PTR, bytes=I64)
    h = f.arg("heap")
    wanted = f.arg("bytes") * 2 + 4096
    then, other = f.branch(f.load(I64, h, heap.HEAP_STACK_ROOM) < wanted)
    with then:
        f.call("free", VOID, f.load(PTR, h, heap.HEAP_STACK))
        # (What is not touched costs nothing.)
        least = f.load(I64, h, heap.HEAP_STACK_LEAST)
        size = (wanted * 2 > least).either(wanted * 2, least)
        memory = f.call("malloc", PTR, size)
        f.store(memory, h, heap.HEAP_STACK)
        f.store(memory.equals(0).either(0, size), h, heap.HEAP_STACK_ROOM)
        f.ret(memory.differs(0))
    with other:
        f.ret(1)
    return f


def _scan_stack() -> Function:
    """``ww_gc_scan_stack(heap, low, high)``: pushes the candidates."""
    f = Function("ww_gc_scan_stack", VOID, heap=PTR, low=I64, high=I64)
    h = f.arg("heap")
    marker = Marker(f, h)
    pins = f.load(I64, h, heap.HEAP_PIN_COUNT).differs(0)
    with f.count(f.arg("high"), f.arg("low"), 8) as at:
        word = f.load(I64, at.pointer())
        then, other = f.branch(marker.inside(marker.offset(word)))
        with then:
            f.call("ww_gc_candidate", VOID, h, word)
        with other, f.when(pins & word.differs(0)):
            f.call("ww_gc_pin_seen", VOID, h, word)
    return f


def _forget_marks() -> Function:
    """``ww_gc_forget(heap)``: clears the marks of the last collection."""
    f = Function("ww_gc_forget", VOID, heap=PTR)
    h = f.arg("heap")
    with _every_block(f, h) as block:
        place = meta(f, block)
        with f.when(f.load(I32, place, heap.META_STATE) >= heap.STATE_SMALL):
            fill(f, place, 0, heap.META_STATE)
    return f


def _mark_candidates() -> Function:
    """``ww_gc_mark_candidates(heap)``: marks what the stack scan pushed; each stays once."""
    f = Function("ww_gc_mark_candidates", VOID, heap=PTR)
    marker = Marker(f, f.arg("heap"))
    end = marker.top.get()
    marker.top.set(marker.bottom)
    with f.count(end.integer(), marker.bottom.integer(), 8) as at:
        word = f.load(I64, at.pointer())
        marker.object(word, marker.offset(word))
    marker.done()
    return f


def _mark_roots() -> Function:
    """``ww_gc_mark_roots(heap)``: marks what globals, tables, segments and proxies refer to."""
    f = Function("ww_gc_mark_roots", VOID, heap=PTR)
    h = f.arg("heap")
    marker = Marker(f, h)
    # Python may take records out meanwhile, but for that it needs the lock.
    lock(f, h + heap.HEAP_LOCK)
    record = f.var(PTR, f.load(PTR, h, heap.HEAP_ROOTS))
    with f.loop() as records:
        records.leave_if(record.equals(0))
        with f.count(f.load(I64, record, heap.ROOT_ENTRIES)) as i:
            entry = record + i * heap.ROOT_ENTRY
            place = f.var(PTR, f.load(PTR, entry, heap.ROOT_FIRST))
            count = f.var(I64, f.load(I64, entry, heap.ROOT_FIRST + 8))
            stride = f.var(I64, 16)
            with f.when(count.equals(heap.INDIRECT)):
                count.set(f.load(I64, place, 8))
                place.set(f.load(PTR, place))
                stride.set(8)
            with f.count(count.get()) as j:
                marker.word(f.load(I64, place + j * stride))
        record.set(f.load(PTR, record, heap.ROOT_NEXT))
    unlock(f, h + heap.HEAP_LOCK)
    # A slot may be given back at any moment, and its chunk stays.
    chunk = f.var(PTR, f.load(PTR, h, heap.HEAP_SLOTS))
    with f.loop() as chunks:
        chunks.leave_if(chunk.equals(0))
        with f.count(heap.SLOTS_CHUNK, heap.SLOTS_FIRST, 8) as k:
            word = f.load(I64, chunk + k)
            with f.when((word & 1).equals(0)):
                marker.word(word)
        chunk.set(f.load(PTR, chunk, heap.SLOTS_NEXT))
    marker.done()
    return f


def _poison() -> Function:
    """``ww_gc_poison(heap)``: overwrites what is free, so that who still uses it sees it."""
    f = Function("ww_gc_poison", VOID, heap=PTR)
    h = f.arg("heap")
    with _every_block(f, h) as block:
        place = meta(f, block)
        state = f.load(I32, place, heap.META_STATE)
        with f.when(state.equals(heap.STATE_DIRTY)):
            fill(f, address(f, block), _POISON, heap.BLOCK_SIZE)
        with f.when(state.equals(heap.STATE_SMALL)), f.count(heap.LINES) as line:
            used = f.call("ww_gc_line_used", I1, place, line)
            with f.when((used | after_objects(f, place, line)).equals(0)):
                start = address(f, block) + (line << heap.LINE_SHIFT)
                fill(f, start, _POISON, heap.LINE_SIZE)
    return f


def _sweep() -> Function:
    """``ww_gc_sweep(heap)``: frees blocks without survivors, and starts allocation anew."""
    f = Function("ww_gc_sweep", VOID, heap=PTR)
    h = f.arg("heap")
    segments = f.load(PTR, h, heap.HEAP_SEGMENTS)
    with f.count(f.load(I64, h, heap.HEAP_SEGMENT_COUNT)) as i:
        segment = segments + i * heap.SEGMENT_SIZE
        count = f.load(I64, segment, 8)
        dead = f.var(I64, 0)  # blocks of a dead large object that are still ahead
        with f.count(count) as j:
            place = meta(f, f.load(I64, segment) + j)
            state = f.load(I32, place, heap.META_STATE)
            with f.when(state.equals(heap.STATE_SMALL)):
                seen = f.var(I64, 0)
                with f.count(heap.META_LINES, 0, 8) as k:
                    seen.set(seen | f.load(I64, place + k))
                with f.when(seen.equals(0)):
                    f.store(heap.STATE_DIRTY, place, heap.META_STATE, I32)
                f.store(0, place, heap.META_CURSOR, I32)
                f.store(0, place, heap.META_WALKED, I32)
            with f.when(state.equals(heap.STATE_LARGE)):
                first = f.load(I64, place, heap.META_HEAD).equals(f.load(I64, segment) + j)
                unmarked = (f.load(I8, place) & 1).equals(0)
                with f.when(first & unmarked):
                    dead.set(f.load(I64, place, heap.META_SIZE))
                with f.when(dead.differs(0)):
                    f.store(heap.STATE_DIRTY, place, heap.META_STATE, I32)
                    dead.set(dead - 1)
    for field in (heap.HEAP_PTR, heap.HEAP_END, heap.HEAP_SPARE_PTR, heap.HEAP_SPARE_END):
        f.store(0, h, field)
    for field in (heap.HEAP_SMALL_SEGMENT, heap.HEAP_SMALL_BLOCK):
        f.store(0, h, field)
    for field in (heap.HEAP_LARGE_SEGMENT, heap.HEAP_LARGE_BLOCK, heap.HEAP_GIVEN):
        f.store(0, h, field)
    f.store(NOWHERE, h, heap.HEAP_HOLES)
    f.store(NOWHERE, h, heap.HEAP_LARGE_FAILED)
    live = f.load(I64, h, heap.HEAP_LIVE)
    least = f.load(I64, h, heap.HEAP_MINIMUM)
    f.store((live > least).either(live, least), h, heap.HEAP_THRESHOLD)
    return f


def _give_back_segments() -> Function:
    """``ww_gc_shrink(heap)``: gives segments without survivors back to the arena, as long as
    what stays is enough until the next collection.
    """
    f = Function("ww_gc_shrink", VOID, heap=PTR)
    h = f.arg("heap")
    segments = f.load(PTR, h, heap.HEAP_SEGMENTS)
    keep = f.load(I64, h, heap.HEAP_LIVE) + f.load(I64, h, heap.HEAP_THRESHOLD) * 2
    number = f.var(I64, f.load(I64, h, heap.HEAP_SEGMENT_COUNT))
    i = f.var(I64, number)
    with f.loop() as loop:
        loop.leave_if(i.equals(0))
        i.set(i - 1)
        segment = segments + i * heap.SEGMENT_SIZE
        first, count = f.load(I64, segment), f.load(I64, segment, 8)
        owned = f.load(I64, h, heap.HEAP_OWNED)
        loop.leave_if(owned <= keep)
        used = f.var(I64, 0)
        with f.count(count) as j:
            state = f.load(I32, meta(f, first + j), heap.META_STATE)
            used.set((state >= heap.STATE_SMALL).either(used + 1, used))
        with f.when(used.equals(0)):
            with f.count(count) as j:
                f.store(f.const(0), meta(f, first + j), heap.META_OWNER)
            f.call("ww_gc_give_back", VOID, first, count)
            f.store(owned - (count << heap.BLOCK_SHIFT), h, heap.HEAP_OWNED)
            number.set(number - 1)
            last = segments + number * heap.SEGMENT_SIZE
            f.store(f.load(I64, last), segment)
            f.store(f.load(I64, last, 8), segment, 8)
    f.store(number.get(), h, heap.HEAP_SEGMENT_COUNT)
    return f


def _give_back_blocks() -> Function:
    """``ww_gc_trim(heap)``: gives the memory of free blocks back, those at the end first, as long
    as what stays is enough until the next collection. Their addresses stay the heap's.
    """
    f = Function("ww_gc_trim", VOID, heap=PTR)
    h = f.arg("heap")
    segments = f.load(PTR, h, heap.HEAP_SEGMENTS)
    number = f.load(I64, h, heap.HEAP_SEGMENT_COUNT)
    keep = f.load(I64, h, heap.HEAP_LIVE) + f.load(I64, h, heap.HEAP_THRESHOLD) * 2
    with f.when(f.load(I64, h, heap.HEAP_OWNED) <= keep):
        f.ret()
    resident = f.var(I64, 0)
    with f.count(number) as i:
        segment = segments + i * heap.SEGMENT_SIZE
        with f.count(f.load(I64, segment, 8)) as j:
            state = f.load(I32, meta(f, f.load(I64, segment) + j), heap.META_STATE)
            used = state.differs(heap.STATE_CLEAN)
            resident.set(used.either(resident + heap.BLOCK_SIZE, resident))
    i = f.var(I64, number)
    with f.loop() as loop:
        loop.leave_if(i.equals(0) | (resident <= keep))
        i.set(i - 1)
        segment = segments + i * heap.SEGMENT_SIZE
        first = f.load(I64, segment)
        j = f.var(I64, f.load(I64, segment, 8))
        run = f.var(I64, 0)  # free blocks from j on
        with f.loop() as blocks:
            place = meta(f, first + (j.equals(0)).either(0, j - 1))
            dirty = f.load(I32, place, heap.META_STATE).equals(heap.STATE_DIRTY)
            free = j.differs(0) & dirty & (resident > keep)
            with f.when(free):
                f.store(heap.STATE_CLEAN, place, heap.META_STATE, I32)
                resident.set(resident - heap.BLOCK_SIZE)
                run.set(run + 1)
                j.set(j - 1)
            blocks.again_if(free)
            with f.when(run.differs(0)):
                f.call("ww_gc_discard", VOID, first + j, run)
                run.set(0)
            blocks.leave_if(j.equals(0))
            j.set(j - 1)
    return f


def _outermost_frame(f: Function, rt: Value) -> Value:
    """The end of the frame of the entry stub that called into a block first, or 0."""
    high = f.var(I64, 0)
    activation = f.var(PTR, f.load(PTR, rt, abi.RT_ACTIVATION))
    with f.loop() as loop:
        loop.leave_if(activation.equals(0))
        high.set(f.load(I64, activation, native.ACT_FRAME))
        activation.set(f.load(PTR, activation, native.ACT_PREVIOUS))
    return high.get()


def _collect() -> Function:
    """``ww_gc_collect(heap)``."""
    f = Function("ww_gc_collect", VOID, attributes="noinline ", heap=PTR)
    h = f.arg("heap")
    f.emit("call void @llvm.eh.unwind.init()")
    here = f.var(I64, 0)  # in this frame, below the saved registers
    low = here.address().integer() & -8
    high = _outermost_frame(f, f.load(PTR, h, heap.HEAP_BLOCK))
    # (Called by Python, with no wasm on the stack, there is nothing to scan.)
    size = high.equals(0).either(0, high - low)
    with f.when(f.call("ww_gc_room", I1, h, size).equals(0)):
        f.ret()
    f.increase(1, h, heap.HEAP_COLLECTIONS)
    f.increase(1, h, heap.HEAP_EPOCH)
    f.store(0, h, heap.HEAP_LIVE)
    f.store(0, h, heap.HEAP_OVERFLOW)
    f.store(f.load(PTR, h, heap.HEAP_STACK), h, heap.HEAP_STACK_TOP)
    f.call("ww_gc_scan_stack", VOID, h, low, high)
    f.call("ww_gc_forget", VOID, h)
    f.call("ww_gc_mark_candidates", VOID, h)
    f.call("ww_gc_mark_roots", VOID, h)
    f.call("ww_gc_drain", VOID, h)
    f.call("ww_gc_rescan", VOID, h)
    f.call("ww_gc_sweep_pins", VOID, h)
    pins = f.load(I64, h, heap.HEAP_PIN_COUNT)
    least = f.load(I64, h, heap.HEAP_PIN_LEAST)
    more = least + (f.load(I64, h, heap.HEAP_LIVE) >> heap.PIN_SHIFT)
    f.store(pins + (pins > more).either(pins, more), h, heap.HEAP_PIN_LIMIT)
    f.call("ww_gc_sweep", VOID, h)
    with f.when(f.load(I64, h, heap.HEAP_STRESS).differs(0)):
        f.call("ww_gc_poison", VOID, h)
    f.call("ww_gc_shrink", VOID, h)
    f.call("ww_gc_trim", VOID, h)
    return f
