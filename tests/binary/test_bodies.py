"""What is read from bodies without lowering them."""

from wasmwright.binary.bodies import callees, is_short
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
