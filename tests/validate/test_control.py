from __future__ import annotations

import pytest

from wasmwright.features import ALL, MULTI_VALUE, TAIL_CALL
from wasmwright.limits import MAX_BR_TABLE
from wasmwright.model.types import (
    EXTERNREF,
    F32,
    FUNCREF,
    I32,
    I64,
    NULL,
    REF,
    FuncType,
    Limits,
    StructType,
    TableType,
)

TABLE = [(TableType(Limits(1), FUNCREF), None)]
TWO_TO_ONE = FuncType((I32, I64), (F32,))


class TestBlocks:
    def test_results_are_left(self, valid, invalid) -> None:
        valid("block i32; i32.const 0; end", results="i32")
        invalid(
            "block i32; end; drop", "type mismatch: instruction requires [i32] but stack has []"
        )
        invalid("block i32; f32.const 0; end; drop", "type mismatch")
        invalid(
            "block -; i32.const 0; end; drop",
            "type mismatch: block requires [] but stack has [i32]",
        )

    def test_parameters_are_taken(self, valid, invalid) -> None:
        text = "i32.const 0; i64.const 0; {} 0; drop; drop; f32.const 0; end; drop"
        for name in ("block", "loop"):
            valid(text.format(name), types=[TWO_TO_ONE])
            invalid("i64.const 0; " + text.format(name)[13:], "type mismatch", types=[TWO_TO_ONE])

    def test_block_type_indices_are_checked(self, invalid) -> None:
        invalid("block 7; end", "unknown type 7")
        invalid("block null:7; unreachable; end; drop", "unknown type 7")
        invalid("block 0; end", "type mismatch: non-function type 0", types=[StructType(())])

    def test_block_type_indices_need_multi_value(self, invalid) -> None:
        invalid("block 0; end", "malformed block type", features=ALL & ~MULTI_VALUE)

    def test_label_of_a_loop_takes_its_parameters(self, valid, invalid) -> None:
        valid("loop f32; br 0; end", results="f32")
        valid("i32.const 0; i64.const 0; loop 0; br 0; end; drop", types=[TWO_TO_ONE])
        invalid("loop 0; f32.const 0; br 0; end; drop", "type mismatch", types=[TWO_TO_ONE])

    def test_if_needs_a_condition(self, invalid) -> None:
        invalid("if -; end", "type mismatch")
        invalid("f32.const 0; if -; end", "type mismatch")

    def test_both_branches_of_an_if_have_its_type(self, valid, invalid) -> None:
        text = "i32.const 0; if i32; {}; else; {}; end; drop"
        valid(text.format("i32.const 1", "i32.const 2"))
        invalid(text.format("i32.const 1", "f32.const 2"), "type mismatch")
        invalid(text.format("f32.const 1", "i32.const 2"), "type mismatch")
        invalid(text.format("i32.const 1", ""), "type mismatch")

    def test_if_without_else_passes_its_parameters_on(self, valid, invalid) -> None:
        invalid("i32.const 0; if i32; i32.const 1; end; drop", "type mismatch: if without else")
        same = FuncType((I32,), (I32,))
        valid("i32.const 0; i32.const 0; if 0; end; drop", types=[same])
        wider = FuncType((REF | 0,), (FUNCREF,))
        valid(
            "local.get 0; i32.const 0; if 1; drop; local.get 0; end; drop",
            types=[FuncType((), ()), wider],
            params="ref:0",
        )

    @pytest.mark.parametrize(
        "text", ["else", "block -; else; end", "i32.const 0; if -; else; else; end"]
    )
    def test_else_follows_an_if(self, text: str, invalid) -> None:
        invalid(text, "END opcode expected")

    def test_a_million_nested_blocks(self, valid, invalid) -> None:
        count = 900_000
        valid(b"\x02\x40" * count + b"\x0b" * count + b"\x0b")
        invalid(b"\x02\x40" * 1_000_001 + b"\x0b", "blocks nested too deep")
        invalid(b"\x02\x40" * count, "unexpected end of section or function")


