"""Blocks and branches (spec: Execution > Instructions > Control Instructions).

At a label, what a branch carries is in the slots that belong to the label's height, and the pinned
locals that its first branch had in their registers are there: later ones read what they lack.
"""

from __future__ import annotations

from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64

from wasmwright.codegen.baseline.areas import MANY, move_slots, to_area
from wasmwright.codegen.baseline.emitter import Emitter
from wasmwright.codegen.baseline.frame import BLOCK, BODY, ELSE, IF, LOOP, NOTHING, Frame
from wasmwright.codegen.baseline.library import (
    TYPE_F32,
    Family,
    no_stencils,
    type_code,
)
from wasmwright.codegen.baseline.operations import apply, choose
from wasmwright.codegen.baseline.places import CONSTANT, FRAME, KINDS, REGISTER, REGISTERS
from wasmwright.codegen.baseline.sites import MOST_HANDED_OVER
from wasmwright.codegen.baseline.view import Side
from wasmwright.isa import slot
from wasmwright.model.types import BLOCK_INDEX, BOT, FuncType

_UNREACHABLE: Final = slot("unreachable")
_NOP: Final = slot("nop")
_BLOCK: Final = slot("block")
_LOOP: Final = slot("loop")
_IF: Final = slot("if")
_ELSE: Final = slot("else")
_BR: Final = slot("br")
_BR_IF: Final = slot("br_if")
_BR_TABLE: Final = slot("br_table")
_RETURN: Final = slot("return")
_BR_ON_NULL: Final = slot("br_on_null")
_BR_ON_NON_NULL: Final = slot("br_on_non_null")

_JUMP: Final = -1  # in place of what a distance counts from: it is that of a jump


def control_instruction(e: Emitter, opcode: i64) -> None:
    """Compile an instruction of the family "control"."""
    if opcode == _BR_IF:
        jump_if(e, e.library.jump_i32, 1)
    elif opcode == _BLOCK:
        frame = open_block(e, BLOCK)
        e.flush(0)
        e.frames.append(frame)
    elif opcode == _BR:
        branch(e, e.reader.u32())
    elif opcode == _LOOP:
        _loop(e)
    elif opcode == _IF:
        jump_unless(e, e.library.jump_not_i32, 1)
    elif opcode == _ELSE:
        else_(e)
    elif opcode == _RETURN:
        branch(e, len(e.frames) - 1)
    elif opcode == _BR_TABLE:
        _br_table(e)
    elif opcode == _UNREACHABLE:
        e.mark()
        apply(e, e.library.family("unreachable"), 0, -1, 0, 0)
        _die(e)
    elif opcode == _BR_ON_NULL or opcode == _BR_ON_NON_NULL:
        _br_on_null(e, opcode == _BR_ON_NULL)
    elif opcode != _NOP:
        raise no_stencils(opcode)


def open_function(e: Emitter, results: list[int]) -> None:
    """The frame of the whole body: to branch to it is to return."""
    e.frames.append(Frame(BODY, 0, NOTHING, results))


def open_block(e: Emitter, kind: i64) -> Frame:
    """Reads a block type; the frame of a block whose parameters are on the stack."""
    blocktype: int = e.reader.blocktype()
    params = NOTHING
    results = NOTHING
    if blocktype & BLOCK_INDEX:
        comp = e.module.types[blocktype & ~BLOCK_INDEX].comp
        assert isinstance(comp, FuncType)
        params = [type_code(each) for each in comp.params]
        results = [type_code(each) for each in comp.results]
    elif blocktype != BOT:
        results = [type_code(blocktype)]
    frame = Frame(kind, e.height - len(params), params, results)
    frame.loops = e.frames[-1].loops
    if kind == LOOP:
        frame.loops += 1
    return frame


def _loop(e: Emitter) -> None:
    frame = open_block(e, LOOP)
    enterable = e.counted is not None and e.height <= MOST_HANDED_OVER
    if frame.loops > 1 and e.catches:
        # To jump into a loop inside of another one gives the outer one two heads. LLVM's passes
        # over loops fail at that where unwinding leaves it.
        enterable = False
    e.flush(len(frame.params))
    if enterable:
        _write_constants(e)
    e.need(e.pins)
    frame.pins = e.valid
    frame.position = len(e.out)
    e.count(e.at, enterable)
    e.frames.append(frame)


