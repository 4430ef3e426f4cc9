"""Stencils of the instructions on objects: structures, arrays, casts, exceptions."""

from __future__ import annotations

from collections.abc import Iterator

from families import FEW, Family, Variant, make
from ir import go, hole, slot
from lowered import STORAGES, THROW

from wasmwright.codegen.heap_layout import OBJECT_TYPE

_PACKED = ("i8", "i16")
# By the bytes of an element: what stands for all arrays of that kind.
_SIZES = {1: "i8", 2: "i16", 4: "i32", 8: "i64", 16: "v128"}


def _unpacked(storage: str) -> str:
    return "i32" if storage in _PACKED else storage


def _name(storage: str) -> str:
    return "ref" if storage == "anyref" else storage


def objects() -> Iterator[Family]:
    """Structures and arrays, by what they have in them."""
    yield make("struct.new", "", "eqref", "(struct.new_default $s_i32)", calls=True)
    yield make("array.len", "arrayref", "i32", "(array.len (local.get 0))", kinds=FEW)
    for storage in STORAGES:
        yield from _fields(storage)
        yield from _elements(storage)
    for size, storage in _SIZES.items():
        yield from _ranges(size, storage)
    elem = "$a_anyref $anys"
    two, four = (
        "(local.get 0) (local.get 1)",
        "(local.get 0) (local.get 1) (local.get 2) (local.get 3)",
    )
    yield make("array.new_elem", "i32 i32", "eqref", f"(array.new_elem {elem} {two})", calls=True)
    array = "(ref null $a_anyref)"
    text = f"(array.init_elem {elem} {four})"
    yield make("array.init_elem", f"{array} i32 i32 i32", "", text, calls=True)


def _signs(storage: str) -> tuple[str, ...]:
    return ("_s", "_u") if storage in _PACKED else ("",)


def _fields(storage: str) -> Iterator[Family]:
    value, name = _unpacked(storage), _name(storage)
    struct = f"(ref null $s_{storage})"
    for sign in _signs(storage):
        text = f"(struct.get{sign} $s_{storage} 0 (local.get 0))"
        yield make(f"struct.get{sign}.{name}", struct, value, text, kinds=FEW)
    text = f"(struct.set $s_{storage} 0 (local.get 0) (local.get 1))"
    yield make(f"struct.set.{name}", f"{struct} {value}", "", text, kinds=FEW)


def _elements(storage: str) -> Iterator[Family]:
    value, name = _unpacked(storage), _name(storage)
    array = f"(ref null $a_{storage})"
    for sign in _signs(storage):
        text = f"(array.get{sign} $a_{storage} (local.get 0) (local.get 1))"
        yield make(f"array.get{sign}.{name}", f"{array} i32", value, text, kinds=FEW)
    text = f"(array.set $a_{storage} (local.get 0) (local.get 1) (local.get 2))"
    yield make(f"array.set.{name}", f"{array} i32 {value}", "", text, kinds=FEW)
    text = f"(array.new $a_{storage} (local.get 0) (local.get 1))"
    yield make(f"array.new.{name}", f"{value} i32", "eqref", text, calls=True)
    text = f"(array.fill $a_{storage} (local.get 0) (local.get 1) (local.get 2) (local.get 3))"
    yield make(f"array.fill.{name}", f"{array} i32 {value} i32", "", text, calls=True)


def _ranges(size: int, storage: str) -> Iterator[Family]:
    kind = f"$a_{storage}"
    array = f"(ref null {kind})"
    gets = [f"(local.get {i})" for i in range(5)]
    text = f"(array.new_default {kind} {gets[0]})"
    yield make(f"array.new_default.{size}", "i32", "eqref", text, calls=True)
    text = f"(array.copy {kind} {kind} {' '.join(gets)})"
    yield make(f"array.copy.{size}", f"{array} i32 {array} i32 i32", "", text, calls=True)
    text = f"(array.new_data {kind} $data {' '.join(gets[:2])})"
    yield make(f"array.new_data.{size}", "i32 i32", "eqref", text, calls=True)
    text = f"(array.init_data {kind} $data {' '.join(gets[:4])})"
    yield make(f"array.init_data.{size}", f"{array} i32 i32 i32", "", text, calls=True)


# What a cast can be to: a name, the type of the operand, that of the target.
_TARGETS = (
    ("top", "anyref", "any"),
    ("eq", "anyref", "eq"),
    ("i31", "anyref", "i31"),
    ("struct", "anyref", "struct"),
    ("array", "anyref", "array"),
    ("bottom", "anyref", "none"),
    ("final", "anyref", "$final"),
    ("open", "anyref", "$open"),
    ("func", "funcref", "$leave"),
    ("func.open", "funcref", "$leave_open"),
)


def casts() -> Iterator[Family]:
    """Tests and casts, and what else there is on references of unknown type."""
    for name, source, target in _TARGETS:
        for suffix, null in (("", ""), (".null", "null ")):
            wanted = f"(ref {null}{target})"
            for kind, result in (("test", "i32"), ("cast", wanted)):
                text = f"(ref.{kind} {wanted} (local.get 0))"
                yield make(f"ref.{kind}.{name}{suffix}", source, result, text, kinds=FEW)
    yield make("ref.eq", "eqref eqref", "i32", "(ref.eq (local.get 0) (local.get 1))", kinds=FEW)
    yield make("ref.i31", "i32", "i31ref", "(ref.i31 (local.get 0))", kinds=FEW)
    for sign in ("s", "u"):
        text = f"(i31.get_{sign} (local.get 0))"
        yield make(f"i31.get_{sign}", "i31ref", "i32", text, kinds=FEW)


def exceptions() -> Iterator[Family]:
    """A new exception, whose values are written as fields are, and the throw of one."""
    yield make("exception.new", "", "exnref", "(throw $tag)", calls=True, ends=THROW)
    yield make("throw_ref", "exnref", "", "(throw_ref (local.get 0))")


def handlers() -> Iterator[Variant]:
    """What a landing pad begins with, and the test of an exception's tag."""
    yield Variant("landed", 0, slot("p", "h0") + "store i64 %y, ptr %p\n" + go("next"))
    body = slot("p", "h0") + "%e = load ptr, ptr %p\n"
    body += f"%a = getelementptr i8, ptr %e, i64 {OBJECT_TYPE}\n%t = load ptr, ptr %a\n"
    body += f"%b = getelementptr i8, ptr %ctx, i64 {hole('extra')}\n%w = load ptr, ptr %b\n"
    body += "%c = icmp ne ptr %t, %w\nbr i1 %c, label %yes, label %no\n"
    body += f"yes:\n{go('taken')}no:\n{go('next')}"
    yield Variant("exception.other", 0, body)


__all__ = ["casts", "exceptions", "handlers", "objects"]
