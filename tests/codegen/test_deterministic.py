"""The deterministic profile: canonical NaNs, and relaxed instructions as the spec prescribes them."""

import itertools
import math
import pickle
import struct

import pytest

import wasmwright as ww

CANONICAL = {"f32": 0x7FC00000, "f64": 0x7FF8000000000000}
# Quiet and signalling, of both signs, with payloads.
NANS = {
    "f32": (0x7FC00000, 0xFFC00000, 0x7FA00001, 0xFFFFFFFF, 0x7F800001),
    "f64": (0x7FF8000000000000, 0xFFF8000000000000, 0x7FF0000000000001, 0xFFFFFFFFFFFFFFFF),
}
NUMBERS = {
    "f32": (0, 0x80000000, 0x3F800000, 0x7F800000, 0xFF800000),
    "f64": (0, 1 << 63, 0x3FF0000000000000, 0x7FF0000000000000, 0xFFF0000000000000),
}
UNARY = ("sqrt", "ceil", "floor", "trunc", "nearest")
BINARY = ("add", "sub", "mul", "div", "min", "max")
SHAPES = {"f32": "f32x4", "f64": "f64x2"}


def scalar_functions():
    for kind, operation in itertools.product(CANONICAL, UNARY + BINARY):
        bits = f"i{kind[1:]}"
        count = 1 if operation in UNARY else 2
        operands = "".join(f"({kind}.reinterpret_{bits} (local.get {i}))" for i in range(count))
        yield f"""(func (export "{kind}.{operation}") (param{f" {bits}" * count}) (result {bits})
            ({bits}.reinterpret_{kind} ({kind}.{operation} {operands})))"""


def vector_functions():
    for kind, operation in itertools.product(CANONICAL, UNARY + BINARY):
        bits = f"i{kind[1:]}"
        splat = f"{bits}x{128 // int(kind[1:])}.splat"
        count = 1 if operation in UNARY else 2
        operands = "".join(f"({splat} (local.get {i}))" for i in range(count))
        extract = f"{splat[:-6]}.extract_lane 1"
        yield f"""(func (export "{SHAPES[kind]}.{operation}") (param{f" {bits}" * count})
            (result {bits}) ({extract} ({SHAPES[kind]}.{operation} {operands})))"""


OTHERS = """
  (func (export "demote") (param i64) (result i32)
    (i32.reinterpret_f32 (f32.demote_f64 (f64.reinterpret_i64 (local.get 0)))))
  (func (export "promote") (param i32) (result i64)
    (i64.reinterpret_f64 (f64.promote_f32 (f32.reinterpret_i32 (local.get 0)))))
  (func (export "neg") (param i32) (result i32)
    (i32.reinterpret_f32 (f32.neg (f32.reinterpret_i32 (local.get 0)))))
  (func (export "madd") (param f64 f64 f64) (result f64) (f64x2.extract_lane 0
    (f64x2.relaxed_madd (f64x2.splat (local.get 0)) (f64x2.splat (local.get 1))
      (f64x2.splat (local.get 2)))))
  (func (export "nmadd") (param f64 f64 f64) (result f64) (f64x2.extract_lane 0
    (f64x2.relaxed_nmadd (f64x2.splat (local.get 0)) (f64x2.splat (local.get 1))
      (f64x2.splat (local.get 2)))))
  (func (export "relaxed_min") (param i32 i32) (result i32) (i32x4.extract_lane 0
    (f32x4.relaxed_min (i32x4.splat (local.get 0)) (i32x4.splat (local.get 1)))))
  (func (export "relaxed_max") (param i32 i32) (result i32) (i32x4.extract_lane 0
    (f32x4.relaxed_max (i32x4.splat (local.get 0)) (i32x4.splat (local.get 1)))))
  (func (export "swizzle") (param i32) (result i32) (i8x16.extract_lane_u 3
    (i8x16.relaxed_swizzle (v128.const i8x16 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
      (i8x16.splat (local.get 0)))))
  (func (export "constant") (result i32) (i32.reinterpret_f32
    (f32.add (f32.const -nan:0x200001) (f32.const 1))))
"""


