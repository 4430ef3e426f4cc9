"""Marking: finding what is alive, as LLVM IR.

Objects are marked in the side table when they are first seen and pushed on the collector's
stack, which is of a fixed size: what it has no room for is found again by going over the marked
objects (``ww_gc_rescan``). Words of the thread's stack are *resolved*: any of them may be an
address inside an object, and which objects there are follows from the mark bits of the last
collection and a walk over what was allocated since.
"""

from __future__ import annotations

from typing import Final

from wasmwright.codegen import heap_layout as heap
from wasmwright.codegen.llvm.builder import I1, I8, I32, I64, PTR, VOID, Function, Value, Variable
from wasmwright.codegen.llvm.gc_allocate import after_objects, array_size
from wasmwright.codegen.llvm.gc_arena import address, arena, fill, meta

_IN_BLOCK: Final = heap.BLOCK_SIZE - 1
_WORDS: Final = heap.META_LINES // 8  # of mark bits in a block

# So many elements of an array are looked at in one go, so that a long one does not fill the
# stack. (On the stack, an array's address plus 1 lies on the index of the next.)
_PART: Final = 512

# Objects that are being fetched while others are looked into; a power of two.
_QUEUE: Final = 8

DECLARATIONS: Final = """
declare i64 @llvm.ctlz.i64(i64, i1)
declare i64 @llvm.cttz.i64(i64, i1)
declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
"""


def mark_ir() -> str:
    """The functions of this module."""
    makers = (_object_size, _walk, _resolve, _resolve_inside, _drain, _rescan)
    return "".join(make().text() for make in makers)


class Marker:
    """Emits marking into a function: keeps what it needs in the function's variables.

    :meth:`done` must come before anything else uses the heap's stack.
    """

    def __init__(self, f: Function, h: Value) -> None:
        self._f = f
        self._heap = h
        self._base = arena(f, heap.ARENA_BASE)
        self._size = arena(f, heap.ARENA_SIZE)
        self._meta = f.load(PTR, f.symbol("ww_gc_state"), heap.ARENA_META)
        self._pins = f.load(I64, h, heap.HEAP_PIN_COUNT)
        self.bottom = f.load(PTR, h, heap.HEAP_STACK)
        self._limit = self.bottom + f.load(I64, h, heap.HEAP_STACK_ROOM)
        self.top = f.var(PTR, f.load(PTR, h, heap.HEAP_STACK_TOP))

    def done(self) -> None:
        """Gives the stack back to the heap."""
        self._f.store(self.top.get(), self._heap, heap.HEAP_STACK_TOP)

    def offset(self, word: Value) -> Value:
        """Where in the arena an address is."""
        return word - self._base

    def inside(self, offset: Value) -> Value:
        """Whether an offset is in the arena."""
        return offset < self._size

    def meta(self, offset: Value) -> Value:
        """The metadata of the block that is at an offset."""
        return self._meta + ((offset >> heap.BLOCK_SHIFT) << heap.META_SHIFT)

    def word(self, word: Value) -> None:
        """Marks what a reference refers to."""
        f = self._f
        offset = self.offset(word)
        then, other = f.branch(self.inside(offset))
        with then:
            self.object(word, offset)
        with other:
            # Neither null nor an i31: a Python object.
            foreign = word.differs(0) & (word & 1).equals(0) & self._pins.differs(0)
            with f.when(foreign):
                f.call("ww_gc_pin_seen", VOID, self._heap, word)

    def object(self, word: Value, offset: Value) -> None:
        """Marks an object and, the first time, pushes it."""
        f = self._f
        with f.when(self.first_mark(offset)):
            self.push(word)

    def first_mark(self, offset: Value) -> Value:
        """Sets the mark bit of the object at an offset; whether it was not set."""
        f = self._f
        granule = offset >> 3
        place = self.meta(offset) + (((granule >> 6) & (_WORDS - 1)) << 3)
        bit = f.const(1) << (granule & 63)
        bits = f.load(I64, place)
        f.store(bits | bit, place)
        return (bits & bit).equals(0)

    def push(self, *words: Value) -> None:
        """Pushes words on the collector's stack, or notes that there is no room."""
        f = self._f
        then, other = f.branch((self.top + 8 * len(words)) <= self._limit)
        with then:
            for word in words:
                f.store(word, self.top.get())
                self.top.set(self.top + 8)
        with other:
            f.store(1, self._heap, heap.HEAP_OVERFLOW)

    def pop(self) -> Value:
        """The top word of the collector's stack, removed."""
        self.top.set(self.top + -8)
        return self._f.load(I64, self.top.get())

    def cover(self, offset: Value, size: Value) -> None:
        """Marks the lines that an object reaches into beyond the one after its first."""
        f = self._f
        with f.when(size > heap.LINE_SIZE):
            place = self.meta(offset)
            small = f.load(I32, place, heap.META_STATE).equals(heap.STATE_SMALL)
            with f.when(small):
                start = offset & _IN_BLOCK
                first = start >> heap.LINE_SHIFT
                last = (start + size - 1) >> heap.LINE_SHIFT
                fill(f, place + first + (heap.META_LINES + 1), 1, last - first)