def _write_constants(e: Emitter) -> None:
    """Writes constants to their slots: optimised code that goes on here takes all from there.

    They stay constants, as there are ways to the ends of blocks on which they are not written.
    """
    for i in range(e.height):
        kind, payload = e.kinds[i], e.payloads[i]
        if kind & 15 == CONSTANT:
            e.put(i)
            e.kinds[i], e.payloads[i] = kind, payload


def jump_unless(e: Emitter, family: Family, count: i64) -> None:
    """An ``if``, whose other branch begins where ``family`` jumps to."""
    frame = _open_if(e, count)
    _flush_below(e, count, len(frame.params))
    frame.condition = _conditional(e, family, count)
    e.flush(len(frame.params))
    frame.entry_pins = e.valid
    e.frames.append(frame)


def _open_if(e: Emitter, count: i64) -> Frame:
    frame = open_block(e, IF)
    frame.height -= count
    return frame


def _flush_below(e: Emitter, count: i64, params: i64) -> None:
    """Puts what is below the top ``count`` operands where a block wants it."""
    height = e.height - count
    for i in range(e.flushed, height):
        if e.kinds[i] & 15 != CONSTANT or i >= height - params:
            e.put(i)
    for i in range(height - params, height):
        e.put(i)


def _conditional(e: Emitter, family: Family, count: i64) -> i64:
    """Appends a jump on a condition; the place that has the distance of its target."""
    number = choose(e, family, count, -1)
    base = e.height - count
    a = e.payloads[base]
    b: i64 = 0
    if count > 1:
        b = e.payloads[base + 1]
    for _ in range(count):
        e.drop()
    start = e.emit(number, a, b, 0, 0, 0)
    return e.taken(number, start)


def else_(e: Emitter) -> None:
    """From an ``if``'s first branch to its other one."""
    frame = e.frames[-1]
    if not e.dead:
        finish(e, frame)
        jump(e, frame)
    _start_else(e, frame)
    frame.kind = ELSE


def _start_else(e: Emitter, frame: Frame) -> None:
    """Where the jump of an ``if`` goes."""
    e.aim(frame.condition, len(e.out))
    e.dead = False
    e.valid = frame.entry_pins
    reset(e, frame.height)
    for kind in frame.params:
        e.push_slot(kind)
    e.flushed = e.height


def reset(e: Emitter, height: i64) -> None:
    """Takes the stack down to where nothing is in a register."""
    e.height = height
    e.ints = 0
    e.floats = 0
    if e.flushed > height:
        e.flushed = height


def _die(e: Emitter) -> None:
    e.dead = True


def _carried(frame: Frame) -> list[int]:
    return frame.params if frame.kind == LOOP else frame.results


def _settle(e: Emitter, frame: Frame) -> None:
    """Has the pinned locals in their registers that the label expects."""
    if frame.pins < 0:
        frame.pins = e.valid
    else:
        e.need(frame.pins)


def _place(e: Emitter, frame: Frame, count: i64) -> None:
    """Writes the top operands to the slots of the label; they stay as they are otherwise."""
    first = e.height - count
    if first == frame.height or count > MANY:
        for i in range(first, e.height):
            e.put(i)
        if first != frame.height:
            move_slots(e, e.slot(frame.height), e.slot(first), count)
        return
    # First what may need a register: making room writes to slots, which may be the label's.
    for at in range(first, e.height):
        if e.kinds[at] & 15 == REGISTER or (e.kinds[at] & 15 == CONSTANT and not e.fits(at)):
            e.put(at)
    for i in range(count):
        e.store(first + i, e.slot(frame.height + i))


def _store_aside(e: Emitter, frame: Frame, count: i64) -> None:
    """The same on a way aside: all that may be put elsewhere is there."""
    first = e.height - count
    if count > MANY:
        move_slots(e, e.slot(frame.height), e.slot(first), count)
        return
    for i in range(count):
        e.store(first + i, e.slot(frame.height + i))


