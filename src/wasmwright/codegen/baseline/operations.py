"""Operations: which stencil takes the operands where they are, and moving them until one does."""

from __future__ import annotations

from mypy_extensions import i64

from wasmwright.codegen.baseline.emitter import Emitter
from wasmwright.codegen.baseline.library import TYPE_F32, TYPE_I64, Family
from wasmwright.codegen.baseline.places import CONSTANT, FRAME, KINDS, REGISTER, REGISTERS
from wasmwright.codegen.baseline.stencils import NONE
from wasmwright.codegen.heap_layout import TYPE_DISPLAY


def apply(e: Emitter, family: Family, count: i64, result: i64, extra: i64, more: i64) -> i64:
    """Appends the stencil for the top ``count`` operands, which it takes; its start.

    ``result`` is the type of what it gives, or -1.
    """
    number = choose(e, family, count, result)
    base = e.height - count
    payloads = e.payloads
    a: i64 = 0
    b: i64 = 0
    c: i64 = 0
    if count > 0:
        a = payloads[base]
    if count > 1:
        b = payloads[base + 1]
    if count > 2:
        c = payloads[base + 2]
    if count > 3:
        extra = payloads[base + 3]
    if count > 4:
        more = payloads[base + 4]
    for _ in range(count):
        e.drop()
    start = e.emit(number, a, b, c, extra, more)
    if result >= 0:
        e.push_register(result)
    return start


def apply_typed(e: Emitter, family: Family, result: i64, index: int) -> None:
    """Appends the stencil for the top operand, a reference, and a type of the module."""
    number = choose(e, family, 1, result)
    payload = e.payloads[e.height - 1]
    e.drop()
    layout = e.layout
    depth = type_depth(e, index)
    rtt, type_id = layout.rtt(index), layout.type_id(index)
    e.emit(number, payload, TYPE_DISPLAY + 8 * depth, depth, rtt, type_id)
    e.push_register(result)


def type_depth(e: Emitter, index: int) -> i64:
    """How many supertypes are above a type of the module."""
    depth: i64 = 0
    types = e.module.types
    supers = types[index].supers
    while supers:
        depth += 1
        supers = types[supers[0]].supers
    return depth


def calling(e: Emitter, family: Family, count: i64, result: i64, extra: i64, more: i64) -> None:
    """As `apply`, of an operation that calls the runtime: no register survives it."""
    e.mark()
    e.leave_registers()
    apply(e, family, count, result, extra, more)


def choose(e: Emitter, family: Family, count: i64, result: i64) -> i64:
    """The number of the stencil for the top operands, which are moved until there is one."""
    if family.stored:
        for i in range(e.height - count, e.height):
            store_operand(e, i)
    while True:
        base = e.height - count
        number: i64 = 0
        ints = e.ints
        floats = e.floats
        wide = False
        for i in range(base, e.height):
            kind = e.kinds[i]
            place = kind & 15
            if not family.stored:
                number = number * KINDS + place
            if place == REGISTER:
                if kind >> 4 >= TYPE_F32:
                    floats -= 1
                else:
                    ints -= 1
            elif place == CONSTANT and kind >> 4 == TYPE_I64 and not e.fits(i):
                wide = True
        if result >= 0 and (floats if result >= TYPE_F32 else ints) == REGISTERS:
            e.spill()
            continue
        if not wide:
            if family.ints > 1:
                number = number * REGISTERS + ints % REGISTERS
            if family.floats > 1:
                number = number * REGISTERS + floats % REGISTERS
            found = e.library.number(family.first + number)
            if found != NONE:
                return found
        _simplify(e, base)


def store_operand(e: Emitter, at: i64) -> None:
    """Has an operand in the frame, in its own slot or a local's."""
    kind = e.kinds[at]
    place = kind & 15
    if place == REGISTER or place == CONSTANT:
        e.put(at)
    elif place != FRAME:
        e.kinds[at] = kind & ~15 | FRAME


def _simplify(e: Emitter, base: i64) -> None:
    """Moves one operand to where more stencils take it from."""
    for i in range(e.height - 1, base - 1, -1):
        if e.kinds[i] & 15 == CONSTANT:
            e.to_register(i)
            return
    for i in range(e.height - 1, base - 1, -1):
        kind = e.kinds[i]
        place = kind & 15
        if place != REGISTER and place < FRAME:
            e.kinds[i] = kind & ~15 | FRAME
            return
    for i in range(e.height - 1, base - 1, -1):
        if e.kinds[i] & 15 == REGISTER:
            e.put(i)
            return
    raise AssertionError("an operation has no stencil for operands in the frame")
