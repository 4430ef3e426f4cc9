"""Structures, arrays and i31 as Python sees them."""

import copy
import gc
import pickle
import weakref

import pytest

import wasmwright as ww

POINTS = """(module $points
  (type $point (sub (struct (field $x (mut i32)) (field $y (mut f64)) (field $label (mut externref)))))
  (type $point3 (sub $point (struct (field $x (mut i32)) (field $y (mut f64))
    (field $label (mut externref)) (field $z i64))))
  (type $packed (struct (field $a (mut i8)) (field $b (mut i16)) (field $c (mut f32))
    (field $d (mut v128)) (field $e (mut funcref)) (field $f (mut anyref))))
  (type $ints (array (mut i32)))
  (type $small (array (mut i8)))
  (type $anys (array (mut anyref)))
  (type $fixed (array i32))
  (import "host" "f" (func $f (param (ref null $point) anyref) (result (ref null $point) anyref)))
  (global $kept (export "kept") (mut anyref) (ref.null any))
  (table $table (export "table") 4 20 anyref)
  (func $seven (export "seven") (result i32) (i32.const 7))
  (func (export "point") (param i32 f64 externref) (result (ref $point))
    (struct.new $point (local.get 0) (local.get 1) (local.get 2)))
  (func (export "point3") (result (ref $point3))
    (struct.new $point3 (i32.const 1) (f64.const 2) (ref.null extern) (i64.const 3)))
  (func (export "packed") (result structref)
    (struct.new $packed (i32.const 200) (i32.const 40000) (f32.const 1.5)
      (v128.const i64x2 1 2) (ref.func $seven) (ref.i31 (i32.const -3))))
  (func (export "x") (param (ref $point)) (result i32) (struct.get $point $x (local.get 0)))
  (func (export "maybe_x") (param (ref null $point)) (result i32)
    (if (result i32) (ref.is_null (local.get 0)) (then (i32.const -1))
      (else (struct.get $point $x (local.get 0)))))
  (func (export "ints") (param i32 i32) (result (ref $ints))
    (array.new $ints (local.get 0) (local.get 1)))
  (func (export "small") (result arrayref)
    (array.new_fixed $small 3 (i32.const 1) (i32.const 255) (i32.const 127)))
  (func (export "anys") (param i32) (result (ref $anys)) (array.new_default $anys (local.get 0)))
  (func (export "fixed") (result eqref) (array.new_fixed $fixed 2 (i32.const 5) (i32.const 6)))
  (func (export "any") (param anyref) (result anyref) (local.get 0))
  (func (export "eq") (param eqref) (result eqref) (local.get 0))
  (func (export "i31") (param i31ref) (result i31ref) (local.get 0))
  (func (export "struct") (param structref) (result structref) (local.get 0))
  (func (export "array") (param arrayref) (result arrayref) (local.get 0))
  (func (export "none") (param nullref) (result nullref) (local.get 0))
  (func (export "extern") (param externref) (result externref) (local.get 0))
  (func (export "some") (param (ref any)) (result (ref any)) (local.get 0))
  (func (export "to_extern") (param anyref) (result externref)
    (extern.convert_any (local.get 0)))
  (func (export "to_any") (param externref) (result anyref) (any.convert_extern (local.get 0)))
  (func (export "kind") (param anyref) (result i32)
    (if (ref.is_null (local.get 0)) (then (return (i32.const 0))))
    (if (ref.test (ref i31) (local.get 0)) (then (return (i32.const 1))))
    (if (ref.test (ref $point3) (local.get 0)) (then (return (i32.const 3))))
    (if (ref.test (ref $point) (local.get 0)) (then (return (i32.const 2))))
    (if (ref.test (ref struct) (local.get 0)) (then (return (i32.const 4))))
    (if (ref.test (ref array) (local.get 0)) (then (return (i32.const 5))))
    (if (ref.test (ref eq) (local.get 0)) (then (return (i32.const 6))))
    (i32.const 7))
  (func (export "same") (param eqref eqref) (result i32) (ref.eq (local.get 0) (local.get 1)))
  (func (export "keep") (param anyref) (global.set $kept (local.get 0)))
  (func (export "two") (param i32) (result anyref i32 (ref null $ints))
    (ref.i31 (local.get 0)) (local.get 0) (array.new $ints (local.get 0) (i32.const 2)))
  (func (export "through") (param (ref null $point) anyref) (result (ref null $point) anyref)
    (call $f (local.get 0) (local.get 1))))"""


def swap(point, value):
    return point, value


@pytest.fixture
def points(instantiate):
    return instantiate(POINTS, {"host": {"f": lambda point, value: (point, value)}})


