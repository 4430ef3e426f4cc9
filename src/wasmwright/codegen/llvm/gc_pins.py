"""Python objects that wasm may hold, and the roots that Python holds, as LLVM IR.

A *pin* keeps a Python object alive while wasm may hold its address: the table of a heap has each
such object once, with the number of the collection that last saw it. Pins are added by a thread
that has the GIL and is inside the runtime block (or finds nobody in it), so never during a
collection. Many of them make a collection due, since a module may hold Python objects and allocate
nothing itself. What a collection does not see is moved to the list of dropped objects, which
``ww_gc_release`` lets go, with the GIL.

A *slot* is a word that keeps a structure or array alive for a Python proxy. Slots may be given
back at any time by a thread that has the GIL, in the middle of a collection too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from wasmwright.codegen import abi
from wasmwright.codegen import heap_layout as heap
from wasmwright.codegen.llvm.builder import I32, I64, PTR, VOID, Function, Value
from wasmwright.codegen.llvm.gc_arena import lock, unlock

_FIRST_ROOM: Final = 64
_HASH: Final = 0x9E3779B97F4A7C15 - (1 << 64)

DECLARATIONS: Final = """
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare void @PyErr_Fetch(ptr, ptr, ptr)
declare void @PyErr_Restore(ptr, ptr, ptr)
"""


def pins_ir() -> str:
    """The functions of this module."""
    makers: tuple[Callable[[], Function], ...] = (
        _find,
        _seen,
        _insert,
        _pin,
        _pin_word,
        _sweep_pins,
        _release,
    )
    makers += (_new_slot, _free_slot, _link, _unlink)
    return "".join(make().text() for make in makers)


def _find() -> Function:
    """``ww_gc_pin_at(table, room, object)``: the object's entry, or the empty one for it."""
    f = Function("ww_gc_pin_at", PTR, linkage="internal", table=PTR, room=I64, object=I64)
    table, room, word = f.arg("table"), f.arg("room"), f.arg("object")
    mixed = word * _HASH
    at = f.var(I64, (mixed >> 20) & (room - 1))
    entry = f.var(PTR, table + at * heap.PIN_SIZE)
    with f.loop() as loop:
        found = f.load(I64, entry.get())
        loop.leave_if(found.equals(word) | found.equals(0))
        at.set((at + 1) & (room - 1))
        entry.set(table + at * heap.PIN_SIZE)
    f.ret(entry)
    return f


def _seen() -> Function:
    """``ww_gc_pin_seen(heap, word)``: notes that a word, if it is a pinned object, was seen."""
    f = Function("ww_gc_pin_seen", VOID, heap=PTR, word=I64)
    h = f.arg("heap")
    room = f.load(I64, h, heap.HEAP_PIN_ROOM)
    entry = f.call("ww_gc_pin_at", PTR, f.load(PTR, h, heap.HEAP_PINS), room, f.arg("word"))
    with f.when(f.load(I64, entry).differs(0)):
        f.store(f.load(I64, h, heap.HEAP_EPOCH), entry, 8)
    return f


def _insert() -> Function:
    """``ww_gc_pin_insert(heap, object)``: adds an object that is not there yet and whose
    reference the table takes over; 0, or -1 if there is no memory.
    """
    f = Function("ww_gc_pin_insert", I32, heap=PTR, object=I64)
    h, word = f.arg("heap"), f.arg("object")
    room = f.load(I64, h, heap.HEAP_PIN_ROOM)
    count = f.load(I64, h, heap.HEAP_PIN_COUNT)
    with f.when(((count + 1) * 2) > room):
        larger = room.equals(0).either(_FIRST_ROOM, room * 2)
        table = f.call("calloc", PTR, larger, f.const(heap.PIN_SIZE))
        with f.when(table.equals(0)):
            f.ret(-1)
        old = f.load(PTR, h, heap.HEAP_PINS)
        with f.count(room) as i:
            entry = old + i * heap.PIN_SIZE
            found = f.load(I64, entry)
            with f.when(found.differs(0)):
                place = f.call("ww_gc_pin_at", PTR, table, larger, found)
                f.store(found, place)
                f.store(f.load(I64, entry, 8), place, 8)
        f.call("free", VOID, old)
        f.store(table, h, heap.HEAP_PINS)
        f.store(larger, h, heap.HEAP_PIN_ROOM)
    room = f.load(I64, h, heap.HEAP_PIN_ROOM)
    place = f.call("ww_gc_pin_at", PTR, f.load(PTR, h, heap.HEAP_PINS), room, word)
    f.store(word, place)
    f.store(f.load(I64, h, heap.HEAP_EPOCH), place, 8)
    f.increase(1, h, heap.HEAP_PIN_COUNT)
    f.ret(0)
    return f


