"""Stencils of what goes on between instructions: moving values, and the ends of functions."""

from __future__ import annotations

from collections.abc import Iterator

import ir
from families import ANYWHERE, PINS, TYPES, VARIABLE, Variant, lost
from ir import go, hole, operand, pack, register, slot

from wasmwright.codegen.abi import AREA_SLOT, CTX_MEMORIES, CTX_RT, RT_FUEL
from wasmwright.codegen.baseline.places import CONSTANT, FRAME, KINDS, PINNED, REGISTER, REGISTERS
from wasmwright.codegen.llvm.lower_unit import llvm_type
from wasmwright.errors import TRAP_FUEL, TRAP_STACK
from wasmwright.model.types import F32, F64


def moves() -> Iterator[Variant]:
    """Values from one place to another."""
    for name, valtype in TYPES.items():
        floats = ir.is_float(valtype)
        llvm = llvm_type(valtype)
        for index in range(REGISTERS):
            for kind in (*PINS, FRAME) if floats else (*PINS, FRAME, CONSTANT):
                body = operand(0, valtype, kind, index) + pack("%o0", valtype, "w")
                body += go("next", **{register(valtype, index): "%w"})
                yield Variant(f"move.{name}", kind * REGISTERS + index, body)
            for kind in VARIABLE if floats else ANYWHERE:
                body = operand(0, valtype, kind, index) + slot("p", "extra")
                body += f"store {llvm} %o0, ptr %p, align 8\n"
                if kind == REGISTER:
                    yield Variant(
                        f"put.{name}",
                        kind * REGISTERS + index,
                        body + go("next", **{register(valtype, index): "poison"}),
                    )
                    yield Variant(f"copy.{name}", kind * REGISTERS + index, body + go("next"))
                elif index == 0:
                    for same in range(REGISTERS):
                        yield Variant(f"put.{name}", kind * REGISTERS + same, body + go("next"))
                for pin in range(PINNED):
                    if kind != REGISTER and index:
                        continue
                    local = f"{'g' if floats else 'l'}{pin}"
                    whole = body + pack("%o0", valtype, "w")
                    values = {local: "%w"}
                    if kind == REGISTER:
                        values[register(valtype, index)] = "poison"
                    number = (kind * REGISTERS + index) * PINNED + pin
                    yield Variant(f"pin.{name}", number, whole + go("next", **values))
        for pin in range(PINNED):
            local = f"{'g' if floats else 'l'}{pin}"
            body = operand(0, valtype, FRAME, 0) + pack("%o0", valtype, "w")
            yield Variant(f"reload.{name}", pin, body + go("next", **{local: "%w"}))


def _joined(low: str, high: str, name: str) -> str:
    """An i64 from two holes of 32 bits."""
    return (
        f"%{name}.l = trunc i64 {hole(low)} to i32\n%{name}.lw = zext i32 %{name}.l to i64\n"
        f"%{name}.h = trunc i64 {hole(high)} to i32\n%{name}.hw = zext i32 %{name}.h to i64\n"
        f"%{name}.hs = shl i64 %{name}.hw, 32\n%{name} = or disjoint i64 %{name}.hs, %{name}.lw\n"
    )


def constants() -> Iterator[Variant]:
    """Constants that are no operand: of 64 bits, floats, vectors."""
    for index in range(REGISTERS):
        body = _joined("h0", "h1", "w")
        yield Variant("const.i64", index, body + go("next", **{f"r{index}": "%w"}))
        body += "%d = bitcast i64 %w to double\n" + pack("%d", F64, "f")
        yield Variant("const.f64", index, body + go("next", **{f"f{index}": "%f"}))
        body = f"%b = trunc i64 {hole('h0')} to i32\n%d = bitcast i32 %b to float\n"
        body += pack("%d", F32, "f")
        yield Variant("const.f32", index, body + go("next", **{f"f{index}": "%f"}))
        body = _joined("h0", "h1", "low") + _joined("h2", "extra", "high")
        body += "%a = insertelement <2 x i64> poison, i64 %low, i64 0\n"
        body += "%v = insertelement <2 x i64> %a, i64 %high, i64 1\n"
        yield Variant("const.v128", index, body + go("next", **{f"f{index}": "%v"}))


_WORDS = ("i64", "<2 x i64>")  # what a slot has, of either size


