from __future__ import annotations

import pytest

from wasmwright.model.types import (
    EXTERNREF,
    F64,
    FUNCREF,
    I8,
    I64,
    REF,
    ArrayType,
    FieldType,
    FuncType,
    StructType,
)

PAIR = StructType((FieldType(I8, True), FieldType(F64, False)))
STRICT = StructType((FieldType(REF | 0, True),))
TYPES = [
    PAIR,  # 0
    STRICT,  # 1
    ArrayType(FieldType(I8, True)),  # 2
    ArrayType(FieldType(F64, False)),  # 3
    ArrayType(FieldType(FUNCREF, True)),  # 4
    ArrayType(FieldType(REF | 0, True)),  # 5
    ArrayType(FieldType(I64, True)),  # 6
    FuncType((), ()),  # 7
]


class TestStructs:
    def test_new(self, valid, invalid) -> None:
        valid("i32.const 0; f64.const 0; struct.new 0", results="ref:0", types=TYPES)
        invalid("i32.const 0; i32.const 0; struct.new 0; drop", "type mismatch", types=TYPES)
        invalid("f64.const 0; struct.new 0; drop", "type mismatch", types=TYPES)
        for index in (2, 7):
            invalid(f"unreachable; struct.new {index}", "type mismatch: non-structure", types=TYPES)
        invalid("unreachable; struct.new 9", "unknown type 9", types=TYPES)

    def test_new_default(self, valid, invalid) -> None:
        valid("struct.new_default 0", results="ref:0", types=TYPES)
        invalid("struct.new_default 1; drop", "type mismatch: field type is not def", types=TYPES)

    def test_get(self, valid, invalid) -> None:
        valid("local.get 0; struct.get_s 0 0", params="null:0", results="i32", types=TYPES)
        valid("local.get 0; struct.get 0 1", params="ref:0", results="f64", types=TYPES)
        invalid("local.get 0; struct.get 0 0; drop", "type mismatch", params="ref:0", types=TYPES)
        invalid("local.get 0; struct.get_u 0 1; drop", "type mismatch", params="ref:0", types=TYPES)
        invalid("local.get 0; struct.get 0 2; drop", "unknown field 2", params="ref:0", types=TYPES)
        invalid("local.get 0; struct.get 0 1; drop", "type mismatch", params="ref:1", types=TYPES)

    def test_set(self, valid, invalid) -> None:
        valid("local.get 0; i32.const 0; struct.set 0 0", params="null:0", types=TYPES)
        invalid(
            "local.get 0; f64.const 0; struct.set 0 1",
            "immutable field",
            params="null:0",
            types=TYPES,
        )
        invalid(
            "local.get 0; i64.const 0; struct.set 0 0",
            "type mismatch",
            params="null:0",
            types=TYPES,
        )
        invalid(
            "local.get 0; i32.const 0; struct.set 0 2",
            "unknown field 2",
            params="null:0",
            types=TYPES,
        )


class TestArrays:
    def test_new(self, valid, invalid) -> None:
        valid("i32.const 7; i32.const 9; array.new 2", results="ref:2", types=TYPES)
        valid("i32.const 9; array.new_default 2", results="ref:2", types=TYPES)
        valid("f64.const 0; f64.const 0; array.new_fixed 3 2", results="ref:3", types=TYPES)
        invalid("i32.const 9; array.new_default 5; drop", "type mismatch: array type", types=TYPES)
        invalid("f64.const 0; array.new_fixed 3 2; drop", "type mismatch", types=TYPES)
        invalid("f64.const 0; i32.const 0; array.new_fixed 3 2; drop", "type mismatch", types=TYPES)
        invalid("unreachable; array.new 0", "type mismatch: non-array", types=TYPES)
        invalid("unreachable; array.new_fixed 3 10001", "too many operands", types=TYPES)

    def test_new_from_segments(self, valid, invalid) -> None:
        numbers = "i32.const 0; i32.const 0; "
        elems = [(FUNCREF, "", [0]), (EXTERNREF, "", ["ref.null extern"])]
        parts = {"types": TYPES, "elems": elems, "datas": [""]}
        valid(numbers + "array.new_data 2 0", results="ref:2", **parts)
        valid(numbers + "array.new_elem 4 0", results="ref:4", **parts)
        invalid(
            numbers + "array.new_data 4 0; drop", "array type is not numeric or vector", **parts
        )
        invalid(numbers + "array.new_data 2 1; drop", "unknown data segment 1", **parts)
        invalid(numbers + "array.new_elem 4 1; drop", "type mismatch", **parts)
        invalid(numbers + "array.new_elem 4 2; drop", "unknown elem segment 2", **parts)
        invalid(numbers + "array.new_elem 2 0; drop", "type mismatch", **parts)

    def test_get_and_set(self, valid, invalid) -> None:
        get, put = (
            "local.get 0; i32.const 0; ",
            "local.get 0; i32.const 0; {}.const 0; array.set {}",
        )
        valid(get + "array.get_u 2", params="null:2", results="i32", types=TYPES)
        valid(get + "array.get 3", params="null:3", results="f64", types=TYPES)
        invalid(
            get + "array.get 2; drop", "type mismatch: array is packed", params="ref:2", types=TYPES
        )
        invalid(
            get + "array.get_s 3; drop",
            "type mismatch: array is unpacked",
            params="ref:3",
            types=TYPES,
        )
        valid(put.format("i32", 2), params="null:2", types=TYPES)
        invalid(put.format("f64", 3), "immutable array", params="null:3", types=TYPES)
        invalid(put.format("i64", 2), "type mismatch", params="null:2", types=TYPES)

    def test_len_takes_any_array(self, valid, invalid) -> None:
        for params in ("arrayref", "null:2", "ref:5", "nullref"):
            valid("local.get 0; array.len", params=params, results="i32", types=TYPES)
        invalid("local.get 0; array.len; drop", "type mismatch", params="eqref", types=TYPES)

    def test_fill(self, valid, invalid) -> None:
        text = "local.get 0; i32.const 0; {}.const 0; i32.const 0; array.fill {}"
        valid(text.format("i64", 6), params="ref:6", types=TYPES)
        invalid(text.format("f64", 3), "immutable array", params="ref:3", types=TYPES)
        invalid(text.format("i32", 6), "type mismatch", params="ref:6", types=TYPES)

    def test_copy(self, valid, invalid) -> None:
        text = "local.get 0; i32.const 0; local.get 1; i32.const 0; i32.const 0; array.copy {}"
        valid(text.format("6 6"), params="ref:6 null:6", types=TYPES)
        invalid(text.format("3 3"), "immutable array", params="ref:3 ref:3", types=TYPES)
        invalid(text.format("6 2"), "array types do not match", params="ref:6 ref:2", types=TYPES)
        invalid(text.format("6 0"), "type mismatch: non-array", params="ref:6 ref:6", types=TYPES)

    @pytest.mark.parametrize("index", [4, 6])
    def test_init(self, index: int, valid, invalid) -> None:
        name = "array.init_elem" if index == 4 else "array.init_data"
        text = f"local.get 0; i32.const 0; i32.const 0; i32.const 0; {name} {{}} 0"
        parts = {"types": TYPES, "elems": [(FUNCREF, "", [0])], "datas": [""]}
        valid(text.format(index), params=f"ref:{index}", **parts)
        invalid(text.format(3), "immutable array", params="ref:3", **parts)
        invalid(text.format(10 - index), "", params=f"ref:{10 - index}", **parts)
