"""Which stencils there are: families of variants, each with its body in IR.

A family's name is what the compiler asks for: an instruction's mnemonic, or one of the names here
for what goes on between instructions. Its variants are numbered as `codegen.baseline.places` says.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import ir
from ir import go, hole, operand, pack, register, slot
from lowered import ANY_PARAMS, ANY_RESULTS, OFFSET, Op, global_name, signature

from wasmwright.codegen.abi import CTX_MEMORIES, CTX_RT, RT_STACK_LIMIT
from wasmwright.codegen.baseline.places import (
    CONSTANT,
    FRAME,
    KINDS,
    PIN,
    PINNED,
    REGISTER,
    REGISTERS,
)
from wasmwright.codegen.llvm.lower_unit import llvm_type
from wasmwright.errors import TRAP_STACK
from wasmwright.isa import INSTRUCTIONS, Instruction
from wasmwright.model.types import F32, F64, I32, I64, V128, FuncType

PINS = tuple(range(PIN, PIN + PINNED))
ANYWHERE = (REGISTER, *PINS, FRAME, CONSTANT)
VARIABLE = (REGISTER, *PINS, FRAME)
FEW = (REGISTER, FRAME)
STORED = (FRAME,)

_TYPES = {"i32": I32, "i64": I64, "f32": F32, "f64": F64, "v128": V128}
_NAMES = {code: name for name, code in _TYPES.items()}


@dataclass
class Variant:
    """One stencil: the family, its number there, and its IR."""

    family: str
    number: int
    text: str


@dataclass
class Family:
    """Stencils for one operation: ``op`` is its middle, if an instruction is."""

    name: str
    params: tuple[int, ...]
    results: tuple[int, ...]
    kinds: tuple[tuple[int, ...], ...]
    op: Op | None = None
    # For a branch: what the operation gives is the condition of a jump.
    branch: bool = False
    # Whether it calls something: all registers are lost then.
    calls: bool = False
    functype: FuncType | None = None
    number: int = -1
    bodies: dict[int, str] = field(default_factory=dict)

    def counts(self) -> tuple[int, int]:
        """How many numbers of registers below there are, of both classes."""
        pairs = zip(self.params, self.kinds, strict=True)
        types = [each for each, kinds in pairs if REGISTER in kinds]
        types += self.results
        ints = any(not ir.is_float(each) for each in types)
        floats = any(ir.is_float(each) for each in types)
        return REGISTERS if ints else 1, REGISTERS if floats else 1

    def size(self) -> int:
        """How many numbers the variants have."""
        ints, floats = self.counts()
        return int(KINDS ** len(self.params)) * ints * floats


def table_ops(guard: bool) -> Iterator[Family]:
    """The families of instructions that the table alone types."""
    for row in INSTRUCTIONS:
        if row.params is None or row.results is None or len(row.params) > 2:
            continue
        if row.family in ("testop", "relop", "unop", "binop", "cvtop") and guard:
            yield _numeric(row)
        elif row.family in ("load", "store"):
            yield from _access(row, guard)


def _numeric(row: Instruction) -> Family:
    assert row.params is not None
    assert row.results is not None
    names = tuple(_NAMES[each] for each in row.params)
    text = f"({row.name} {' '.join(f'(local.get {i})' for i in range(len(names)))})"
    kinds: list[tuple[int, ...]] = [VARIABLE] * len(names)
    traps = row.name.split(".")[1].split("_")[0] in ("div", "rem")
    if len(names) == 2 and row.params[0] in (I32, I64) and not traps:
        kinds = [ANYWHERE, ANYWHERE]
    results = tuple(_NAMES[each] for each in row.results)
    return Family(
        row.name, row.params, row.results, tuple(kinds), Op(row.name, names, results, text)
    )


def _access(row: Instruction, guard: bool) -> Iterator[Family]:
    assert row.params is not None
    assert row.results is not None
    values = tuple(_NAMES[each] for each in row.params[1:])
    results = tuple(_NAMES[each] for each in row.results)
    value = ["(local.get 1)"] if values else []
    # Name, memory, address type, and where operands are.
    forms = [("", "$m0", "i32"), (".m", "$m2", "i32")]
    if not guard:
        forms = [(".c", "$m0", "i32"), (".cm", "$m2", "i32"), (".q", "$q0", "i64")]
    for suffix, memory, at in forms:
        operands = ["(local.get 0)", *value]
        text = f"({row.name} {memory} offset={OFFSET} {' '.join(operands)})"
        edits: tuple[tuple[str, str], ...] = ()
        kinds: list[tuple[int, ...]] = [FEW] * len(row.params)
        if not suffix:
            kinds = [ANYWHERE] * len(row.params)
            if values and row.params[1] not in (I32, I64):
                kinds[1] = VARIABLE
        yield Family(
            row.name + suffix,
            (_TYPES[at], *row.params[1:]),
            row.results,
            tuple(kinds),
            Op(row.name + suffix, (at, *values), results, text, guard, edits),
        )


def branches() -> Iterator[Family]:
    """Jumps on a condition: a number that is not zero, or a comparison of integers."""
    for row in INSTRUCTIONS:
        if row.family in ("testop", "relop") and row.name.startswith("i"):
            family = _numeric(row)
            family.name = f"br_if:{row.name}"
            family.results = ()
            family.branch = True
            yield family
    for valtype in (I32, I64):
        name = _NAMES[valtype]
        yield Family(
            f"br_if:{name}",
            (valtype,),
            (),
            (VARIABLE,),
            Op(f"br_if:{name}", (name,), ("i32",), f"({name}.ne (local.get 0) ({name}.const 0))"),
            branch=True,
        )


def simd() -> Iterator[Family]:
    """Vector instructions; one for each lane where a lane is named."""
    for row in INSTRUCTIONS:
        if not row.family.startswith("v") or row.params is None or row.results is None:
            continue
        if row.family in ("variable", "vconst", "vshuffle"):
            continue
        names = tuple("i32" if each == 1 else _NAMES[each] for each in row.params)
        results = tuple(_NAMES[each] for each in row.results)
        gets = " ".join(f"(local.get {i})" for i in range(len(names)))
        lanes = [""]
        if row.family in ("vextract_lane", "vreplace_lane", "vload_lane", "vstore_lane"):
            lanes = [str(lane) for lane in range(_lanes(row.name))]
        forms = [("", "", True)]
        if row.family in ("vload", "vstore", "vload_lane", "vstore_lane"):
            forms = [("", "$m0", True), (".c", "$m0", False), (".m", "$m2", True),
                     (".cm", "$m2", False), (".q", "$q0", False)]  # fmt: skip
        for lane in lanes:
            for suffix, memory, guard in forms:
                types = names
                if suffix == ".q":
                    types = ("i64", *names[1:])
                memarg = f"{memory} offset={OFFSET}" if memory else ""
                text = f"({row.name} {memarg} {lane} {gets})"
                name = row.name + (f"/{lane}" if lane else "") + suffix
                few = len(names) < 3 and not suffix and not (lane and memory)
                kinds = (FEW if few else STORED,) * len(names)
                yield Family(
                    name,
                    tuple(_TYPES[each] for each in types),
                    row.results,
                    kinds,
                    Op(name, types, results, text, guard),
                )
    shuffle = (
        "(v128.or (i8x16.swizzle (local.get 0) (local.get 2)) (i8x16.swizzle (local.get 1)"
        " (i8x16.sub (local.get 2) (i8x16.splat (i32.const 16)))))"
    )
    vectors = ("v128", "v128", "v128")
    yield Family(
        "i8x16.shuffle",
        (V128,) * 3,
        (V128,),
        (STORED,) * 3,
        Op("i8x16.shuffle", vectors, ("v128",), shuffle),
    )


def _lanes(name: str) -> int:
    if name.startswith("v128"):
        bits = int(name.split("load" if "load" in name else "store")[1].split("_")[0])
        return 128 // bits
    return int(name.split(".")[0].split("x")[1])


# Instructions of memories and tables that call the runtime or the C library.
_CALLING = frozenset(("grow", "fill", "init", "copy"))


def others() -> Iterator[Family]:
    """Memory, table, global and reference instructions; operands come from the frame."""

    def op(
        name: str,
        params: str,
        results: str,
        text: str,
        guard: bool = True,
        edits: tuple[tuple[str, str], ...] = (),
        kinds: tuple[int, ...] = STORED,
    ) -> Family:
        types = tuple(params.split())
        made = tuple(results.split())
        return Family(
            name,
            tuple(_value_type(each) for each in types),
            tuple(_value_type(each) for each in made),
            (kinds,) * len(types),
            Op(name, types, made, text, guard, edits),
            calls=name.partition(".")[2].removesuffix(".q") in _CALLING,
        )

    first, second, third = "(local.get 0)", "(local.get 1)", "(local.get 2)"
    every = f"{first} {second} {third}"
    # `.q`: addresses of 64 bits. The memory is `$m1` or `$q1`: any.
    for suffix, at, memory, number in (("", "i32", "$m1", 1), (".q", "i64", "$q1", 4)):
        grow = ((f"i32 {number}, i64", f"i32 trunc (i64 {hole('more')} to i32), i64"),)
        yield op(f"memory.size{suffix}", "", at, f"(memory.size {memory})")
        yield op(f"memory.grow{suffix}", at, at, f"(memory.grow {memory} {first})", edits=grow)
        yield op(f"memory.fill{suffix}", f"{at} i32 {at}", "", f"(memory.fill {memory} {every})")
        yield op(
            f"memory.init{suffix}", f"{at} i32 i32", "", f"(memory.init {memory} $data {every})"
        )
    yield op("memory.copy", "i32 i32 i32", "", f"(memory.copy $m1 $m2 {every})")
    yield op("data.drop", "", "", "(data.drop $data)")
    yield op("elem.drop", "", "", "(elem.drop $elem)")
    for imported in (False, True):
        for name in (*_TYPES, "externref"):
            where = "i" if imported else "d"
            place = global_name(imported, name)
            yield op(f"global.get.{where}.{name}", "", name, f"(global.get {place})")
            yield op(
                f"global.set.{where}.{name}",
                name,
                "",
                f"(global.set {place} {first})",
                kinds=VARIABLE,
            )
    yield op("table.get", "i32", "externref", f"(table.get $t0 {first})")
    yield op("table.set", "i32 externref", "", f"(table.set $t0 {first} {second})")
    yield op("table.size", "", "i32", "(table.size $t0)")
    grow = (("i32 0, ptr", f"i32 trunc (i64 {hole('more')} to i32), ptr"),)
    yield op("table.grow", "externref i32", "i32", f"(table.grow $t0 {first} {second})", edits=grow)
    yield op("table.fill", "i32 externref i32", "", f"(table.fill $t0 {every})")
    yield op("table.copy", "i32 i32 i32", "", f"(table.copy $t0 $t1 {every})")
    yield op("table.init", "i32 i32 i32", "", f"(table.init $t0 $elem {every})")
    yield op("ref.func.d", "", "funcref", "(ref.func $defined)")
    yield op("ref.func.i", "", "funcref", "(ref.func $imported)")
    yield op("ref.is_null", "externref", "i32", f"(ref.is_null {first})", kinds=VARIABLE)
    yield op("ref.as_non_null", "externref", "externref", f"(ref.as_non_null {first})")
    yield op("unreachable", "", "", "(unreachable)")
    for name in ("i64.add128", "i64.sub128"):
        gets = " ".join(f"(local.get {i})" for i in range(4))
        yield op(name, "i64 i64 i64 i64", "i64 i64", f"({name} {gets})")
    for name in ("i64.mul_wide_s", "i64.mul_wide_u"):
        yield op(name, "i64 i64", "i64 i64", f"({name} {first} {second})")
    for name in _TYPES:
        kinds = (REGISTER, *PINS, FRAME, CONSTANT) if name in ("i32", "i64") else VARIABLE
        family = op(f"select.{name}", f"{name} {name} i32", name, f"(select {every})", kinds=kinds)
        if name == "v128":
            family.kinds = (STORED, STORED, (FRAME,))
        else:
            family.kinds = (kinds, kinds, (REGISTER, FRAME))
        yield family


def _value_type(name: str) -> int:
    return _TYPES.get(name, I64)  # references are integers of 64 bits here


def variants_of(family: Family) -> Iterator[Variant]:
    """All variants of a family that has a middle."""
    count_ints, count_floats = family.counts()
    for kinds in itertools.product(*family.kinds):
        if kinds and all(kind == CONSTANT for kind in kinds) and "store" not in family.name:
            continue
        for ints in range(count_ints):
            for floats in range(count_floats):
                places = ir.assign(family.params, kinds, (ints, floats))
                if places is None or not _room(family.results, ints, floats):
                    continue
                number = 0
                for kind in kinds:
                    number = number * KINDS + kind
                number = (number * count_ints + ints) * count_floats + floats
                yield Variant(family.name, number, _body(family, kinds, places, ints, floats))


def _room(results: tuple[int, ...], ints: int, floats: int) -> bool:
    for result in results:
        if ir.is_float(result):
            floats += 1
        else:
            ints += 1
    return ints <= REGISTERS and floats <= REGISTERS


def _body(family: Family, kinds: tuple[int, ...], places: list[int], ints: int, floats: int) -> str:
    assert family.op is not None
    assert family.functype is not None
    lines, arguments = [], ["ptr %ctx", "ptr %mem"]
    for i, valtype in enumerate(family.params):
        lines.append(operand(i, valtype, kinds[i], places[i]))
        real = llvm_type(family.functype.params[i])
        name = f"%o{i}"
        if real == "ptr":
            lines.append(f"%o{i}.r = inttoptr i64 %o{i} to ptr\n")
            name = f"%o{i}.r"
        arguments.append(f"{real} {name}")
    returned = signature(family.functype)
    call = f"call {returned} @op{family.number}({', '.join(arguments)})\n"
    used = _lost() if family.calls else _used(family.params, kinds, places)
    if family.branch:
        lines.append(f"%c = {call}%t = icmp ne i32 %c, 0\nbr i1 %t, label %yes, label %no\n")
        lines.append(f"yes:\n{go('taken', **used)}no:\n{go('next', **used)}")
        return "".join(lines)
    if not family.results:
        return "".join([*lines, call, go("next", **used)])
    lines.append(f"%v = {call}")
    passed = dict(used)
    for i, valtype in enumerate(family.results):
        value = "%v"
        if len(family.results) > 1:
            lines.append(f"%v{i} = extractvalue {returned} %v, {i}\n")
            value = f"%v{i}"
        if llvm_type(family.functype.results[i]) == "ptr":
            lines.append(f"%v{i}.r = ptrtoint ptr {value} to i64\n")
            value = f"%v{i}.r"
        lines.append(pack(value, valtype, f"w{i}"))
        if ir.is_float(valtype):
            passed[register(valtype, floats)] = f"%w{i}"
            floats += 1
        else:
            passed[register(valtype, ints)] = f"%w{i}"
            ints += 1
    lines.append(go("next", **passed))
    return "".join(lines)


def _lost() -> dict[str, str]:
    """The registers that a callee may use."""
    return {name: "poison" for name in ir.NAMES if name not in KEPT}


def _used(params: tuple[int, ...], kinds: tuple[int, ...], places: list[int]) -> dict[str, str]:
    """The registers whose operands are taken: nobody needs them any more."""
    pairs = zip(params, kinds, places, strict=True)
    return {register(t, place): "poison" for t, kind, place in pairs if kind == REGISTER}


# What goes on between instructions

# The registers that a callee gives back as they were.
KEPT = ("ctx", "fr", "mem", "l0")


def moves() -> Iterator[Variant]:
    """Values from one place to another."""
    for name, valtype in _TYPES.items():
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


_SIZES = (("64", "i64", "double"), ("128", "<2 x i64>", "<2 x i64>"))


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
    body = (
        runtime + f"%la = getelementptr i8, ptr %rt, i64 {RT_STACK_LIMIT}\n%l = load i64, ptr %la\n"
        f"%f = ptrtoint ptr %fr to i64\n%n = sub i64 %f, {hole('h0')}\n%o = icmp ult i64 %n, %l\n"
        "br i1 %o, label %over, label %on, !prof !1\n"
        f"over:\ncall preserve_nonecc void @ww_trap(ptr %ctx, i32 {TRAP_STACK}) noreturn cold\n"
        f"unreachable\non:\n{go('next', **every)}"
    )
    yield Variant("check", 0, body)
    yield Variant("zero", 0, slot("p", "h0") + "store i64 0, ptr %p\n" + go("next", **every))
    body = slot("p", "h0") + (
        f"call void @llvm.memset.p0.i64(ptr align 8 %p, i8 0, i64 {hole('h1')}, i1 false)\n"
    )
    yield Variant("zeros", 0, body + go("next"))
    for i, (_, word, _) in enumerate(_SIZES):
        area = runtime + f"%a = getelementptr i8, ptr %rt, i64 {hole('extra')}\n"
        body = area + slot("p", "h0") + f"%v = load {word}, ptr %p, align 8\n"
        body += f"store {word} %v, ptr %a, align 8\n"
        yield Variant("area.put", i, body + go("next", **every))
        body = area + slot("p", "h0") + f"%v = load {word}, ptr %a, align 8\n"
        body += f"store {word} %v, ptr %p, align 8\n"
        yield Variant("area.get", i, body + go("next", **every))


def leaving() -> Iterator[Variant]:
    """Results to where the caller takes them: two integers, and two floats."""
    for i, name in enumerate(("y", "r2")):
        keep = {"y": "%y"}
        for kind in ANYWHERE:
            for index in range(REGISTERS):
                body = operand(0, I64, kind, index)
                number = (i * KINDS + kind) * REGISTERS + index
                yield Variant("result.i64", number, body + go("next", **(keep | {name: "%o0"})))
                if kind == CONSTANT:
                    body = operand(0, I32, kind, index) + pack("%o0", I32, "w")
                    yield Variant("result.i32", number, body + go("next", **(keep | {name: "%w"})))
    for i in range(2):
        keep = {"y": "%y"}
        body = slot("p", "h0") + "%d = load double, ptr %p\n" + pack("%d", F64, "w")
        yield Variant("result.float", i, body + go("next", **(keep | {f"f{i}": "%w"})))
        body = slot("p", "h0") + "%w = load <2 x i64>, ptr %p, align 8\n"
        yield Variant("result.vector", i, body + go("next", **(keep | {f"f{i}": "%w"})))


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
        f"{go('next', **_lost())}again:\n{go('next', **_lost())}"
    )
    results = "{ i64, i64, <2 x i64>, <2 x i64> }"
    lines = [
        "%message = alloca i64\n%code = load ptr, ptr getelementptr (i8, ptr @ww_cell, i64 8)\n",
        "%there = icmp ne ptr %code, null\nbr i1 %there, label %enter, label %tell\n",
        f"enter:\n%v = call {results} %code(ptr %ctx, ptr %fr)\n",
        *[f"%v{i} = extractvalue {results} %v, {i}\n" for i in range(4)],
        go("taken", **(_lost() | {"y": "%v0", "r2": "%v1", "f0": "%v2", "f1": "%v3"})),
    ]
    yield Variant("hot", 0, "".join([*lines, tell]))


def addresses() -> Iterator[Variant]:
    """An address with an offset that no hole has room for: both are in registers."""
    for index in range(REGISTERS - 1):
        body = f"%w = call i64 @llvm.uadd.sat.i64(i64 %r{index}, i64 %r{index + 1})\n"
        values = {f"r{index}": "%w", f"r{index + 1}": "poison"}
        yield Variant("address.far", index, body + go("next", **values))


def arguments() -> Iterator[Variant]:
    """Arguments to where a callee takes them."""
    every = {name: f"%{name}" for name in ir.SCRATCH}
    for i, name in enumerate(ir.C_PARAMS):
        body = slot("p", "h0") + "%v = load i64, ptr %p\n"
        yield Variant("argument.int", 2 * i, body + go("next", **(every | {name: "%v"})))
        body = operand(0, I32, CONSTANT, 0) + pack("%o0", I32, "w")
        yield Variant("argument.int", 2 * i + 1, body + go("next", **(every | {name: "%w"})))
    for i, name in enumerate(ir.FLOATS):
        body = slot("p", "h0") + "%d = load double, ptr %p\n" + pack("%d", F64, "w")
        yield Variant("argument.float", i, body + go("next", **(every | {name: "%w"})))
        body = slot("p", "h0") + "%w = load <2 x i64>, ptr %p, align 8\n"
        yield Variant("argument.vector", i, body + go("next", **(every | {name: "%w"})))


_FORWARD = " ".join(f"(local.get {i})" for i in range(len(ANY_PARAMS)))
_SHIFTED = " ".join(f"(local.get {i + 1})" for i in range(len(ANY_PARAMS)))


def call_ops() -> list[Op]:
    """The middles of calls: they pass all registers that parameters can be in."""

    def op(name: str, first: tuple[str, ...], text: str) -> Op:
        return Op(name, (*first, *ANY_PARAMS), ANY_RESULTS, text)

    through = f"(type $any) {_SHIFTED} (local.get 0)"
    return [
        op("call.d", (), f"(call $defined {_FORWARD})"),
        op("call.i", (), f"(call $imported {_FORWARD})"),
        op("call_indirect", ("i32",), f"(call_indirect $u0 {through})"),
        op("call_indirect.q", ("i64",), f"(call_indirect $u1 {through})"),
        op("call_ref", ("(ref null $any)",), f"(call_ref $any {_SHIFTED} (local.get 0))"),
    ]


def calls(ops: list[Op], numbers: list[int], types: list[FuncType]) -> Iterator[Variant]:
    """Calls. An operand (an index, a reference) is in the first register; so are the results.

    By number: bit 0 and 1 say that the first and second integer result is an i32.
    """
    passed = [f"i64 %{name}" for name in ir.C_PARAMS] + [f"<2 x i64> %{name}" for name in ir.FLOATS]
    for op, number, functype in zip(ops, numbers, types, strict=True):
        lines, arguments = [], ["ptr %ctx", "ptr %mem"]
        if len(op.params) > len(ANY_PARAMS):
            first = llvm_type(functype.params[0])
            lines.append(operand(0, _value_type(op.params[0]), REGISTER, 0))
            if first == "ptr":
                lines.append("%o0.r = inttoptr i64 %o0 to ptr\n")
            arguments.append(f"{first} %o0{'.r' if first == 'ptr' else ''}")
        returned = signature(functype)
        call = f"%v = call {returned} @op{number}({', '.join(arguments + passed)})\n"
        lines.append(call)
        lines += [f"%v{i} = extractvalue {returned} %v, {i}\n" for i in range(4)]
        for bits in range(4):
            ends = []
            for i in range(2):
                if bits >> i & 1:
                    ends.append(f"%t{i} = trunc i64 %v{i} to i32\n%w{i} = zext i32 %t{i} to i64\n")
                else:
                    ends.append(f"%w{i} = add i64 %v{i}, 0\n")
            # The other registers are lost; all of them: a callee may use them.
            lost = _lost()
            lost |= {"r0": "%w0", "r1": "%w1", "f0": "%v2", "f1": "%v3"}
            yield Variant(op.key, bits, "".join([*lines, *ends, go("next", **lost)]))


__all__ = [
    "F32",
    "Family",
    "Variant",
    "addresses",
    "arguments",
    "branches",
    "call_ops",
    "calls",
    "constants",
    "counters",
    "entries",
    "leaving",
    "moves",
    "others",
    "simd",
    "table_ops",
    "variants_of",
]