@pytest.fixture(scope="module")
def exports():
    functions = "".join((*scalar_functions(), *vector_functions()))
    module = ww.Module(f"(module {functions} {OTHERS})", deterministic=True)
    module.compile()
    return ww.Instance(module).exports


@pytest.mark.parametrize("operation", UNARY + BINARY)
@pytest.mark.parametrize("kind", CANONICAL)
def test_a_nan_that_was_computed_is_the_canonical_one(exports, kind, operation):
    width = (1 << int(kind[1:])) - 1
    values = NANS[kind] + NUMBERS[kind]
    for operands in itertools.product(values, repeat=1 if operation in UNARY else 2):
        for name in (f"{kind}.{operation}", f"{SHAPES[kind]}.{operation}"):
            result = exports[name](*operands) & width
            assert not is_nan(kind, result) or result == CANONICAL[kind], (name, operands)
            if any(is_nan(kind, operand) for operand in operands):
                assert result == CANONICAL[kind], (name, operands)


def is_nan(kind, bits):
    layout = ("<I", "<f") if kind == "f32" else ("<Q", "<d")
    return math.isnan(struct.unpack(layout[1], struct.pack(layout[0], bits))[0])


def test_conversions_and_what_copies_bits(exports):
    for bits in NANS["f64"]:
        assert exports.demote(bits) == CANONICAL["f32"]
    for bits in NANS["f32"]:
        assert exports.promote(bits) == CANONICAL["f64"]
        assert exports.neg(bits) & 0xFFFFFFFF == bits ^ 0x80000000  # no arithmetic
    assert exports.constant() == CANONICAL["f32"]


@pytest.mark.parametrize("tier", ["baseline", "optimised"])
@pytest.mark.parametrize("level", [0, 2])
def test_a_square_root_has_the_canonical_nan_wherever_it_goes(tier, level):
    text = """(module
      (func (export "f32") (param f32) (result f32) (f32.sqrt (local.get 0)))
      (func (export "f64") (param f64) (result f64) (f64.sqrt (local.get 0))))"""
    module = ww.Module(text, tier=tier, level=level, deterministic=True)
    exports = ww.Instance(module).exports
    assert struct.pack("<d", exports.f32(-1.5)) == struct.pack("<Q", CANONICAL["f64"])
    assert struct.pack("<d", exports.f64(-1.5)) == struct.pack("<Q", CANONICAL["f64"])


def test_relaxed_instructions(exports):
    # (1 + e)(1 - e) is 1 - e², which rounds to 1 unless the multiplication is fused.
    e = 2.0**-30
    assert exports.madd(1 + e, 1 - e, -1.0) == 0.0
    assert exports.nmadd(1 + e, 1 - e, 1.0) == 0.0
    for name in ("relaxed_min", "relaxed_max"):
        for nan, number in itertools.product(NANS["f32"], NUMBERS["f32"]):
            assert exports[name](nan, number) == exports[name](number, nan) == CANONICAL["f32"]
    assert exports.relaxed_min(0, 0x80000000) & 0xFFFFFFFF == 0x80000000
    assert exports.relaxed_min(0x80000000, 0) & 0xFFFFFFFF == 0x80000000
    assert exports.relaxed_max(0, 0x80000000) == exports.relaxed_max(0x80000000, 0) == 0
    assert [exports.swizzle(i) for i in (0, 15, 16, 127, 128, 255)] == [1, 16, 0, 0, 0, 0]


def test_the_option_goes_with_pickled_and_compiled_modules():
    module = ww.Module(f"(module {OTHERS})", deterministic=True)
    for again in (pickle.loads(pickle.dumps(module)), ww.Module.load(module.serialize())):
        assert ww.Instance(again).exports.promote(0xFFC00001) == CANONICAL["f64"]