def finish(e: Emitter, frame: Frame) -> None:
    """At the end of a block that is branched to, or may be: as a branch to it."""
    _place(e, frame, len(frame.results))
    _settle(e, frame)


def jump(e: Emitter, frame: Frame) -> None:
    """To a frame's label."""
    _aim(e, frame, _jump(e), _JUMP)


def _jump(e: Emitter) -> i64:
    """Appends a jump; the place of its distance."""
    place: i64 = len(e.out) + e.around.jump_at
    e.out.write(e.around.jump)
    return place


def _aim(e: Emitter, frame: Frame, place: i64, origin: i64) -> None:
    """Has the jump at ``place`` go to the frame's label, or the distance from ``origin`` there."""
    if frame.position >= 0:
        _point(e, place, origin, frame.position)
    else:
        frame.waiting = append(append(frame.waiting, place), origin)


def _point(e: Emitter, place: i64, origin: i64, target: i64) -> None:
    if origin == _JUMP:
        e.aim(place, target)
    else:
        e.write32(place, target - origin)


def _frame(e: Emitter, depth: i64) -> Frame:
    return e.frames[len(e.frames) - 1 - depth]


def branch(e: Emitter, depth: i64) -> None:
    """A ``br``; what follows is dead."""
    frame = _frame(e, depth)
    if frame.kind == BODY and len(frame.results) <= MANY:
        leave(e)
    else:
        _place(e, frame, len(_carried(frame)))
        _settle(e, frame)
        jump(e, frame)
    _die(e)


def jump_if(e: Emitter, family: Family, count: i64) -> None:
    """A ``br_if``; the top ``count`` operands are the condition's."""
    jump_on(e, e.reader.u32(), family, count)


def jump_on(e: Emitter, depth: i64, family: Family, count: i64) -> None:
    """A branch to a label on the condition that ``family`` finds in the top operands."""
    frame = _frame(e, depth)
    carried: i64 = len(_carried(frame))
    direct = carried == 0 or e.height - count - carried == frame.height
    if direct:
        for i in range(e.height - count - carried, e.height - count):
            e.put(i)
        _settle(e, frame)
        place = _conditional(e, family, count)
        _aim(e, frame, place, _JUMP)
        return
    # What is carried has to move, but only if the branch is taken.
    _flush_below(e, count, 0)
    _put_aside(e, e.height - count - carried, e.height - count)
    place = _conditional(e, family, count)
    _branch_aside(e, frame, place, carried)


def _put_aside(e: Emitter, first: i64, end: i64) -> None:
    """Has what a branch aside carries where `_store_aside` can take it from."""
    for i in range(first, end):
        if end - first > MANY or (e.kinds[i] & 15 == CONSTANT and not e.fits(i)):
            e.put(i)


def _branch_aside(e: Emitter, frame: Frame, place: i64, carried: i64) -> None:
    """A branch that moves what it carries, to which the jump at ``place`` goes."""
    over = _jump(e)
    e.aim(place, len(e.out))
    kept = e.valid
    _store_aside(e, frame, carried)
    _settle(e, frame)
    jump(e, frame)
    e.valid = kept
    e.aim(over, len(e.out))


def _br_on_null(e: Emitter, on_null: bool) -> None:
    frame = _frame(e, e.reader.u32())
    e.put(e.height - 1)
    for i in range(e.flushed, e.height):
        if e.kinds[i] & 15 == REGISTER:
            e.put(i)
    carried: i64 = len(_carried(frame))
    _put_aside(e, e.height - 1 - carried, e.height - 1)
    kind = e.kinds[e.height - 1]
    slot_of = e.payloads[e.height - 1]
    if not on_null:
        _settle(e, frame)
    family = e.library.family("br_if:i64.eqz" if on_null else "br_if:i64")
    place = _conditional(e, family, 1)
    if on_null:
        _branch_aside(e, frame, place, carried)
        e.push(kind, slot_of)
    else:
        e.push(kind, slot_of)
        _branch_aside(e, frame, place, carried)
        e.drop()


