"""Blocks and branches (spec: Execution > Instructions > Control Instructions).

A label's block is written only if something branches to it. What branches carry meets in
phis at the label; a loop's phis are written when the loop is over, into the place left for
them at its head. After an instruction that does not go on, everything up to the end of the
block is dead: it is stepped over.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.codegen.llvm.lower_call import put_in_area
from wasmwright.codegen.llvm.lower_emitter import Emitter
from wasmwright.codegen.llvm.lower_entry import keep_below, take_below
from wasmwright.codegen.llvm.lower_frame import Frame
from wasmwright.codegen.llvm.lower_loop_find import plan_loop
from wasmwright.codegen.llvm.lower_loop_plan import LoopPlan
from wasmwright.codegen.llvm.lower_loops import (
    barrier,
    check_plan,
    head_phi,
    next_round,
    open_unchecked,
    rounds_left,
    to_last_round,
)
from wasmwright.codegen.llvm.lower_numeric import instruction_name
from wasmwright.codegen.llvm.lower_unit import Unsupported, llvm_type
from wasmwright.errors import TRAP_UNREACHABLE
from wasmwright.isa import slot
from wasmwright.model.types import BLOCK_INDEX, BOT, NULL

# Kinds of frames.
BLOCK: Final = 1
LOOP: Final = 2
IF: Final = 3
ELSE: Final = 4
TRY_BODY: Final = 5  # what a handler protects
TRY: Final = 6  # the rest of a legacy `try`: its `catch` parts

_UNREACHABLE: Final = slot("unreachable")
_NOP: Final = slot("nop")
_BLOCK: Final = slot("block")
_LOOP: Final = slot("loop")
_IF: Final = slot("if")
_ELSE: Final = slot("else")
_END: Final = slot("end")
_BR: Final = slot("br")
_BR_IF: Final = slot("br_if")
_BR_TABLE: Final = slot("br_table")
_RETURN: Final = slot("return")
_BR_ON_NULL: Final = slot("br_on_null")
_BR_ON_NON_NULL: Final = slot("br_on_non_null")


def control_instruction(e: Emitter, opcode: i64) -> None:
    """Lower an instruction of the family "control"."""
    if opcode == _END:
        end(e)
    elif opcode == _BR_IF:
        _br_if(e)
    elif opcode == _BLOCK:
        open_block(e, BLOCK)
    elif opcode == _BR:
        _jump(e, e.reader.u32())
    elif opcode == _LOOP:
        _loop(e)
    elif opcode == _IF:
        _if(e)
    elif opcode == _ELSE:
        else_(e)
    elif opcode == _RETURN:
        _jump(e, len(e.frames) - 1)
    elif opcode == _BR_TABLE:
        _br_table(e)
    elif opcode == _UNREACHABLE:
        e.out.append(e.trap_call(str(TRAP_UNREACHABLE)))
        e.dead = True
    elif opcode == _BR_ON_NULL:
        _br_on_null(e)
    elif opcode == _BR_ON_NON_NULL:
        _br_on_non_null(e)
    elif opcode != _NOP:
        raise Unsupported(instruction_name(opcode))


def open_function(e: Emitter) -> None:
    """The frame of the whole body: to branch to it is to return."""
    e.frames.append(Frame(BLOCK, 0, [], e.signature.results, e.label()))
    if e.meter is not None:
        e.open_charge(e.meter)


def open_block(e: Emitter, kind: int) -> Frame:
    """Read a block type and open a frame, whose parameters are on the stack."""
    blocktype: int = e.reader.blocktype()
    params: list[int] = []
    results: list[int] = []
    if blocktype & BLOCK_INDEX:
        signature = e.unit.signature(blocktype & ~BLOCK_INDEX)
        params = signature.params
        results = signature.results
    elif blocktype != BOT:
        results = [blocktype]
    frame = Frame(kind, len(e.vals) - len(params), params, results, e.label())
    keep_below(e, frame)
    e.frames.append(frame)
    return frame


def _frame(e: Emitter, depth: i64) -> Frame:
    return e.frames[len(e.frames) - 1 - depth]


def _carried(frame: Frame) -> list[int]:
    """The types of what a branch to the frame carries."""
    return frame.params if frame.kind == LOOP else frame.results


def branch(e: Emitter, frame: Frame) -> None:
    """Note that the current block branches to a frame; the operands stay on the stack."""
    frame.branched = True
    count = len(_carried(frame))
    if count > 0:
        frame.sources.append(e.block)
        frame.values.extend(e.top(count))


def _phis(frame: Frame, names: list[str], valtypes: list[int]) -> str:
    """The phis that take what the branches to a frame brought."""
    count = len(valtypes)
    lines: list[str] = []
    for i in range(count):
        pairs: list[str] = []
        for row in range(len(frame.sources)):
            pairs.append(f"[ {frame.values[row * count + i]}, %{frame.sources[row]} ]")
        lines.append(f"{names[i]} = phi {llvm_type(valtypes[i])} {', '.join(pairs)}\n")
    return "".join(lines)


def _loop(e: Emitter) -> None:
    frame = open_block(e, LOOP)
    plan: LoopPlan | None = None
    if e.unit.options.double_loops and not frame.params:
        plan = plan_loop(e.unit, e.reader)
    if plan is None:
        _start_loop(e, frame)
    else:
        _start_twice(e, frame, plan)


def _start_loop(e: Emitter, frame: Frame) -> None:
    branch(e, frame)
    frame.branched = False
    e.drop(len(frame.params))
    e.out.append(f"br label %{frame.label}\n")
    e.begin_join(frame.label)
    frame.header = len(e.out)
    e.out.append("")
    for valtype in frame.params:
        name = e.new()
        frame.phis.append(name)
        e.push(name, valtype)


def _start_twice(e: Emitter, frame: Frame, plan: LoopPlan) -> None:
    """Start the copy of a loop that has no checks; the end of it will start the other."""
    e.unit.gains = True
    frame.plan = plan
    frame.body = e.reader.pos
    frame.other = e.label()
    frame.join = Frame(BLOCK, frame.height, [], frame.results, e.label())
    unchecked = e.label()
    condition = check_plan(e, plan)
    e.out.append(f"br i1 {condition}, label %{unchecked}, label %{frame.other}\n")
    e.begin(unchecked)
    barrier(e)
    _start_loop(e, frame)
    open_unchecked(e, plan)
    plan.before = unchecked


def _branch_back(e: Emitter, frame: Frame, plan: LoopPlan) -> None:
    """The branch back of a loop without checks, whose own condition is not needed."""
    frame.latch = e.block
    next_round(e, plan)
    e.plan = None
    if plan.top:
        e.out.append(f"br label %{frame.label}\n")
        e.dead = True
        return
    e.pop()
    on = e.label()
    e.out.append(f"br i1 {rounds_left(e, plan)}, label %{frame.label}, label %{on}\n")
    e.begin(on)
    barrier(e)
    if plan.copies > 1:
        to_last_round(e, plan, frame.other)


def _branch_out(e: Emitter, frame: Frame, plan: LoopPlan) -> None:
    """The branch out of the head of a loop without checks."""
    e.pop()
    plan.entered = True
    out, on = e.label(), e.label()
    e.out.append(f"br i1 {rounds_left(e, plan)}, label %{on}, label %{out}\n")
    e.begin(out)
    barrier(e)
    branch(e, frame)
    e.out.append(f"br label %{frame.label}\n")
    e.begin(on)


def _end_loop(e: Emitter, frame: Frame) -> bool:
    """Close a loop; True if it has another copy, which now starts."""
    head = _phis(frame, frame.phis, frame.params)
    if frame.plan is not None:
        head += head_phi(frame.plan, frame.latch)
    e.out[frame.header] = head
    join = frame.join
    if join is None:
        return False
    finish(e, join)
    if frame.plan is None:
        if join.branched:
            e.dead = False
            e.begin_join(join.label)
            _take_results(e, join)
        return False
    e.reader.pos = frame.body
    e.dead = False
    e.forget()
    e.begin(frame.other)
    other = Frame(LOOP, frame.height, frame.params, frame.results, e.label())
    other.join = join
    other.below = frame.below
    e.frames.append(other)
    _start_loop(e, other)
    return True


def _if(e: Emitter) -> None:
    plan = e.plan
    heads = plan is not None and plan.top and not plan.entered
    if plan is not None and heads:
        e.pop()
        plan.entered = True
        condition = rounds_left(e, plan)
    else:
        condition = e.pop_condition()
    frame = open_block(e, IF)
    frame.heads = heads
    frame.else_label = e.label()
    frame.else_values = e.top(len(frame.params))
    then = e.label()
    e.out.append(f"br i1 {condition}, label %{then}, label %{frame.else_label}\n")
    e.snapshot(frame)
    e.begin(then)


def else_(e: Emitter) -> None:
    """Go over from an ``if``'s first branch to its other one."""
    frame = e.frames[-1]
    finish(e, frame)
    frame.kind = ELSE
    _start_else(e, frame)


