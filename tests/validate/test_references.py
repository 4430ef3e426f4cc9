from __future__ import annotations

import pytest

from wasmwright.model.types import FUNCREF, I32, FuncType, StructType, SubType

NOTHING = FuncType((), ())
TYPES = [
    SubType(StructType(()), final=False),
    SubType(StructType(()), final=False, supers=(0,)),
    NOTHING,
]


class TestReferences:
    def test_null_has_its_heap_type(self, valid, invalid) -> None:
        valid("ref.null func", results="funcref")
        valid("ref.null 2", results="funcref", types=TYPES)
        valid("ref.null nofunc", results="null:2", types=TYPES)
        invalid("ref.null func", "type mismatch", results="ref:func")
        invalid("ref.null extern", "type mismatch", results="funcref")
        invalid("ref.null 9; drop", "unknown type 9", types=TYPES)

    def test_is_null_and_as_non_null(self, valid, invalid) -> None:
        valid("local.get 0; ref.is_null", params="externref", results="i32")
        valid("local.get 0; ref.as_non_null", params="null:2", results="ref:2", types=TYPES)
        for name in ("ref.is_null", "ref.as_non_null"):
            invalid(f"i32.const 0; {name}; drop", "type mismatch")
            invalid(f"{name}; drop", "type mismatch")

    def test_func_must_be_declared(self, valid, invalid) -> None:
        text = "ref.func 0; drop"
        invalid(text, "undeclared function reference 0", funcs=[0])
        invalid(text, "undeclared function reference 0", funcs=[0], types=[NOTHING], start=0)
        invalid("ref.func 7; drop", "unknown function 7")
        valid(text, funcs=[0], exports=[("f", 0, 0)])
        valid(text, funcs=[0], elems=[(FUNCREF, "", [0])])
        valid(text, funcs=[0], elems=[(FUNCREF, "", ["ref.func 0"])])

    def test_func_has_its_type(self, valid, invalid) -> None:
        parts = {"types": TYPES, "funcs": [2], "exports": [("f", 0, 0)]}
        valid("ref.func 0", results="ref:2", **parts)
        invalid("ref.func 0", "type mismatch", results="ref:3", params="i32", **parts)

    def test_eq_compares_internal_references(self, valid, invalid) -> None:
        text = "local.get 0; local.get 1; ref.eq"
        valid(text, params="eqref null:0", results="i32", types=TYPES)
        valid(text, params="i31ref nullref", results="i32")
        for params in ("anyref eqref", "eqref funcref", "eqref i32"):
            invalid(text, "type mismatch", params=params, results="i32")

    def test_i31(self, valid, invalid) -> None:
        valid("i32.const 0; ref.i31", results="ref:i31")
        valid("local.get 0; i31.get_s", params="i31ref", results="i32")
        invalid("local.get 0; i31.get_u; drop", "type mismatch", params="eqref")
        invalid("i64.const 0; ref.i31; drop", "type mismatch")


class TestCasts:
    def test_test_takes_the_whole_hierarchy(self, valid, invalid) -> None:
        for target in ("0", "struct", "none", "any"):
            valid(f"local.get 0; ref.test {target}", params="anyref", results="i32", types=TYPES)
        valid("local.get 0; ref.test 2", params="funcref", results="i32", types=TYPES)
        invalid("local.get 0; ref.test 2; drop", "type mismatch", params="anyref", types=TYPES)
        invalid("local.get 0; ref.test 0; drop", "type mismatch", params="funcref", types=TYPES)
        invalid("local.get 0; ref.test 9; drop", "unknown type 9", params="anyref", types=TYPES)

    def test_cast_gives_the_target(self, valid, invalid) -> None:
        # Opcodes 0x16 and 0x17: to (ref 1) and to (ref null 1).
        cast, cast_null = b"\x20\x00\xfb\x16\x01\x0b", b"\x20\x00\xfb\x17\x01\x0b"
        valid(cast, params="anyref", results="ref:1", types=TYPES)
        valid(cast_null, params="anyref", results="null:1", types=TYPES)
        valid(cast, params="anyref", results="ref:0", types=TYPES)
        invalid(cast_null, "type mismatch", params="anyref", results="ref:1", types=TYPES)
        invalid(cast, "type mismatch", params="externref", results="ref:1", types=TYPES)

    def test_conversions_keep_nullability(self, valid, invalid) -> None:
        valid("local.get 0; any.convert_extern", params="externref", results="anyref")
        valid("local.get 0; any.convert_extern", params="ref:extern", results="ref:any")
        valid("local.get 0; extern.convert_any", params="ref:i31", results="ref:extern")
        invalid(
            "local.get 0; any.convert_extern",
            "type mismatch",
            params="externref",
            results="ref:any",
        )
        invalid("local.get 0; extern.convert_any; drop", "type mismatch", params="externref")
        valid("unreachable; any.convert_extern", results="ref:any")


