from __future__ import annotations

import pytest

from wasmwright.model.types import F32, I32, I64, FuncType

TYPES = [FuncType((), ()), FuncType((I32,), ()), FuncType((I32, I64), ())]
PARTS = {"types": TYPES, "tags": [0, 1, 2]}


class TestTags:
    def test_have_no_results(self, invalid) -> None:
        invalid("", "non-empty tag result type", types=[FuncType((), (F32,))], tags=[0])

    def test_have_a_type(self, invalid) -> None:
        invalid("", "unknown type 9", tags=[9])


class TestThrow:
    def test_throw_takes_the_values_of_the_tag(self, valid, invalid) -> None:
        valid("throw 0", **PARTS)
        valid("i32.const 0; i64.const 0; throw 2", **PARTS)
        invalid("throw 1", "type mismatch: instruction requires [i32] but stack has []", **PARTS)
        invalid(
            "i64.const 0; throw 1",
            "type mismatch: instruction requires [i32] but stack has [i64]",
            **PARTS,
        )
        invalid("throw 3", "unknown tag 3", **PARTS)

    def test_throw_ref_takes_an_exception(self, valid, invalid) -> None:
        for params in ("exnref", "ref:exn", "nullexnref"):
            valid("local.get 0; throw_ref", params=params)
        invalid("local.get 0; throw_ref", "type mismatch", params="externref")


class TestTryTable:
    @pytest.mark.parametrize(
        ("clause", "label"),
        [
            ("catch:0", "-"),
            ("catch:1", "i32"),
            ("catch_ref:0", "exnref"),
            ("catch_ref:0", "ref:exn"),
            ("catch_all", "-"),
            ("catch_all_ref", "ref:exn"),
            ("catch_all_ref", "exnref"),
        ],
    )
    def test_labels_take_what_is_caught(self, clause: str, label: str, valid, invalid) -> None:
        text = f"block {{}}; try_table - {clause}:0; end; unreachable; end; unreachable"
        valid(text.format(label), **PARTS)
        for other in ("-", "i32", "exnref", "f64"):
            if other != label and not (label == "ref:exn" and other == "exnref"):
                invalid(text.format(other), "type mismatch: label requires", **PARTS)

    def test_labels_count_from_outside(self, valid, invalid) -> None:
        valid("try_table - catch_all:0; end")
        invalid("try_table - catch_all:1; end", "unknown label 1")
        invalid("block -; try_table - catch_all:2; end; end", "unknown label 2")

    def test_body_has_the_block_type(self, valid, invalid) -> None:
        valid("try_table i32 ,; i32.const 0; end; drop")
        invalid("try_table i32 ,; end; drop", "type mismatch")
        invalid("try_table - catch:7:0; end", "unknown tag 7")

    def test_clauses_have_four_kinds(self, invalid) -> None:
        invalid(b"\x1f\x40\x01\x04\x00\x0b\x0b", "malformed catch clause")


class TestLegacy:
    def test_parts_of_a_try_have_its_type(self, valid, invalid) -> None:
        text = "try i32; {}; catch 1; {}; catch_all; {}; end; drop"
        valid(text.format("i32.const 0", "", "i32.const 0"), **PARTS)
        invalid(text.format("f32.const 0", "", "i32.const 0"), "type mismatch", **PARTS)
        invalid(text.format("i32.const 0", "drop", "i32.const 0"), "type mismatch", **PARTS)
        invalid(text.format("i32.const 0", "", "f32.const 0"), "type mismatch", **PARTS)
        valid("try -; end")

    def test_rethrow_names_a_catch(self, valid, invalid) -> None:
        valid("try -; catch 0; rethrow 0; end", **PARTS)
        valid("try -; catch_all; block -; rethrow 1; end; end")
        for text in ("rethrow 0", "block -; rethrow 0; end", "try -; rethrow 0; catch_all; end"):
            invalid(text, "invalid rethrow label")
        invalid("try -; catch_all; rethrow 7; end", "unknown label 7")

    def test_delegate_ends_a_try(self, valid, invalid) -> None:
        valid("try -; delegate 0")
        valid("block -; try i32; i32.const 0; delegate 1; drop; end")
        invalid("try i32; delegate 0; drop", "type mismatch")
        invalid("try -; delegate 1", "unknown label 1")

    @pytest.mark.parametrize(
        "text",
        [
            "catch 0",
            "catch_all",
            "delegate 0",
            "block -; catch_all; end",
            "try -; catch_all; catch_all; end",
            "try -; catch_all; catch 0; end",
            "try -; catch_all; delegate 0",
        ],
    )
    def test_parts_have_an_order(self, text: str, invalid) -> None:
        invalid(text, "", **PARTS)