def _object_size() -> Function:
    """``ww_gc_object_size(object)``: in bytes."""
    f = Function("ww_gc_object_size", I64, object=PTR)
    kind = f.load(PTR, f.arg("object"))
    size = f.load(I32, kind, heap.TYPE_SIZE).to(I64)
    with f.when(f.load(I32, kind, heap.TYPE_KIND).equals(heap.KIND_ARRAY)):
        length = f.load(I32, f.arg("object"), heap.ARRAY_LENGTH).to(I64)
        f.ret(array_size(length, size & 7))
    f.ret(size)
    return f


def _walk() -> Function:
    """``ww_gc_walk(block)``: sets the mark bits of the objects that were allocated in a block
    since the last collection, going from one to the next in each run of lines given out.
    """
    f = Function("ww_gc_walk", VOID, block=I64)
    place = meta(f, f.arg("block"))
    start = address(f, f.arg("block"))
    cursor = f.load(I32, place, heap.META_CURSOR).to(I64)
    f.store(1, place, heap.META_WALKED, I32)
    line = f.var(I64, 0)
    with f.loop() as loop:
        loop.leave_if(line >= cursor)
        taken = f.call("ww_gc_line_used", I1, place, line) | after_objects(f, place, line.get())
        end = f.var(I64, line + 1)
        with f.when(taken.equals(0)):
            with f.loop() as measure:
                measure.leave_if(end >= cursor)
                measure.leave_if(f.call("ww_gc_line_used", I1, place, end))
                end.set(end + 1)
            at = f.var(I64, line << heap.LINE_SHIFT)
            stop = end << heap.LINE_SHIFT
            with f.loop() as objects:
                objects.leave_if(at >= stop)
                # Behind the last object all is zero.
                objects.leave_if(f.load(I64, start + at).equals(0))
                word = place + ((at >> 9) << 3)
                f.store(f.load(I64, word) | (f.const(1) << ((at >> 3) & 63)), word)
                at.set(at + f.call("ww_gc_object_size", I64, start + at))
        line.set(end)
    return f


def _resolve_inside() -> Function:
    """``ww_gc_resolve(heap, word)``: the object that an address is inside of, or null."""
    f = Function("ww_gc_resolve", PTR, heap=PTR, word=I64)
    offset = f.arg("word") - arena(f, heap.ARENA_BASE)
    with f.when(offset >= arena(f, heap.ARENA_SIZE)):
        f.ret(0)
    block = offset >> heap.BLOCK_SHIFT
    owned = f.load(I8, f.load(PTR, f.symbol("ww_gc_state"), heap.ARENA_MAP) + block)
    with f.when(owned.differs(heap.MAP_READY)):
        f.ret(0)
    place = meta(f, block)
    with f.when(f.load(PTR, place, heap.META_OWNER).differs(f.arg("heap"))):
        f.ret(0)
    state = f.load(I32, place, heap.META_STATE)
    with f.when(state <= heap.STATE_DIRTY):
        f.ret(0)
    with f.when(state.equals(heap.STATE_LARGE)):
        f.ret(address(f, f.load(I64, place, heap.META_HEAD)))
    with f.when(f.load(I32, place, heap.META_WALKED).equals(0)):
        f.call("ww_gc_walk", VOID, block)
    inside = offset & _IN_BLOCK
    granule = inside >> 3
    at = f.var(I64, granule >> 6)
    # The last object that begins at or before the address …
    mask = f.const(-1) >> (f.const(63) - (granule & 63))
    bits = f.var(I64, f.load(I64, place + (at << 3)) & mask)
    with f.loop() as loop:
        loop.leave_if(bits.differs(0))
        with f.when(at.equals(0)):
            f.ret(0)
        at.set(at - 1)
        bits.set(f.load(I64, place + (at << 3)))
    zeros = f.define(I64, f"call i64 @llvm.ctlz.i64(i64 {bits.use()}, i1 true)")
    begin = (((at << 6) + 63) - zeros) << 3
    found = address(f, block) + begin
    # … unless it ends before.
    with f.when((begin + f.call("ww_gc_object_size", I64, found)) <= inside):
        f.ret(0)
    f.ret(found)
    return f


def _resolve() -> Function:
    """``ww_gc_candidate(heap, word)``: pushes what a word of the thread's stack may keep alive.

    That is the object that it is the address of, or inside of; and of an array also an address
    just behind it, which a loop over its elements may be left with.
    """
    f = Function("ww_gc_candidate", VOID, heap=PTR, word=I64)
    h, word = f.arg("heap"), f.arg("word")
    marker = Marker(f, h)
    found = f.call("ww_gc_resolve", PTR, h, word)
    with f.when(found.differs(0)):
        marker.push(found)
    with f.when((word & 7).equals(0)):
        before = f.call("ww_gc_resolve", PTR, h, word - 1)
        with f.when(before.differs(0) & before.differs(found)):
            kind = f.load(I32, f.load(PTR, before), heap.TYPE_KIND)
            with f.when(kind.equals(heap.KIND_ARRAY)):
                marker.push(before)
    marker.done()
    return f


