from __future__ import annotations

import pytest

from wasmwright.model.types import EXTERNREF, FUNCREF, NULL, REF, FuncType, Limits, TableType

FUNCS = (TableType(Limits(1), FUNCREF), None)
EXTERNS = (TableType(Limits(1), EXTERNREF), None)
WIDE = (TableType(Limits(1, address64=True), FUNCREF), None)
TABLES = [FUNCS, EXTERNS, WIDE]


class TestAccess:
    def test_get(self, valid, invalid) -> None:
        valid("i32.const 0; table.get 1", tables=TABLES, results="externref")
        valid("i64.const 0; table.get 2", tables=TABLES, results="funcref")
        invalid("i32.const 0; table.get 2", "type mismatch", tables=TABLES, results="funcref")
        invalid("i32.const 0; table.get 0", "type mismatch", tables=TABLES, results="externref")

    def test_set(self, valid, invalid) -> None:
        valid("i32.const 0; local.get 0; table.set 0", tables=TABLES, params="ref:func")
        invalid(
            "i32.const 0; local.get 0; table.set 0",
            "type mismatch",
            tables=TABLES,
            params="externref",
        )
        invalid("local.get 0; table.set 0", "type mismatch", tables=TABLES, params="funcref")

    def test_size_grow_and_fill(self, valid, invalid) -> None:
        valid("table.size 2", tables=TABLES, results="i64")
        valid("ref.null func; i64.const 0; table.grow 2", tables=TABLES, results="i64")
        valid("i64.const 0; ref.null func; i64.const 0; table.fill 2", tables=TABLES)
        invalid("ref.null extern; i32.const 0; table.grow 0; drop", "type mismatch", tables=TABLES)
        invalid(
            "i32.const 0; ref.null func; i64.const 0; table.fill 2", "type mismatch", tables=TABLES
        )

    @pytest.mark.parametrize(
        "name", ["table.get", "table.set", "table.size", "table.grow", "table.fill"]
    )
    def test_unknown_table(self, name: str, invalid) -> None:
        invalid(f"unreachable; {name} 3; unreachable", "unknown table 3", tables=TABLES)


class TestCopyAndInit:
    def test_copy(self, valid, invalid) -> None:
        text = "i32.const 0; {}.const 0; i32.const 0; table.copy 0 {}"
        valid(text.format("i32", 0), tables=TABLES)
        valid(text.format("i64", 2), tables=TABLES)
        invalid(
            text.format("i32", 1), "type mismatch: source element type externref", tables=TABLES
        )
        invalid(text.format("i32", 3), "unknown table 3", tables=TABLES)

    def test_copy_may_go_to_a_supertype_only(self, valid, invalid) -> None:
        concrete = (TableType(Limits(1), REF | NULL | 0), None)
        parts = {"types": [FuncType((), ())], "tables": [FUNCS, concrete]}
        text = "i32.const 0; i32.const 0; i32.const 0; table.copy {}"
        valid(text.format("0 1"), **parts)
        invalid(text.format("1 0"), "type mismatch", **parts)

    def test_init_and_drop(self, valid, invalid) -> None:
        elems = [(FUNCREF, "", [0]), (EXTERNREF, "", ["ref.null extern"])]
        text = "i32.const 0; i32.const 0; i32.const 0; table.init {}; elem.drop 1"
        valid(text.format("0 0"), tables=TABLES, elems=elems)
        valid(text.format("1 1"), tables=TABLES, elems=elems)
        invalid(text.format("0 1"), "type mismatch", tables=TABLES, elems=elems)
        invalid(text.format("2 0"), "unknown elem segment 2", tables=TABLES, elems=elems)
        invalid(text.format("0 3"), "unknown table 3", tables=TABLES, elems=elems)
        invalid("elem.drop 2", "unknown elem segment 2", elems=elems)
