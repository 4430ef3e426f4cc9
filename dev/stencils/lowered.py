"""What instructions do, as LLVM IR functions made by the LLVM tier's own lowering.

Each :class:`Op` is a wasm function whose body has the instruction. The module they are in has
every kind of memory and table; where things are in the context, which lowering writes as numbers,
is made holes afterwards: a :class:`_Layout` gives numbers that nothing else has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from unittest import mock

import wasmwright as ww
from wasmwright.codegen.abi import CTX_MEMORIES, Layout
from wasmwright.codegen.llvm import lower, lower_unit
from wasmwright.codegen.llvm.lower_unit import Signature
from wasmwright.features import ALL
from wasmwright.model.module import Module
from wasmwright.model.types import FuncType

# Numbers that become holes, and the distance up to which they may have something added.
_EXTRA = 0x3E000000
_MORE = 0x3F000000
_SPAN = 0x100

# What a memory access has as its offset.
OFFSET = _EXTRA


@dataclass(frozen=True)
class Op:
    """A stencil's middle: ``text`` is the body of a wasm function with these types.

    ``key`` says what it is for. ``guard`` is of memories; ``edits`` are replaced in the IR.
    """

    key: str
    params: tuple[str, ...]
    results: tuple[str, ...]
    text: str
    guard: bool = True
    edits: tuple[tuple[str, str], ...] = ()


class _Layout(Layout):
    __slots__ = ()

    def memory(self, index: int) -> int:
        return (CTX_MEMORIES, _EXTRA, _MORE, _MORE, _EXTRA)[index]

    def table(self, index: int) -> int:
        return (_EXTRA, _MORE, _EXTRA, _EXTRA)[index]

    def data(self, index: int) -> int:
        return _MORE

    def elem(self, index: int) -> int:
        return _MORE

    def type_id(self, index: int) -> int:
        return _MORE

    def rtt(self, index: int) -> int:
        return _MORE

    def tag(self, index: int) -> int:
        return _EXTRA

    def func(self, index: int) -> int:
        return _EXTRA


# The globals: by type, imported and defined. Memories: 0 and 1 guarded (where there are guards), 2
# any other, 3 and 4 of 64 bits.
_TYPES = ("i32", "i64", "f32", "f64", "v128", "externref")
_ZERO = {name: f"{name}.const 0" for name in _TYPES} | {
    "v128": "v128.const i64x2 0 0",
    "externref": "ref.null extern",
}

# What calls pass and get: all registers that there are for it.
ANY_PARAMS = ("i64",) * 5 + ("v128",) * 8
ANY_RESULTS = ("i64", "i64", "v128", "v128")

_HEAD = f"""(module
(type $any (func (param {" ".join(ANY_PARAMS)}) (result {" ".join(ANY_RESULTS)})))
(import "" "" (func $imported (type $any)))
{"".join(f'(import "" "" (global $i{t} (mut {t})))' for t in _TYPES)}
{"".join(f"(global $d{t} (mut {t}) ({_ZERO[t]}))" for t in _TYPES)}
(memory $m0 1) (memory $m1 1) (memory $m2 1) (memory $q0 i64 1) (memory $q1 i64 1)
(table $t0 1 externref) (table $t1 1 externref)
(table $u0 1 funcref) (table $u1 i64 1 funcref)
(data $data "") (elem $elem externref)
(func $defined (type $any) unreachable)
(elem declare func $defined $imported)
"""


def global_name(imported: bool, valtype: str) -> str:
    """The name of the global of a type."""
    return f"${'i' if imported else 'd'}{valtype}"


def lower_ops(ops: list[Op]) -> tuple[str, list[FuncType]]:
    """The IR of functions ``@op<n>``, and the types of their operands and results.

    A function's parameters are ``ctx``, ``mem``, which is the base of memory 0, and the operands.
    """
    text = [_HEAD]
    for op in ops:
        params, results = " ".join(op.params), " ".join(op.results)
        text.append(f"(func (param {params}) (result {results}) {op.text})\n")
    text.append(")")
    module = ww.Module("".join(text), features=ALL)._module
    layout = _Layout(module)
    layout.global_offsets = [_EXTRA] * len(layout.global_offsets)
    first = len(module.all_funcs) - len(ops)
    types = [module.types[module.all_funcs[first + i]].comp for i in range(len(ops))]
    lines = []
    for guard in (True, False):
        members = [first + i for i, op in enumerate(ops) if op.guard == guard]
        if members:
            lines.append(_unit(module, layout, members, guard, first, ops))
    return "".join(lines), [each for each in types if isinstance(each, FuncType)]


def _unit(
    module: Module, layout: Layout, members: list[int], guard: bool, first: int, ops: list[Op]
) -> str:
    options = lower.Options(guard=guard, double_loops=False, arch="x86_64")
    # An operand of a stencil never comes through the argument area.
    with mock.patch.multiple(lower_unit, PARAM_INTS=16, PARAM_FLOATS=16, RESULT_INTS=4):
        text = lower.lower_unit(module, layout, members, options)
    functions = re.findall(r"^define [^\n]*@f\d+\(.*?^}\n", text, re.M | re.S)
    done = []
    for function in functions:
        found = re.search(r"@f(\d+)\(", function)
        assert found
        number = int(found[1]) - first
        done.append(_function(function, number, ops[number]))
    return "".join(done)


def _function(text: str, number: int, op: Op) -> str:
    """A lowered function as a stencil's middle."""
    text = re.sub(r", !dbg !DILocation\([^)]*\)", "", text)
    text = re.sub(r", !(invariant.load|nonnull|dereferenceable|tbaa|prof) !\d+", _kept, text)
    text = re.sub(
        r"^define (.*?) @f\d+\(ptr [^%]*%ctx(.*?)\) #0 .*?\{$",
        rf"define internal \1 @op{number}(ptr %ctx, ptr %mem\2) alwaysinline nounwind {{",
        text,
        count=1,
        flags=re.M,
    )
    # The frame that it will be in was checked where that began.
    text = text.replace(
        "br i1 %so, label %overflow, label %b0", "br i1 false, label %overflow, label %b0"
    )
    # Memory 0's base is at hand.
    text = re.sub(
        r"%ma0 = [^\n]*\n%m0 = [^\n]*\n", "%m0 = getelementptr i8, ptr %mem, i64 0\n", text
    )
    text = re.sub(
        r"call void @trap\(ptr %ctx, i32 (%?\w+)\) #2",
        r"call preserve_nonecc void @ww_trap(ptr %ctx, i32 \1) #2",
        text,
    )
    for old, new in op.edits:
        assert old in text, (op.key, old, text)
        text = text.replace(old, new)
    return re.sub(r"\b\d{10}\b", _hole, text)


def _kept(found: re.Match[str]) -> str:
    return found[0] if found[1] == "prof" else ""


def _hole(found: re.Match[str]) -> str:
    number = int(found[0])
    for name, base in (("extra", _EXTRA), ("more", _MORE)):
        if base <= number < base + _SPAN:
            if number == base:
                return f"ptrtoint (ptr @{name} to i64)"
            return f"ptrtoint (ptr getelementptr (i8, ptr @{name}, i64 {number - base}) to i64)"
    return found[0]


def signature(functype: FuncType) -> str:
    """The LLVM type that a function of this type returns."""
    return Signature(functype).ret
