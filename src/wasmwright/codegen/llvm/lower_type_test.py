"""Run-time type tests, which casts, branches on casts and indirect calls are made of.

What a reference can be at all is known from its static type, so most of these tests are one or
two comparisons: with null, with the bounds of the heap, of the lowest bit of an i31, of the kind
in an object's runtime type, or of one entry in its display (:mod:`wasmwright.codegen.heap_layout`).
"""

from __future__ import annotations

from typing import Final

from wasmwright.codegen.abi import (
    CTX_RT,
    FUNCREF_RTT,
    FUNCREF_TYPE,
    RT_ARENA,
    RT_ARENA_SIZE,
)
from wasmwright.codegen.heap_layout import (
    DISPLAY_MIN,
    KIND_ARRAY,
    KIND_STRUCT,
    OBJECT_TYPE,
    TYPE_DEPTH,
    TYPE_DISPLAY,
    TYPE_KIND,
)
from wasmwright.codegen.llvm.lower_emitter import Emitter
from wasmwright.codegen.llvm.lower_unit import FIXED, TAG_HEADER
from wasmwright.model.types import (
    ABSTRACT,
    ANY,
    ARRAY,
    EQ,
    EXN,
    EXTERN,
    FUNC,
    HEAP_MASK,
    I31,
    NULL,
    STRUCT,
    ArrayType,
    FuncType,
)

# An i31 is below this address, every object above.
_I31_END: Final = 1 << 33


def type_test(e: Emitter, value: str, source: int, heap: int, nullable: bool) -> str:
    """Whether a value of the static type ``source`` is a reference to ``heap``, or null where
    that counts: an i1.
    """
    static = source & HEAP_MASK
    if _is_below(e, static, heap):
        if nullable or source & NULL == 0:
            return "true"
        return e.define(f"icmp ne ptr {value}, null")
    if heap & ABSTRACT == 0:
        if isinstance(e.unit.module.types[heap].comp, FuncType):
            return _func_test(e, value, heap, nullable)
        return _object_test(e, value, static, heap, nullable)
    if heap == I31:
        number = e.define(f"ptrtoint ptr {value} to i64")
        fits = e.define(f"trunc i64 {number} to i1")
    elif heap == EQ:
        number = e.define(f"ptrtoint ptr {value} to i64")
        odd = e.define(f"trunc i64 {number} to i1")
        fits = e.define(f"or i1 {odd}, {_is_object(e, value, static)}")
    elif heap == STRUCT or heap == ARRAY:
        return _object_test(e, value, static, heap, nullable)
    else:  # a bottom type
        fits = "false"
    if nullable:
        null = e.define(f"icmp eq ptr {value}, null")
        fits = e.define(f"or i1 {fits}, {null}")
    return fits


def _is_below(e: Emitter, sub: int, sup: int) -> bool:
    """Whether a heap type is known to match another, by what the module declares."""
    if sub == sup or sup == ANY or sup == FUNC or sup == EXTERN or sup == EXN:
        return True
    if sub & ABSTRACT != 0:
        return sup == EQ and (sub == I31 or sub == STRUCT or sub == ARRAY)
    types = e.unit.module.types
    if sup & ABSTRACT != 0:
        comp = types[sub].comp
        if isinstance(comp, FuncType):
            return False
        return sup == EQ or sup == (ARRAY if isinstance(comp, ArrayType) else STRUCT)
    while sub != sup:
        supers = types[sub].supers
        if not supers:
            return False
        sub = supers[0]
    return True


def _is_object(e: Emitter, value: str, static: int) -> str:
    """Whether a value is a structure or array: an i1."""
    if static == ANY:
        runtime = e.record(CTX_RT)
        base = e.define(f"load i64, ptr {e.field(runtime, RT_ARENA)}{FIXED}")
        size = e.define(f"load i64, ptr {e.field(runtime, RT_ARENA_SIZE)}{FIXED}")
        number = e.define(f"ptrtoint ptr {value} to i64")
        offset = e.define(f"sub i64 {number}, {base}")
        return e.define(f"icmp ult i64 {offset}, {size}")
    if static == EQ:
        number = e.define(f"ptrtoint ptr {value} to i64")
        return e.define(f"icmp uge i64 {number}, {_I31_END}")
    if static == I31:
        return "false"
    return e.define(f"icmp ne ptr {value}, null")