class TestBranches:
    def test_unknown_labels(self, valid, invalid) -> None:
        for text in ("br {}", "i32.const 0; br_if {}", "i32.const 0; br_table 0 {}"):
            valid("block -; " + text.format(1) + "; end")
            invalid("block -; " + text.format(2) + "; end", "unknown label 2")
        invalid("i32.const 0; br_table 0,300 0", "unknown label 300")

    def test_operands_of_a_branch(self, valid, invalid) -> None:
        for text in ("br 0", "i32.const 0; br_if 0", "i32.const 0; br_table , 0"):
            text = f"block f32; {{}}; {text}; end; drop"
            valid(text.format("f32.const 0"))
            invalid(text.format("i64.const 0"), "type mismatch")
            invalid(text.format(""), "type mismatch")

    def test_conditions(self, invalid) -> None:
        invalid("f32.const 0; br_if 0", "type mismatch")
        invalid("f32.const 0; br_table , 0", "type mismatch")

    def test_br_if_leaves_the_types_of_the_label(self, valid, invalid) -> None:
        text = "block funcref; ref.func 0; i32.const 0; br_if 0; {} end; drop"
        exports = [("f", 0, 0)]
        valid(text.format(""), exports=exports)
        invalid(text.format("call_ref 0; unreachable;"), "type mismatch", exports=exports)

    def test_labels_of_a_table_have_as_many_types(self, invalid) -> None:
        invalid(
            "block -; block i32; i32.const 0; i32.const 0; br_table 1 0; end; drop; end",
            "type mismatch",
        )

    def test_operands_match_all_labels_of_a_table(self, valid, invalid) -> None:
        text = (
            "block {}; block {}; local.get 0; i32.const 0; br_table 1 0; end; drop;"
            "local.get 0; end; drop"
        )
        valid(text.format("funcref", "ref:func"), params="ref:func")
        invalid(text.format("externref", "ref:func"), "type mismatch", params="ref:func")

    def test_tables_have_a_limit(self, invalid) -> None:
        count = MAX_BR_TABLE + 1
        length = bytes([count & 127 | 128, count >> 7 & 127 | 128, count >> 14])
        table = b"\x41\x00\x0e" + length + b"\x00" * (count + 1) + b"\x0b"
        invalid(table, "too many br_table targets")

    def test_return_takes_the_results_from_any_depth(self, valid, invalid) -> None:
        valid("block -; block f64; i32.const 0; return; end; drop; end; unreachable", results="i32")
        invalid("block -; f64.const 0; return; end; unreachable", "type mismatch", results="i32")


class TestCalls:
    def test_call(self, valid, invalid) -> None:
        parts = {"types": [TWO_TO_ONE], "funcs": [0]}
        valid("i32.const 0; i64.const 0; call 0", results="f32", **parts)
        invalid("i64.const 0; i64.const 0; call 0; drop", "type mismatch", **parts)
        invalid("i64.const 0; call 0; drop", "type mismatch", **parts)
        invalid("i32.const 0; i64.const 0; call 0", "type mismatch", results="i32", **parts)
        invalid("call 7", "unknown function 7", **parts)

    def test_call_indirect(self, valid, invalid) -> None:
        parts = {"types": [TWO_TO_ONE], "tables": TABLE}
        text = "i32.const 0; i64.const 0; i32.const 0; call_indirect 0 0; drop"
        valid(text, **parts)
        invalid(text.replace("i32.const 0; call", "f32.const 0; call"), "type mismatch", **parts)
        invalid("unreachable; call_indirect 7 0", "unknown type 7", **parts)
        invalid("unreachable; call_indirect 0 7", "unknown table 7", **parts)
        invalid("unreachable; call_indirect 0 0", "unknown table 0", types=[TWO_TO_ONE])
        invalid(text, "type mismatch: non-function type", types=[StructType(())], tables=TABLE)

    def test_call_indirect_through_a_table_of_functions(self, valid, invalid) -> None:
        nothing = FuncType((), ())
        text = "i32.const 0; call_indirect 0 0"
        concrete = [(TableType(Limits(1), REF | NULL | 0), None)]
        valid(text, types=[nothing], tables=concrete)
        other = [(TableType(Limits(1), EXTERNREF), None)]
        invalid(text, "type mismatch: indirect call", types=[nothing], tables=other)

    def test_call_indirect_in_a_table_of_64_bits(self, valid, invalid) -> None:
        table = [(TableType(Limits(1, address64=True), FUNCREF), None)]
        nothing = [FuncType((), ())]
        valid("i64.const 0; call_indirect 0 0", types=nothing, tables=table)
        invalid("i32.const 0; call_indirect 0 0", "type mismatch", types=nothing, tables=table)

    def test_call_ref(self, valid, invalid) -> None:
        text = "i32.const 0; i64.const 0; local.get 0; call_ref 0; drop"
        for params in ("ref:0", "null:0", "nullfuncref"):
            valid(text, params=params, types=[TWO_TO_ONE])
        for params in ("funcref", "externref", "i32"):
            invalid(text, "type mismatch", params=params, types=[TWO_TO_ONE])
        invalid(text, "type mismatch: non-function", params="ref:0", types=[StructType(())])

    def test_tail_calls_return_what_the_caller_does(self, valid, invalid) -> None:
        parts = {"types": [TWO_TO_ONE], "funcs": [0], "tables": TABLE}
        for ending in (
            "return_call 0",
            "i32.const 0; return_call_indirect 0 0",
            "ref.null 0; return_call_ref 0",
        ):
            text = f"i32.const 0; i64.const 0; {ending}"
            valid(text, results="f32", **parts)
            invalid(text, "type mismatch: current function requires", results="i32", **parts)
            invalid(text[13:], "type mismatch: instruction", results="f32", **parts)

    def test_tail_calls_need_their_feature(self, invalid) -> None:
        invalid("return_call 0", "tail-call support", features=ALL & ~TAIL_CALL)

    def test_results_of_a_tail_call_may_be_subtypes(self, valid, invalid) -> None:
        parts = {"types": [FuncType((), (REF | 0,)), FuncType((), (FUNCREF,))], "funcs": [0, 1]}
        valid("return_call 0", results="funcref", **parts)
        invalid("return_call 1", "type mismatch", results="ref:0", **parts)
