"""Which units a few passes are enough for, and that those passes do their work."""

import pytest

import wasmwright as ww
from wasmwright.binary.decode import decode
from wasmwright.codegen.abi import Layout
from wasmwright.codegen.llvm import compiler
from wasmwright.codegen.llvm.lower import Options, lower
from wasmwright.text import parse

UNITS = {
    "arithmetic": (True, "(func (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))"),
    "a loop that cannot be planned": (
        True,
        "(memory 1) (func (param i32) (loop (br_if 0 (local.tee 0 (i32.load (local.get 0))))))",
    ),
    "a loop to vectorise": (
        False,
        """(memory 1) (func (param i32) (loop
        (i32.store (i32.shl (local.get 0) (i32.const 2)) (local.get 0))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))""",
    ),
    "explicit checks": (
        False,
        "(memory i64 1) (func (param i64) (result i32) (i32.load (local.get 0)))",
    ),
    "an object": (
        False,
        """(type $s (struct (field i32))) (func (param (ref $s)) (result i32)
        (struct.get $s 0 (local.get 0)))""",
    ),
    "a vector": (False, "(func (param v128) (result v128) (v128.not (local.get 0)))"),
}


def lowered(source, options=None):
    module = decode(parse(f"(module {source})"))
    funcs = range(len(module.funcs))
    return lower(module, Layout(module), funcs, Options() if options is None else options)


@pytest.mark.parametrize("name", UNITS)
def test_units_in_which_llvm_finds_no_more(name):
    plain, source = UNITS[name]
    assert lowered(source).plain == plain


def test_fuel_and_checks_are_for_the_whole_pipeline():
    source = "(memory 1) (func (param i32) (result i32) (i32.load (local.get 0)))"
    assert lowered(source).plain
    assert not lowered(source, Options(guard=False)).plain
    assert not lowered(source, Options(fuel=True)).plain


def test_few_passes_leave_no_locals_in_memory_and_inline_what_is_small():
    text = lowered(
        """(func $small (param i32) (result i32) (i32.add (local.get 0) (i32.const 41)))
        (func (param i32) (result i32) (local i32) (local.set 1 (local.get 0))
          (i32.mul (call $small (local.get 1)) (call $small (local.get 1))))"""
    ).text
    caller = compiler.optimized_ir(text, plain=True).split("define")[2]
    assert "alloca" not in caller
    assert "call i32 @f0" not in caller
    assert caller.count("add i32") == 1


def test_a_long_body_is_for_the_whole_pipeline():
    # NewGVN would take a gigabyte for each 10,000 of these.
    def chain(length):
        return f"""(func (export "f") (param i32) (result i32)
            {"local.get 0 " * length} {"i32.add " * (length - 1)})"""

    assert lowered(chain(1000)).plain
    assert not lowered(chain(9000)).plain
    f = ww.Instance(ww.Module(f"(module {chain(9000)})", tier="optimised")).exports.f
    assert f(3) == 27_000


def nest(depth, locals_):
    """Loops in loops, all of whose heads all locals come together at."""
    sets = "".join(
        f"(local.set {index} (i32.add (local.get {index}) (i32.const {index})))"
        for index in range(locals_)
    )
    body = "".join(f"(loop $l{level} (call $host (i32.const 0))" for level in range(depth))
    ends = "".join(
        f"(br_if $l{level} (i32.load (i32.const 0))))" for level in reversed(range(depth))
    )
    return f"""(import "h" "f" (func $host (param i32))) (memory 1)
        (func (export "f") (result i32) (local {"i32 " * locals_}) {body} {sets} {ends}
          (local.get {locals_ - 1}))"""


def test_what_would_be_millions_of_phis_is_not_optimised():
    assert lowered(nest(10, 100)).level(2) == 2
    source = nest(1000, 2000)
    assert lowered(source).level(2) == 0
    calls = []
    module = ww.Module(f"(module {source})", tier="optimised")
    instance = ww.Instance(module, {"h": {"f": calls.append}})
    assert instance.exports.f() == 1999
    assert len(calls) == 1000
