"""Exceptions between wasm frames, instances, threads and Python."""

import gc
import threading
import weakref

import pytest

import wasmwright as ww

THROWER = """
(module
  (tag $e (export "e") (param i32 f64))
  (tag $plain (export "plain"))
  (func (export "throw") (param i32) (throw $e (local.get 0) (f64.const 2.5)))
  (func (export "throw_plain") (throw $plain)))
"""

CALLBACK = """
(module
  (import "m" "e" (tag $e (param i32 f64)))
  (import "m" "f" (func $f (param i32) (result i32)))
  (func (export "catch") (param i32) (result i32 f64)
    (block $h (result i32 f64)
      (try_table (catch $e $h) (drop (call $f (local.get 0))))
      (i32.const -1) (f64.const 0.5)))
  (func (export "catch_all") (param i32) (result i32)
    (block $h
      (try_table (catch_all $h) (return (call $f (local.get 0)))))
    (i32.const -7))
  (func (export "rethrow") (param i32)
    (block $h (result exnref)
      (try_table (catch_all_ref $h) (drop (call $f (local.get 0))))
      (return))
    (throw_ref))
  (func (export "pass") (param i32) (result i32) (call $f (local.get 0))))
"""


def raises(error):
    """A function that raises ``error``, whatever it is given."""

    def function(*_):
        raise error

    return function


@pytest.fixture
def tag():
    return ww.Tag("i32", "f64")


def with_callback(instantiate, tag, function):
    return instantiate(CALLBACK, {"m": {"e": tag, "f": function}}).exports


# Out of wasm


def test_an_uncaught_exception_has_its_tag_and_payload(instantiate):
    exports = instantiate(THROWER).exports
    with pytest.raises(ww.WasmException) as caught:
        exports.throw(3)
    assert caught.value.tag is exports.e
    assert caught.value.payload == (3, 2.5)
    assert [frame.name for frame in caught.value.frames] == ["throw"]
    assert "with (3, 2.5)" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("i32", "i32.const -5", -5),
        ("i64", "i64.const 0x8000000000000000", -(1 << 63)),
        ("f32", "f32.const 0.5", 0.5),
        ("f64", "f64.const -1e300", -1e300),
        ("v128", "v128.const i64x2 1 2", bytes([1] + [0] * 7 + [2] + [0] * 7)),
        ("externref", "ref.null extern", None),
        ("funcref", "ref.null func", None),
        ("exnref", "ref.null exn", None),
        ("anyref", "ref.i31 (i32.const -3)", -3),
    ],
)
def test_values_of_every_kind_come_out(instantiate, kind, text, value):
    exports = instantiate(
        f'(module (tag $t (param i32 {kind} i32)) (func (export "f") '
        f"(throw $t (i32.const 1) ({text}) (i32.const 2))))"
    ).exports
    with pytest.raises(ww.WasmException) as caught:
        exports.f()
    assert caught.value.payload == (1, value, 2)


def test_a_function_in_the_payload_can_be_called(instantiate):
    exports = instantiate(
        '(module (tag $t (param funcref)) (func $g (export "g") (result i32) (i32.const 42))'
        '(func (export "f") (throw $t (ref.func $g))))'
    ).exports
    with pytest.raises(ww.WasmException) as caught:
        exports.f()
    (function,) = caught.value.payload
    del exports
    gc.collect()
    assert function() == 42


# Into wasm


def test_wasm_catches_what_python_throws(instantiate, tag):
    exports = with_callback(instantiate, tag, lambda n: raises(ww.WasmException(tag, n, n / 2))())
    assert exports.catch(7) == (7, 3.5)
    assert exports.catch_all(7) == -7


def test_an_exception_of_another_tag_is_for_catch_all_only(instantiate, tag):
    error = ww.WasmException(ww.Tag("i32", "f64"), 1, 2.0)
    exports = with_callback(instantiate, tag, raises(error))
    assert exports.catch_all(0) == -7
    for name in ("catch", "pass", "rethrow"):
        with pytest.raises(ww.WasmException) as caught:
            exports[name](0)
        assert caught.value is error


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), ww.Trap("unreachable"), SystemExit(3)])
def test_wasm_does_not_catch_other_python_exceptions(instantiate, tag, error):
    exports = with_callback(instantiate, tag, raises(error))
    for name in ("catch", "catch_all", "rethrow", "pass"):
        with pytest.raises(type(error)) as caught:
            exports[name](0)
        assert caught.value is error


