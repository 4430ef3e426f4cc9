"""Where a function is entered at the head of a loop, with the frame of baseline code.

The whole function is lowered, and its entry block jumps to that head. What comes before it is only
reached if it is in a loop further out. So blocks around the head end, and catch, as ever.

Locals, operands and caught exceptions are read from the frame by the entry block. In the frame
(`baseline.emitter`), operands follow the locals, in the order of the stack, each in a slot of the
same size. In a clause of a legacy ``try``, the exception has the slot of the block's first
operand, and operands of the block come behind it.

A value from before the head is not there behind it: control may have come from the entry. Of the
innermost block, both meet at the head. Blocks further out may be left, or begin again, on ways that
do not pass the head, so what is below a block that may have the head in it is kept in memory, from
where it is taken at the block's end; LLVM makes of that what it makes of locals.
"""

from __future__ import annotations

from mypy_extensions import i64

from wasmwright.codegen.llvm.lower_emitter import Emitter
from wasmwright.codegen.llvm.lower_frame import Frame
from wasmwright.codegen.llvm.lower_handler import Handler
from wasmwright.codegen.llvm.lower_unit import llvm_type


def _may_hold_entry(e: Emitter) -> bool:
    """Whether a block that begins here may have the head in it."""
    return e.entry >= 0 and not e.entry_label


def keep_below(e: Emitter, frame: Frame) -> None:
    """Keep what is below a block that begins, down to the operands of the block around."""
    if not _may_hold_entry(e):
        return
    start = e.frames[-1].height if e.frames else 0
    values = e.top(len(e.vals) - start)
    for i in range(start, frame.height):
        name = ""
        if e.vals[i][0] == "%":  # else a constant
            name = _place(e, llvm_type(e.types[i]))
            e.out.append(f"store {llvm_type(e.types[i])} {values[i - start]}, ptr {name}\n")
        frame.below.append(name)


def take_below(e: Emitter, frame: Frame) -> None:
    """Take what `keep_below` kept, at the end of the block."""
    start = frame.height - len(frame.below)
    for i in range(len(frame.below)):
        name = frame.below[i]
        if name:
            e.vals[start + i] = e.define(f"load {llvm_type(e.types[start + i])}, ptr {name}")


def keep_caught(e: Emitter, handler: Handler) -> None:
    """Keep the exception of a handler where a clause begins, for instructions that throw it."""
    if not _may_hold_entry(e):
        return
    if not handler.place:
        handler.place = _place(e, "ptr")
    e.out.append(f"store ptr {handler.exception}, ptr {handler.place}\n")


def caught(e: Emitter, handler: Handler) -> str:
    """The exception of a handler in one of its clauses."""
    if handler.place:
        return e.define(f"load ptr, ptr {handler.place}")
    return handler.exception


def enter_here(e: Emitter) -> None:
    """Start the block where the function is entered."""
    assert not e.dead
    inner = e.frames[-1].height
    values = e.top(len(e.vals) - inner)
    before = e.block
    e.entry_label = e.label()
    e.out.append(f"br label %{e.entry_label}\n")
    e.begin_join(e.entry_label)
    slot: i64 = len(e.local_types)
    at = 0
    for frame in e.frames:
        for name in frame.below:
            if name:
                _hand_over(e, slot, llvm_type(e.types[at]), name)
            slot += 1
            at += 1
        if frame.handler is not None and frame.handler.place:
            _hand_over(e, slot, "ptr", frame.handler.place)
            slot += 1
    for i in range(inner, len(e.vals)):
        # Constants, too: parameters of the loop begin as one, and are another in the frame.
        llvm = llvm_type(e.types[i])
        given = _from_frame(e, slot, llvm)
        e.vals[i] = e.define(f"phi {llvm} [ {values[i - inner]}, %{before} ], [ {given}, %entry ]")
        slot += 1


def _place(e: Emitter, llvm: str) -> str:
    """A place in memory for a value of this type."""
    name = f"%kept{len(e.entry_lines)}"
    e.entry_lines.append(f"{name} = alloca {llvm}\n")
    return name


def _hand_over(e: Emitter, slot: i64, llvm: str, place: str) -> None:
    """Have the entry block put what is in a slot of the frame where it is kept."""
    e.entry_lines.append(f"store {llvm} {_from_frame(e, slot, llvm)}, ptr {place}\n")


def _from_frame(e: Emitter, slot: i64, llvm: str) -> str:
    """What is in a slot of the frame, read by the entry block."""
    e.entry_lines.append(
        f"%oa{slot} = getelementptr i8, ptr %frame, i64 {slot * e.entry_step}\n"
        f"%ol{slot} = load {llvm}, ptr %oa{slot}, align 8\n"
    )
    return f"%ol{slot}"
