"""Calls in both directions: conversion of values, wrong arguments, exceptions, recursion."""

import inspect
import math
import struct
import traceback
import weakref

import numpy
import pytest

import wasmwright as ww

NAN_BITS = 0x7FF8_1234_5678_9ABC

IDENTITY = """(module
  (func (export "i32") (param i32) (result i32) local.get 0)
  (func (export "i64") (param i64) (result i64) local.get 0)
  (func (export "f32") (param f32) (result f32) local.get 0)
  (func (export "f64") (param f64) (result f64) local.get 0)
  (func (export "v128") (param v128) (result v128) local.get 0)
  (func (export "none") (param i32))
  (func (export "bits") (param f64) (result i64) (i64.reinterpret_f64 (local.get 0))))"""


@pytest.fixture
def identity(instantiate):
    return instantiate(IDENTITY).exports


class Index:
    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


@pytest.mark.parametrize("bits", [32, 64])
def test_integers_are_accepted_signed_and_unsigned_and_come_back_signed(identity, bits):
    same = identity[f"i{bits}"]
    top = 1 << (bits - 1)
    for value in (0, 1, -1, top - 1, -top):
        assert same(value) == value
    assert same(top) == -top
    assert same(2 * top - 1) == -1


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("power", [31, 32, 63, 64, 65, 200])
def test_an_integer_beyond_the_type_is_an_overflow_error(identity, bits, power):
    same = identity[f"i{bits}"]
    for value in ((1 << power), (1 << power) + 1, -(1 << power) - 1, (1 << power) - 1):
        if -(1 << (bits - 1)) <= value < 1 << bits:
            assert (same(value) - value) % (1 << bits) == 0
        else:
            with pytest.raises(OverflowError):
                same(value)


def test_whatever_has_an_index_is_an_integer(identity):
    assert identity.i32(True) == 1
    assert identity.i32(numpy.int8(-3)) == -3
    assert identity.i32(numpy.uint32(0xFFFFFFFF)) == -1
    assert identity.i64(numpy.uint64(2**64 - 1)) == -1
    assert identity.i32(Index(7)) == 7
    assert identity.i64(Index(2**64 - 2)) == -2
    with pytest.raises(OverflowError):
        identity.i32(Index(2**64 - 1))


@pytest.mark.parametrize("wrong", [1.0, "1", b"1", None, [], 1j, numpy.float64(1)])
def test_what_has_no_index_is_no_integer(identity, wrong):
    with pytest.raises(TypeError):
        identity.i32(wrong)
    with pytest.raises(TypeError):
        identity.i64(wrong)


def test_floats_pass_with_sign_of_zero_infinities_and_nan(identity):
    for same in (identity.f32, identity.f64):
        assert math.copysign(1, same(-0.0)) == -1
        assert same(math.inf) == math.inf
        assert same(-math.inf) == -math.inf
        assert math.isnan(same(math.nan))
        assert same(-1.0) == -1.0
        assert same(3) == 3.0
        assert same(numpy.float32(0.5)) == 0.5
    assert identity.f32(0.1) == struct.unpack("f", struct.pack("f", 0.1))[0]
    assert identity.f32(1e300) == math.inf
    assert identity.f64(0.1) == 0.1


def test_a_nans_payload_survives_as_f64(identity):
    (nan,) = struct.unpack("<d", struct.pack("<Q", NAN_BITS))
    assert identity.bits(nan) == NAN_BITS


@pytest.mark.parametrize("wrong", ["1", None, 1j, b"", object()])
def test_what_has_no_float_is_no_float(identity, wrong):
    with pytest.raises(TypeError):
        identity.f32(wrong)
    with pytest.raises(TypeError):
        identity.f64(wrong)


def test_an_int_beyond_every_float_is_an_overflow_error(identity):
    with pytest.raises(OverflowError):
        identity.f64(10**400)


def test_v128_is_sixteen_bytes(identity):
    value = bytes(range(16))
    assert identity.v128(value) == value
    for wrong in (b"", bytes(15), bytes(17)):
        with pytest.raises(ValueError, match="16 bytes"):
            identity.v128(wrong)
    for mistaken in (0, "x" * 16, None, bytearray(16)):
        with pytest.raises(TypeError):
            identity.v128(mistaken)


def test_an_exception_of_a_conversion_comes_out_as_itself(identity):
    error = RuntimeError("no index")

    class Bad:
        def __index__(self):
            raise error

        def __float__(self):
            raise error

    for name in ("i32", "i64", "f32", "f64"):
        with pytest.raises(RuntimeError) as caught:
            identity[name](Bad())
        assert caught.value is error