def _drain() -> Function:
    """``ww_gc_drain(heap)``: looks into all objects on the collector's stack.

    What comes off the stack waits in a short queue while it is being fetched from memory.
    """
    f = Function("ww_gc_drain", VOID, heap=PTR)
    h = f.arg("heap")
    marker = Marker(f, h)
    live = f.var(I64, f.load(I64, h, heap.HEAP_LIVE))
    queue = f.define(PTR, f"alloca [{_QUEUE} x i64], align 16")
    fill(f, queue, 0, 8 * _QUEUE)
    turn = f.var(I64, 0)
    waiting = f.var(I64, 0)
    with f.loop() as loop:
        taken = f.var(I64, 0)
        then, other = f.branch(marker.top.equals(marker.bottom))
        with then:
            loop.leave_if(waiting.equals(0))
        with other:
            taken.set(marker.pop())
            rest = (taken & 1).differs(0)
            with f.when(rest):
                array = (taken & -2).pointer()
                _scan_array(f, marker, array, marker.pop())
            loop.again_if(rest)
            address_ = taken.get().pointer().use()
            f.emit(f"call void @llvm.prefetch.p0(ptr {address_}, i32 0, i32 3, i32 1)")
            waiting.set(waiting + 1)
        place = queue + (turn << 3)
        word = f.load(I64, place)
        f.store(taken.get(), place)
        turn.set((turn + 1) & (_QUEUE - 1))
        loop.again_if(word.equals(0))
        waiting.set(waiting - 1)
        object_ = word.pointer()
        kind = f.load(PTR, object_)
        struct, array_ = f.branch(f.load(I32, kind, heap.TYPE_KIND).equals(heap.KIND_STRUCT))
        with struct:
            _scan_struct(f, marker, object_, kind, live)
        with array_:
            bytes_ = f.call("ww_gc_object_size", I64, object_)
            live.set(live + bytes_)
            marker.cover(marker.offset(word), bytes_)
            with f.when(f.load(I32, kind, heap.TYPE_REFS).differs(0)):
                _scan_array(f, marker, object_, f.const(0))
    f.store(live.get(), h, heap.HEAP_LIVE)
    marker.done()
    return f


def _scan_struct(f: Function, marker: Marker, object_: Value, kind: Value, live: Variable) -> None:
    size = f.load(I32, kind, heap.TYPE_SIZE).to(I64)
    live.set(live + size)
    marker.cover(marker.offset(object_.integer()), size)
    offsets = f.load(PTR, kind, heap.TYPE_REF_OFFSETS)
    with f.count(f.load(I32, kind, heap.TYPE_REFS).to(I64)) as i:
        field = f.load(I32, offsets + (i << 2)).to(I64)
        marker.word(f.load(I64, object_ + field))


def _scan_array(f: Function, marker: Marker, object_: Value, first: Value) -> None:
    """Looks at a part of the elements, and leaves the rest, if any, on the stack."""
    length = f.load(I32, object_, heap.ARRAY_LENGTH).to(I64)
    end = f.var(I64, length)
    with f.when((length - first) > _PART):
        end.set(first + _PART)
        marker.push(end, object_.integer() | 1)
    with f.count(end.get(), first) as i:
        marker.word(f.load(I64, object_ + (i << 3), heap.ARRAY_ELEMENTS))


def _rescan() -> Function:
    """``ww_gc_rescan(heap)``: looks into all marked objects again, as long as some were lost."""
    f = Function("ww_gc_rescan", VOID, heap=PTR)
    h = f.arg("heap")
    segments = f.load(PTR, h, heap.HEAP_SEGMENTS)
    number = f.load(I64, h, heap.HEAP_SEGMENT_COUNT)
    with f.loop() as loop:
        loop.leave_if(f.load(I64, h, heap.HEAP_OVERFLOW).equals(0))
        f.store(0, h, heap.HEAP_OVERFLOW)
        with f.count(number) as i:
            segment = segments + i * heap.SEGMENT_SIZE
            first = f.load(I64, segment)
            with f.count(f.load(I64, segment, 8)) as j:
                place = meta(f, first + j)
                with (
                    f.when(f.load(I32, place, heap.META_STATE) >= heap.STATE_SMALL),
                    f.count(_WORDS) as k,
                ):
                    bits = f.var(I64, f.load(I64, place + (k << 3)))
                    with f.loop() as each:
                        each.leave_if(bits.equals(0))
                        zeros = f.define(I64, f"call i64 @llvm.cttz.i64(i64 {bits.use()}, i1 true)")
                        bits.set(bits & (bits - 1))
                        found = address(f, first + j) + (((k << 6) + zeros) << 3)
                        f.store(found, f.load(PTR, h, heap.HEAP_STACK_TOP))
                        f.increase(8, h, heap.HEAP_STACK_TOP)
                        f.call("ww_gc_drain", VOID, h)
    return f