def entries() -> Iterator[Variant]:
    """What a function begins with."""
    runtime = f"%ra = getelementptr i8, ptr %ctx, i64 {CTX_RT}\n%rt = load ptr, ptr %ra\n"
    every = {name: f"%{name}" for name in ir.SCRATCH}
    for i, name in enumerate(ir.C_PARAMS):
        body = slot("p", "h0") + f"store i64 %{name}, ptr %p\n"
        yield Variant("enter.int", i, body + go("next", **every))
    for i, name in enumerate(ir.FLOATS):
        body = slot("p", "h0") + ir.unpack(name, F64, "d") + "store double %d, ptr %p\n"
        yield Variant("enter.float", i, body + go("next", **every))
        body = slot("p", "h0") + f"store <2 x i64> %{name}, ptr %p, align 8\n"
        yield Variant("enter.vector", i, body + go("next", **every))
    body = f"%ba = getelementptr i8, ptr %ctx, i64 {CTX_MEMORIES}\n%b = load ptr, ptr %ba\n"
    yield Variant("base", 0, body + go("next", mem="%b", **every))
    body = f"call preserve_nonecc void @ww_trap(ptr %ctx, i32 {TRAP_STACK}) noreturn cold\n"
    yield Variant("overflow", 0, body + "unreachable\n")
    yield Variant("zero", 0, slot("p", "h0") + "store i64 0, ptr %p\n" + go("next", **every))
    body = slot("p", "h0") + (
        f"call void @llvm.memset.p0.i64(ptr align 8 %p, i8 0, i64 {hole('h1')}, i1 false)\n"
    )
    yield Variant("zeros", 0, body + go("next"))
    for i, valtype in enumerate(TYPES.values()):
        area = runtime + f"%a = getelementptr i8, ptr %rt, i64 {hole('extra')}\n" + slot("p", "h0")
        llvm = llvm_type(valtype)
        for name, origin, target in (("put", "p", "a"), ("get", "a", "p")):
            body = area + f"%v = load {llvm}, ptr %{origin}, align 8\n"
            body += f"store {llvm} %v, ptr %{target}, align 8\n"
            yield Variant(f"area.{name}", i, body + go("next", **every))


def many() -> Iterator[Variant]:
    """The same for many slots at a time: to and from the argument area, and within the frame."""
    runtime = f"%ra = getelementptr i8, ptr %ctx, i64 {CTX_RT}\n%rt = load ptr, ptr %ra\n"
    for i, word in enumerate(_WORDS):
        step = 8 << i
        head = runtime + slot("p", "h0") + f"%a = getelementptr i8, ptr %rt, i64 {hole('extra')}\n"
        head += (
            "%before = add i64 0, 0\nbr label %loop\nloop:\n"
            "%i = phi i64 [ %before, %0 ], [ %n, %loop ]\n"
            f"%ip = mul i64 %i, {step}\n%q = getelementptr i8, ptr %p, i64 %ip\n"
            f"%ia = mul i64 %i, {AREA_SLOT}\n%b = getelementptr i8, ptr %a, i64 %ia\n"
        )
        tail = f"%n = add i64 %i, 1\n%more = icmp ult i64 %n, {hole('h1')}\n"
        tail += "br i1 %more, label %loop, label %done\ndone:\n" + go("next")
        for name, origin, target in (("put", "q", "b"), ("get", "b", "q")):
            # (Volatile: the loop is to stay one, not become a call.)
            body = f"%v = load volatile {word}, ptr %{origin}, align 8\n"
            body += f"store volatile {word} %v, ptr %{target}, align 8\n"
            yield Variant(f"area.{name}.many", i, head + body + tail)
    body = slot("p", "h0") + slot("q", "h1")
    body += f"call void @llvm.memmove.p0.p0.i64(ptr %p, ptr %q, i64 {hole('h2')}, i1 false)\n"
    yield Variant("slots.move", 0, body + go("next", **lost()))


def _loaded(valtype: int) -> str:
    """A float of this type in the frame as `%w`, what a register has. (As wide as it was written:
    a wider load would have to wait for the store.)
    """
    llvm = llvm_type(valtype)
    load = slot("p", "h0") + f"%v = load {llvm}, ptr %p, align 8\n"
    return load + pack("%v", valtype, "w")


def leaving() -> Iterator[Variant]:
    """Results to where the caller takes them: two integers, and two floats."""
    for name, valtype in TYPES.items():
        if ir.is_float(valtype):
            for i in range(2):
                body = _loaded(valtype) + go("next", **{"y": "%y", f"f{i}": "%w"})
                yield Variant(f"result.{name}", i, body)
            continue
        for i, target in enumerate(ir.C_RESULTS):
            for kind in ANYWHERE:
                for index in range(REGISTERS):
                    body = operand(0, valtype, kind, index) + pack("%o0", valtype, "w")
                    number = (i * KINDS + kind) * REGISTERS + index
                    body += go("next", **({"y": "%y"} | {target: "%w"}))
                    yield Variant(f"result.{name}", number, body)