def finish(e: Emitter, frame: Frame) -> None:
    """Branch to the frame's end, unless the code before is dead, and clear its operands."""
    if not e.dead:
        branch(e, frame)
        e.out.append(f"br label %{frame.label}\n")
    e.drop(len(e.vals) - frame.height)


def _start_else(e: Emitter, frame: Frame) -> None:
    e.dead = False
    e.restore(frame)
    e.begin(frame.else_label)
    for i in range(len(frame.params)):
        e.push(frame.else_values[i], frame.params[i])


def end(e: Emitter) -> None:
    """Close the innermost frame; nothing follows that of the function."""
    frame = e.frames.pop()
    if frame.kind == LOOP:
        if _end_loop(e, frame):
            return
    else:
        if frame.kind == IF:
            finish(e, frame)
            _start_else(e, frame)
            if frame.heads:
                barrier(e)
        if frame.branched:
            finish(e, frame)
            e.dead = False
            e.begin_join(frame.label)
            _take_results(e, frame)
    if e.dead:
        e.drop(len(e.vals) - frame.height)
        return
    take_below(e, frame)
    if not e.frames:
        _return(e)


def _take_results(e: Emitter, frame: Frame) -> None:
    if len(frame.sources) == 1:
        for i in range(len(frame.results)):
            e.push(frame.values[i], frame.results[i])
        return
    names: list[str] = []
    for valtype in frame.results:
        name = e.new()
        names.append(name)
        e.push(name, valtype)
    e.out.append(_phis(frame, names, frame.results))


