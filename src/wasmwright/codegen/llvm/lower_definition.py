"""A lowered function as a whole: its head, what its entry block defines, and its body.

The entry block is written last, when it is known what the body needs.
"""

from __future__ import annotations

from typing import Final

from wasmwright import tuning
from wasmwright.codegen.abi import CTX_RT, RT_FUEL, RT_STACK_LIMIT
from wasmwright.codegen.llvm.lower_emitter import Emitter
from wasmwright.codegen.llvm.lower_unit import (
    FIXED,
    FIXED_POINTER,
    PERSONALITY,
    TAG_RUNTIME,
    UNLIKELY,
    llvm_type,
    zero,
)
from wasmwright.errors import TRAP_STACK

_SMALL_FRAME: Final = 1 << 12  # bytes of stack that need not be told to the prologue's check
_MEMORY_RECORD: Final = 8  # in a memory's entry in the context, after the base


def definition(e: Emitter) -> list[str]:
    """The function's definition, once its body is emitted."""
    signature = e.signature
    layout = e.unit.layout
    params = "".join(
        [
            f", {llvm} %p{i}"
            for i, llvm in enumerate(signature.param_types)
            if signature.param_places[i] < 0
        ]
    )
    context = f"ptr nonnull align 16 dereferenceable({max(layout.size, 16)}) %ctx"
    attributes = PERSONALITY if e.catches else ""
    name = f"f{e.func}"
    if e.entry >= 0:
        name, params = f"o{e.func}", ", ptr %frame"
    if e.size <= tuning.INLINE_SIZE and not e.calls and not e.catches:
        attributes = "alwaysinline "
    lines = [
        f"define {signature.ret} @{name}({context}{params}) #0 {attributes}"
        f"!dbg !{e.scope} {{\nentry:\n"
    ]
    if e.unit.options.fuel:
        lines.append(
            f"%fuel.slot = getelementptr i8, ptr %ctx, i64 {CTX_RT}\n"
            f"%fuel.rt = load ptr, ptr %fuel.slot{FIXED_POINTER}\n"
            f"%fuel = getelementptr i8, ptr %fuel.rt, i64 {RT_FUEL}\n"
        )
    if e.entry < 0:
        _take_from_area(e, lines)
    count = len(signature.params)
    zeros: list[str] = []
    for index in e.locals_used:
        valtype = e.local_types[index]
        llvm = llvm_type(valtype)
        lines.append(f"%l{index} = alloca {llvm}\n")
        if e.entry >= 0:
            lines.append(
                f"%oa{index} = getelementptr i8, ptr %frame, i64 {index * e.entry_step}\n"
                f"%ol{index} = load {llvm}, ptr %oa{index}, align 8\n"
            )
            value = f"%ol{index}"
        else:
            value = f"%p{index}" if index < count else e.settled(zero(valtype), valtype)
        zeros.append(f"store {llvm} {value}, ptr %l{index}\n")
    lines += e.entry_lines
    lines += e.hidden_lines
    for hidden, plain in e.hidden_vectors:
        e.unit.deferred.append((lines, len(lines), hidden, plain))
        lines.append("")
    lines += zeros
    for memory in e.memory_bases:
        at = layout.memory(memory)
        lines.append(f"%ma{memory} = getelementptr i8, ptr %ctx, i64 {at}\n")
        lines.append(f"%m{memory} = load ptr, ptr %ma{memory}{FIXED}\n")
    for memory in e.memory_records:
        at = layout.memory(memory) + _MEMORY_RECORD
        lines.append(f"%ra{memory} = getelementptr i8, ptr %ctx, i64 {at}\n")
        lines.append(f"%r{memory} = load ptr, ptr %ra{memory}{FIXED_POINTER}\n")
    _stack_check(e, lines)
    lines.append("b0:\n")
    lines += e.out
    lines += e.cold
    lines.append("}\n")
    return lines


def _take_from_area(e: Emitter, lines: list[str]) -> None:
    """Read the parameters that no register brought, before anything can overwrite them."""
    places = e.signature.param_places
    if max(places, default=-1) < 0:
        return
    lines.append(f"%pra = getelementptr i8, ptr %ctx, i64 {CTX_RT}\n")
    lines.append(f"%pr = load ptr, ptr %pra{FIXED_POINTER}\n")
    for i, place in enumerate(places):
        if place >= 0:
            lines.append(f"%pa{i} = getelementptr i8, ptr %pr, i64 {place}\n")
            lines.append(f"%p{i} = load {e.signature.param_types[i]}, ptr %pa{i}{TAG_RUNTIME}\n")


def _stack_check(e: Emitter, lines: list[str]) -> None:
    """Enter the body, unless the stack is used up.

    The limit has a reserve below it for the frame of this function (and for those it
    is inlined into); a frame that may be big adds an estimate of its size.
    """
    start = e.entry_label or "b0"
    frame = 16 * len(e.locals_used) + 16 * e.max_stack + e.size // 4
    if not e.calls and frame <= _SMALL_FRAME:
        lines.append(f"br label %{start}\n")
        return
    lines.append("%sp = call ptr @llvm.frameaddress.p0(i32 0)\n%si = ptrtoint ptr %sp to i64\n")
    lines.append(f"%rta = getelementptr i8, ptr %ctx, i64 {CTX_RT}\n")
    lines.append(f"%rt = load ptr, ptr %rta{FIXED_POINTER}\n")
    lines.append(f"%sla = getelementptr i8, ptr %rt, i64 {RT_STACK_LIMIT}\n")
    lines.append(f"%sl = load i64, ptr %sla{TAG_RUNTIME}\n")
    limit = "%sl"
    if frame > _SMALL_FRAME:
        limit = "%sf"
        lines.append(f"%sf = call i64 @llvm.uadd.sat.i64(i64 %sl, i64 {frame})\n")
    lines.append(f"%so = icmp ult i64 %si, {limit}\n")
    lines.append(f"br i1 %so, label %overflow, label %{start}{UNLIKELY}\n")
    e.cold.append(
        f"overflow:\ncall void @trap(ptr %ctx, i32 {TRAP_STACK}) #2{e.place(e.start)}\n"
        "unreachable\n"
    )
