"""Calls of the baseline tier: tail calls, subtypes, and what does not fit into registers."""

import pytest

import wasmwright as ww

ROUNDS = 1_000_000

TAIL = """
(module
  (type $step (func (param i32 i64) (result i64)))
  (type $wide (func (param i32 i32 i32 i32 i32 i32 i32 i64 v128) (result i64)))
  (table funcref (elem $indirect))
  (elem declare func $reference)
  (func $direct (export "direct") (param i32 i64) (result i64)
    (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call $direct (i32.sub (local.get 0) (i32.const 1))
      (i64.add (local.get 1) (i64.const 3))))
  (func $indirect (export "indirect") (type $step)
    (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call_indirect (type $step) (i32.sub (local.get 0) (i32.const 1))
      (i64.add (local.get 1) (i64.const 3)) (i32.const 0)))
  (func $reference (export "reference") (type $step)
    (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call_ref $step (i32.sub (local.get 0) (i32.const 1))
      (i64.add (local.get 1) (i64.const 3)) (ref.func $reference)))
  (func $small (param i32 i64) (result i64)
    (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call $wide (i32.sub (local.get 0) (i32.const 1)) (i32.const 1) (i32.const 2)
      (i32.const 3) (i32.const 4) (i32.const 5) (i32.const 6) (local.get 1)
      (v128.const i64x2 3 7)))
  (func $wide (export "wide") (type $wide)
    (return_call $small (local.get 0)
      (i64.add (local.get 7) (i64x2.extract_lane 0 (local.get 8)))))
  (func (export "grow") (param i32 i64) (result i64)
    (return_call $small (local.get 0) (local.get 1))))
"""


@pytest.mark.parametrize("name", ["direct", "indirect", "reference", "grow"])
def test_a_million_tail_calls_need_no_stack(name):
    exports = ww.Instance(ww.Module(TAIL, tier="baseline")).exports
    assert exports[name](ROUNDS, 5) == 5 + 3 * ROUNDS


def test_a_tail_call_restores_what_its_caller_has_in_registers():
    module = ww.Module(
        """(module
          (func $leaf (param i32 f64) (result i32) (local i32 i32)
            (loop (local.set 2 (i32.add (local.get 2) (local.get 0)))
              (local.set 3 (i32.add (local.get 3) (i32.const 1)))
              (br_if 0 (i32.lt_u (local.get 3) (i32.const 10))))
            (local.get 2))
          (func $middle (param i32) (result i32) (local i32 i32)
            (local.set 1 (i32.const 77)) (local.set 2 (i32.mul (local.get 1) (local.get 1)))
            (return_call $leaf (i32.add (local.get 0) (local.get 2)) (f64.const 1)))
          (func (export "run") (param i32) (result i32) (local i32)
            (loop
              (local.set 1 (i32.add (local.get 1) (call $middle (local.get 0))))
              (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get 1)))""",
        tier="baseline",
    )
    run = ww.Instance(module).exports.run
    assert run(5) == sum(10 * (n + 77 * 77) for n in range(1, 6))


def test_a_tail_call_of_another_instance_gets_its_context():
    other = ww.Instance(
        ww.Module(
            """(module (global $g (mut i32) (i32.const 40))
              (func (export "next") (param i32) (result i32)
                (global.set $g (i32.add (global.get $g) (local.get 0))) (global.get $g)))""",
            tier="baseline",
        )
    )
    module = ww.Module(
        """(module (import "" "next" (func $next (param i32) (result i32)))
          (global $g (mut i32) (i32.const 1))
          (func (export "run") (param i32) (result i32) (return_call $next (local.get 0))))""",
        tier="baseline",
    )
    run = ww.Instance(module, {"": {"next": other.exports.next}}).exports.run
    assert [run(2), run(3)] == [42, 45]


DEPTH = 12  # more supertypes than each display has room for


def test_indirect_calls_look_for_supertypes():
    types = ["(type $t0 (sub (func (result i32))))"]
    types += [f"(type $t{i} (sub $t{i - 1} (func (result i32))))" for i in range(1, DEPTH)]
    functions = [f"(func $f{i} (type $t{i}) (i32.const {i}))" for i in range(DEPTH)]
    calls = [
        f"""(func (export "as{i}") (param i32) (result i32)
          (call_indirect (type $t{i}) (local.get 0)))
        (func (export "tail{i}") (param i32) (result i32)
          (return_call_indirect (type $t{i}) (local.get 0)))"""
        for i in range(DEPTH)
    ]
    table = f"(table funcref (elem {' '.join(f'$f{i}' for i in range(DEPTH))}))"
    text = f"(module (rec {''.join(types)}) {table} {''.join(functions + calls)})"
    exports = ww.Instance(ww.Module(text, tier="baseline")).exports
    for wanted in range(DEPTH):
        for index in range(DEPTH):
            for name in ("as", "tail"):
                if index >= wanted:
                    assert exports[f"{name}{wanted}"](index) == index
                else:
                    with pytest.raises(ww.Trap, match="indirect call type mismatch"):
                        exports[f"{name}{wanted}"](index)


def test_a_branch_carries_a_constant_that_no_stencil_has_room_for():
    module = ww.Module(
        """(module (func (export "run") (param i32) (result i64)
          (block (result i64)
            (i32.const 5)
            (i64.const 0x123456789abcdef)
            (br_if 0 (local.get 0))
            (drop) (drop) (i64.const -2))))""",
        tier="baseline",
    )
    run = ww.Instance(module).exports.run
    assert [run(1), run(0)] == [0x123456789ABCDEF, -2]


def test_a_branch_carries_values_over_operands_that_are_in_registers():
    module = ww.Module(
        """(module (func (export "run") (param f64 f64) (result f64 f64)
          (block $out (result f64 f64)
            (f64.neg (local.get 0)) (f64.neg (local.get 0)) (f64.neg (local.get 0))
            (local.get 1) (f64.const 2.5)
            (br $out))))""",
        tier="baseline",
    )
    assert ww.Instance(module).exports.run(7.0, 3.0) == (3.0, 2.5)


@pytest.mark.parametrize("place", ["(local.get 0)", "(local.get 1)", "(i32.const 42)"])
def test_arguments_without_registers_come_from_wherever_they_are(place):
    # So many that they are copied as a whole; only local 1 is not pinned.
    count, at = 60, 50
    arguments = " ".join(place if i == at else f"(i32.const {i})" for i in range(count))
    used = "(drop (local.get 0))" * 9 + "".join(f"(drop (local.get {i}))" * 5 for i in (2, 3, 4))
    text = f"""(module
      (func $callee (param {" i32" * count}) (result i32 i32) (local.get {at}) (local.get {at - 1}))
      (func (export "run") (param i32 i32) (result i32 i32) (local i32 i32 i32)
        {used} (call $callee {arguments})))"""
    run = ww.Instance(ww.Module(text, tier="baseline")).exports.run
    assert run(42, 42) == (42, at - 1)