def test_fields_by_index_and_name(points):
    label = object()
    point = points.exports.point(5, 0.25, label)
    assert isinstance(point, ww.Struct)
    assert (point[0], point[1], point[2]) == (5, 0.25, label)
    assert (point["x"], point.y, point.label) == (5, 0.25, label)
    assert (point[-1], len(point), list(point)) == (label, 3, [5, 0.25, label])
    assert {"x", "y", "label"} <= set(dir(point))
    point.x = -1
    point[1] = 3
    point["label"] = None
    assert list(point) == [-1, 3.0, None]
    assert points.exports.x(point) == -1
    assert bool(points.exports.ints(0, 0))
    assert bool(point)


def test_packed_and_other_fields(points):
    packed = points.exports.packed()
    assert list(packed) == [
        -56,
        40000 - 65536,
        1.5,
        b"\1" + bytes(7) + b"\2" + bytes(7),
        points.exports.seven,
        -3,
    ]
    packed.a, packed.b, packed.c = 255, -1, 0.5
    packed.d = bytes(range(16))
    packed.e = None
    packed.f = packed
    assert list(packed)[:5] == [-1, -1, 0.5, bytes(range(16)), None]
    assert packed.f is packed
    for name, wrong in (("a", 256), ("a", -129), ("b", 1 << 16), ("d", b"1")):
        with pytest.raises((OverflowError, ValueError)):
            setattr(packed, name, wrong)
    for name, wrong in (("a", "1"), ("c", "1"), ("e", len)):
        with pytest.raises(TypeError):
            setattr(packed, name, wrong)


def test_elements(points):
    ints = points.exports.ints(7, 4)
    assert isinstance(ints, ww.Array)
    assert (len(ints), list(ints), ints[-1]) == (4, [7] * 4, 7)
    ints[1:3] = [1, 2]
    ints[0] = (1 << 32) - 1
    assert ints[:] == [-1, 1, 2, 7]
    assert ints[::2] == [-1, 2]
    for index in (4, -5, 1 << 40):
        with pytest.raises(IndexError):
            ints[index]
        with pytest.raises(IndexError):
            ints[index] = 1
    with pytest.raises(ValueError):
        ints[0:2] = [1]
    assert list(points.exports.small()) == [1, -1, 127]
    assert list(points.exports.ints(1, 0)) == []


def test_names_and_fields_that_are_not_there(points):
    point = points.exports.point(5, 0.25, None)
    with pytest.raises(AttributeError):
        _ = point.nothing
    with pytest.raises(AttributeError):
        point.nothing = 1
    with pytest.raises(KeyError):
        point["nothing"]
    for index in (3, -4):
        with pytest.raises(IndexError):
            point[index]


def test_what_is_immutable_stays(points):
    with pytest.raises(TypeError, match="immutable"):
        points.exports.point3().z = 4
    with pytest.raises(TypeError, match="immutable"):
        points.exports.fixed()[0] = 1


def test_an_object_is_one_object_while_it_is_held(points):
    exports = points.exports
    point = exports.point(1, 2, None)
    anys = exports.anys(2)
    anys[0] = point
    anys[1] = anys
    assert anys[0] is point
    assert anys[1] is anys
    assert exports.any(point) is point
    assert exports.eq(anys) is anys
    exports.keep(point)
    assert exports.kept.value is point
    exports.table[1] = point
    assert exports.table[1] is point
    assert exports.same(point, anys[0]) == 1
    assert exports.same(point, exports.point(1, 2, None)) == 0
    assert point == exports.any(point)
    assert point != exports.point(1, 2, None)
    assert len({point, exports.any(point)}) == 1


def test_held_objects_stay_and_others_go(points):
    exports = points.exports
    held = [exports.point(i, i, None) for i in range(2000)]
    nested = exports.anys(10)
    nested[0] = exports.anys(10)
    nested[0][3] = exports.point(77, 1, None)
    points.heap.collect()
    assert [each.x for each in held] == list(range(2000))
    assert nested[0][3].x == 77
    live = points.heap.live
    del held[:1990]
    points.heap.collect()
    assert points.heap.live <= live - 1980 * 32
    assert [each.x for each in held] == list(range(1990, 2000))


def test_a_proxy_that_goes_and_comes_again_shows_the_same_object(points):
    exports = points.exports
    point = exports.point(1, 2, None)
    exports.keep(point)
    point.x = 44
    reference = weakref.ref(point)
    del point
    assert reference() is None
    points.heap.collect()
    assert exports.kept.value.x == 44


def test_an_object_keeps_its_world(points):
    point = points.exports.point(3, 4, None)
    packed = points.exports.packed()
    heap = points.heap
    del points
    gc.collect()
    heap.collect()
    assert point.x == 3
    assert packed.e() == 7
    assert packed.e.name == "seven"


@pytest.mark.parametrize("value", [0, 1, -1, (1 << 30) - 1, -(1 << 30)])
def test_small_numbers_are_i31(points, value):
    exports = points.exports
    assert exports.i31(value) == value
    assert exports.any(value) == value
    assert exports.kind(value) == 1
    assert exports.to_extern(value) == value
    exports.table[0] = value
    assert exports.table[0] == value


