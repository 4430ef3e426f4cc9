"""References across the boundary: identity, and that whatever is referred to stays alive."""

import gc
import weakref

import pytest

import wasmwright as ww

BOX = """(module
  (import "host" "f" (func $f (param externref) (result externref)))
  (table $externs (export "externs") 2 20 externref)
  (table $funcs (export "funcs") 2 20 funcref)
  (global $kept (export "kept") (mut externref) (ref.null extern))
  (func (export "same") (param externref) (result externref) local.get 0)
  (func (export "func") (param funcref) (result funcref) local.get 0)
  (func (export "through") (param externref) (result externref) (call $f (local.get 0)))
  (func (export "is_null") (param externref) (result i32) (ref.is_null (local.get 0)))
  (func (export "put") (param i32 externref) (table.set $externs (local.get 0) (local.get 1)))
  (func (export "get") (param i32) (result externref) (table.get $externs (local.get 0)))
  (func (export "keep") (param externref) (global.set $kept (local.get 0)))
  (func (export "put_func") (param i32 funcref) (table.set $funcs (local.get 0) (local.get 1)))
  (func (export "call") (param i32) (result i32)
    (call_indirect $funcs (result i32) (local.get 0)))
  (func (export "grow") (param externref i32) (result i32)
    (table.grow $externs (local.get 0) (local.get 1)))
  (func (export "grow_funcs") (param funcref i32) (result i32)
    (table.grow $funcs (local.get 0) (local.get 1))))"""

SEVEN = '(module (func (export "f") (result i32) i32.const 7))'


class Thing:
    """Something that can be referred to weakly."""


@pytest.fixture
def box(instantiate):
    return instantiate(BOX, {"host": {"f": lambda value: value}}).exports


@pytest.mark.parametrize("value", [0, 1.5, "text", (), [1], object(), Thing, len, False])
def test_an_externref_is_any_object_by_identity(box, value):
    assert box.same(value) is value
    assert box.through(value) is value
    box.put(0, value)
    assert box.get(0) is value
    assert box.externs[0] is value
    box.keep(value)
    assert box.kept.value is value


def test_none_is_the_null_reference(box):
    assert box.same(None) is None
    assert box.through(None) is None
    assert box.is_null(None) == 1
    assert box.is_null(0) == 0
    assert box.func(None) is None
    assert box.get(1) is None


def test_an_object_that_only_wasm_holds_stays_alive(box):
    thing = Thing()
    reference = weakref.ref(thing)
    box.put(0, thing)
    del thing
    gc.collect()
    assert box.get(0) is reference()


def test_a_funcref_is_the_same_function_object(box, instantiate):
    seven = instantiate(SEVEN).exports.f
    assert box.func(seven) is seven
    assert box.func(box.same) is box.same
    box.put_func(0, seven)
    assert box.funcs[0] is seven
    assert box.call(0) == 7


@pytest.mark.parametrize("wrong", [1, "f", len, lambda: 1, object()])
def test_only_wasm_functions_are_funcrefs(box, wrong):
    with pytest.raises(TypeError):
        box.func(wrong)
    with pytest.raises(TypeError):
        box.funcs[0] = wrong


def test_a_function_in_a_table_outlives_its_instance(box, instantiate):
    box.put_func(0, instantiate(SEVEN).exports.f)
    box.funcs[1] = instantiate(SEVEN).exports.f
    gc.collect()
    assert box.call(0) == box.call(1) == 7
    assert box.funcs[0]() == 7


def test_a_grown_table_keeps_what_it_was_filled_with(box, instantiate):
    thing = Thing()
    assert box.grow(thing, 3) == 2
    assert [box.externs[i] for i in range(5)] == [None, None, thing, thing, thing]
    assert box.grow_funcs(instantiate(SEVEN).exports.f, 2) == 2
    gc.collect()
    assert box.call(3) == 7


SHARED = """(module
  (import "host" "g" (global $g (mut funcref)))
  (table 1 funcref)
  (elem declare func $f)
  (func $f (export "f") (result i32) i32.const 7)
  (func (export "set") (global.set $g (ref.func $f)))
  (func (export "call") (result i32)
    (table.set (i32.const 0) (global.get $g))
    (call_indirect (result i32) (i32.const 0))))"""


def test_a_global_made_in_python_keeps_a_function_that_wasm_puts_there(instantiate):
    shared = ww.Global("funcref", None, mutable=True)
    first = instantiate(SHARED, {"host": {"g": shared}})
    second = instantiate(SHARED, {"host": {"g": shared}})
    first.exports.set()
    del first
    gc.collect()
    assert second.exports.call() == 7
    assert shared.value() == 7


def test_a_global_made_in_python_holds_references(instantiate):
    thing = object()
    shared = ww.Global("externref", thing, mutable=True)
    assert shared.value is thing
    module = """(module (import "host" "g" (global (mut externref)))
      (func (export "get") (result externref) (global.get 0)))"""
    instance = instantiate(module, {"host": {"g": shared}})
    assert instance.exports.get() is thing
    shared.value = other = object()
    assert instance.exports.get() is other
    held = ww.Global("funcref", instantiate(SEVEN).exports.f)
    gc.collect()
    assert held.value() == 7
    with pytest.raises(TypeError):
        ww.Global("funcref", len)


def test_instances_that_share_a_table_trap_in_the_right_one(instantiate):
    table = """(module (table (export "t") 4 funcref) (elem (i32.const 0) $f $trap)
      (func $f (export "f") (result i32) i32.const 7)
      (func $trap unreachable))"""
    caller = """(module (import "a" "t" (table 4 funcref))
      (func (export "call") (param i32) (call_indirect (local.get 0))))"""
    exporter = instantiate(table)
    # This joins the exporter to a world of its own before the table is shared.
    instantiate('(module (import "a" "f" (func (result i32))))', {"a": exporter})
    instance = instantiate(caller, {"a": exporter})
    for _ in range(3):
        with pytest.raises(ww.Trap, match="unreachable"):
            instance.exports.call(1)
        with pytest.raises(ww.Trap, match="indirect call type mismatch"):
            instance.exports.call(0)


def test_an_exporter_stays_while_an_importer_needs_its_function(instantiate):
    exporter = instantiate(SEVEN)
    importer = instantiate(
        """(module (import "a" "f" (func $f (result i32)))
           (func (export "run") (result i32) (call $f)) (export "again" (func $f)))""",
        {"a": exporter},
    )
    assert importer.exports.again is exporter.exports.f
    del exporter
    gc.collect()
    assert importer.exports.run() == 7


def test_a_function_keeps_its_instance(instantiate):
    function = instantiate(SEVEN).exports.f
    gc.collect()
    assert function() == 7
