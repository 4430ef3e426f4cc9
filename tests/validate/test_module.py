from __future__ import annotations

import pytest

from wasmwright.features import ALL, MULTI_MEMORY, MUTABLE_GLOBALS, REFERENCE_TYPES
from wasmwright.model.module import (
    KIND_FUNC,
    KIND_GLOBAL,
    KIND_MEMORY,
    KIND_TABLE,
    KIND_TAG,
    Import,
)
from wasmwright.model.types import (
    EXTERNREF,
    FUNCREF,
    I32,
    REF,
    FuncType,
    GlobalType,
    Limits,
    MemoryType,
    StructType,
    TableType,
    TagType,
)

TABLE = (TableType(Limits(1), FUNCREF), None)
MEMORY = MemoryType(Limits(1))
VAR = GlobalType(I32, True)


class TestImports:
    def test_types_are_checked(self, valid, invalid) -> None:
        valid(imports=[Import("m", "f", KIND_FUNC, 0)])
        invalid("", "unknown type 9", imports=[Import("m", "f", KIND_FUNC, 9)])
        struct = [StructType(())]
        invalid(
            "",
            "type mismatch: non-function",
            imports=[Import("m", "f", KIND_FUNC, 0)],
            types=struct,
        )
        invalid(
            "",
            "unknown type 9",
            imports=[Import("m", "g", KIND_GLOBAL, GlobalType(REF | 9, False))],
        )
        table = TableType(Limits(1), REF | 9)
        invalid("", "unknown type 9", imports=[Import("m", "t", KIND_TABLE, table)])
        tag = [FuncType((), (I32,))]
        invalid("", "non-empty tag", imports=[Import("m", "e", KIND_TAG, TagType(0))], types=tag)
        memory = MemoryType(Limits(2, 1))
        invalid("", "size minimum", imports=[Import("m", "m", KIND_MEMORY, memory)])

    def test_mutable_globals_need_their_feature(self, valid, invalid) -> None:
        imports = [Import("m", "g", KIND_GLOBAL, VAR)]
        valid(imports=imports)
        invalid("", "mutable-globals support", imports=imports, features=ALL & ~MUTABLE_GLOBALS)

    def test_imports_come_first_in_their_spaces(self, valid) -> None:
        valid(
            "call 0; global.get 0; global.set 1; memory.size 0; drop",
            imports=[
                Import("m", "f", KIND_FUNC, 0),
                Import("m", "g", KIND_GLOBAL, GlobalType(I32, False)),
                Import("m", "m", KIND_MEMORY, MEMORY),
            ],
            globals=[(VAR, "i32.const 0")],
            types=[FuncType((), ())],
        )


class TestExports:
    @pytest.mark.parametrize(
        ("kind", "what"),
        [
            (KIND_FUNC, "function"),
            (KIND_TABLE, "table"),
            (KIND_MEMORY, "memory"),
            (KIND_GLOBAL, "global"),
            (KIND_TAG, "tag"),
        ],
    )
    def test_name_what_there_is(self, kind: int, what: str, valid, invalid) -> None:
        parts = {
            "tables": [TABLE],
            "memories": [MEMORY],
            "globals": [(VAR, "i32.const 0")],
            "tags": [0],
            "types": [FuncType((), ())],
        }
        valid(exports=[("e", kind, 0)], **parts)
        invalid("", f"unknown {what} 1", exports=[("e", kind, 1)], **parts)

    def test_have_different_names(self, invalid) -> None:
        invalid("", "duplicate export name", exports=[("e", 0, 0), ("f", 0, 0), ("e", 0, 0)])

    def test_mutable_globals_need_their_feature(self, invalid) -> None:
        globals = [(VAR, "i32.const 0")]
        invalid(
            "",
            "mutable-globals support",
            globals=globals,
            exports=[("g", KIND_GLOBAL, 0)],
            features=ALL & ~MUTABLE_GLOBALS,
        )


class TestStart:
    def test_takes_and_gives_nothing(self, valid, invalid) -> None:
        valid(start=0)
        invalid("", "start function", start=0, params="i32")
        invalid("i32.const 0", "start function", start=0, results="i32")
        invalid("", "unknown function 9", start=9)


class TestSegments:
    def test_elements_have_the_type_of_the_table(self, valid, invalid) -> None:
        externs = (TableType(Limits(1), EXTERNREF), None)
        valid(tables=[TABLE], elems=[(FUNCREF, "i32.const 0", [0])])
        invalid("", "type mismatch", tables=[externs], elems=[(FUNCREF, "i32.const 0", [0])])
        invalid("", "unknown table 0", elems=[(FUNCREF, "i32.const 0", [0])])
        invalid("", "unknown type 9", elems=[(REF | 9, "", [0])])

    def test_items_have_the_type_of_the_segment(self, valid, invalid) -> None:
        valid(elems=[(REF | 0, "", ["ref.func 0"])])
        invalid("", "type mismatch", elems=[(REF | 0, "", ["ref.null func"])])
        invalid("", "type mismatch", elems=[(EXTERNREF, "", ["ref.func 0"])])
        invalid("", "unknown function 9", elems=[(FUNCREF, "", [9])])
        invalid("", "unknown function 9", elems=[(FUNCREF, "", ["ref.func 9"])])

    def test_data_has_a_memory(self, valid, invalid) -> None:
        valid(memories=[MEMORY], datas=["i32.const 0", ""])
        invalid("", "unknown memory 0", datas=["i32.const 0"])
        valid(datas=[""])


class TestDefinitions:
    def test_functions_have_function_types(self, invalid) -> None:
        invalid("", "unknown type 9", funcs=[9])
        invalid("", "type mismatch: non-function type 0", funcs=[0], types=[StructType(())])

    def test_globals_have_known_types(self, invalid) -> None:
        globals = [(GlobalType(REF | 9, False), "unreachable")]
        invalid("", "unknown type 9", globals=globals)

    def test_several_memories_or_tables_need_their_feature(self, valid, invalid) -> None:
        valid(memories=[MEMORY, MEMORY], tables=[TABLE, TABLE])
        invalid("", "multiple memories", memories=[MEMORY] * 2, features=ALL & ~MULTI_MEMORY)
        invalid("", "multiple tables", tables=[TABLE] * 2, features=ALL & ~REFERENCE_TYPES)