@pytest.mark.parametrize("value", [1 << 30, -(1 << 30) - 1, 1.5, "text", True, None, object(), [1]])
def test_other_objects_are_anyref_by_identity(points, value):
    exports = points.exports
    assert exports.any(value) is value
    assert exports.kind(value) == (0 if value is None else 7)
    if value is not None:
        assert exports.some(value) is value
        for name in ("i31", "eq", "struct", "array", "none"):
            with pytest.raises(TypeError):
                getattr(exports, name)(value)


def test_externref_and_anyref_are_the_same_objects(points):
    exports = points.exports
    point = exports.point(1, 2, None)
    thing = object()
    assert exports.to_extern(point) is point
    assert exports.extern(point) is point
    assert exports.to_any(point) is point
    assert exports.kind(exports.to_any(point)) == 2
    assert exports.to_any(thing) is thing
    assert exports.to_extern(thing) is thing
    assert exports.extern(5) == 5
    assert exports.to_extern(None) is exports.to_any(None) is None


def test_types_are_checked_at_the_boundary(points):
    exports = points.exports
    point, point3 = exports.point(1, 2, None), exports.point3()
    ints = exports.ints(1, 1)
    assert exports.x(point3) == 1
    assert [exports.kind(each) for each in (point, point3, exports.packed(), ints)] == [2, 3, 4, 5]
    assert exports.struct(point) is point
    assert exports.array(ints) is ints
    assert exports.maybe_x(None) == -1
    for wrong in (None, ints, exports.packed(), 5, "x", exports.seven):
        with pytest.raises(TypeError):
            exports.x(wrong)
    for name, wrong in (("struct", ints), ("array", point), ("i31", point), ("none", point)):
        with pytest.raises(TypeError):
            getattr(exports, name)(wrong)
    with pytest.raises(TypeError):
        exports.some(None)


def test_several_results_and_host_functions(points):
    number, same, ints = points.exports.two(9)
    assert (number, same, list(ints)) == (9, 9, [9, 9])
    point = points.exports.point(1, 2, None)
    assert points.exports.through(point, 8) == (point, 8)
    assert points.exports.through(None, point) == (None, point)


def test_results_of_host_functions_are_checked(instantiate):
    answers = []
    points = instantiate(POINTS, {"host": {"f": lambda point, value: answers.pop()}})
    point = points.exports.point(1, 2, None)
    for wrong in ((5, None), (points.exports.ints(1, 1), None), ("x", None)):
        answers.append(wrong)
        with pytest.raises(TypeError):
            points.exports.through(point, None)
    answers.append((points.exports.point3(), [1]))
    assert points.exports.through(point, None)[1] == [1]


def test_equal_types_of_two_modules_are_the_same(points, instantiate):
    other = instantiate(POINTS, {"host": {"f": swap}})
    point = points.exports.point(6, 2, None)
    assert other.exports.x(point) == 6
    assert other.exports.kind(points.exports.point3()) == 3
    different = instantiate(
        """(module (type $point (struct (field i32) (field f64) (field externref)))
           (func (export "x") (param (ref $point))))"""
    )
    with pytest.raises(TypeError):
        different.exports.x(point)


def test_functions_from_elsewhere_live_as_long_as_the_object(points, instantiate):
    packed = points.exports.packed()
    packed.e = instantiate('(module (func (export "f") (result i32) (i32.const 8)))').exports.f
    gc.collect()
    assert packed.e() == 8


def test_they_are_made_by_wasm_only(points):
    point = points.exports.point(1, 2, None)
    for kind in (ww.Struct, ww.Array):
        with pytest.raises(TypeError):
            kind()
        with pytest.raises(TypeError):
            type("Mine", (kind,), {})
    for function in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            function(point)


def test_repr(points):
    point = points.exports.point(1, 2, "label")
    assert repr(point).startswith("<wasmwright.Struct point at 0x")
    assert repr(point).endswith(": x=1, y=2.0, label='label'>")
    anys = points.exports.anys(12)
    anys[0] = anys
    assert "[<Array at 0x" in repr(anys)
    assert "12 [" in repr(anys)
    assert repr(anys).endswith(", …]>")


def test_tables_and_globals_made_in_python(instantiate):
    table, cell = ww.Table("anyref", 3), ww.Global("anyref", None, mutable=True)
    points = instantiate(POINTS, {"host": {"f": swap}})
    point = points.exports.point(1, 2, None)
    table[0] = point
    cell.value = point
    table[1] = 5
    table[2] = thing = object()
    cell_too = ww.Global("eqref", point)
    del point
    points.heap.collect()
    assert table[0] is cell.value is cell_too.value
    assert table[0].x == 1
    assert (table[1], table[2]) == (5, thing)
    for wrong in ("x", 1.5, object()):
        with pytest.raises(TypeError):
            ww.Global("eqref", wrong)
    assert table.grow(2, table[0]) == 3
    points.heap.collect()
    assert table[4] is table[0]
