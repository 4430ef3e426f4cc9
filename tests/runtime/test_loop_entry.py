"""Loops that are running go on in optimised code, whatever is on the stack and around them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

import wasmwright as ww
from wasmwright import tuning
from wasmwright.codegen.baseline.sites import MOST_HANDED_OVER
from wasmwright.codegen.options import AUTO
from wasmwright.features import ALL
from wasmwright.runtime import tiering
from wasmwright.runtime.baseline import BaselineUnit

PATIENCE = 60.0  # seconds that a compilation may take on a busy machine
MORE_ROUNDS = 7  # that a loop makes in optimised code

Site = tuple[BaselineUnit, int]

THROWING = """(import "host" "fail" (func $fail))
      (import "host" "tag" (tag $host (param i32 i64)))
      (tag $tag (param i32 i64)) (tag $other)
      (func $pair (param i32) (result i32 i64)
        (local.get 0) (i64.extend_i32_u (local.get 0)))
      (func $throw (param i32) (throw $tag (call $pair (local.get 0))))"""


@pytest.fixture
def sites(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Site]]:
    """The sites of loops that have optimised code to go on in."""
    found: list[Site] = []
    enter_at = BaselineUnit.enter_at

    def spy(unit: BaselineUnit, number: int, address: int) -> None:
        enter_at(unit, number, address)
        found.append((unit, number))

    monkeypatch.setattr(BaselineUnit, "enter_at", spy)
    monkeypatch.setenv("WASMWRIGHT_CACHE", "off")
    for name in ("HOT_ROUNDS", "HOT_AGAIN"):
        monkeypatch.setattr(tuning, name, 3)
    yield found
    while tiering.get().busy:  # or what is made there were found by the next test
        time.sleep(0.01)


def run(sites: list[Site], functions: str, *arguments: Any, tags: bool = True) -> tuple[Any, int]:
    """What "run" gives and in how many rounds: it asks the host for another until a loop of it was
    entered, and for some after that; what the host says then is 0.
    """
    until = time.monotonic() + PATIENCE
    rounds = entered = 0

    def more() -> int:
        nonlocal rounds, entered
        rounds += 1
        entered += any(unit.entered(number) for unit, number in sites)
        if not entered:
            time.sleep(0.001)
            assert time.monotonic() < until, "no loop was entered"
        return int(entered < MORE_ROUNDS)

    def fail() -> None:
        raise ww.WasmException(tag, 1, 2)

    tag = ww.Tag("i32", "i64")
    text = f"""(module
      (import "host" "more" (func $more (result i32)))
      {THROWING if tags else ""}
      {functions})"""
    module = ww.Module(text, tier=AUTO, features=ALL)
    host: dict[str, Any] = {"more": more, "fail": fail, "tag": tag}
    result = ww.Instance(module, {"host": host}).exports.run(*arguments)
    assert entered >= MORE_ROUNDS
    return result, rounds


def only_outermost(sites: list[Site], functions: str) -> Any:
    """What "run" gives if there are 400 rounds, where only its outermost loop may be entered."""
    rounds = 0

    def more() -> int:
        nonlocal rounds
        rounds += 1
        time.sleep(0.001 if rounds % 10 == 0 else 0)
        return int(rounds < 400)

    text = f"""(module (import "host" "more" (func $more (result i32))) {THROWING} {functions})"""
    host = {"more": more, "fail": lambda: None, "tag": ww.Tag("i32", "i64")}
    result = ww.Instance(ww.Module(text, tier=AUTO, features=ALL), {"host": host}).exports.run()
    while tiering.get().busy:
        time.sleep(0.01)
    assert len(sites) <= 1
    return result


# Counts a round, and goes on to the next if there is one. Labels: $again; locals: $n.
ROUND = """(local.set $n (i32.add (local.get $n) (i32.const 1)))
           (br_if $again (call $more))"""


def test_operands_below_the_loop_are_handed_over(sites: list[Site]) -> None:
    text = f"""(func (export "run") (param $a i32) (param $b i64) (param $c f32) (param $d f64)
      (param $e v128) (param $f externref)
      (result i32 i64 f32 f64 v128 externref i32 i64 f64 v128 i32) (local $n i32)
      (i32.add (local.get $a) (i32.const 1)) (i64.add (local.get $b) (i64.const 1))
      (f32.add (local.get $c) (f32.const 1)) (f64.add (local.get $d) (f64.const 1))
      (i32x4.add (local.get $e) (v128.const i32x4 1 1 1 1)) (local.get $f)
      (i32.const -7) (i64.const 0x123456789abcdef) (f64.const 1) (v128.const i32x4 4 3 2 1)
      (local.set $a (i32.const 0)) (local.set $f (ref.null extern))
      (loop $again {ROUND})
      (local.get $n))"""
    value = object()
    vector = b"\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0"
    result, rounds = run(sites, text, 41, 1 << 40, 0.5, 0.25, vector, value)
    assert result == (
        42,
        (1 << 40) + 1,
        1.5,
        1.25,
        b"\2\0\0\0\3\0\0\0\4\0\0\0\5\0\0\0",
        value,
        -7,
        0x123456789ABCDEF,
        1.0,
        b"\4\0\0\0\3\0\0\0\2\0\0\0\1\0\0\0",
        rounds,
    )


def test_a_comparison_below_the_loop_is_handed_over(sites: list[Site]) -> None:
    text = f"""(func (export "run") (param i32) (result i32) (local $n i32)
      (i32.lt_s (local.get 0) (i32.const 5))
      (loop $again {ROUND})
      (i32.add (i32.const 10)))"""
    assert run(sites, text, 4)[0] == 11


def test_parameters_of_the_loop_are_handed_over(sites: list[Site]) -> None:
    text = """(func (export "run") (param i32) (result i32 i32 i64) (local $n i32) (local $m i64)
      (i32.mul (local.get 0) (i32.const 3)) (i32.const 0) (i64.const 5)
      (loop $again (param i32 i64) (result i32 i64)
        (local.set $m (i64.add (i64.const 2)))
        (local.set $n (i32.add (i32.const 1)))
        (local.get $n) (local.get $m)
        (br_if $again (call $more))))"""
    result, rounds = run(sites, text, 7)
    assert result == (21, rounds, 5 + 2 * rounds)


def test_a_loop_gives_several_values(sites: list[Site]) -> None:
    text = f"""(func (export "run") (result i32 i64 i32) (local $n i32)
      (i32.const 3)
      (loop $again (result i64 i32) {ROUND} (i64.const -1) (local.get $n)))"""
    result, rounds = run(sites, text)
    assert result == (3, -1, rounds)


def test_the_loop_within_a_loop_is_hot_and_both_go_on(sites: list[Site]) -> None:
    # Operands and parameters of the outer loop come to the inner one from the frame once, and in
    # later rounds from the optimised code itself.
    text = f"""(func (export "run") (param i32) (result i32 i32 i32) (local $n i32) (local $r i32)
      (local.get 0) (i32.const 100)
      (loop $outer (param i32) (result i32)
        (i32.add (local.tee $r (i32.add (i32.const 1))) (i32.const 1000))
        (loop $again {ROUND})
        (drop)
        (br_if $outer (local.get $r) (i32.lt_s (local.get $r) (i32.const 103))))
      (local.get $n))"""
    result, rounds = run(sites, text, 9, tags=False)
    assert result == (9, 103, rounds)


@pytest.mark.parametrize("way", ["0", "1"])
def test_a_loop_in_a_branch_of_an_if_with_parameters(sites: list[Site], way: str) -> None:
    text = f"""(func (export "run") (param i32) (result i32 i32) (local $n i32)
      (i32.const 7)
      (i32.add (local.get 0) (i32.const 1)) (i32.const {way})
      (if (param i32) (result i32)
        (then (loop $again {ROUND}) (i32.add (i32.const 10)))
        (else (loop $again {ROUND}) (i32.add (i32.const 20)))))"""
    assert run(sites, text, 1)[0] == (7, 12 if way == "1" else 22)


THROWS = {
    "here": "(throw $tag (i32.const 1) (i64.const 2))",
    "in a callee": "(call $throw (i32.const 1)) (unreachable)",
    "on the way": "(call $fail) (unreachable)",
}


@pytest.mark.parametrize("throw", THROWS.values(), ids=THROWS)
@pytest.mark.parametrize("clause", ["catch", "catch_ref", "catch_all", "catch_all_ref"])
def test_a_loop_in_a_try_table(sites: list[Site], clause: str, throw: str) -> None:
    tag = "$host" if "$fail" in throw else "$tag"
    types, drop = {
        "catch": ("i32 i64", "(i32.wrap_i64) (i32.add)"),
        "catch_ref": ("i32 i64 exnref", "(drop) (i32.wrap_i64) (i32.add)"),
        "catch_all": ("", "(i32.const 3)"),
        "catch_all_ref": ("exnref", "(drop) (i32.const 3)"),
    }[clause]
    label = f"{clause} {'' if 'all' in clause else tag} $caught"
    text = f"""(func (export "run") (param i32) (result i32 i32 i32) (local $n i32)
      (i32.add (local.get 0) (i32.const 1))
      (block $caught (result {types})
        (i64.extend_i32_u (local.get 0))
        (try_table ({label})
          (loop $again {ROUND})
          {throw})
        (unreachable))
      {drop}
      (local.get $n))"""
    result, rounds = run(sites, text, 5)
    assert result[0] == 6
    assert result[1] in (2, 3)
    assert result[2] == rounds


def test_what_no_clause_takes_goes_on_to_the_caller(sites: list[Site]) -> None:
    text = f"""(func $inner (local $n i32)
        (block $no (try_table (catch $other $no)
          (loop $again {ROUND}) (call $throw (i32.const 8)))))
      (func (export "run") (result i32 i64)
        (block $caught (result i32 i64)
          (try_table (catch $tag $caught) (call $inner)) (unreachable)))"""
    assert run(sites, text)[0] == (8, 8)


def test_in_a_loop_around_a_try_table_no_loop_is_entered(sites: list[Site]) -> None:
    # LLVM fails at loops with two heads and unwinding out of them.
    text = f"""(func (export "run") (result i32 i32) (local $n i32) (local $turns i32)
      (loop $turn
        (block $caught (result i32 i64)
          (try_table (catch $tag $caught)
            (block $no (try_table (catch $other $no)
              (loop $again {ROUND})
              (call $throw (i32.const 1)))))
          (unreachable))
        (drop)
        (br_if $turn (i32.lt_u (local.tee $turns (i32.add (local.get $turns))) (i32.const 4))))
      (local.get $n) (local.get $turns))"""
    assert only_outermost(sites, text) == (403, 4)


@pytest.mark.parametrize("throw", THROWS.values(), ids=THROWS)
def test_a_loop_in_a_legacy_try(sites: list[Site], throw: str) -> None:
    tag = "$host" if "$fail" in throw else "$tag"
    text = f"""(func (export "run") (param i32) (result i32 i32 i64 i32) (local $n i32)
      (i32.add (local.get 0) (i32.const 1))
      (try (result i32 i64)
        (do (loop $again {ROUND}) {throw})
        (catch $other (i32.const -1) (i64.const -1))
        (catch {tag})
        (catch_all (i32.const -2) (i64.const -2)))
      (local.get $n))"""
    result, rounds = run(sites, text, 5)
    assert result[:2] == (6, 1)
    assert result[2] in (1, 2)
    assert result[3] == rounds


def test_a_loop_in_a_clause_of_a_legacy_try(sites: list[Site]) -> None:
    # The exception has a slot between the operands.
    text = f"""(func (export "run") (param i32) (result i32 i64 i32 i32) (local $n i32)
      (i32.add (local.get 0) (i32.const 1))
      (try (result i64 i32 i32)
        (do (call $throw (i32.const 3)) (unreachable))
        (catch $tag
          (local.set $n (i32.wrap_i64))
          (i64.extend_i32_u) (i32.mul (local.get 0) (i32.const 2))
          (loop $again {ROUND})
          (local.get $n))))"""
    result, rounds = run(sites, text, 5)
    assert result == (6, 3, 10, rounds + 3)


@pytest.mark.parametrize("clause", ["catch $tag (drop) (drop)", "catch_all"])
@pytest.mark.parametrize("around", ["", "(i64.const 9) (i32.eqz (local.get 0))"])
def test_an_exception_that_was_caught_before_is_thrown_again(
    sites: list[Site], clause: str, around: str
) -> None:
    drop = "(drop) (drop)" if around else ""
    text = f"""(func (export "run") (param i32) (result i32 i32 i64 i32) (local $n i32)
      (i32.add (local.get 0) (i32.const 1))
      (try (result i32 i64)
        (do
          (try $outer
            (do (call $throw (local.get 0)))
            ({clause}
              {around}
              (try $inner
                (do (throw $other))
                (catch_all (loop $again {ROUND}) (rethrow $outer)))
              {drop})
            )
          (unreachable))
        (catch $tag))
      (local.get $n))"""
    result, rounds = run(sites, text, 5)
    assert result == (6, 5, 5, rounds)


def test_in_a_loop_around_a_legacy_try_no_loop_is_entered(sites: list[Site]) -> None:
    text = f"""(func (export "run") (result i32 i32) (local $n i32) (local $turns i32)
      (loop $turn
        (try
          (do (local.set $turns (i32.add (local.get $turns) (i32.const 1)))
              (if (i32.and (local.get $turns) (i32.const 1))
                (then (throw $other)) (else (call $throw (local.get $turns)))))
          (catch $other (loop $again {ROUND}))
          (catch $tag (drop) (i32.mul (i32.const 100)) (local.set $turns)))
        (br_if $turn (i32.lt_u (local.get $turns) (i32.const 200))))
      (local.get $n) (local.get $turns))"""
    assert only_outermost(sites, text) == (400, 200)


def test_a_try_that_delegates(sites: list[Site]) -> None:
    text = f"""(func (export "run") (param i32) (result i32 i32 i64 i32) (local $n i32)
      (i32.add (local.get 0) (i32.const 1))
      (try $outer (result i32 i64)
        (do
          (try
            (do (try (do (loop $again {ROUND}) (call $throw (i32.const 4))) (delegate $outer)))
            (catch_all))
          (i32.const -1) (i64.const -1))
        (catch $tag))
      (local.get $n))"""
    result, rounds = run(sites, text, 5)
    assert result == (6, 4, 4, rounds)


def test_a_loop_on_too_many_operands_stays_where_it_is(sites: list[Site]) -> None:
    def called(count: int) -> Any:
        text = f"""(module (func (export "run") (param i32) (result i32) (local $n i32)
          {"(local.get 0)" * count}
          (loop $again (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 1000000))))
          {"(i32.add)" * (count - 1)}))"""
        return ww.Instance(ww.Module(text, tier=AUTO)).exports.run(2)

    assert called(MOST_HANDED_OVER + 1) == 2 * (MOST_HANDED_OVER + 1)
    assert not sites


@pytest.mark.parametrize("valtype", ["i32", "i64", "f32", "f64"])
@pytest.mark.parametrize("rounds", [0, 3, 100_000])
def test_a_constant_below_a_loop_is_there_where_the_loop_was_not(valtype: str, rounds: int) -> None:
    large = {"i32": 5, "i64": 1 << 40, "f32": 0.5, "f64": 1e300}[valtype]
    text = f"""(module (func $dirty (export "dirty") (param i64) (result i64)
        (i64.add (local.get 0) (i64.add (local.get 0) (i64.add (local.get 0) (local.get 0)))))
      (func (export "run") (param $n i32) (result {valtype})
        ({valtype}.const {large})
        (block $skip
          (br_if $skip (i32.eqz (local.get $n)))
          (loop $again
            (drop (call $dirty (i64.const -1)))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
        ({valtype}.const 1) ({valtype}.add)))"""
    exports = ww.Instance(ww.Module(text, tier=AUTO)).exports
    exports.dirty(-1)
    expected = large + 1 if large != 1e300 else large
    assert exports.run(rounds) == expected