def test_a_conversion_may_call_the_same_function(identity):
    class Again:
        def __index__(self):
            return identity.i32(41) + 1

    assert identity.i32(Again()) == 42


def test_the_number_of_arguments_is_checked(identity):
    for arguments in ((), (1, 2), (1,) * 300):
        with pytest.raises(TypeError, match=f"i32.. takes 1 argument .{len(arguments)} given"):
            identity.i32(*arguments)


def test_keyword_arguments_are_rejected(identity):
    with pytest.raises(TypeError, match="no keyword arguments"):
        identity.i32(p0=1)
    with pytest.raises(TypeError, match="no keyword arguments"):
        identity.i32(1, more=1)
    assert identity.i32(*[5]) == 5


def test_keyword_arguments_keep_the_others_in_their_places(instantiate):
    params = " ".join(["i32"] * 300)
    f = instantiate(
        f'(module (func (export "f") (param {params}) (result i32) (local.get 299)))'
    ).exports.f
    assert f(*range(300), timeout=10) == 299
    with pytest.raises(TypeError, match="takes 300 arguments .299 given"):
        f(*range(299), timeout=10)


def test_a_function_without_results_gives_none(identity):
    assert identity.none(1) is None


KINDS = ["i32", "i64", "f32", "f64", "v128"]


def _values(count):
    made = {
        "i32": lambda i: -i,
        "i64": lambda i: i << 40,
        "f32": lambda i: i + 0.5,
        "f64": lambda i: -i / 4,
        "v128": lambda i: bytes([i] * 16),
    }
    kinds = [KINDS[i % 5] for i in range(count)]
    return kinds, [made[kind](i) for i, kind in enumerate(kinds)]


@pytest.mark.parametrize("count", [2, 3, 5, 10, 30])
def test_many_parameters_and_results_pass_in_order_in_both_directions(instantiate, count):
    kinds, values = _values(count)
    params = " ".join(kinds)
    gets = "".join(f"(local.get {i})" for i in range(count))
    text = f"""(module
      (import "host" "f" (func $host (param {params}) (result {params})))
      (func $inner (param {params}) (result {params}) {gets})
      (func (export "through") (param {params}) (result {params}) (call $host {gets}))
      (func (export "plain") (param {params}) (result {params}) (call $inner {gets})))"""
    given = []

    def host(*arguments):
        given.append(arguments)
        return arguments

    exports = instantiate(text, {"host": {"f": host}}).exports
    assert exports.plain(*values) == tuple(values)
    assert exports.through(*values) == tuple(values)
    assert given == [tuple(values)]


def test_a_function_shows_its_type_and_its_name(identity, instantiate):
    assert repr(identity.i32) == "<wasmwright.Func i32 [i32] -> [i32]>"
    assert identity.i32.name == "i32"
    signature = inspect.signature(identity.f64)
    assert list(signature.parameters) == ["p0", "timeout"]
    assert signature.parameters["p0"].annotation is float
    assert signature.return_annotation is float
    pair = instantiate('(module (func (export "f") (result i32 f64) i32.const 1 f64.const 2))')
    assert inspect.signature(pair.exports.f).return_annotation == tuple[int, float]
    assert callable(identity.i32)


def test_functions_are_of_one_type(identity):
    assert type(identity.i32) is type(identity.f64)
    assert isinstance(identity.i32, type(identity.f64))


def test_functions_can_be_referred_to_weakly_and_hashed(instantiate):
    instance = instantiate('(module (func (export "f")))')
    function = instance.exports.f
    reference = weakref.ref(function)
    assert reference() is function
    assert {function: 1}[instance.exports.f] == 1
    del function, instance
    assert reference() is None


# -- calls to Python ---------------------------------------------------------------------


def _caller(instantiate, params, results, function):
    gets = "".join(f"(local.get {i})" for i in range(len(params.split())))
    text = f"""(module $caller
      (import "host" "f" (func $host (param {params}) (result {results})))
      (func $middle (param {params}) (result {results}) (call $host {gets}))
      (func $outer (export "run") (param {params}) (result {results}) (call $middle {gets})))"""
    return instantiate(text, {"host": {"f": function}}).exports.run


def test_an_exception_of_a_callback_comes_out_as_itself_with_the_wasm_backtrace(instantiate):
    error = KeyError("mine")

    def host():
        raise error

    run = _caller(instantiate, "", "", host)
    with pytest.raises(KeyError) as caught:
        run()
    assert caught.value is error
    (note,) = error.__notes__
    assert note.startswith("  through wasm:")
    assert note.index("$middle") < note.index("$outer")
    assert [frame.name for frame in traceback.extract_tb(error.__traceback__)][-1] == "host"
    assert error.__context__ is None


