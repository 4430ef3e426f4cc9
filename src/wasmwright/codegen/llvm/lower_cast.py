"""Casts and i31 (spec: Execution > Instructions > Reference Instructions).

The tests themselves are in :mod:`wasmwright.codegen.llvm.lower_type_test`.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.binary.cursor import castflags
from wasmwright.codegen.llvm.lower_control import branch
from wasmwright.codegen.llvm.lower_emitter import BOOL, Emitter
from wasmwright.codegen.llvm.lower_numeric import instruction_name
from wasmwright.codegen.llvm.lower_type_test import type_test
from wasmwright.codegen.llvm.lower_unit import Unsupported
from wasmwright.errors import TRAP_CAST, TRAP_NULL_I31
from wasmwright.isa import slot
from wasmwright.model.types import ANY, EXTERN, I31, I32, NULL, REF

_REF_TEST: Final = slot("ref.test")
_REF_CAST: Final = slot("ref.cast")
_BR_ON_CAST: Final = slot("br_on_cast")
_BR_ON_CAST_FAIL: Final = slot("br_on_cast_fail")
_ANY_CONVERT_EXTERN: Final = slot("any.convert_extern")
_EXTERN_CONVERT_ANY: Final = slot("extern.convert_any")
_REF_EQ: Final = slot("ref.eq")
_REF_I31: Final = slot("ref.i31")
_I31_GET_S: Final = slot("i31.get_s")
_I31_GET_U: Final = slot("i31.get_u")


def cast_instruction(e: Emitter, opcode: i64) -> None:
    """Lower a cast, a branch on one, a conversion, or an instruction on i31."""
    if opcode == _REF_TEST or opcode == _REF_TEST + 1:
        heap: int = e.reader.heaptype()
        source = e.types[-1]
        e.push(type_test(e, e.pop(), source, heap, opcode != _REF_TEST), BOOL)
    elif opcode == _REF_CAST or opcode == _REF_CAST + 1:
        _cast(e, opcode != _REF_CAST)
    elif opcode == _BR_ON_CAST or opcode == _BR_ON_CAST_FAIL:
        _branch(e, opcode == _BR_ON_CAST)
    elif opcode == _ANY_CONVERT_EXTERN:
        e.types[-1] = REF | ANY | (e.types[-1] & NULL)
    elif opcode == _EXTERN_CONVERT_ANY:
        e.types[-1] = REF | EXTERN | (e.types[-1] & NULL)
    elif opcode == _REF_EQ:
        right = e.pop()
        e.result(f"icmp eq ptr {e.pop()}, {right}", BOOL)
    elif opcode == _REF_I31:
        shifted = e.define(f"shl i32 {e.pop()}, 1")
        word = e.define(f"or disjoint i32 {shifted}, 1")
        wide = e.define(f"zext i32 {word} to i64")
        e.result(f"inttoptr i64 {wide} to ptr", REF | I31)
    elif opcode == _I31_GET_S or opcode == _I31_GET_U:
        nullable = e.types[-1] & NULL != 0
        value = e.pop()
        if nullable:
            e.trap_if(e.define(f"icmp eq ptr {value}, null"), TRAP_NULL_I31)
        number = e.define(f"ptrtoint ptr {value} to i32")
        e.result(f"{'ashr' if opcode == _I31_GET_S else 'lshr'} i32 {number}, 1", I32)
    else:
        raise Unsupported(instruction_name(opcode))


def _cast(e: Emitter, nullable: bool) -> None:
    heap: int = e.reader.heaptype()
    source = e.types[-1]
    value = e.pop()
    fits = type_test(e, value, source, heap, nullable)
    if fits != "true":
        e.trap_if(e.define(f"xor i1 {fits}, true"), TRAP_CAST)
    e.push(value, REF | heap | (NULL if nullable else 0))


def _branch(e: Emitter, on_fit: bool) -> None:
    flags = castflags(e.reader)
    depth = e.reader.u32()
    e.reader.heaptype()
    heap: int = e.reader.heaptype()
    nullable = flags & 2 != 0
    source = e.types[-1]
    fits = type_test(e, e.vals[-1], source, heap, nullable)
    target = REF | heap | (NULL if nullable else 0)
    rest = source & ~NULL if nullable else source
    frame = e.frames[len(e.frames) - 1 - depth]
    branch(e, frame)
    on = e.label()
    ways = (frame.label, on) if on_fit else (on, frame.label)
    e.out.append(f"br i1 {fits}, label %{ways[0]}, label %{ways[1]}\n")
    e.begin(on)
    e.types[-1] = rest if on_fit else target