def counters() -> Iterator[Variant]:
    """Counting down in a cell, and what is done where that has come to its end.

    A cell is {i32 left, i32 told, ptr code}. Who finds no rounds left enters the code, which goes
    on from here to the function's end, if there is any; else it tells the number of the cell, once,
    and goes on for some rounds. No register survives that.
    """
    body = (
        "%n = load i32, ptr @ww_cell\n%m = add i32 %n, -1\nstore i32 %m, ptr @ww_cell\n"
        "%hot = icmp slt i32 %m, 0\nbr i1 %hot, label %slow, label %on, !prof !1\n"
        f"slow:\n{go('taken')}on:\n{go('next')}"
    )
    yield Variant("count", 0, body)
    told = "getelementptr (i8, ptr @ww_cell, i64 4)"
    tell = (
        f"tell:\n%more = trunc i64 {hole('h1')} to i32\nstore i32 %more, ptr @ww_cell\n"
        f"%told = load i32, ptr {told}\n%known = icmp ne i32 %told, 0\n"
        "br i1 %known, label %again, label %first\n"
        f"first:\nstore i64 {hole('h0')}, ptr %message\n%file = trunc i64 {hole('h2')} to i32\n"
        "%written = call i64 @write(i32 %file, ptr %message, i64 8)\n"
        # Nothing is written where the pipe is full.
        "%all = icmp eq i64 %written, 8\n%done = zext i1 %all to i32\n"
        f"store i32 %done, ptr {told}\n"
        f"{go('next', **lost())}again:\n{go('next', **lost())}"
    )
    results = (*ir.C_RESULTS, "f0", "f1")
    returned = "{ i64, i64, <2 x i64>, <2 x i64> }"
    lines = [
        "%message = alloca i64\n%code = load ptr, ptr getelementptr (i8, ptr @ww_cell, i64 8)\n",
        "%there = icmp ne ptr %code, null\nbr i1 %there, label %enter, label %tell\n",
        f"enter:\n%v = call {returned} %code(ptr %ctx, ptr %fr)\n",
        *[f"%v{i} = extractvalue {returned} %v, {i}\n" for i in range(4)],
        go("taken", **(lost() | dict(zip(results, ("%v0", "%v1", "%v2", "%v3"), strict=True)))),
    ]
    yield Variant("hot", 0, "".join([*lines, tell]))


def charges() -> Iterator[Variant]:
    """Taking fuel: 0, and 1 with a trap where there is none left."""
    body = f"%ra = getelementptr i8, ptr %ctx, i64 {CTX_RT}\n%rt = load ptr, ptr %ra\n"
    body += f"%p = getelementptr i8, ptr %rt, i64 {RT_FUEL}\n%old = load i64, ptr %p\n"
    body += f"%left = sub i64 %old, {hole('h0')}\nstore i64 %left, ptr %p\n"
    yield Variant("charge", 0, body + go("next"))
    body += (
        "%out = icmp slt i64 %left, 0\nbr i1 %out, label %over, label %on, !prof !1\n"
        f"over:\ncall preserve_nonecc void @ww_trap(ptr %ctx, i32 {TRAP_FUEL}) noreturn cold\n"
        f"unreachable\non:\n{go('next')}"
    )
    yield Variant("charge", 1, body)


def addresses() -> Iterator[Variant]:
    """An address with an offset that no hole has room for: both are in registers."""
    for index in range(REGISTERS - 1):
        body = f"%w = call i64 @llvm.uadd.sat.i64(i64 %r{index}, i64 %r{index + 1})\n"
        values = {f"r{index}": "%w", f"r{index + 1}": "poison"}
        yield Variant("address.far", index, body + go("next", **values))


def arguments() -> Iterator[Variant]:
    """Arguments to where a callee takes them, and what says who that is to the first register."""
    every = {name: f"%{name}" for name in ir.SCRATCH}
    for name, valtype in TYPES.items():
        if ir.is_float(valtype):
            for i, target in enumerate(ir.FLOATS):
                body = _loaded(valtype) + go("next", **(every | {target: "%w"}))
                yield Variant(f"argument.{name}", i, body)
            continue
        for kind in ANYWHERE:
            for index in range(REGISTERS):
                body = operand(0, valtype, kind, index) + pack("%o0", valtype, "w")
                for i, target in enumerate(ir.C_PARAMS):
                    number = (i * KINDS + kind) * REGISTERS + index
                    whole = body + go("next", **(every | {target: "%w"}))
                    yield Variant(f"argument.{name}", number, whole)
            if kind != REGISTER:
                body = operand(0, valtype, kind, 0) + pack("%o0", valtype, "w")
                yield Variant(f"callee.{name}", kind, body + go("next", **(every | {"r0": "%w"})))
