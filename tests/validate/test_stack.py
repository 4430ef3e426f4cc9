"""Unreachable code: the operand stack below what it pushed itself has whatever is wanted."""

from __future__ import annotations

import pytest

ENDINGS = [
    "unreachable",
    "br 0",
    "i32.const 0; br_table 0 0",
    "return",
    "return_call 0",
]


@pytest.mark.parametrize("ending", ENDINGS)
class TestAfterUnconditionalBranches:
    def test_operands_are_not_missed(self, ending: str, valid) -> None:
        valid(ending + "; i32.add; drop; f64.neg; drop; select; drop; drop", funcs=[0])

    def test_results_are_not_missed(self, ending: str, valid) -> None:
        valid(f"block -; {ending}; end")

    def test_operands_that_are_there_count(self, ending: str, invalid) -> None:
        invalid(ending + "; i64.const 0; i32.add; drop", "type mismatch", funcs=[0])
        invalid(ending + "; f32.const 0; i32.const 0; i32.add; drop", "type mismatch", funcs=[0])

    def test_operands_left_over_count(self, ending: str, invalid) -> None:
        invalid(ending + "; i32.const 0", "type mismatch: block requires [] but stack has [i32]")

    def test_the_block_ends_it(self, ending: str, invalid) -> None:
        invalid(f"block -; {ending}; end; i32.add; drop", "type mismatch")


def test_conditional_branches_do_not_end_code(invalid) -> None:
    invalid("i32.const 0; br_if 0; i32.add; drop", "type mismatch")


def test_an_outer_block_lends_no_operands(valid, invalid) -> None:
    invalid("i32.const 1; block -; drop; end", "type mismatch")
    invalid("i32.const 1; block -; unreachable; end; drop; drop", "type mismatch")
    valid("unreachable; block -; end; drop")
    invalid("unreachable; block -; drop; end", "type mismatch")


def test_dead_operands_are_dropped(valid, invalid) -> None:
    valid("i32.const 1; f32.const 1; unreachable")
    valid("block i32; f32.const 1; i32.const 2; br 0; end; drop")
    invalid("block i32; f32.const 1; i32.const 2; br 0; f64.const 1; end; drop", "type mismatch")


def test_labels_give_types_to_unknown_operands(valid, invalid) -> None:
    valid("block i32; unreachable; br_if 0; end; drop")
    invalid("block i32; unreachable; br_if 0; i64.eqz; end; drop", "type mismatch")


def test_branch_tables_check_every_label_on_unknown_operands(valid, invalid) -> None:
    text = "block i32; block {}; unreachable; br_table 0 1; end; drop; i32.const 0; end; drop"
    valid(text.format("i32"))
    valid(text.format("f32"))  # no operand is known, and both labels take one
    invalid(text.format("-").replace("end; drop; i32.const", "end; i32.const"), "type mismatch")
    known = text.replace("br_table", "f32.const 0; i32.const 0; br_table")
    invalid(known.format("f32"), "type mismatch")


def test_references_of_unreachable_code_match_any_reference(valid, invalid) -> None:
    valid("unreachable; ref.as_non_null; ref.is_null; drop")
    valid("unreachable; ref.as_non_null", results="ref:func")
    valid("unreachable; ref.as_non_null", results="ref:extern")
    invalid("unreachable; ref.as_non_null", "type mismatch", results="i32")


def test_operand_stack_has_a_limit(invalid) -> None:
    from wasmwright.model.types import I32, FuncType

    many = FuncType((), (I32,) * 1000)
    calls = b"\x10\x00" * 5000 + b"\x00\x0b"
    invalid(calls, "operand stack too high", types=[many], funcs=[0])
