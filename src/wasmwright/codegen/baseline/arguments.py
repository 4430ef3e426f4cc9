"""Passing arguments: from wherever the operands are to where a callee takes them.

Integers go straight from registers, pinned locals and constants; the registers that take them are
written last first, and an operand that one of them would overwrite comes from the frame instead.
What has no register goes through the argument area.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.codegen.abi import PARAM_FLOATS, PARAM_INTS
from wasmwright.codegen.baseline.areas import MANY, to_area
from wasmwright.codegen.baseline.emitter import Emitter
from wasmwright.codegen.baseline.library import TYPE_F32
from wasmwright.codegen.baseline.operations import store_operand
from wasmwright.codegen.baseline.places import CONSTANT, FRAME, KINDS, PIN, REGISTER, REGISTERS
from wasmwright.codegen.baseline.view import Side

# On x86-64 the registers of integer parameters are, in order (`dev/stencils/registers.py`), those
# of the operands 1 and 2, one of its own, and those of the pinned locals 1 and 2.
_SECOND_OPERAND: Final = 2  # which register of an operand is the second parameter's
_FOURTH_PIN: Final = PIN + 1
_FIFTH_PIN: Final = PIN + 2
_FOURTH: Final = 3
_FIFTH: Final = 4


def pass_arguments(e: Emitter, params: Side, operand: bool) -> None:
    """Brings the arguments to where the callee takes them; nothing is in a register after it.

    If there is an ``operand`` above them (an index or a reference), it goes to the first register.
    """
    count = params.count
    base = e.height - count
    if operand:
        base -= 1
    _settle(e, params, base)
    kind: i64 = 0
    payload: i64 = 0
    if operand:
        top = e.height - 1
        kind = e.kinds[top]
        if kind & 15 == REGISTER and e.payloads[top] != 0:
            e.put(top)
            kind = e.kinds[top]
        elif not e.around.apart and (kind & 15 == _FOURTH_PIN or kind & 15 == _FIFTH_PIN):
            kind = kind & ~15 | FRAME
        payload = e.payloads[top]
    _store_below(e, base)
    if params.in_area:
        _pass_in_area(e, params, base)
    _pass_in_registers(e, params, base)
    if operand and kind & 15 != REGISTER:
        number = e.library.number(e.library.callee[kind >> 4] + (kind & 15))
        e.emit(number, payload, 0, 0, 0, 0)
    e.height = base
    e.ints = 0
    e.floats = 0
    if e.flushed > base:
        e.flushed = base
    e.lose()


def _settle(e: Emitter, params: Side, base: i64) -> None:
    """Has arguments in the frame that are passed from there, while that may still move others."""
    many = _are_many(params)
    for i in range(params.count):
        at = base + i
        if params.places[i] >= 0 and many:
            e.put(at)
        elif params.places[i] >= 0 or params.types[i] >= TYPE_F32:
            store_operand(e, at)
        elif e.kinds[at] & 15 == CONSTANT and not e.fits(at):
            e.put(at)


def _are_many(params: Side) -> bool:
    """Whether what goes through the area is moved by a loop, out of the operands' own slots."""
    return params.count > PARAM_INTS + PARAM_FLOATS + MANY


def _store_below(e: Emitter, base: i64) -> None:
    """Writes the operands below the arguments to their slots; the registers stay as they are."""
    for i in range(e.flushed, base):
        kind = e.kinds[i]
        place = kind & 15
        if place == REGISTER:
            own = e.slot(i)
            e.store(i, own)
            e.payloads[i] = own
        if place < FRAME:
            e.kinds[i] = kind & ~15 | FRAME


def _pass_in_area(e: Emitter, params: Side, base: i64) -> None:
    places = params.places
    if _are_many(params):
        to_area(e, params, e.slot(base))
        return
    library = e.library
    for i in range(params.count):
        if places[i] >= 0:
            number = library.number(library.area_put + params.types[i])
            e.emit(number, e.payloads[base + i], 0, 0, places[i], 0)


def _pass_in_registers(e: Emitter, params: Side, base: i64) -> None:
    library = e.library
    ints: i64 = 0
    floats: i64 = 0
    for i in range(params.count):
        if params.places[i] >= 0:
            continue
        valtype = params.types[i]
        if valtype < TYPE_F32:
            ints += 1
        else:
            number = library.number(library.argument[valtype] + floats)
            e.emit(number, e.payloads[base + i], 0, 0, 0, 0)
            floats += 1
    last = ints - 1
    number = last
    # One that would be overwritten by a later one, which is passed before it, is stored first.
    if not e.around.apart:
        _save_second(e, params, base, last)
    for i in range(params.count - 1, -1, -1):
        if params.places[i] < 0 and params.types[i] < TYPE_F32:
            _pass_integer(e, base + i, number, last)
            number -= 1


def _save_second(e: Emitter, params: Side, base: i64, last: i64) -> None:
    """Stores the first integer if it is in the second one's register."""
    for i in range(params.count):
        if params.places[i] < 0 and params.types[i] < TYPE_F32:
            at = base + i
            kind = e.kinds[at]
            if last > 0 and kind & 15 == REGISTER and e.payloads[at] == _SECOND_OPERAND:
                own = e.slot(at)
                e.store(at, own)
                e.kinds[at] = kind & ~15 | FRAME
                e.payloads[at] = own
            return


def _pass_integer(e: Emitter, at: i64, number: i64, last: i64) -> None:
    """Passes an operand as the integer parameter ``number`` of those up to ``last``."""
    kind = e.kinds[at]
    place = kind & 15
    payload = e.payloads[at]
    if not e.around.apart:
        if place == _FOURTH_PIN and last >= _FOURTH and number < _FOURTH:
            place = FRAME
        if place == _FIFTH_PIN and last >= _FIFTH and number < _FIFTH:
            place = FRAME
    register: i64 = 0
    if place == REGISTER:
        register = payload
    library = e.library
    variant = (number * KINDS + place) * REGISTERS + register
    e.emit(library.number(library.argument[kind >> 4] + variant), payload, 0, 0, 0, 0)
