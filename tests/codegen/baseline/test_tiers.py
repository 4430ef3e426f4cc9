"""The baseline tier gives the same results as the optimising one, on programs made by chance."""

import importlib.util
from pathlib import Path

import pytest

import wasmwright as ww

FUZZ = Path(__file__).parents[3] / "fuzz/tiers.py"
SEEDS = 12


@pytest.fixture(scope="module")
def fuzzer():
    spec = importlib.util.spec_from_file_location("fuzz_tiers", FUZZ)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", range(SEEDS))
def test_made_up_programs(fuzzer, seed):
    assert not list(fuzzer.differences(seed))


def test_vectors_in_a_function_without_vector_instructions():
    text = """(module
      (global $v (mut v128) (v128.const i64x2 1 2))
      (tag $t (param i32 v128))
      (func $id (param v128) (result i32 v128) (i32.const 3) (local.get 0))
      (func (export "global") (result i32 v128) (i32.const 5) (global.get $v) (call $id)
        (global.set $v) (drop) (global.get $v))
      (func (export "thrown") (result i32 v128)
        (block $h (result i32 v128)
          (try_table (catch $t $h) (throw $t (i32.const 7) (global.get $v)))
          (unreachable))))"""
    exports = ww.Instance(ww.Module(text, tier="baseline")).exports
    vector = b"\1" + bytes(7) + b"\2" + bytes(7)
    assert exports["global"]() == (5, vector)
    assert exports.thrown() == (7, vector)