class TestBranches:
    def test_on_null(self, valid, invalid) -> None:
        text = "block i32; i32.const 0; local.get 0; br_on_null 0; {}; end; drop"
        valid(text.format("call_ref 2"), params="null:2", types=TYPES)
        invalid(
            text.format("drop; drop; f32.const 0"), "type mismatch", params="null:2", types=TYPES
        )
        invalid(
            "block i32; local.get 0; br_on_null 0; unreachable; end; drop",
            "type mismatch",
            params="funcref",
        )
        invalid("i32.const 0; br_on_null 0; drop", "type mismatch")

    def test_on_non_null(self, valid, invalid) -> None:
        text = "block {}; local.get 0; br_on_non_null 0; unreachable; end; drop"
        valid(text.format("ref:func"), params="funcref")
        valid(text.format("funcref"), params="null:2", types=TYPES)
        invalid(text.format("externref"), "type mismatch", params="funcref")
        invalid(text.format("i32"), "type mismatch", params="funcref")
        invalid("local.get 0; br_on_non_null 0", "type mismatch", params="funcref")

    @pytest.mark.parametrize("name", ["br_on_cast", "br_on_cast_fail"])
    def test_on_cast_target_is_below_the_source(self, name: str, valid, invalid) -> None:
        text = f"block anyref; local.get 0; {name} {{}} 0 {{}}; end; drop"
        valid(text.format(3, "any 0"), params="anyref", types=TYPES)
        valid(text.format(1, "0 1"), params="null:0", types=TYPES)
        invalid(text.format(3, "1 0"), "type mismatch on cast", params="null:1", types=TYPES)
        invalid(text.format(2, "0 1"), "type mismatch on cast", params="null:0", types=TYPES)
        invalid(text.format(3, "func any"), "type mismatch on cast", params="funcref", types=TYPES)
        invalid(text.format(3, "any 9"), "unknown type 9", params="anyref", types=TYPES)

    def test_on_cast_null_goes_where_the_target_lets_it(self, valid, invalid) -> None:
        # The target takes null: what is left has none.
        text = "block null:1; local.get 0; br_on_cast {} 0 0 1; drop; unreachable; end; drop"
        left = "block null:1; local.get 0; br_on_cast {} 0 0 1; br 1; end; unreachable"
        valid(text.format(3), params="null:0", types=TYPES)
        valid(left.format(3), params="null:0", results="ref:0", types=TYPES)
        invalid(left.format(1), "type mismatch", params="null:0", results="ref:0", types=TYPES)
        valid(left.format(1), params="null:0", results="null:0", types=TYPES)

    def test_on_cast_fail_goes_on_with_the_target(self, valid, invalid) -> None:
        text = "block {}; local.get 0; br_on_cast_fail {} 0 0 1; return; end; unreachable"
        valid(text.format("null:0", 1), params="null:0", results="ref:1", types=TYPES)
        invalid(
            text.format("ref:0", 1), "type mismatch", params="null:0", results="ref:1", types=TYPES
        )
        valid(text.format("ref:0", 3), params="null:0", results="null:1", types=TYPES)

    def test_on_cast_needs_a_label_with_a_reference(self, invalid) -> None:
        invalid("local.get 0; br_on_cast 3 0 any eq; drop", "type mismatch", params="anyref")
        invalid(
            "block i32; local.get 0; br_on_cast 3 0 any eq; unreachable; end; drop",
            "type mismatch",
            params="anyref",
        )

    def test_on_cast_flags(self, invalid) -> None:
        invalid(b"\x00\xfb\x18\x04\x00\x6e\x6d\x0b", "malformed br_on_cast flags")


def test_types_that_are_written_twice_are_one(valid, invalid) -> None:
    types = [FuncType((I32,), ()), FuncType((I32,), ())]
    valid("local.get 0", params="ref:0", results="ref:1", types=types)
    group = [[FuncType((I32,), ()), StructType(())]]
    invalid(
        "local.get 0", "type mismatch", params="ref:0", results="ref:1", types=[types[0], *group]
    )