def _object_test(e: Emitter, value: str, static: int, heap: int, nullable: bool) -> str:
    """The test for a structure or array, of a type of the module or of any."""
    other = e.define(f"icmp eq ptr {value}, null") if nullable else "false"
    # What is kept for later instructions must be computed before the branch.
    wanted = "" if heap & ABSTRACT else e.record(e.unit.layout.rtt(heap))
    is_object = _is_object(e, value, static)
    before = e.block
    look, done = e.label(), e.label()
    e.out.append(f"br i1 {is_object}, label %{look}, label %{done}\n")
    e.begin(look)
    rtt = e.define(f"load ptr, ptr {e.field(value, OBJECT_TYPE)}{TAG_HEADER}")
    if heap & ABSTRACT:
        kind = e.define(f"load i32, ptr {e.field(rtt, TYPE_KIND)}{FIXED}")
        fits = e.define(f"icmp eq i32 {kind}, {KIND_STRUCT if heap == STRUCT else KIND_ARRAY}")
    elif e.unit.module.types[heap].final:
        fits = e.define(f"icmp eq ptr {rtt}, {wanted}")
    else:
        fits = _in_display(e, rtt, wanted, e.unit.type_depth(heap))
    e.out.append(f"br label %{done}\n")
    e.begin(done)
    return e.define(f"phi i1 [ {other}, %{before} ], [ {fits}, %{look} ]")


def _in_display(e: Emitter, rtt: str, wanted: str, depth: int) -> str:
    """Whether a runtime type has another, which is at this depth, above it (or is it)."""
    entry = e.define(f"load ptr, ptr {e.field(rtt, TYPE_DISPLAY + 8 * depth)}{FIXED}")
    fits = e.define(f"icmp eq ptr {entry}, {wanted}")
    if depth < DISPLAY_MIN:
        return fits
    # Beyond that a display may be too short; what follows can be read (DISPLAY_REACH), and may be
    # anything.
    own = e.define(f"load i32, ptr {e.field(rtt, TYPE_DEPTH)}{FIXED}")
    long = e.define(f"icmp uge i32 {own}, {depth}")
    return e.define(f"and i1 {fits}, {long}")


def _func_test(e: Emitter, value: str, index: int, nullable: bool) -> str:
    other = e.define(f"icmp eq ptr {value}, null") if nullable else "false"
    wanted = wanted_func(e, index)
    before = e.block
    look, done = e.label(), e.label()
    is_func = e.define(f"icmp ne ptr {value}, null")
    e.out.append(f"br i1 {is_func}, label %{look}, label %{done}\n")
    e.begin(look)
    fits = func_matches(e, value, index, wanted)
    looked = e.block
    e.out.append(f"br label %{done}\n")
    e.begin(done)
    return e.define(f"phi i1 [ {other}, %{before} ], [ {fits}, %{looked} ]")


def wanted_func(e: Emitter, index: int) -> str:
    """The runtime type of a function type of the module that may have subtypes; else nothing."""
    if e.unit.module.types[index].final:
        return ""
    return e.record(e.unit.layout.rtt(index))


def func_matches(e: Emitter, record: str, index: int, wanted: str) -> str:
    """Whether a funcref record is of a type of the module: an i1.

    ``wanted`` is the runtime type, which only one that is not final needs.
    """
    kind = e.define(f"load i32, ptr {e.field(record, FUNCREF_TYPE)}{FIXED}")
    actual = e.define(f"zext i32 {kind} to i64")
    own = e.define(f"load i64, ptr {e.context(e.unit.layout.type_id(index))}{FIXED}")
    same = e.define(f"icmp eq i64 {actual}, {own}")
    if not wanted:
        return same
    before = e.block
    other, look, done = e.label(), e.label(), e.label()
    e.out.append(f"br i1 {same}, label %{done}, label %{other}\n")
    e.begin(other)
    rtt = e.define(f"load ptr, ptr {e.field(record, FUNCREF_RTT)}{FIXED}")
    alone = e.define(f"icmp eq ptr {rtt}, null")
    e.out.append(f"br i1 {alone}, label %{done}, label %{look}\n")
    e.begin(look)
    fits = _in_display(e, rtt, wanted, e.unit.type_depth(index))
    e.out.append(f"br label %{done}\n")
    e.begin(done)
    ways = f"[ true, %{before} ], [ false, %{other} ], [ {fits}, %{look} ]"
    return e.define(f"phi i1 {ways}")