def test_base_exceptions_pass_through_too(instantiate):
    for kind in (SystemExit, KeyboardInterrupt, GeneratorExit):
        with pytest.raises(kind):
            _caller(instantiate, "", "", lambda kind=kind: (_ for _ in ()).throw(kind()))()


def test_an_exception_in_a_handler_keeps_its_context(instantiate):
    def host():
        try:
            raise ValueError("first")
        except ValueError:
            raise LookupError("second")  # noqa: B904

    with pytest.raises(LookupError) as caught:
        _caller(instantiate, "", "", host)()
    assert isinstance(caught.value.__context__, ValueError)


@pytest.mark.parametrize(
    ("results", "returned", "error"),
    [
        ("i32", None, TypeError),
        ("i32", "1", TypeError),
        ("i32", 1.5, TypeError),
        ("i32", 2**32, OverflowError),
        ("i32", 2**64 - 1, OverflowError),
        ("i64", 2**64, OverflowError),
        ("f64", "1", TypeError),
        ("v128", b"short", ValueError),
        ("v128", 3, TypeError),
        ("funcref", 3, TypeError),
        ("i32 i32", 1, TypeError),
        ("i32 i32", (1,), TypeError),
        ("i32 i32", (1, 2, 3), TypeError),
        ("i32 i32", (1, "2"), TypeError),
        ("i32 i32", None, TypeError),
    ],
)
def test_a_callbacks_wrong_result_is_an_error(instantiate, results, returned, error):
    run = _caller(instantiate, "", results, lambda: returned)
    for _ in range(3):
        with pytest.raises(error):
            run()


def test_a_callbacks_results_may_come_from_any_iterable(instantiate):
    assert _caller(instantiate, "", "i32 f64", lambda: [1, 2])() == (1, 2.0)
    assert _caller(instantiate, "", "i32 f64", lambda: iter((1, 2)))() == (1, 2.0)


def test_what_a_callback_without_results_returns_is_ignored(instantiate):
    assert _caller(instantiate, "i32", "", lambda value: [value])(3) is None


def test_any_callable_is_a_callback(instantiate):
    class Callable:
        def __call__(self, value):
            return -value

        def method(self, value):
            return value + 1

    assert _caller(instantiate, "i32", "i32", Callable())(3) == -3
    assert _caller(instantiate, "i32", "i32", Callable().method)(3) == 4
    assert _caller(instantiate, "i32", "i32", abs)(-3) == 3
    assert _caller(instantiate, "i32", "i32", int)(-3) == -3


def test_a_callback_with_wrong_parameters_raises_pythons_own_error(instantiate):
    with pytest.raises(TypeError, match="positional argument"):
        _caller(instantiate, "i32", "", lambda: None)(1)


# -- recursion through both --------------------------------------------------------------

BOUNCE = """(module
  (import "host" "down" (func $down (param i32) (result i32)))
  (func (export "run") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0)))))"""


def test_wasm_and_python_call_each_other_to_some_depth(instantiate):
    box = []
    box.append(instantiate(BOUNCE, {"host": {"down": lambda n: box[0].exports.run(n)}}))
    assert box[0].exports.run(200) == 200


def test_two_instances_call_each_other_through_python(instantiate):
    pair = []
    for other in (1, 0):
        host = {"down": lambda n, other=other: pair[other].exports.run(n)}
        pair.append(instantiate(BOUNCE, {"host": host}))
    assert pair[0].exports.run(201) == 201


@pytest.mark.parametrize("count", [1, 2])
def test_recursion_through_python_without_end_is_an_exception(instantiate, count):
    ring = []
    for i in range(count):
        host = {"down": lambda n, i=i: ring[(i + 1) % count].exports.run(n)}
        ring.append(instantiate(BOUNCE, {"host": host}))
    for _ in range(3):
        with pytest.raises((RecursionError, ww.ExhaustionError)):
            ring[0].exports.run(-1)
    assert ring[0].exports.run(3) == 3


def test_an_exception_caught_half_way_leaves_the_outer_calls_going(instantiate):
    box = []

    def down(n):
        if n == 5:
            raise ValueError("bottom")
        try:
            return box[0].exports.run(n)
        except ValueError:
            return 1000

    box.append(instantiate(BOUNCE, {"host": {"down": down}}))
    assert box[0].exports.run(20) == 1000 + 14
