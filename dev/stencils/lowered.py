"""What instructions do, as LLVM IR functions made by the LLVM tier's own lowering.

Each :class:`Op` is a wasm function whose body has the instruction. The module they are in has
every kind of memory and table; where things are in the context, which lowering writes as numbers,
is made holes afterwards: a :class:`_Layout` gives numbers that nothing else has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from unittest import mock

import ir

import wasmwright as ww
from wasmwright.codegen.abi import CTX_MEMORIES, RT_GC_ALLOC, Layout
from wasmwright.codegen.heap_layout import TYPE_DISPLAY
from wasmwright.codegen.llvm import lower, lower_unit
from wasmwright.codegen.llvm.lower_unit import Signature
from wasmwright.features import ALL
from wasmwright.model.module import Module
from wasmwright.model.types import FuncType

# Numbers that become holes, and the distance up to which they may have something added.
_EXTRA = 0x3E000000
_MORE = 0x3F000000
_RTT = 0x3A000000
_DEPTH = 0x07000000
_DISPLAY = TYPE_DISPLAY + 8 * _DEPTH
_SPAN = 0x100
_NUMBER = re.compile(r"\b\d{9,10}\b")

# What a memory access has as its offset.
OFFSET = _EXTRA


@dataclass(frozen=True)
class Op:
    """A stencil's middle: ``text`` is the body of a wasm function with these types.

    ``key`` says what it is for. ``guard`` is of memories; ``edits`` are replaced in the IR. The
    offset of a runtime type goes into the hole ``rtt``. ``ends``: what the function ends with is
    instead given as its results. ``deterministic`` is as in ``Options``.
    """

    key: str
    params: tuple[str, ...]
    results: tuple[str, ...]
    text: str
    guard: bool = True
    edits: tuple[tuple[str, str], ...] = ()
    rtt: str = "extra"
    ends: str = ""
    deterministic: bool = False


class _Layout(Layout):
    __slots__ = ()

    def memory(self, index: int) -> int:
        first = (CTX_MEMORIES, _EXTRA, _MORE, _MORE, _EXTRA)
        return first[index] if index < len(first) else _MORE

    def table(self, index: int) -> int:
        return (_EXTRA, _MORE, _EXTRA, _MORE)[index] if index < 4 else _EXTRA

    def data(self, index: int) -> int:
        return _MORE

    def elem(self, index: int) -> int:
        return _MORE

    def type_id(self, index: int) -> int:
        return _MORE

    def rtt(self, index: int) -> int:
        return _RTT

    def tag(self, index: int) -> int:
        return _EXTRA

    def func(self, index: int) -> int:
        return _EXTRA


class _Fields:
    """The layout of a structure, all of whose fields are at the hole ``extra``."""

    def __init__(self) -> None:
        self.offsets = [_EXTRA]
        self.size = _MORE


# The globals: by type, imported and defined. Memories: 0 and 1 guarded (where there are guards), 2
# any other, 3 and 4 of 64 bits; shared ones; ones with pages of one byte.
_TYPES = ("i32", "i64", "f32", "f64", "v128", "externref")
_ZERO = {name: f"{name}.const 0" for name in _TYPES} | {
    "v128": "v128.const i64x2 0 0",
    "externref": "ref.null extern",
}

# What objects have in them.
STORAGES = ("i8", "i16", "i32", "i64", "f32", "f64", "v128", "anyref")

# What calls pass and get: all registers that there are for it.
ANY_PARAMS = ("i64",) * 5 + ("v128",) * 8
ANY_RESULTS = ("i64", "i64", "v128", "v128")

_HEAD = f"""(module
(type $leave (func))
(type $any (func (param {" ".join(ANY_PARAMS)}) (result {" ".join(ANY_RESULTS)})))
(import "" "" (func $imported (type $any)))
(import "" "" (func $imported_left (type $leave)))
{"".join(f'(import "" "" (global $i{t} (mut {t})))' for t in _TYPES)}
{"".join(f"(global $d{t} (mut {t}) ({_ZERO[t]}))" for t in _TYPES)}
(memory $m0 1) (memory $m1 1) (memory $m2 1) (memory $q0 i64 1) (memory $q1 i64 1)
(memory $s0 1 2 shared) (memory $sq i64 1 2 shared)
(memory $b0 1 (pagesize 1)) (memory $bq i64 1 (pagesize 1))
(table $t0 1 externref) (table $t1 1 externref) (table $q0 i64 1 externref)
(table $q1 i64 1 externref) (table $u0 1 funcref) (table $u1 i64 1 funcref)
{"".join(f"(type $s_{t} (sub (struct (field (mut {t})))))" for t in STORAGES)}
{"".join(f"(type $a_{t} (sub (array (mut {t}))))" for t in STORAGES)}
(type $final (struct)) (type $open (sub (struct)))
(type $leave_open (sub (func)))
(type $any_open (sub (func (param {" ".join(ANY_PARAMS)}) (result {" ".join(ANY_RESULTS)}))))
(tag $tag) (elem $anys anyref)
(data $data "") (elem $elem externref)
(func $defined (type $any) unreachable)
(func $left (type $leave) unreachable)
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
    lines = [_ALLOCATE]
    for guard in (True, False):
        for exact in (False, True):
            members = [
                first + i
                for i, op in enumerate(ops)
                if op.guard == guard and op.deterministic == exact
            ]
            if members:
                options = lower.Options(
                    guard=guard, deterministic=exact, double_loops=False, arch=ir.ARCH
                )
                lines.append(_unit(module, layout, members, options, first, ops))
    return "".join(lines), [each for each in types if isinstance(each, FuncType)]


def _unit(
    module: Module,
    layout: Layout,
    members: list[int],
    options: lower.Options,
    first: int,
    ops: list[Op],
) -> str:
    # An operand of a stencil never comes through the argument area.
    registers = mock.patch.multiple(lower_unit, PARAM_INTS=16, PARAM_FLOATS=16, RESULT_INTS=4)
    types = mock.patch.multiple(
        lower_unit.Unit,
        struct_layout=lambda unit, index: _Fields(),
        type_depth=lambda unit, index: _DEPTH,
    )
    with registers, types:
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
    text = text.replace("call void @throw(", "call preserve_nonecc void @ww_throw(")
    text = text.replace("call preserve_mostcc ptr @allocate(", "call ptr @allocate(")
    if op.ends:
        text = _ending(text, op.ends)
    for old, new in op.edits:
        assert old in text, (op.key, old, text)
        text = text.replace(old, new)
    return _NUMBER.sub(lambda found: _hole(found, op.rtt), text)


# Makes room for an object: a call, in a stencil that keeps no registers.
_ALLOCATE = f"""\
define internal ptr @allocate(ptr %rt, ptr %type, i64 %size, i64 %length) alwaysinline nounwind {{
  %slot = getelementptr i8, ptr %rt, i64 {RT_GC_ALLOC}
  %f = load ptr, ptr %slot
  %found = call ptr %f(ptr %rt, ptr %type, i64 %size, i64 %length)
  ret ptr %found
}}
"""

# By what a function ends with: its pattern, and what is given instead.
TAIL_CALL = "tail call"
THROW = "throw"
_ENDINGS = {
    TAIL_CALL: (
        r"tail call void (%\d+)\(ptr (%\w+)\)\nret void\n",
        "{ ptr, ptr }",
        "%end.0 = insertvalue { ptr, ptr } poison, ptr \\1, 0\n"
        "%end.1 = insertvalue { ptr, ptr } %end.0, ptr \\2, 1\n"
        "ret { ptr, ptr } %end.1\n",
    ),
    THROW: (
        r"call preserve_nonecc void @ww_throw\(ptr %ctx, ptr (%\d+)\)[^\n]*\nunreachable\n",
        "ptr",
        "ret ptr \\1\n",
    ),
}


def _ending(text: str, kind: str) -> str:
    """A function that gives what it would pass on at its end."""
    pattern, results, instead = _ENDINGS[kind]
    text, count = re.subn(pattern, instead, text)
    assert count == 1, text
    return text.replace("define internal void", f"define internal {results}", 1)


def _kept(found: re.Match[str]) -> str:
    return found[0] if found[1] == "prof" else ""


def _hole(found: re.Match[str], rtt: str) -> str:
    number = int(found[0])
    bases = (("extra", _EXTRA), ("more", _MORE), (rtt, _RTT), ("h1", _DISPLAY), ("h2", _DEPTH))
    for name, base in bases:
        if base <= number < base + _SPAN:
            whole = f"ptrtoint (ptr @{name} to i64)"
            if number != base:
                whole = (
                    f"ptrtoint (ptr getelementptr (i8, ptr @{name}, i64 {number - base}) to i64)"
                )
            return f"trunc (i64 {whole} to i32)" if base == _DEPTH else whole
    return found[0]


def signature(functype: FuncType) -> str:
    """The LLVM type that a function of this type returns."""
    return Signature(functype).ret