@pytest.mark.parametrize(
    ("payload", "error"),
    [((1,), TypeError), (("x", 1.0), TypeError), ((1 << 40, 1.0), OverflowError)],
)
def test_a_payload_that_does_not_fit_is_an_error(instantiate, tag, payload, error):
    exports = with_callback(instantiate, tag, raises(ww.WasmException(tag, *payload)))
    with pytest.raises(error) as caught:
        exports.catch_all(0)
    assert isinstance(caught.value.__cause__, ww.WasmException)


def test_only_a_tag_can_be_thrown(instantiate, tag):
    exports = with_callback(instantiate, tag, raises(ww.WasmException("tag", 1)))
    with pytest.raises(TypeError, match="thrown with a Tag"):
        exports.catch_all(0)


# Through Python


def test_a_wasm_exception_goes_through_a_callback_as_itself(instantiate):
    inner = instantiate(THROWER).exports
    seen = []

    def callback(n):
        try:
            inner.throw(n)
        except ww.WasmException as error:
            seen.append(error)
            raise
        return 0

    outer = with_callback(instantiate, inner.e, callback)
    assert outer.catch(4) == (4, 2.5)
    with pytest.raises(ww.WasmException) as caught:
        outer["pass"](5)
    assert caught.value is seen[-1]
    with pytest.raises(ww.WasmException) as caught:
        outer.rethrow(6)
    assert caught.value is seen[-1]
    assert caught.value.payload == (6, 2.5)


def test_python_catches_in_a_callback_and_wasm_goes_on(instantiate):
    inner = instantiate(THROWER).exports

    def callback(n):
        try:
            inner.throw(n)
        except ww.WasmException as error:
            return error.payload[0] + 1

    outer = with_callback(instantiate, inner.e, callback)
    assert outer.catch(4) == (-1, 0.5)
    assert outer["pass"](4) == 5


def test_one_object_can_be_thrown_in_instances_that_have_nothing_in_common(instantiate, tag):
    error = ww.WasmException(tag, 3, 4.0)
    first, second = (instantiate(CALLBACK, {"m": {"e": tag, "f": raises(error)}}) for _ in range(2))
    for instance in (first, second, first):
        assert instance.exports.catch(0) == (3, 4.0)
        with pytest.raises(ww.WasmException) as caught:
            instance.exports.rethrow(0)
        assert caught.value is error
    assert first._core.block is not second._core.block


def test_a_shared_tag_keeps_no_instance_alive(wat):
    tag = ww.Tag("externref", "funcref")
    module = ww.Module(wat('(module (import "m" "e" (tag (param externref funcref))))'))
    instance = ww.Instance(module, {"m": {"e": tag}})
    gone = weakref.ref(instance._core)
    del instance
    gc.collect()
    assert gone() is None


def test_a_subclass_can_be_thrown_and_comes_back_as_itself(instantiate, tag):
    class Mine(ww.WasmException):
        pass

    error = Mine(tag, 1, 2.0)
    exports = with_callback(instantiate, tag, raises(error))
    with pytest.raises(Mine) as caught:
        exports["pass"](0)
    assert caught.value is error


def test_an_exception_can_be_a_parameter_a_result_and_a_global(instantiate, tag):
    exports = instantiate(
        '(module (global $g (export "g") (mut exnref) (ref.null exn)) (table (export "t") 2 exnref)'
        '(func (export "id") (param exnref) (result exnref) (local.get 0))'
        '(func (export "throw") (param exnref) (throw_ref (local.get 0)))'
        '(func (export "throw_global") (throw_ref (global.get $g))))'
    ).exports
    error = ww.WasmException(tag, 1, 2.0)
    assert exports.id(error) is error
    assert exports.id(None) is None
    exports.g.value = error
    exports.t[1] = error
    assert exports.g.value is error
    assert exports.t[1] is error
    for throw in (lambda: exports.throw(error), exports.throw_global):
        with pytest.raises(ww.WasmException) as caught:
            throw()
        assert caught.value is error
    with pytest.raises(TypeError, match="no exnref"):
        exports.id(5)
    with pytest.raises(ww.Trap, match="null exception reference"):
        exports.throw(None)


# Between instances