def _br_table(e: Emitter) -> None:
    reader = e.reader
    count = reader.length()
    depths: vec[i64] = vec[i64]()
    for _ in range(count + 1):
        depths = append(depths, reader.u32())
    default = _frame(e, depths[count])
    carried: i64 = len(_carried(default))
    for i in range(e.height - 1 - carried, e.height):
        e.put(i)
    e.spill()
    # Each label's pinned locals are read before.
    for i in range(count + 1):
        _settle(e, _frame(e, depths[i]))
    e.to_register(e.height - 1)
    e.drop()
    start: i64 = len(e.out)
    e.out.write(e.around.switch)
    e.patch(start + e.around.switch_count_at, count)
    table: i64 = len(e.out)
    e.out.write(bytes(4 * int(count)))
    direct = carried == 0
    ways: dict[int, int] = {}
    for i in range(count + 1):
        frame = _frame(e, depths[i])
        place = table + 4 * i
        origin = table
        if i == count:
            place = start + e.around.switch_default_at
            origin = _JUMP
        if direct:
            _aim(e, frame, place, origin)
            continue
        depth: int = depths[i]
        if depth not in ways:
            ways[depth] = len(e.out)
            kept = e.valid
            _store_aside(e, frame, carried)
            _settle(e, frame)
            jump(e, frame)
            e.valid = kept
            e.island()
        _point(e, place, origin, ways[depth])
    _die(e)


def end(e: Emitter) -> None:
    """The ``end`` of a block that does not catch."""
    frame = e.frames.pop()
    if frame.kind == BODY:
        _end_function(e, frame)
    else:
        end_block(e, frame)


def end_block(e: Emitter, frame: Frame) -> None:
    """The end of a block, which is open no longer."""
    if frame.kind == LOOP:
        if e.dead:
            reset(e, frame.height)
        return
    if frame.kind == IF:
        # There is no other branch: the parameters are the results.
        if not e.dead:
            finish(e, frame)
            jump(e, frame)
        _start_else(e, frame)
    branched = len(frame.waiting) > 0
    if not branched:
        if e.dead:
            reset(e, frame.height)
        return
    if not e.dead:
        finish(e, frame)
    bind(e, frame)


def bind(e: Emitter, frame: Frame) -> None:
    """The label of a frame that is branched to."""
    here: i64 = len(e.out)
    waiting = frame.waiting
    for i in range(0, len(waiting), 2):
        _point(e, waiting[i], waiting[i + 1], here)
    e.dead = False
    e.valid = frame.pins
    reset(e, frame.height)
    for kind in frame.results:
        e.push_slot(kind)
    e.flushed = e.height


def _end_function(e: Emitter, frame: Frame) -> None:
    if not e.dead:
        leave(e)
    if len(frame.waiting) > 0:
        e.at = e.reader.pos
        bind(e, frame)
        leave(e)


def leave(e: Emitter) -> None:
    """Returns what is on the stack."""
    _results(e, e.results)
    e.out.write(e.around.end)


def _results(e: Emitter, side: Side) -> None:
    """Brings the results to where the caller takes them."""
    library = e.library
    count = side.count
    types = side.types
    base = e.height - count
    if count == 1 and types[0] < TYPE_F32:
        if e.kinds[base] & 15 == CONSTANT and not e.fits(base):
            e.to_register(base)
        place = e.kinds[base] & 15
        register: i64 = 0
        if place == REGISTER:
            register = e.payloads[base]
        first = library.returned[types[0]]
        number = library.number(first + place * REGISTERS + register)
        e.emit(number, e.payloads[base], 0, 0, 0, 0)
        return
    for i in range(base, e.height):
        e.put(i)
    ints: i64 = 0
    floats: i64 = 0
    # Through the area first: that leaves the result registers alone.
    if side.in_area:
        to_area(e, side, e.slot(base))
    for i in range(count):
        if side.places[i] >= 0:
            continue
        first = library.returned[types[i]]
        if types[i] >= TYPE_F32:
            number = library.number(first + floats)
            floats += 1
        else:
            number = library.number(first + (ints * KINDS + FRAME) * REGISTERS)
            ints += 1
        e.emit(number, e.slot(base + i), 0, 0, 0, 0)
