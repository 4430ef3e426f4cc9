"""What is read from bodies without lowering them."""

import pytest

from wasmwright.binary.bodies import callees, carried, is_short, merges
from wasmwright.binary.decode import decode

TEXT = """(module (import "a" "f" (func $f)) (memory 1) (global $g (mut i32) (i32.const 0))
  (func $short (param i32) (result i32)
    (block (br_if 0 (local.get 0)) (i32.store (i32.const 0) (global.get $g)))
    (if (result i32) (local.get 0) (then (i32.load (i32.const 8))) (else (i32.const 0x2c6))))
  (func $loop (loop (br_if 0 (global.get $g))))
  (func $calls (call $loop) (call $f) (drop (call $short (i32.const 16))) (call $loop)
    (return_call $calls))
  (func $fill (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536)))
  (func $vector (drop (i8x16.add (v128.const i64x2 0x1000 0x1000) (v128.load (i32.const 0)))))
  (func $grow (drop (memory.grow (i32.const 1)))))"""


def test_callees_come_once_in_order(wat):
    module = decode(wat(TEXT))
    assert [callees(module, number) for number in range(6)] == [[], [], [2, 0, 1, 3], [], [], []]


def test_short_is_what_neither_loops_nor_calls_nor_takes_as_long_as_an_operand_says(wat):
    module = decode(wat(TEXT))
    assert [is_short(module, number, 500) for number in range(6)] == [
        True,
        False,
        False,
        False,
        True,
        False,
    ]
    assert not is_short(module, 0, 10)


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("(local.set 0 (i32.const 1)) (local.set 1 (i32.const 1))", 0),
        ("(loop (local.set 0 (i32.const 1)) (local.set 0 (local.tee 1 (i32.const 1))))", 2),
        ("(loop (loop (local.set 0 (i32.const 1))) (loop (local.set 1 (i32.const 1))))", 4),
        ("(if (i32.const 1) (then (local.set 0 (i32.const 1))) (else))", 1),
        ("(drop (block (result i32) (i32.const 1)))", 1),
        ("(i32.const 0) (block (param i32) (result i32 i32) (i32.const 1)) (drop) (drop)", 3),
        ("(loop (br 0))", 0),
    ],
)
def test_merges_are_what_comes_together_at_blocks(wat, body, count):
    module = decode(wat(f"(module (func (local i32 i32) {body}))"))
    assert merges(module, 0, 1000) == count


def test_merges_are_counted_no_further_than_asked(wat):
    sets = "".join(f"(local.set {index} (i32.const 1))" for index in range(100))
    body = "(loop " * 100 + sets + ")" * 100
    module = decode(wat(f"(module (func (local {'i32 ' * 100}) {body}))"))
    assert merges(module, 0, 1 << 20) == 10_000
    assert 500 < merges(module, 0, 500) <= 600


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("(loop (br 0))", 0),
        ("(drop (block (result i32) (br_if 0 (i32.const 1) (i32.const 1))))", 2),
        ("(drop (block (result i32) (br_table 0 0 0 (i32.const 1) (i32.const 1))))", 4),
        ("(i32.const 0) (loop (param i32) (br 0))", 2),
        ("(drop (block (result i32) (loop (result i32) (br 1 (i32.const 1)))))", 3),
        ("(drop (block (result i32) (try_table (catch $e 0)) (i32.const 1)))", 2),
        ("(drop (block (result funcref) (br_on_non_null 0 (ref.null func)) (ref.null func)))", 2),
        (
            """(drop (block (result i31ref)
                (br_on_cast 0 anyref i31ref (ref.null any)) (drop) (ref.null i31)))""",
            2,
        ),
    ],
)
def test_carried_are_the_operands_of_branches_and_blocks(wat, body, count):
    module = decode(wat(f"(module (tag $e (param i32)) (func {body}))"))
    assert carried(module, 0, 1000) == count


def test_what_a_return_by_a_branch_carries(wat):
    module = decode(wat("(module (func (result i32 i32) (br 0 (i32.const 1) (i32.const 2))))"))
    assert carried(module, 0, 1000) == 2


def test_carried_are_counted_no_further_than_asked(wat):
    body = "(br_if 0 (i32.const 1) (i32.const 1)) (drop)" * 1000
    module = decode(wat(f"(module (func (result i32) {body} (i32.const 1)))"))
    assert carried(module, 0, 1 << 20) == 1000
    assert carried(module, 0, 100) == 101