def test_exceptions_cross_an_instance_that_knows_nothing_of_them(instantiate):
    thrower = instantiate(THROWER).exports
    middle = instantiate(
        '(module (import "a" "throw" (func $f (param i32))) (memory 1)'
        '(func (export "f") (param $n i32) (result i32)'
        "(local $a i64) (local $b i64) (local $c i64)"
        "(local.set $a (i64.load (i32.const 0))) (local.set $b (i64.load (i32.const 8)))"
        "(local.set $c (i64.load (i32.const 16))) (call $f (local.get $n))"
        "(i64.store (i32.const 0) (local.get $a)) (i64.store (i32.const 8) (local.get $b))"
        "(i64.store (i32.const 16) (local.get $c)) (i32.const 0)))",
        {"a": thrower},
    ).exports
    outer = with_callback(instantiate, thrower.e, middle.f)
    assert outer.catch(11) == (11, 2.5)


def test_the_same_tag_under_two_indices_is_one(instantiate, tag):
    exports = instantiate(
        '(module (import "m" "e" (tag $a (param i32 f64)))'
        '(import "m" "e" (tag $b (param i32 f64)))'
        '(func (export "f") (result i32 f64) (block $h (result i32 f64)'
        "(try_table (catch $b $h) (throw $a (i32.const 1) (f64.const 2))) (unreachable))))",
        {"m": {"e": tag}},
    ).exports
    assert exports.f() == (1, 2.0)


def test_every_instance_has_tags_of_its_own(instantiate, wat):
    module = ww.Module(wat(THROWER))
    first, second = ww.Instance(module).exports, ww.Instance(module).exports
    assert first.e is not second.e
    outer = with_callback(instantiate, first.e, lambda n: second.throw(n))
    with pytest.raises(ww.WasmException) as caught:
        outer.catch(0)
    assert caught.value.tag is second.e


@pytest.mark.parametrize("given", [ww.Tag(), ww.Tag("i32"), ww.Tag("f64", "i32"), 5, len])
def test_a_tag_import_must_have_the_same_type(instantiate, given):
    with pytest.raises(ww.LinkError, match="incompatible import type"):
        with_callback(instantiate, given, len)


def test_an_exported_tag_can_be_imported(instantiate):
    first = instantiate(THROWER).exports
    again = instantiate(
        '(module (import "a" "e" (tag $e (param i32 f64))) (export "again" (tag $e)))', {"a": first}
    ).exports
    assert again.again is first.e


# In the heap


def test_exceptions_are_collected(instantiate):
    instance = instantiate(
        """(module (tag $e (param i64 externref))
          (func $throw (param i64 externref) (throw $e (local.get 0) (local.get 1)))
          (func (export "f") (param $n i64) (param $o externref) (result i64) (local $s i64)
            (loop $l
              (block $h (result i64 externref)
                (try_table (catch $e $h) (call $throw (local.get $n) (local.get $o)))
                (unreachable))
              (drop) (local.set $s (i64.add (local.get $s)))
              (local.set $n (i64.sub (local.get $n) (i64.const 1)))
              (br_if $l (i64.ne (local.get $n) (i64.const 0))))
            (local.get $s)))"""
    )
    assert instance.exports.f(300_000, "payload") == 300_000 * 300_001 // 2
    heap = instance._core.block.need_heap()
    heap.collect()
    assert heap.live < 10_000


def test_a_kept_exception_keeps_its_payload(instantiate):
    exports = instantiate(
        """(module (tag $e (param externref)) (global $g (mut exnref) (ref.null exn))
          (func (export "keep") (param externref)
            (block $h (result exnref)
              (try_table (catch_all_ref $h) (throw $e (local.get 0))) (unreachable))
            (global.set $g))
          (func (export "throw") (throw_ref (global.get $g)))
          (func (export "get") (result exnref) (global.get $g))
          (func (export "drop") (global.set $g (ref.null exn))))"""
    ).exports
    held = weakref.ref(thing := threading.Event())
    exports.keep(thing)
    del thing
    gc.collect()
    assert held() is not None
    with pytest.raises(ww.WasmException) as caught:
        exports.throw()
    assert caught.value is exports.get()
    assert caught.value.payload == (held(),)


# Tags


def test_a_tag_says_what_it_takes():
    assert repr(ww.Tag("i32", "exnref")) == "<wasmwright.Tag [i32 exnref]>"
    with pytest.raises(ValueError, match="a value type is one of"):
        ww.Tag("int")


def test_an_exception_in_an_exception_is_shown_without_its_own(tag):
    inner = ww.WasmException(tag, 1, 2.0)
    outer = ww.WasmException(ww.Tag("exnref"), inner)
    assert repr(outer) == "WasmException(<wasmwright.Tag [exnref]>, <WasmException>)"