def _pin() -> Function:
    """``ww_gc_pin(rt, object)``: pins a Python object; 0, or -1 if there is no memory."""
    f = Function("ww_gc_pin", I32, rt=PTR, object=I64)
    h = f.load(PTR, f.arg("rt"), abi.RT_HEAP)
    word = f.arg("object")
    room = f.load(I64, h, heap.HEAP_PIN_ROOM)
    with f.when(room.differs(0)):
        entry = f.call("ww_gc_pin_at", PTR, f.load(PTR, h, heap.HEAP_PINS), room, word)
        with f.when(f.load(I64, entry).differs(0)):
            f.ret(0)
    status = f.call("ww_gc_pin_insert", I32, h, word)
    with f.when(status.equals(0)):
        f.call("Py_IncRef", VOID, word.pointer())
    f.ret(status)
    return f


def _pin_word() -> Function:
    """``ww_gc_pin_word(rt, word)``: pins what a reference refers to if it is a Python object.

    May collect first: what the caller pinned before must be on its stack or in a root.
    """
    f = Function("ww_gc_pin_word", I32, rt=PTR, word=I64)
    rt, word = f.arg("rt"), f.arg("word")
    offset = word - f.load(I64, rt, abi.RT_ARENA)
    inside = offset < f.load(I64, rt, abi.RT_ARENA_SIZE)
    with f.when(word.equals(0) | (word & 1).differs(0) | inside):
        f.ret(0)
    h = f.load(PTR, rt, abi.RT_HEAP)
    running = f.load(I64, h, heap.HEAP_PAUSED).equals(0)
    due = f.load(I64, h, heap.HEAP_PIN_COUNT) >= f.load(I64, h, heap.HEAP_PIN_LIMIT)
    with f.when(running & (due | f.load(I64, h, heap.HEAP_STRESS).differs(0))):
        f.call("ww_gc_collect", VOID, h)
        # What compiled code allocates from is free now.
        f.store(f.const(0), rt, abi.RT_ALLOC)
        f.store(f.const(0), rt, abi.RT_ALLOC_LIMIT)
    f.ret(f.call("ww_gc_pin", I32, rt, word))
    return f


def _sweep_pins() -> Function:
    """``ww_gc_sweep_pins(heap)``: moves the pins that this collection did not see to the
    dropped objects. (Where there is no memory for that, they stay.)
    """
    f = Function("ww_gc_sweep_pins", VOID, heap=PTR)
    h = f.arg("heap")
    room = f.load(I64, h, heap.HEAP_PIN_ROOM)
    epoch = f.load(I64, h, heap.HEAP_EPOCH)
    pins = f.load(PTR, h, heap.HEAP_PINS)
    unseen = f.var(I64, 0)
    with f.count(room) as i:
        entry = pins + i * heap.PIN_SIZE
        gone = f.load(I64, entry).differs(0) & f.load(I64, entry, 8).differs(epoch)
        unseen.set(gone.either(unseen + 1, unseen))
    with f.when(unseen.equals(0)):
        f.ret()
    table = f.call("calloc", PTR, room, f.const(heap.PIN_SIZE))
    with f.when(table.equals(0)):
        f.ret()
    before = f.load(I64, h, heap.HEAP_DROPPED_COUNT)
    size = (before + unseen) << 3
    dropped = f.call("realloc", PTR, f.load(PTR, h, heap.HEAP_DROPPED), size)
    with f.when(dropped.equals(0)):
        f.call("free", VOID, table)
        f.ret()
    f.store(dropped, h, heap.HEAP_DROPPED)
    count = f.var(I64, before)
    with f.count(room) as i:
        entry = pins + i * heap.PIN_SIZE
        word = f.load(I64, entry)
        with f.when(word.differs(0)):
            then, other = f.branch(f.load(I64, entry, 8).equals(epoch))
            with then:
                place = f.call("ww_gc_pin_at", PTR, table, room, word)
                f.store(word, place)
                f.store(epoch, place, 8)
            with other:
                f.store(word, dropped + (count << 3))
                count.set(count + 1)
    f.call("free", VOID, pins)
    f.store(table, h, heap.HEAP_PINS)
    f.store(f.load(I64, h, heap.HEAP_PIN_COUNT) - unseen, h, heap.HEAP_PIN_COUNT)
    f.store(count.get(), h, heap.HEAP_DROPPED_COUNT)
    f.store(f.symbol("ww_gc_release"), f.load(PTR, h, heap.HEAP_BLOCK), abi.RT_GC_RELEASE)
    return f


def _release() -> Function:
    """``ww_gc_release(rt)``: lets go of the dropped objects. Whatever their finalisers do, the
    error that may be set stays set.
    """
    f = Function("ww_gc_release", VOID, rt=PTR)
    rt = f.arg("rt")
    h = f.load(PTR, rt, abi.RT_HEAP)
    f.store(f.const(0), rt, abi.RT_GC_RELEASE)
    dropped = f.load(PTR, h, heap.HEAP_DROPPED)
    count = f.load(I64, h, heap.HEAP_DROPPED_COUNT)
    f.store(f.const(0), h, heap.HEAP_DROPPED)
    f.store(f.const(0), h, heap.HEAP_DROPPED_COUNT)
    error = [f.var(PTR, 0).address() for _ in range(3)]
    f.call("PyErr_Fetch", VOID, *error)
    let_go(f, dropped, count)
    f.call("PyErr_Restore", VOID, *[f.load(PTR, each) for each in error])
    return f


