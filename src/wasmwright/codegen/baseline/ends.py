"""What stands before and behind a function's instructions."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.codegen.baseline.areas import from_area
from wasmwright.codegen.baseline.emitter import Emitter
from wasmwright.codegen.baseline.library import TYPE_F32, TYPE_V128
from wasmwright.codegen.baseline.literals import point
from wasmwright.codegen.baseline.view import Side

# Bytes of slots that a function without calls may have unchecked: see `tuning.STACK_RESERVE`.
_SMALL_FRAME: Final = 2048


def slow_paths(e: Emitter) -> None:
    """What the function does where its stack is used up, and its counting sites at their end."""
    _overflow(e)
    counting = e.counted
    if counting is None or not e.waiting:
        return
    out = e.out
    e.at = -1
    e.mark()
    end: i64 = len(out)
    out.write(e.around.end)
    number = e.library.number(e.library.hot)
    for site in e.waiting:
        number_at: i64 = len(out)
        if e.words:
            out.write(bytes(4))
        e.aim(site.place, len(out))
        start = e.emit_cell(number, site.cell, 0, counting.more, counting.file)
        hole = start + e.library.records[number * 16 + 6] - 1
        if e.words:
            point(out, hole, number_at)
        else:
            number_at = hole
        e.write32(number_at, counting.number(site.cell))
        e.aim(e.taken(number, start), end)
        e.valid = 0
        e.need(site.valid)
        back: i64 = len(out) + e.around.jump_at
        out.write(e.around.jump)
        e.aim(back, site.back)
        e.island()


def set_slots(e: Emitter, size_at: i64, slots: i64) -> None:
    """Writes the size of the function's slots where its head needs it."""
    if e.words:
        literal = e.start - 4
        e.write32(literal, slots)
        point(e.out, size_at, literal)
        if e.check_at >= 0:
            point(e.out, e.check_at + e.around.check_size_at, literal)
    else:
        e.write32(size_at, slots)
        if e.check_at >= 0:
            e.write32(e.check_at + e.around.check_size_at, -slots)


def _overflow(e: Emitter) -> None:
    """Where the check of the stack goes if there is not enough."""
    if e.check_at >= 0:
        e.aim(e.check_at + e.around.check_overflow_at, len(e.out))
        e.at = e.begin
        e.mark()
        e.emit(e.library.number(e.library.overflow), 0, 0, 0, 0, 0)


def head(e: Emitter, params: Side, count: i64) -> i64:
    """A function's head; where the size of its slots is to be written."""
    library = e.library
    e.mark()
    e.out.write(e.around.head)
    e.check_at = -1
    if not e.leaf or count * e.step > _SMALL_FRAME:
        e.check_at = len(e.out)
        e.out.write(e.around.check)
    size_at: i64 = len(e.out) + e.around.slots_size_at
    e.out.write(e.around.make_slots)
    ints: i64 = 0
    floats: i64 = 0
    for i in range(params.count):
        if params.places[i] >= 0:
            continue
        kind = params.types[i]
        if kind >= TYPE_F32:
            first = library.enter_vector if kind == TYPE_V128 else library.enter_float
            number = library.number(first + floats)
            floats += 1
        else:
            number = library.number(library.enter_int + ints)
            ints += 1
        e.emit(number, i * e.step, 0, 0, 0, 0)
    if params.in_area:
        from_area(e, params, 0)
    if e.view.has_memory:
        e.emit(library.number(library.base), 0, 0, 0, 0, 0)
    words = (count - params.count) * (e.step // 8)
    if words > 8:
        e.emit(library.number(library.zeros), params.count * e.step, words * 8, 0, 0, 0)
    else:
        for i in range(words):
            e.emit(library.number(library.zero), params.count * e.step + 8 * i, 0, 0, 0, 0)
    return size_at
