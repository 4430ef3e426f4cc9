"""Many values at a time, to and from the argument area and within the frame.

Signatures may have a thousand values, and an instruction of two bytes may pass them all, so what
there are many of is moved by a loop: code stays as big as the module, within a factor.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.codegen.baseline.emitter import Emitter
from wasmwright.codegen.baseline.view import Side

MANY: Final = 8  # from more on, a loop


def to_area(e: Emitter, side: Side, first: i64) -> None:
    """Writes the values that go through the area, which are in slots from ``first`` on."""
    _pass(e, e.library.area_put, e.library.areas_put, side, first)


def from_area(e: Emitter, side: Side, first: i64) -> None:
    """Reads the values that came through the area into their slots, from ``first`` on."""
    _pass(e, e.library.area_get, e.library.areas_get, side, first)


def _pass(e: Emitter, one: i64, many: i64, side: Side, first: i64) -> None:
    library = e.library
    types, places = side.types, side.places
    count = side.count
    i: i64 = 0
    while i < count:
        if places[i] < 0:
            i += 1
            continue
        end = i + 1
        while end < count and places[end] >= 0:
            end += 1
        if end - i > MANY:
            number = library.number(many + (e.step >> 4))  # 1 where slots have 16 bytes
            e.emit(number, first + i * e.step, end - i, 0, places[i], 0)
            i = end
            continue
        while i < end:
            number = library.number(one + types[i])
            e.emit(number, first + i * e.step, 0, 0, places[i], 0)
            i += 1


def move_slots(e: Emitter, target: i64, origin: i64, count: i64) -> None:
    """Copies slots within the frame; no register survives it."""
    number = e.library.number(e.library.first("slots.move"))
    e.emit(number, target, origin, count * e.step, 0, 0)
    e.lose()