def _return(e: Emitter) -> None:
    signature = e.signature
    values = e.pop_settled(len(signature.results))
    for i, place in enumerate(signature.result_places):
        if place >= 0:
            put_in_area(e, place, signature.result_types[i], values[i])
    returned = signature.returned
    if not returned:
        e.out.append("ret void\n")
    elif len(returned) == 1:
        e.out.append(f"ret {signature.ret} {values[returned[0]]}\n")
    else:
        whole = "poison"
        for at, i in enumerate(returned):
            llvm = signature.result_types[i]
            whole = e.define(f"insertvalue {signature.ret} {whole}, {llvm} {values[i]}, {at}")
        e.out.append(f"ret {signature.ret} {whole}\n")


def _jump(e: Emitter, depth: i64) -> None:
    frame = _frame(e, depth)
    if frame.plan is not None and frame.plan is e.plan:
        _branch_back(e, frame, frame.plan)
        return
    branch(e, frame)
    e.out.append(f"br label %{frame.label}\n")
    e.dead = True


def _br_if(e: Emitter) -> None:
    frame = _frame(e, e.reader.u32())
    if frame.plan is not None and frame.plan is e.plan:
        _branch_back(e, frame, frame.plan)
        return
    if e.plan is not None and e.plan.top and not e.plan.entered:
        _branch_out(e, frame, e.plan)
        return
    condition = e.pop_condition()
    branch(e, frame)
    on = e.label()
    e.out.append(f"br i1 {condition}, label %{frame.label}, label %{on}\n")
    e.begin(on)


def _br_table(e: Emitter) -> None:
    """A switch; what carries operands goes through a block of its own for each target.

    (A phi has an entry for each edge: a table that names a target often would name it often.)
    """
    index = e.pop()
    count = e.reader.length()
    depths: list[int] = []
    for _ in range(count + 1):
        depths.append(e.reader.u32())
    default = depths[count]
    ways: dict[int, str] = {}
    for depth in depths:
        if depth not in ways:
            frame = _frame(e, depth)
            ways[depth] = e.label() if _carried(frame) else frame.label
            frame.branched = True
    cases: list[str] = []
    for i in range(count):
        depth = depths[i]
        if depth != default:
            cases.append(f"i32 {i}, label %{ways[depth]}")
    values = e.top(_arity(e, default))  # settled once, before the switch
    e.out.append(f"switch i32 {index}, label %{ways[default]} [ {' '.join(cases)} ]\n")
    if values:
        for depth in ways:
            frame = _frame(e, depth)
            e.begin(ways[depth])
            branch(e, frame)
            e.out.append(f"br label %{frame.label}\n")
    e.dead = True


def _arity(e: Emitter, depth: int) -> int:
    return len(_carried(_frame(e, depth)))


def _br_on_null(e: Emitter) -> None:
    frame = _frame(e, e.reader.u32())
    valtype = e.types[-1]
    value = e.pop()
    condition = e.define(f"icmp eq ptr {value}, null")
    branch(e, frame)
    on = e.label()
    e.out.append(f"br i1 {condition}, label %{frame.label}, label %{on}\n")
    e.begin(on)
    e.push(value, valtype & ~NULL)


def _br_on_non_null(e: Emitter) -> None:
    frame = _frame(e, e.reader.u32())
    condition = e.define(f"icmp ne ptr {e.vals[-1]}, null")
    branch(e, frame)
    e.pop()
    on = e.label()
    e.out.append(f"br i1 {condition}, label %{frame.label}, label %{on}\n")
    e.begin(on)
