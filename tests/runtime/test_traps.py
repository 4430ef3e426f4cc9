"""Traps: their messages and backtraces, and that everything works on after one."""

import gc

import pytest

import wasmwright as ww

KINDS = """(module $kinds
  (memory 1)
  (table 4 funcref)
  (type $i (func (result i32)))
  (elem (i32.const 1) $unreachable)
  (func $unreachable (export "unreachable") unreachable)
  (func (export "memory") (drop (i32.load (i32.const 65536))))
  (func (export "bulk") (memory.fill (i32.const 65536) (i32.const 0) (i32.const 1)))
  (func (export "table") (drop (table.get (i32.const 9))))
  (func (export "divide") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
  (func (export "overflow") (result i64)
    (i64.div_s (i64.const 0x8000000000000000) (i64.const -1)))
  (func (export "convert") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func (export "undefined") (call_indirect (i32.const 4)))
  (func (export "uninitialized") (call_indirect (i32.const 0)))
  (func (export "mismatch") (drop (call_indirect (type $i) (i32.const 1))))
  (func $recurse (export "exhausted") (call $recurse))
  (func $deep (export "deep") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
      (else (call $unreachable) (i32.const 0)))))"""


@pytest.fixture(params=[None, False], ids=["guarded", "checked"])
def kinds(request, instantiate):
    return instantiate(KINDS, guard=request.param).exports


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("unreachable", (), "unreachable"),
        ("memory", (), "out of bounds memory access"),
        ("bulk", (), "out of bounds memory access"),
        ("table", (), "out of bounds table access"),
        ("divide", (0,), "integer divide by zero"),
        ("overflow", (), "integer overflow"),
        ("convert", (float("nan"),), "invalid conversion to integer"),
        ("convert", (1e10,), "integer overflow"),
        ("undefined", (), "undefined element"),
        ("uninitialized", (), "uninitialized element"),
        ("mismatch", (), "indirect call type mismatch"),
        ("exhausted", (), "call stack exhausted"),
    ],
)
def test_a_trap_says_in_the_specs_words_what_happened_and_where(kinds, name, arguments, message):
    for _ in range(2):
        with pytest.raises(ww.Trap) as caught:
            kinds[name](*arguments)
        assert str(caught.value).startswith(message)
        assert caught.value.kind == message
        assert caught.value.frames[-1].module == "kinds"
        assert f"${name}" in str(caught.value).replace("$recurse", "$exhausted")
    assert kinds.divide(1) == 1


def test_exhaustion_is_a_trap_of_its_own_class(kinds):
    with pytest.raises(ww.ExhaustionError) as caught:
        kinds.exhausted()
    assert isinstance(caught.value, ww.Trap)
    assert len(caught.value.frames) == 64


def test_the_backtrace_lists_every_frame_innermost_first(kinds):
    with pytest.raises(ww.Trap) as caught:
        kinds.deep(3)
    names = [frame.name for frame in caught.value.frames]
    assert names == ["unreachable", *["deep"] * 4]
    assert caught.value.frames[0].func == 0
    assert caught.value.frames[0].offset is not None
    lines = str(caught.value).splitlines()
    assert lines[1].strip() == "wasm backtrace:"
    assert lines[2].strip().startswith("kinds!wasm-function[0]:0x")
    assert len(lines) == 7


def test_functions_without_names_are_numbered(instantiate):
    module = '(module (func unreachable) (func (export "f") (call 0)))'
    with pytest.raises(ww.Trap) as caught:
        instantiate(module).exports.f()
    assert [(frame.func, frame.name) for frame in caught.value.frames] == [(0, None), (1, "f")]


NESTED = """(module $nested
  (import "host" "call" (func $call (param i32) (result i32)))
  (memory 1)
  (func $inner (export "inner") unreachable)
  (func $outer (export "outer") (param i32) (result i32)
    (i32.add (i32.const 1) (call $call (local.get 0)))))"""


def test_a_trap_in_a_nested_call_that_python_catches_leaves_the_outer_one_going(instantiate):
    box = []

    def call(depth):
        with pytest.raises(ww.Trap):
            box[0].exports.inner()
        return box[0].exports.outer(depth - 1) if depth else 0

    box.append(instantiate(NESTED, {"host": {"call": call}}))
    assert box[0].exports.outer(5) == 6


def test_a_trap_that_passes_through_python_gets_each_part_of_the_backtrace(instantiate):
    box = []
    box.append(instantiate(NESTED, {"host": {"call": lambda _: box[0].exports.inner()}}))
    with pytest.raises(ww.Trap) as caught:
        box[0].exports.outer(0)
    assert [frame.name for frame in caught.value.frames] == ["inner"]
    assert "$outer" in caught.value.__notes__[0]
    assert box[0].exports.outer.name == "outer"


def test_a_trap_across_instances_names_both(instantiate):
    first = instantiate('(module $first (func $bad (export "bad") unreachable))')
    second = instantiate(
        """(module $second (import "a" "bad" (func $bad))
           (func $run (export "run") (call $bad)))""",
        {"a": first},
    )
    with pytest.raises(ww.Trap) as caught:
        second.exports.run()
    assert [frame.module for frame in caught.value.frames] == ["first", "second"]


def _resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_a_hundred_thousand_traps_leak_nothing(kinds):
    def run(count):
        for _ in range(count):
            try:
                kinds.memory()
            except ww.Trap:
                pass

    run(2000)
    gc.collect()
    objects, before = len(gc.get_objects()), _resident()
    run(100_000)
    gc.collect()
    assert len(gc.get_objects()) - objects < 100
    assert _resident() - before < 2 << 20


@pytest.mark.parametrize("guard", [None, False])
def test_an_access_whose_value_is_not_chosen_traps_all_the_same(instantiate, guard):
    # (LLVM made it a branch around the load: a conditional move from memory is slow.)
    exports = instantiate(
        """(module (memory 1)
          (func (export "run") (param i32 i32) (result i32)
            (select (i32.load offset=4 (local.get 0)) (i32.const 7) (i32.lt_u (local.get 1) (i32.const 9)))))""",
        guard=guard,
    ).exports
    assert [exports.run(0, 1), exports.run(0, 10)] == [0, 7]
    for other in (1, 10):
        with pytest.raises(ww.Trap, match="out of bounds memory access"):
            exports.run(1 << 28, other)