def let_go(f: Function, objects: Value, count: Value) -> None:
    """Releases an array of Python objects, and its memory."""
    with f.count(count) as i:
        f.call("Py_DecRef", VOID, f.load(PTR, objects + (i << 3)))
    f.call("free", VOID, objects)


def _new_slot() -> Function:
    """``ww_gc_new_slot(rt, word)``: the address of a slot that holds a word; null if there is no
    memory. With the GIL, and nobody else inside the block.
    """
    f = Function("ww_gc_new_slot", PTR, rt=PTR, word=I64)
    h = f.load(PTR, f.arg("rt"), abi.RT_HEAP)
    previous = f.var(PTR, h + (heap.HEAP_SLOTS - heap.SLOTS_NEXT))
    with f.loop():
        chunk = f.var(PTR, f.load(PTR, previous, heap.SLOTS_NEXT))
        with f.when(chunk.equals(0)):
            chunk.set(f.call("aligned_alloc", PTR, *[f.const(heap.SLOTS_CHUNK)] * 2))
            with f.when(chunk.equals(0)):
                f.ret(0)
            first = chunk + heap.SLOTS_FIRST
            with f.count(heap.SLOTS_CHUNK, heap.SLOTS_FIRST, 8) as at:
                following = (chunk + at).integer() + 9
                last = at.equals(heap.SLOTS_CHUNK - 8)
                f.store(last.either(1, following), chunk + at)
            f.store(first.integer() + 1, chunk, heap.SLOTS_FREE)
            f.store(f.const(0), chunk, heap.SLOTS_USED)
            f.store(f.const(0), chunk, heap.SLOTS_ORPHAN)
            f.store(f.load(PTR, h, heap.HEAP_SLOTS), chunk, heap.SLOTS_NEXT)
            f.store(chunk.get(), h, heap.HEAP_SLOTS)
        free = f.load(I64, chunk, heap.SLOTS_FREE)
        with f.when(free.differs(1)):
            slot = (free - 1).pointer()
            f.store(f.load(I64, slot), chunk, heap.SLOTS_FREE)
            f.store(f.arg("word"), slot)
            f.increase(1, chunk, heap.SLOTS_USED)
            # The chunk that had room is looked at first the next time.
            with f.when(f.load(PTR, h, heap.HEAP_SLOTS).differs(chunk)):
                f.store(f.load(PTR, chunk, heap.SLOTS_NEXT), previous, heap.SLOTS_NEXT)
                f.store(f.load(PTR, h, heap.HEAP_SLOTS), chunk, heap.SLOTS_NEXT)
                f.store(chunk.get(), h, heap.HEAP_SLOTS)
            f.ret(slot)
        previous.set(chunk)
    f.ret(0)
    return f


def _free_slot() -> Function:
    """``ww_gc_free_slot(slot)``: gives a slot back."""
    f = Function("ww_gc_free_slot", VOID, slot=PTR)
    slot = f.arg("slot")
    chunk = (slot.integer() & -heap.SLOTS_CHUNK).pointer()
    f.store(f.load(I64, chunk, heap.SLOTS_FREE), slot)
    f.store(slot.integer() + 1, chunk, heap.SLOTS_FREE)
    f.increase(-1, chunk, heap.SLOTS_USED)
    unused = f.load(I64, chunk, heap.SLOTS_USED).equals(0)
    with f.when(unused & f.load(I64, chunk, heap.SLOTS_ORPHAN).differs(0)):
        f.call("free", VOID, chunk)
    return f


def _link() -> Function:
    """``ww_gc_link(heap, record)``: adds a root record."""
    f = Function("ww_gc_link", VOID, heap=PTR, record=PTR)
    h, record = f.arg("heap"), f.arg("record")
    lock(f, h + heap.HEAP_LOCK)
    first = f.load(PTR, h, heap.HEAP_ROOTS)
    f.store(first, record, heap.ROOT_NEXT)
    f.store(f.const(0), record, heap.ROOT_PREVIOUS)
    with f.when(first.differs(0)):
        f.store(record, first, heap.ROOT_PREVIOUS)
    f.store(record, h, heap.HEAP_ROOTS)
    unlock(f, h + heap.HEAP_LOCK)
    return f


def _unlink() -> Function:
    """``ww_gc_unlink(heap, record)``: takes a root record out, which may then be freed."""
    f = Function("ww_gc_unlink", VOID, heap=PTR, record=PTR)
    h, record = f.arg("heap"), f.arg("record")
    lock(f, h + heap.HEAP_LOCK)
    following = f.load(PTR, record, heap.ROOT_NEXT)
    previous = f.load(PTR, record, heap.ROOT_PREVIOUS)
    with f.when(following.differs(0)):
        f.store(previous, following, heap.ROOT_PREVIOUS)
    then, other = f.branch(previous.differs(0))
    with then:
        f.store(following, previous, heap.ROOT_NEXT)
    with other:
        f.store(following, h, heap.HEAP_ROOTS)
    unlock(f, h + heap.HEAP_LOCK)
    return f
