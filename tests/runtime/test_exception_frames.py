"""Throws through frames of wasm code: what is restored, and what is passed by."""

import gc
import threading

import pytest

import wasmwright as ww

TRAPS = """
(module (memory 1) (table 1 funcref)
  (func $zero (result i32) (i32.div_u (i32.const 1) (i32.const 0)))
  (func $outside (result i32) (i32.load (i32.const 1000000)))
  (func $stop (result i32) (unreachable))
  (func $null (result i32) (call_indirect (result i32) (i32.const 0)))
  (func $deep (result i32) (i32.add (i32.const 1) (call $deep)))
  (func (export "call") (param i32) (result i32)
    (block $h
      (try_table (result i32) (catch_all $h)
        (block $4 (block $3 (block $2 (block $1 (block $0
          (br_table $0 $1 $2 $3 $4 (local.get 0)))
          (return (call $zero)))
          (return (call $outside)))
          (return (call $stop)))
          (return (call $null)))
        (return (call $deep)))
      (return))
    (i32.const -1)))
"""


@pytest.mark.parametrize("guard", [True, False])
@pytest.mark.parametrize("eager", [True, False])
def test_traps_are_not_caught(wat, guard, eager):
    module = ww.Module(wat(TRAPS), guard=guard)
    if eager:
        module.compile()
    call = ww.Instance(module).exports.call
    kinds = []
    for number in range(5):
        with pytest.raises(ww.Trap) as caught:
            call(number)
        kinds.append(caught.value.kind)
    assert kinds == [
        "integer divide by zero",
        "out of bounds memory access",
        "unreachable",
        "uninitialized element",
        "call stack exhausted",
    ]


def test_a_tail_call_leaves_the_handlers_of_its_function(instantiate):
    exports = instantiate(
        """(module (tag $e)
          (func $throw (result i32) (throw $e))
          (func $inner (result i32)
            (block $h (try_table (catch_all $h) (return_call $throw))) (i32.const 1))
          (func (export "f") (result i32)
            (block $h (try_table (catch_all $h) (return (call $inner)))) (i32.const 2)))"""
    ).exports
    assert exports.f() == 2


def test_tail_calls_with_any_number_of_values_lie_on_the_way(instantiate):
    values = " ".join("(i64.const 3)" for _ in range(20))
    types = " ".join("i64" for _ in range(20))
    exports = instantiate(
        f"""(module (tag $e (param i64))
          (func $wide (param {types}) (result {types})
            (throw $e (i64.add (local.get 19) (local.get 0))))
          (func $narrow (result {types}) (return_call $wide {values}))
          (func (export "f") (param i64 i64 i64) (result i64)
            (local $a i64) (local $b i64)
            (local.set $a (i64.mul (local.get 0) (local.get 1)))
            (local.set $b (i64.xor (local.get 1) (local.get 2)))
            (block $h (result i64)
              (try_table (catch $e $h) (call $narrow) {"(drop)" * 20}) (unreachable))
            (i64.add (i64.add (local.get $a) (local.get $b)) (local.get 2)) (i64.add)))"""
    ).exports
    assert exports.f(5, 7, 9) == 6 + 35 + (7 ^ 9) + 9


def test_locals_have_the_values_of_the_throw(instantiate):
    exports = instantiate(
        """(module (tag $e) (func $throw (param i32) (if (local.get 0) (then (throw $e))))
          (func (export "f") (param $n i32) (result i32) (local $x i32)
            (block $h
              (try_table (catch_all $h)
                (local.set $x (i32.const 1)) (call $throw (i32.eq (local.get $n) (i32.const 1)))
                (local.set $x (i32.const 2)) (call $throw (i32.eq (local.get $n) (i32.const 2)))
                (local.set $x (i32.const 3))))
            (local.get $x)))"""
    ).exports
    assert [exports.f(n) for n in range(4)] == [3, 1, 2, 3]


def test_a_throw_passes_ten_thousand_frames(instantiate):
    exports = instantiate(
        """(module (tag $e (param i32))
          (func $down (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (throw $e (i32.const 77))))
            (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
          (func (export "f") (param i32) (result i32)
            (block $h (result i32) (try_table (catch $e $h) (return (call $down (local.get 0))))
              (unreachable))))"""
    ).exports
    assert exports.f(10_000) == 77


def test_vectors_survive_a_throw(instantiate):
    count = 24  # more than there are registers
    locals_ = "".join(f"(local $v{i} v128)" for i in range(count))
    sets = "".join(
        f"(local.set $v{i} (i64x2.splat (i64.add (local.get 0) (i64.const {i}))))"
        for i in range(count)
    )
    adds = "".join(f"(i64x2.extract_lane 1 (local.get $v{i})) (i64.add)" for i in range(count))
    exports = instantiate(
        f"""(module (tag $e) (func $throw (throw $e))
          (func (export "f") (param i64) (result i64) {locals_} {sets}
            (block $h (try_table (catch_all $h) (call $throw) (unreachable)))
            (i64.const 0) {adds}))"""
    ).exports
    assert exports.f(1000) == sum(1000 + i for i in range(count))


def test_legacy_delegate_skips_handlers_between(instantiate):
    exports = instantiate(
        """(module (tag $e) (func $throw (throw $e))
          (func (export "f") (result i32)
            (try $outer (result i32)
              (do
                (try (result i32)
                  (do (try (result i32) (do (call $throw) (i32.const 0)) (delegate $outer)))
                  (catch_all (i32.const 1))))
              (catch_all (i32.const 2)))))"""
    ).exports
    assert exports.f() == 2


def test_threads_throw_at_the_same_time(wat):
    module = ww.Module(
        wat(
            """(module (tag $e (param i32))
          (func $down (param $n i32) (param $v i32)
            (if (i32.eqz (local.get $n)) (then (throw $e (local.get $v))))
            (call $down (i32.sub (local.get $n) (i32.const 1)) (local.get $v)))
          (func $once (param $v i32) (result i32)
            (block $h (result i32)
              (try_table (catch $e $h) (call $down (i32.const 5) (local.get $v)))
              (unreachable)))
          (func (export "f") (param $n i32) (result i64) (local $s i64)
            (loop $l
              (local.set $s (i64.add (local.get $s) (i64.extend_i32_u (call $once (local.get $n)))))
              (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $s)))"""
        )
    )
    count, results = 50_000, []
    threads = [
        threading.Thread(target=lambda: results.append(ww.Instance(module).exports.f(count)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [count * (count + 1) // 2] * 4


def test_code_that_replaces_unloaded_code_has_frames_of_its_own(wat):
    for count in range(1, 40):
        locals_ = "".join(f"(local $l{i} i64)" for i in range(count))
        sets = "".join(
            f"(local.set $l{i} (i64.mul (local.get 0) (i64.const {i})))" for i in range(count)
        )
        adds = "".join(f"(local.get $l{i}) (i64.add)" for i in range(count))
        exports = ww.Instance(
            ww.Module(
                wat(
                    f"""(module (tag $e)
                  (func $g (param i64) (result i64) {locals_} {sets}
                    (call $t) (i64.const 0) {adds})
                  (func $t (throw $e))
                  (func (export "f") (param i64) (result i64) {locals_} {sets}
                    (block $h (try_table (catch_all $h) (drop (call $g (local.get 0)))))
                    (i64.const 0) {adds}))"""
                )
            )
        ).exports
        assert exports.f(3) == 3 * sum(range(count))
        del exports
        gc.collect()
