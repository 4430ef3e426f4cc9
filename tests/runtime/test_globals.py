"""Globals made in Python and exported ones."""

import copy
import math
import pickle

import pytest

from wasmwright.runtime.globals import Global

MODULE = """(module
  (import "a" "i32" (global $i32 (mut i32)))
  (import "a" "i64" (global $i64 (mut i64)))
  (import "a" "f32" (global $f32 (mut f32)))
  (import "a" "f64" (global $f64 (mut f64)))
  (import "a" "v128" (global $v128 (mut v128)))
  (global (export "own") (mut i64) (i64.const -2))
  (global (export "fixed") i32 (i32.const 5))
  (func (export "get") (result i32 i64 f32 f64 v128)
    (global.get $i32) (global.get $i64) (global.get $f32) (global.get $f64) (global.get $v128))
  (func (export "set") (param i32 i64 f32 f64 v128)
    (global.set $i32 (local.get 0)) (global.set $i64 (local.get 1))
    (global.set $f32 (local.get 2)) (global.set $f64 (local.get 3))
    (global.set $v128 (local.get 4))))"""

VALUES = {"i32": -1, "i64": 1 << 40, "f32": 0.5, "f64": -math.inf, "v128": bytes(range(16))}


def test_a_mutable_global_is_shared_by_wasm_and_python(instantiate):
    shared = {kind: Global(kind, value, mutable=True) for kind, value in VALUES.items()}
    exports = instantiate(MODULE, {"a": shared}).exports
    assert exports.get() == tuple(VALUES.values())
    new = {"i32": 7, "i64": -7, "f32": 7.5, "f64": 0.1, "v128": b"x" * 16}
    exports.set(*new.values())
    assert {kind: each.value for kind, each in shared.items()} == new
    for kind, value in VALUES.items():
        shared[kind].value = value
    assert exports.get() == tuple(VALUES.values())


def test_an_exported_global_is_read_and_set(instantiate):
    shared = {kind: Global(kind, value, mutable=True) for kind, value in VALUES.items()}
    exports = instantiate(MODULE, {"a": shared}).exports
    assert exports.own.value == -2
    exports.own.value = 1 << 63
    assert exports.own.value == -(1 << 63)
    assert exports.fixed.value == 5
    with pytest.raises(TypeError, match="immutable"):
        exports.fixed.value = 6


@pytest.mark.parametrize(
    ("kind", "wrong", "error"),
    [
        ("i32", 1 << 32, OverflowError),
        ("i32", -(1 << 31) - 1, OverflowError),
        ("i64", 1 << 64, OverflowError),
        ("i32", 1.5, TypeError),
        ("i32", None, TypeError),
        ("i32", "1", TypeError),
        ("f64", "1", TypeError),
        ("f64", None, TypeError),
        ("v128", b"1", ValueError),
        ("v128", 16, TypeError),
        ("v128", "x" * 16, TypeError),
        ("funcref", 1, TypeError),
    ],
)
def test_a_value_that_is_not_of_the_type_is_refused(kind, wrong, error):
    with pytest.raises(error):
        Global(kind, wrong)
    whole = Global(kind, VALUES.get(kind), mutable=True)
    with pytest.raises(error):
        whole.value = wrong
    assert whole.value == VALUES.get(kind)


def test_an_f32_rounds_as_a_call_does():
    assert Global("f32", 1e300).value == math.inf
    assert Global("f32", -1e300).value == -math.inf
    assert Global("f32", 0.1).value == 0.10000000149011612
    assert math.isnan(Global("f32", math.nan).value)


def test_an_unknown_type_is_a_value_error():
    with pytest.raises(ValueError, match="value type"):
        Global("int", 1)


def test_globals_can_be_neither_copied_nor_pickled():
    for make in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            make(Global("i32", 1))


def test_repr_shows_type_and_value():
    assert repr(Global("i32", 7, mutable=True)) == "<wasmwright.Global (mut i32) = 7>"
