"""Which stencils there are: families of variants, each with its body in IR.

A family's name is what the compiler asks for: an instruction's mnemonic, or one of the names here
for what goes on between instructions. Its variants are numbered as `codegen.baseline.places` says.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import ir
from ir import go, hole, operand, pack, register
from lowered import OFFSET, Op, global_name, signature

from wasmwright.codegen.baseline.places import (
    CONSTANT,
    FRAME,
    KINDS,
    PIN,
    PINNED,
    REGISTER,
    REGISTERS,
)
from wasmwright.codegen.llvm.lower_numeric import OPS
from wasmwright.codegen.llvm.lower_simd_ops import EXACT, FUSED, VECTOR_OPS
from wasmwright.codegen.llvm.lower_unit import llvm_type
from wasmwright.isa import INSTRUCTIONS, Instruction
from wasmwright.model.types import F32, F64, I32, I64, V128, FuncType

PINS = tuple(range(PIN, PIN + PINNED))
ANYWHERE = (REGISTER, *PINS, FRAME, CONSTANT)
VARIABLE = (REGISTER, *PINS, FRAME)
FEW = (REGISTER, FRAME)
STORED = (FRAME,)

TYPES = {"i32": I32, "i64": I64, "f32": F32, "f64": F64, "v128": V128}
_NAMES = {code: name for name, code in TYPES.items()}


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

    def stored(self) -> bool:
        """Whether all operands come from the frame."""
        return all(kinds == STORED for kinds in self.kinds)

    def size(self) -> int:
        """How many numbers the variants have."""
        ints, floats = self.counts()
        places = 1 if self.stored() else int(KINDS ** len(self.params))
        return places * ints * floats


def table_ops(guard: bool) -> Iterator[Family]:
    """The families of instructions that the table alone types."""
    for row in INSTRUCTIONS:
        if row.params is None or row.results is None or len(row.params) > 2:
            continue
        if row.family in ("testop", "relop", "unop", "binop", "cvtop") and guard:
            yield _numeric(row)
            if _is_open(row.slot):
                yield _exact(_numeric(row))
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


def _is_open(number: int) -> bool:
    """Whether the deterministic profile makes something else of an instruction."""
    numeric, vector = OPS[number], VECTOR_OPS[number]
    if numeric is not None:
        return numeric.any_nan
    return vector is not None and (vector.any_nan or number in EXACT or vector.kind == FUSED)


def _exact(family: Family) -> Family:
    """The same family in the deterministic profile."""
    assert family.op is not None
    family.name = f"{family.name}.exact"
    family.op = replace(family.op, key=family.name, deterministic=True)
    family.kinds = tuple(FEW if REGISTER in kinds else STORED for kinds in family.kinds)
    return family


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
            (TYPES[at], *row.params[1:]),
            row.results,
            tuple(kinds),
            Op(row.name + suffix, (at, *values), results, text, guard, edits),
        )


# What waits and wakes is checked in either mode of memories, by the same stencils: on any memory,
# one that is not shared, and those of 64 bits.
_WAITING = (("", "$s0"), (".u", "$m2"), (".q", "$sq"), (".uq", "$q0"))


def atomics() -> Iterator[Family]:
    """Atomic instructions."""
    yield make("atomic.fence", "", "", "(atomic.fence)")
    for row in INSTRUCTIONS:
        if not row.family.startswith("atomic.") or row.params is None or row.results is None:
            continue
        if row.params:
            waits = row.family in ("atomic.wait", "atomic.notify")
            yield from _waiting(row) if waits else _atomic(row)


def _atomic(row: Instruction) -> Iterator[Family]:
    assert row.params is not None
    assert row.results is not None
    values = " ".join(_NAMES[each] for each in row.params[1:])
    results = " ".join(_NAMES[each] for each in row.results)
    gets = " ".join(f"(local.get {i})" for i in range(len(row.params)))
    forms = (("", "$m0", True), (".m", "$m2", True), (".c", "$m0", False), (".cm", "$m2", False),
             (".q", "$q0", False))  # fmt: skip
    for suffix, memory, guard in forms:
        at = "i64" if suffix == ".q" else "i32"
        text = f"({row.name} {memory} offset={OFFSET} {gets})"
        yield make(row.name + suffix, f"{at} {values}", results, text, guard)


def _waiting(row: Instruction) -> Iterator[Family]:
    assert row.params is not None
    values = " ".join(_NAMES[each] for each in row.params[1:])
    gets = " ".join(f"(local.get {i})" for i in range(len(row.params)))
    for suffix, memory in _WAITING:
        at = "i64" if "q" in suffix else "i32"
        text = f"({row.name} {memory} offset={OFFSET} {gets})"
        yield make(row.name + suffix, f"{at} {values}", "i32", text, calls=True)


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
                family = Family(
                    name,
                    tuple(TYPES[each] for each in types),
                    row.results,
                    kinds,
                    Op(name, types, results, text, guard),
                )
                yield family
                if _is_open(row.slot):
                    yield _exact(replace(family))
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


def make(
    name: str,
    params: str,
    results: str,
    text: str,
    guard: bool = True,
    edits: tuple[tuple[str, str], ...] = (),
    kinds: tuple[int, ...] = STORED,
    calls: bool = False,
    ends: str = "",
) -> Family:
    """A family whose middle is a function with this body; types are names, with spaces between."""
    types = tuple(_type_names(params))
    made = tuple(_type_names(results))
    return Family(
        name,
        tuple(value_type(each) for each in types),
        tuple(value_type(each) for each in made),
        (kinds,) * len(types),
        Op(name, types, () if ends else made, text, guard, edits, ends=ends),
        calls=calls or name.partition(".")[2].split(".")[0] in _CALLING,
    )


def _type_names(text: str) -> list[str]:
    """Names of types, some of which are in parentheses."""
    return re.findall(r"\([^)]*\)|\S+", text)


def others() -> Iterator[Family]:
    """Memory, table, global and reference instructions; operands come from the frame."""
    first, second, third = "(local.get 0)", "(local.get 1)", "(local.get 2)"
    every = f"{first} {second} {third}"
    # `.q`: addresses of 64 bits. The memory is `$m1` or `$q1`: any.
    for suffix, at, memory, number in (("", "i32", "$m1", 1), (".q", "i64", "$q1", 4)):
        grow = ((f"i32 {number}, i64", f"i32 trunc (i64 {hole('more')} to i32), i64"),)
        yield make(f"memory.size{suffix}", "", at, f"(memory.size {memory})")
        yield make(f"memory.grow{suffix}", at, at, f"(memory.grow {memory} {first})", edits=grow)
        yield make(f"memory.fill{suffix}", f"{at} i32 {at}", "", f"(memory.fill {memory} {every})")
        yield make(
            f"memory.init{suffix}", f"{at} i32 i32", "", f"(memory.init {memory} $data {every})"
        )
    yield make("memory.copy", "i32 i32 i32", "", f"(memory.copy $m1 $m2 {every})")
    yield make("memory.copy.q", "i64 i64 i64", "", f"(memory.copy $q1 $q0 {every})")
    yield make("memory.copy.to", "i64 i32 i32", "", f"(memory.copy $q1 $m2 {every})")
    yield make("memory.copy.from", "i32 i64 i32", "", f"(memory.copy $m1 $q0 {every})")
    yield make("memory.size.b", "", "i32", "(memory.size $b0)")
    yield make("memory.size.bq", "", "i64", "(memory.size $bq)")
    yield make("data.drop", "", "", "(data.drop $data)")
    yield make("elem.drop", "", "", "(elem.drop $elem)")
    for imported in (False, True):
        for name in (*TYPES, "externref"):
            where = "i" if imported else "d"
            place = global_name(imported, name)
            yield make(f"global.get.{where}.{name}", "", name, f"(global.get {place})")
            yield make(
                f"global.set.{where}.{name}",
                name,
                "",
                f"(global.set {place} {first})",
                kinds=VARIABLE,
            )
    for suffix, at, table, other, number in (
        ("", "i32", "$t0", "$t1", 0), (".q", "i64", "$q0", "$q1", 2)
    ):  # fmt: skip
        two, three = f"{at} externref", f"{at} externref {at}"
        grow = ((f"i32 {number}, ptr", f"i32 trunc (i64 {hole('more')} to i32), ptr"),)
        yield make(f"table.get{suffix}", at, "externref", f"(table.get {table} {first})")
        yield make(f"table.set{suffix}", two, "", f"(table.set {table} {first} {second})")
        yield make(f"table.size{suffix}", "", at, f"(table.size {table})")
        text = f"(table.grow {table} {first} {second})"
        yield make(f"table.grow{suffix}", f"externref {at}", at, text, edits=grow)
        yield make(f"table.fill{suffix}", three, "", f"(table.fill {table} {every})")
        text = f"(table.copy {table} {other} {every})"
        yield make(f"table.copy{suffix}", f"{at} {at} {at}", "", text)
        text = f"(table.init {table} $elem {every})"
        yield make(f"table.init{suffix}", f"{at} i32 i32", "", text)
    yield make("table.copy.to", "i64 i32 i32", "", f"(table.copy $q0 $t1 {every})")
    yield make("table.copy.from", "i32 i64 i32", "", f"(table.copy $t0 $q1 {every})")
    yield make("ref.func.d", "", "funcref", "(ref.func $defined)")
    yield make("ref.func.i", "", "funcref", "(ref.func $imported)")
    yield make("ref.is_null", "externref", "i32", f"(ref.is_null {first})", kinds=VARIABLE)
    yield make("ref.as_non_null", "externref", "externref", f"(ref.as_non_null {first})")
    yield make("unreachable", "", "", "(unreachable)")
    for name in ("i64.add128", "i64.sub128"):
        gets = " ".join(f"(local.get {i})" for i in range(4))
        yield make(name, "i64 i64 i64 i64", "i64 i64", f"({name} {gets})")
    for name in ("i64.mul_wide_s", "i64.mul_wide_u"):
        yield make(name, "i64 i64", "i64 i64", f"({name} {first} {second})")
    for name in TYPES:
        kinds = (REGISTER, *PINS, FRAME, CONSTANT) if name in ("i32", "i64") else VARIABLE
        family = make(
            f"select.{name}", f"{name} {name} i32", name, f"(select {every})", kinds=kinds
        )
        if name == "v128":
            family.kinds = (STORED, STORED, (FRAME,))
        else:
            family.kinds = (kinds, kinds, (REGISTER, FRAME))
        yield family


def value_type(name: str) -> int:
    return TYPES.get(name, I64)  # references are integers of 64 bits here


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
                if not family.stored():
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
    returned = "ptr" if family.op.ends else signature(family.functype)
    call = f"call {returned} @op{family.number}({', '.join(arguments)})\n"
    used = lost() if family.calls else _used(family.params, kinds, places)
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
        if family.op.ends or llvm_type(family.functype.results[i]) == "ptr":
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


def lost() -> dict[str, str]:
    """The registers that a callee may use."""
    return {name: "poison" for name in ir.NAMES if name not in ir.KEPT}


def _used(params: tuple[int, ...], kinds: tuple[int, ...], places: list[int]) -> dict[str, str]:
    """The registers whose operands are taken: nobody needs them any more."""
    pairs = zip(params, kinds, places, strict=True)
    return {register(t, place): "poison" for t, kind, place in pairs if kind == REGISTER}
