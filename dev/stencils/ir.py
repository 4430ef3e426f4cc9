"""Stencils as LLVM IR: what is around the lowering of an instruction.

A stencil is a function that is passed everything in registers and ends with jumps to where control
goes on, to which it passes the same. Its middle is the LLVM tier's own lowering of a function that
has the instruction as its body (:mod:`lowered`), so that there is one definition of what an
instruction does.
"""

from __future__ import annotations

import registers

from wasmwright.codegen.baseline.places import (
    CONSTANT,
    FRAME,
    PIN,
    PINNED,
    REGISTER,
    REGISTERS,
)
from wasmwright.codegen.llvm.lower_unit import llvm_type
from wasmwright.model.types import F32, F64, I32, I64, V128

# Those of the architecture that is built for: see `use`.
ARCH = ""
FLOATS = registers.FLOATS
NAMES: tuple[str, ...] = ()
C_PARAMS: tuple[str, ...] = ()
C_RESULTS: tuple[str, str] = ("", "")
KEPT: tuple[str, ...] = ()
SCRATCH: frozenset[str] = frozenset()


def use(arch: str) -> None:
    """Has stencils made for an architecture from now on."""
    global ARCH, NAMES, C_PARAMS, C_RESULTS, KEPT, SCRATCH
    found = registers.ALL[arch]
    ARCH, NAMES = arch, found.integers + FLOATS
    C_PARAMS, C_RESULTS = found.parameters, found.results
    KEPT, SCRATCH = found.kept, found.scratch


def _type(name: str) -> str:
    if name in FLOATS:
        return "<2 x i64>"
    return "ptr" if name in ("ctx", "fr", "mem") else "i64"


def prototype() -> str:
    """The types of a stencil's parameters."""
    return ", ".join(_type(name) for name in NAMES)


ATTRIBUTES = 'attributes #0 = { nounwind optsize "frame-pointer"="reserved" }\n'

HOLES = ("h0", "h1", "h2", "extra", "more")


def is_float(valtype: int) -> bool:
    """Whether values of a type are of the class of floats."""
    return valtype in (F32, F64, V128)


def register(valtype: int, index: int) -> str:
    """The register that an operand is in."""
    return f"{'f' if is_float(valtype) else 'r'}{index}"


def pinned(valtype: int, kind: int) -> str:
    """The register of a local of a pinned kind."""
    return f"{'g' if is_float(valtype) else 'l'}{kind - PIN}"


def unpack(source: str, valtype: int, name: str) -> str:
    """A register's content as a value of a type, which gets a name."""
    llvm = llvm_type(valtype)
    if valtype == I64:
        return f"%{name} = bitcast i64 %{source} to i64\n"
    if valtype == I32:
        # LLVM is told that an i32 in a register is filled up with zeros.
        return (
            f"%{name}.z = icmp ult i64 %{source}, 4294967296\n"
            f"call void @llvm.assume(i1 %{name}.z)\n"
            f"%{name} = trunc i64 %{source} to i32\n"
        )
    if valtype == V128:
        return f"%{name} = bitcast <2 x i64> %{source} to <2 x i64>\n"
    if valtype == F32:
        return (
            f"%{name}.v = bitcast <2 x i64> %{source} to <4 x float>\n"
            f"%{name} = extractelement <4 x float> %{name}.v, i64 0\n"
        )
    if valtype == F64:
        return (
            f"%{name}.v = bitcast <2 x i64> %{source} to <2 x double>\n"
            f"%{name} = extractelement <2 x double> %{name}.v, i64 0\n"
        )
    assert llvm == "ptr"
    return f"%{name} = inttoptr i64 %{source} to ptr\n"


def pack(value: str, valtype: int, name: str) -> str:
    """A value as a register's content, which gets a name."""
    if valtype == I64:
        return f"%{name} = bitcast i64 {value} to i64\n"
    if valtype == I32:
        return f"%{name} = zext i32 {value} to i64\n"
    if valtype == V128:
        return f"%{name} = bitcast <2 x i64> {value} to <2 x i64>\n"
    if valtype in (F32, F64):
        llvm = llvm_type(valtype)
        count = 4 if valtype == F32 else 2
        return (
            f"%{name}.v = insertelement <{count} x {llvm}> poison, {llvm} {value}, i64 0\n"
            f"%{name} = bitcast <{count} x {llvm}> %{name}.v to <2 x i64>\n"
        )
    return f"%{name} = ptrtoint ptr {value} to i64\n"


def hole(name: str) -> str:
    """A hole as an i64 constant."""
    return f"ptrtoint (ptr @{name} to i64)"


def slot(name: str, offset: str) -> str:
    """The address of a place in the frame, which gets a name."""
    return f"%{name} = getelementptr i8, ptr %fr, i64 {hole(offset)}\n"


def operand(number: int, valtype: int, kind: int, index: int) -> str:
    """Names operand ``number`` ``%o<number>``; ``index`` is its register."""
    name, source = f"o{number}", HOLES[number]
    llvm = llvm_type(valtype)
    if kind == REGISTER:
        return unpack(register(valtype, index), valtype, name)
    if PIN <= kind < PIN + PINNED:
        return unpack(pinned(valtype, kind), valtype, name)
    if kind == FRAME:
        return slot(f"{name}.p", source) + f"%{name} = load {llvm}, ptr %{name}.p, align 8\n"
    assert kind == CONSTANT
    if valtype == I32:
        return f"%{name} = trunc i64 {hole(source)} to i32\n"
    assert valtype == I64
    return f"%{name} = add i64 0, {hole(source)}\n"


def go(target: str, /, **values: str) -> str:
    """The jump to where control goes on; ``values`` are registers that have changed."""
    passed = []
    for name in NAMES:
        value = values.get(name, "poison" if name in SCRATCH else f"%{name}")
        passed.append(f"{_type(name)} {value}")
    return f"musttail call preserve_nonecc void @{target}({', '.join(passed)})\nret void\n"


def stencil(name: str, body: str) -> str:
    """The definition of a stencil."""
    parameters = ", ".join(f"{_type(each)} %{each}" for each in NAMES)
    head = f'define preserve_nonecc void @{name}({parameters}) #0 section ".text"'
    return f"{head} {{\n{body}}}\n"


def assign(
    params: tuple[int, ...], kinds: tuple[int, ...], below: tuple[int, int]
) -> list[int] | None:
    """The registers of operands in registers (else 0), or None if there are not enough."""
    next_int, next_float = below
    places = []
    for valtype, kind in zip(params, kinds, strict=True):
        if kind != REGISTER:
            places.append(0)
        elif is_float(valtype):
            places.append(next_float)
            next_float += 1
        else:
            places.append(next_int)
            next_int += 1
    if next_int > REGISTERS or next_float > REGISTERS:
        return None
    return places
