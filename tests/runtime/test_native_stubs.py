"""Calls across the Python boundary through stubs that serve every signature."""

from __future__ import annotations

import gc
import itertools
import random
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import wasmwright as ww
from wasmwright.runtime import native, native_stubs

Make = Callable[..., Any]

KINDS = ("i32", "i64", "f32", "f64", "v128", "externref", "anyref", "funcref")
VALUES: dict[str, Callable[[random.Random], Any]] = {
    "i32": lambda r: r.randrange(-(1 << 31), 1 << 31),
    "i64": lambda r: r.randrange(-(1 << 63), 1 << 63),
    "f32": lambda r: r.randrange(-1000, 1000) / 8,
    "f64": lambda r: r.random(),
    "v128": lambda r: r.randbytes(16),
    "externref": lambda r: r.choice([None, "text", (1, 2)]),
    "anyref": lambda r: r.choice([None, 7, "text"]),
    "funcref": lambda _: None,
}


@pytest.fixture(autouse=True)
def generic(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every signature gets the generic stubs."""
    core = native.get()
    ready = core.stubs._ready
    names = ("entry_generic", "host_generic")
    only = native_stubs.Stubs(core._arena, {name: ready[name] for name in names}, core._load_stubs)
    monkeypatch.setattr(only, "use_compiler", lambda: None)
    monkeypatch.setattr(core, "stubs", only)
    yield
    assert only._generic == only._found.keys()


def echo(params: tuple[str, ...], results: tuple[int, ...]) -> str:
    """A module whose ``f`` passes its parameters through the host function ``h.f``, and whose ``g``
    gives those of its parameters that ``results`` says.
    """
    taken = f"(param {' '.join(params)})"
    given = f"(result {' '.join(params[i] for i in results)})"
    gets = " ".join(f"(local.get {i})" for i in range(len(params)))
    chosen = " ".join(f"(local.get {i})" for i in results)
    return f"""(module
      (import "h" "f" (func $h {taken} {given}))
      (func (export "f") {taken} {given} {gets} (call $h))
      (func (export "g") {taken} {given} {chosen}))"""


@pytest.mark.parametrize("seed", range(40))
def test_values_come_through(instantiate: Make, seed: int) -> None:
    r = random.Random(seed)
    params = tuple(r.choice(KINDS) for _ in range(r.choice([1, 2, 7, 20])))
    results = tuple(r.randrange(len(params)) for _ in range(r.choice([0, 1, 2, 5, 12])))
    values = tuple(VALUES[kind](r) for kind in params)
    expected: Any = tuple(values[i] for i in results)
    expected = expected if len(results) > 1 else expected[0] if results else None
    seen = []

    def host(*args: Any) -> Any:
        seen.append(args)
        return expected

    exports = instantiate(echo(params, results), {"h": {"f": host}}, tier="baseline").exports
    for _ in range(3):
        assert exports.g(*values) == expected
        assert exports.f(*values) == expected
    assert seen == [values] * 3


PAIR = '(module (func (export "f") (param i32 i64 f32 v128 (ref extern)) (result i32) {}))'


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((), TypeError, r"f\(\) takes 5 arguments \(0 given\)"),
        ((1, 2, 3, b"", None, 6), TypeError, r"f\(\) takes 5 arguments \(6 given\)"),
        (("a", 2, 3, bytes(16), 1), TypeError, "cannot be interpreted as an integer"),
        ((1 << 32, 2, 3, bytes(16), 1), OverflowError, "value 0: 4294967296 does not fit i32"),
        ((1, 1 << 64, 3, bytes(16), 1), OverflowError, "too (big|large) to convert"),
        ((1, 2, "a", bytes(16), 1), TypeError, "must be real number"),
        ((1, 2, 3, bytes(15), 1), ValueError, "value 3: v128 is 16 bytes, not 15"),
        ((1, 2, 3, bytes(16), None), TypeError, r"None is no \(ref extern\)"),
    ],
)
def test_what_does_not_convert_is_named(
    instantiate: Make, args: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    f = instantiate(PAIR.format("(i32.const 1)"), tier="baseline").exports.f
    with pytest.raises(error, match=message):
        f(*args)
    assert f(-1, 1 << 63, 1, bytes(16), "x") == 1
    with pytest.raises(TypeError, match="takes no keyword arguments"):
        f(1, 2, 3, bytes(16), x=1)


TWO = """(module
  (import "h" "f" (func $h (param i32) (result i32 f32)))
  (func (export "f") (param i32) (result i32 f32) (call $h (local.get 0))))"""


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (1, TypeError, "not iterable"),
        ((1,), TypeError, "returned 1 values, its type has 2"),
        ((1, 2, 3), TypeError, "returned 3 values, its type has 2"),
        ((1 << 40, 2.0), OverflowError, "value 0: 1099511627776 does not fit i32"),
        ((1, "x"), TypeError, "must be real number"),
    ],
)
def test_results_that_do_not_convert_are_named(
    instantiate: Make, given: object, error: type[Exception], message: str
) -> None:
    exports = instantiate(TWO, {"h": {"f": lambda _: given}}, tier="baseline").exports
    with pytest.raises(error, match=message):
        exports.f(1)


def test_exceptions_of_python_and_of_wasm_pass_through(instantiate: Make) -> None:
    text = """(module
      (import "h" "f" (func $h (param i32 f64) (result i64)))
      (tag $t (export "t") (param i32))
      (func (export "catch") (param i32) (result i32)
        (block $caught (result i32)
          (try_table (catch $t $caught) (drop (call $h (local.get 0) (f64.const 1))))
          (i32.const -1)))
      (func (export "throw") (param i32) (throw $t (local.get 0)))
      (func (export "trap") (param i32) unreachable))"""
    what: list[Any] = []

    def host(number: int, _: float) -> int:
        if number:
            what[0](number)
        return 1

    instance = instantiate(text, {"h": {"f": host}})
    exports = instance.exports
    what.append(exports.throw)
    assert exports.catch(0) == -1
    assert exports.catch(41) == 41
    what[0] = exports.trap
    with pytest.raises(ww.Trap, match="unreachable"):
        exports.catch(1)

    def refuse(_: int) -> None:
        raise KeyError("mine")

    what[0] = refuse
    with pytest.raises(KeyError, match="mine") as caught:
        exports.catch(1)
    assert "catch" in [each.name for each in ww.backtrace(caught.value)]
    with pytest.raises(ww.WasmException):
        exports.throw(3)


def test_objects_stay_alive_as_long_as_wasm_has_them(instantiate: Make) -> None:
    class Thing:
        pass

    text = """(module
      (import "h" "make" (func $make (param i32) (result externref)))
      (import "h" "collect" (func $collect))
      (global $g (mut externref) (ref.null extern))
      (func (export "f") (param externref i32) (result externref)
        (call $collect) (global.set $g (call $make (local.get 1))) (call $collect) (local.get 0))
      (func (export "last") (result externref) (global.get $g)))"""
    made: list[weakref.ref[Thing]] = []

    def make(_: int) -> Thing:
        thing = Thing()
        made.append(weakref.ref(thing))
        return thing

    exports = instantiate(text, {"h": {"make": make, "collect": gc.collect}}).exports
    given = exports.f(Thing(), 1)
    assert type(given) is Thing
    assert exports.last() is made[0]() is not None


def test_deep_recursion_through_the_host_is_exhaustion(instantiate: Make) -> None:
    text = """(module
      (import "h" "again" (func $again (param i64 f32) (result f32)))
      (func (export "f") (param i64 f32) (result f32)
        (call $again (local.get 0) (local.get 1))))"""
    exports: Any = None
    exports = instantiate(text, {"h": {"again": lambda a, b: exports.f(a, b)}}).exports
    with pytest.raises((ww.ExhaustionError, RecursionError)):
        exports.f(1, 2)
    for count in range(1, 3):
        for params in itertools.product(("i32", "f64"), repeat=count):
            instance = instantiate(echo(params, (0,)), {"h": {"f": abs}}, tier="baseline")
            assert instance.exports.g(*range(count)) == 0


def test_the_largest_signature(instantiate: Make) -> None:
    params = ("i64", "f64", "v128", "i32") * 250
    r = random.Random(1)
    values = tuple(VALUES[kind](r) for kind in params)
    text = echo(params, tuple(range(1000)))
    exports = instantiate(text, {"h": {"f": lambda *args: args}}, tier="baseline").exports
    assert exports.g(*values) == exports.f(*values) == values
