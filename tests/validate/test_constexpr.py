from __future__ import annotations

import pytest

from wasmwright.features import ALL, EXTENDED_CONST, GC
from wasmwright.model.module import KIND_GLOBAL, Import
from wasmwright.model.types import (
    ANYREF,
    EXTERNREF,
    F32,
    F64,
    FUNCREF,
    I32,
    I64,
    REF,
    V128,
    ArrayType,
    FieldType,
    GlobalType,
    Limits,
    MemoryType,
    StructType,
    TableType,
)

TYPES = [StructType((FieldType(I32, True),)), ArrayType(FieldType(I64, False))]
IMPORTS = [
    Import("m", "const", KIND_GLOBAL, GlobalType(I32, False)),
    Import("m", "var", KIND_GLOBAL, GlobalType(I32, True)),
]


@pytest.mark.parametrize(
    ("valtype", "text"),
    [
        (I32, "i32.const 5"),
        (I64, "i64.const -5"),
        (F32, "f32.const 0"),
        (F64, "f64.const 0"),
        (V128, "v128.const 0"),
        (I32, "i32.const 1; i32.const 2; i32.mul; i32.const 3; i32.sub; i32.const 4; i32.add"),
        (I64, "i64.const 1; i64.const 2; i64.mul; i64.const 3; i64.sub; i64.const 4; i64.add"),
        (FUNCREF, "ref.null func"),
        (FUNCREF, "ref.func 0"),
        (REF | 2, "ref.func 0"),
        (ANYREF, "i32.const 1; ref.i31"),
        (REF | 0, "i32.const 1; struct.new 0"),
        (REF | 0, "struct.new_default 0"),
        (REF | 1, "i64.const 1; i32.const 2; array.new 1"),
        (REF | 1, "i32.const 2; array.new_default 1"),
        (REF | 1, "i64.const 1; i64.const 2; array.new_fixed 1 2"),
        (EXTERNREF, "struct.new_default 0; extern.convert_any"),
        (ANYREF, "ref.null extern; any.convert_extern"),
        (I32, "global.get 0"),
    ],
)
def test_constant_instructions(valtype: int, text: str, valid, invalid) -> None:
    parts = {"types": TYPES, "imports": IMPORTS}
    valid(globals=[(GlobalType(valtype, False), text)], **parts)
    wrong = F32 if valtype != F32 else F64
    invalid("", "type mismatch", globals=[(GlobalType(wrong, False), text)], **parts)


@pytest.mark.parametrize(
    "text",
    [
        "nop",
        "i32.const 0; drop",
        "i32.const 1; i32.eqz",
        "i32.const 1; i32.const 1; i32.div_u",
        "f32.const 0; f32.const 0; f32.add",
        "memory.size 0",
        "call 0",
        "block i32; i32.const 0; end",
        "unreachable",
        "ref.null any; ref.as_non_null",
        "global.get 1",
        "br 0",
        "return",
        "i32.const 0; local.set 0",
        "local.get 0",
    ],
)
def test_other_instructions(text: str, invalid) -> None:
    invalid(
        "",
        "constant expression required",
        globals=[(GlobalType(I32, False), text)],
        imports=IMPORTS,
        memories=[MemoryType(Limits(1))],
    )


def test_one_value_is_left(invalid) -> None:
    for text in ("", "i32.const 0; i32.const 0"):
        error = invalid("", "type mismatch", globals=[(GlobalType(I32, False), text)])
        assert error.func is None
        assert error.offset is not None


def test_arithmetic_needs_its_feature(invalid) -> None:
    text = "i32.const 1; i32.const 2; i32.add"
    invalid(
        "",
        "constant expression required",
        globals=[(GlobalType(I32, False), text)],
        features=ALL & ~EXTENDED_CONST,
    )


class TestGlobals:
    def test_only_those_before_are_seen(self, valid, invalid) -> None:
        one, get = (
            (GlobalType(I32, False), "i32.const 1"),
            (GlobalType(I32, False), "global.get {}"),
        )

        def getting(index: int) -> tuple[GlobalType, str]:
            return get[0], get[1].format(index)

        valid(globals=[one, getting(0)])
        invalid("", "unknown global 1", globals=[one, getting(1)])
        invalid("", "unknown global 1", globals=[getting(1), one])
        invalid("", "unknown global 7", globals=[getting(7)])

    def test_only_imported_ones_without_gc(self, valid, invalid) -> None:
        get = (GlobalType(I32, False), "global.get 0")
        one = (GlobalType(I32, False), "i32.const 1")
        valid(globals=[get], imports=IMPORTS, features=ALL & ~GC)
        invalid("", "unknown global 0", globals=[one, get], features=ALL & ~GC)

    def test_mutable_ones_are_not_constant(self, invalid) -> None:
        var = (GlobalType(I32, True), "i32.const 1")
        invalid(
            "",
            "constant expression required",
            globals=[var, (GlobalType(I32, False), "global.get 0")],
        )


class TestTables:
    def test_initializer_has_the_element_type(self, valid, invalid) -> None:
        strict = TableType(Limits(1), REF | 0)
        valid(tables=[(strict, "ref.func 0")])
        invalid("", "type mismatch", tables=[(strict, "ref.null func")])
        invalid("", "type mismatch: table 0 of (ref 0) needs an init", tables=[(strict, None)])

    def test_defined_globals_are_not_seen(self, valid, invalid) -> None:
        table = TableType(Limits(1), FUNCREF)
        invalid(
            "",
            "unknown global 0",
            tables=[(table, "global.get 0")],
            globals=[(GlobalType(FUNCREF, False), "ref.null func")],
        )
        imports = [Import("m", "g", KIND_GLOBAL, GlobalType(FUNCREF, False))]
        valid(tables=[(table, "global.get 0")], imports=imports)


class TestOffsets:
    def test_have_the_address_type(self, valid, invalid) -> None:
        for wide, right, wrong in ((False, "i32", "i64"), (True, "i64", "i32")):
            limits = Limits(1, address64=wide)
            memories, tables = [MemoryType(limits)], [(TableType(limits, FUNCREF), None)]
            valid(memories=memories, datas=[f"{right}.const 0"])
            valid(tables=tables, elems=[(FUNCREF, f"{right}.const 0", [0])])
            invalid("", "type mismatch", memories=memories, datas=[f"{wrong}.const 0"])
            invalid("", "type mismatch", tables=tables, elems=[(FUNCREF, f"{wrong}.const 0", [0])])

    def test_see_defined_globals(self, valid) -> None:
        valid(
            memories=[MemoryType(Limits(1))],
            globals=[(GlobalType(I32, False), "i32.const 0")],
            datas=["global.get 0"],
        )
