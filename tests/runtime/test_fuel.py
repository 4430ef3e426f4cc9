"""Fuel: every tier takes the same for the same execution, whatever ends it."""

from __future__ import annotations

import itertools
import time

import pytest

import wasmwright as ww
from wasmwright import tuning
from wasmwright.codegen.options import AUTO, TIERS
from wasmwright.runtime import compile_log

FUEL = 10_000
PATIENCE = 60.0  # seconds that a compilation may take on a busy machine

# By the name of an export: its arguments, what it takes, and what ends it.
CASES = {
    "nothing": ((), 1, ""),
    "add": ((2, 3), 4, ""),
    "count": ((5,), 1 + 5 * 7 + 1, ""),
    "then": ((1,), 4, ""),
    "else": ((0,), 7, ""),
    # A stretch is charged as a whole, where it begins.
    "load": ((65536,), 9, "out of bounds memory access"),
    "divide": ((0,), 7, "integer divide by zero"),
    "late": ((65536,), 7, "out of bounds memory access"),
    "throw": ((), 3, "<wasmwright.Tag"),
    "caught": ((), 9, ""),
    "host": ((), 5, ""),
    "tail": ((9,), 9 * 7 + 4, ""),
    "table": ((1,), 4, ""),
    "forever": ((), FUEL + 1, "all fuel consumed"),
    "deep": ((), FUEL + 2, "all fuel consumed"),
}
TEXT = """(module
  (import "h" "f" (func $host (param i32)))
  (memory 1)
  (global $g (mut i32) (i32.const 0))
  (tag $t (param i32))
  (func (export "nothing") (nop) (block (block)) (loop))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "count") (param i32) (result i32)
    (loop $again
      (i32.eqz (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))
      (br_if $again (i32.eqz)))
    (local.get 0))
  (func (export "then") (param i32) (result i32)
    (if (result i32) (local.get 0) (then (i32.const 1))
      (else (i32.add (i32.const 1) (i32.mul (i32.const 2) (i32.const 3))))))
  (func (export "else") (param i32) (result i32)
    (if (result i32) (local.get 0) (then (i32.const 1))
      (else (i32.add (i32.const 1) (i32.clz (i32.const 2))))))
  (func (export "load") (param i32) (result i32)
    (global.set $g (i32.const 1))
    (i32.load (local.get 0))
    (drop) (drop (i32.const 5)) (drop (i32.const 6)) (i32.eqz (i32.const 7)))
  (func (export "divide") (param i32) (result i32)
    (i32.div_s (i32.const 5) (local.get 0))
    (i32.add (i32.const 1)) (i32.eqz))
  (func (export "late") (param i32) (result i32)
    (block $b (br_if $b (i32.eqz (local.get 0))))
    (global.set $g (i32.load (local.get 0)))
    (block)
    (global.set $g (i32.const 5))
    (i32.const 4))
  (func (export "throw") (throw $t (i32.const 5)) )
  (func (export "caught") (result i32)
    (block $h (result i32)
      (try_table (result i32) (catch $t $h)
        (throw $t (i32.const 5))
        (i32.add (i32.const 1) (i32.const 2)))
      (i32.add (i32.const 3)))
    (i32.add (i32.add (i32.const 4)) (i32.clz (i32.const 5))))
  (func (export "host") (call $host (i32.const 1)) (call $host (i32.const 2)))
  (func $tail (export "tail") (param i32) (result i32)
    (if (local.get 0) (then
      (return_call $tail (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 0))
  (func (export "table") (param i32) (result i32)
    (block $a (block $b (br_table $a $b (local.get 0))) (return (i32.const 1)))
    (i32.eqz (i32.eqz (i32.const 1))))
  (func (export "forever") (loop $l (br $l)))
  (func $deep (export "deep") (call $deep))
)"""


def consumed(instance: ww.Instance, name: str, arguments: tuple[int, ...]) -> tuple[int, str]:
    """What a call took, even beyond what there was, and the message it ended with."""
    instance.fuel = FUEL
    message = ""
    try:
        instance.exports[name](*arguments)
    except (ww.Trap, ww.WasmException) as error:
        message = str(error)
    return FUEL - instance._fuel_block().fuel, message


@pytest.mark.parametrize("guard", [True, False])
@pytest.mark.parametrize("tier", TIERS)
def test_what_is_taken(tier: str, guard: bool) -> None:
    module = ww.Module(TEXT, tier=tier, fuel=True, guard=guard)
    instance = ww.Instance(module, {"h": {"f": lambda value: None}})
    found = {name: consumed(instance, name, case[0]) for name, case in CASES.items()}
    assert {name: taken for name, (taken, _) in found.items()} == {
        name: taken for name, (_, taken, _) in CASES.items()
    }
    for name, (_, _, message) in CASES.items():
        assert found[name][1].startswith(message)


HOT = """(module
  (import "host" "more" (func $more (param i32) (result i32)))
  (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
  (func (export "run") (result i32) (local $count i32) (local $sum i32)
    (loop $again
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (if (i32.and (local.get $count) (i32.const 1))
        (then (local.set $sum (i32.add (local.get $sum) (call $square (local.get $count))))))
      (br_if $again (call $more (local.get $count))))
    (local.get $count)))"""


@pytest.mark.usefixtures("log")
def test_a_loop_that_goes_on_in_optimised_code_takes_the_same() -> None:
    rounds = 0
    left: list[int] = []

    def more(count: int) -> int:
        nonlocal rounds
        left.append(instance._fuel_block().fuel)
        hot = any(each.source == compile_log.HOT for each in compile_log.entries())
        rounds += hot
        return int(rounds < 3 * tuning.HOT_AGAIN and time.monotonic() < end)

    end = time.monotonic() + PATIENCE
    instance = ww.Instance(ww.Module(HOT, tier=AUTO, fuel=True), {"host": {"more": more}})
    instance.fuel = 1 << 40
    assert instance.exports.run() == len(left)
    assert rounds, "no optimised code came"
    taken = [before - after for before, after in itertools.pairwise(left)]
    # A round without the call and one with it, which begins every other.
    assert set(taken[0::2]) == {11}
    assert set(taken[1::2]) == {11 + 5 + 4}


@pytest.mark.parametrize("name", ["forever", "deep"])
def test_the_end_of_it_is_found_at_the_same_place(name: str) -> None:
    places = set()
    for tier in TIERS:
        instance = ww.Instance(ww.Module(TEXT, tier=tier, fuel=True), {"h": {"f": print}}, fuel=100)
        with pytest.raises(ww.ExhaustionError, match="all fuel consumed") as caught:
            instance.exports[name]()
        places.add(str(caught.value.frames[0]))
    assert len(places) == 1
