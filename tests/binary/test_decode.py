from __future__ import annotations

import pytest

from wasmwright import features, limits
from wasmwright.binary.decode import decode
from wasmwright.errors import InvalidError, MalformedError
from wasmwright.model import types
from wasmwright.model.module import (
    ACTIVE,
    DECLARATIVE,
    KIND_GLOBAL,
    KIND_TAG,
    PASSIVE,
    Custom,
    Elem,
    Export,
    Import,
    Module,
    Section,
)
from wasmwright.model.parts import Code, Expr
from wasmwright.model.types import (
    ArrayType,
    FieldType,
    FuncType,
    GlobalType,
    Limits,
    MemoryType,
    StructType,
    SubType,
    TableType,
    TagType,
)

HEADER = b"\0asm\1\0\0\0"


def module(*sections: tuple[int, str]) -> bytes:
    """A module of sections, each an id and its content in hex."""
    data = HEADER
    for section, content in sections:
        size = len(bytes.fromhex(content))
        length = bytes((size,)) if size < 0x80 else bytes((size & 0x7F | 0x80, size >> 7))
        data += bytes((section,)) + length + bytes.fromhex(content)
    return data


def fails(data: bytes, message: str, offset: int, flags: int = features.ALL) -> None:
    with pytest.raises(MalformedError) as error:
        decode(data, flags)
    assert str(error.value).startswith(message)
    assert error.value.offset == offset


@pytest.fixture(scope="module")
def whole(everything: bytes) -> Module:
    return decode(everything)


def test_the_empty_module() -> None:
    assert decode(HEADER) == Module(data=HEADER)


def test_bytes_are_kept_and_other_buffers_copied(everything: bytes) -> None:
    assert decode(everything).data is everything
    for other in (bytearray(everything), memoryview(everything)):
        assert decode(other) == decode(everything)
        assert isinstance(decode(other).data, bytes)


# Each section


def test_types(whole: Module) -> None:
    ref1 = types.REF | types.NULL | 2
    first = (FieldType(types.I8, True), FieldType(ref1, False))
    assert whole.types == (
        SubType(FuncType((types.I32,), (types.I64, types.F64))),
        SubType(StructType(first), final=False),
        SubType(StructType((*first, FieldType(types.I16, False))), supers=(1,)),
        SubType(ArrayType(FieldType(types.F32, True))),
        SubType(FuncType((), ())),
        SubType(FuncType((types.V128, types.FUNCREF), (types.REF | types.EXTERN,))),
    )
    assert whole.groups == ((0, 1), (1, 2), (3, 1), (4, 1), (5, 1), (6, 0))


def test_imports(whole: Module) -> None:
    assert whole.imports == (
        Import("m", "f", 0, 0),
        Import("m", "t", 1, TableType(Limits(1), types.FUNCREF)),
        Import("m", "m", 2, MemoryType(Limits(1, 2, address64=True))),
        Import("m", "g", 3, GlobalType(types.I32, True)),
        Import("m", "e", 4, TagType(4)),
    )


def test_tables_and_memories(whole: Module) -> None:
    assert [table.type for table in whole.tables] == [
        TableType(Limits(1), types.REF | types.FUNC),
        TableType(Limits(1, 2), types.EXTERNREF),
    ]
    init = whole.tables[0].init
    assert init is not None
    assert whole.data[init.start : init.end] == b"\xd2\x01\x0b"
    assert whole.tables[1].init is None
    assert whole.memories == (
        MemoryType(Limits(1)),
        MemoryType(Limits(1, 2, shared=True)),
        MemoryType(Limits(0, page_size_log2=0)),
    )


def test_globals_and_tags(whole: Module) -> None:
    assert [definition.type for definition in whole.globals] == [
        GlobalType(types.I64, True),
        GlobalType(types.ANYREF, False),
    ]
    inits = [whole.data[one.init.start : one.init.end] for one in whole.globals]
    assert inits == [b"\x42\x01\x42\x02\x7c\x0b", b"\xd0\x6e\x0b"]
    assert whole.tags == (TagType(4),)


def test_exports_and_start(whole: Module) -> None:
    assert len(whole.exports) == 5
    assert whole.exports[2:4] == (Export("", 2, 0), Export("c", KIND_GLOBAL, 1))
    assert whole.exports[4].kind == KIND_TAG
    assert whole.start == 1
    assert decode(HEADER).start is None


def test_elements(whole: Module) -> None:
    func, ref = types.REF | types.FUNC, types.FUNCREF
    summary = [(e.flags, e.mode, e.type, e.table, e.funcs, len(e)) for e in whole.elems]
    assert summary == [
        (0, ACTIVE, func, 0, (1,), 1),
        (1, PASSIVE, func, 0, (1,), 1),
        (2, ACTIVE, func, 1, (1,), 1),
        (3, DECLARATIVE, func, 0, (1, 2), 2),
        (4, ACTIVE, ref, 0, (), 1),
        (5, PASSIVE, func, 0, (), 1),
        (6, ACTIVE, types.EXTERNREF, 1, (), 1),
        (7, DECLARATIVE, ref, 0, (), 1),
    ]
    assert [elem.offset is not None for elem in whole.elems] == [1, 0, 1, 0, 1, 0, 1, 0]
    item = whole.elems[6].exprs[0]
    assert whole.data[item.start : item.end] == b"\xd0\x6f\x0b"


def test_code(whole: Module) -> None:
    assert whole.codes[0].locals == ()
    second = whole.codes[1]
    assert second.locals == ((2, types.I32), (1, types.REF | types.NULL | 1))
    assert whole.data[second.start : second.end] == b"\x41\x00\x1a\x0b"
    assert whole.data[second.body_start] == 2


def test_data(whole: Module) -> None:
    contents = [whole.data[data.start : data.end] for data in whole.datas]
    assert contents == [b"a", b"bc", b""]
    assert [(d.flags, d.mode, d.memory) for d in whole.datas] == [
        (0, ACTIVE, 0),
        (1, PASSIVE, 0),
        (2, ACTIVE, 1),
    ]
    assert whole.data_count == 3


def test_custom_sections_say_where_they_stood(whole: Module, everything: bytes) -> None:
    end = len(everything)
    assert whole.customs == (
        Custom("a", 12, 12, 0),
        Custom("b", 139, 140, 13),
        Custom("a", end - 2, end, 11),
    )
    assert whole.custom("a") == b""
    assert whole.custom("b") == b"\xff"
    assert whole.custom("c") is None


def test_sections_are_listed_as_they_stood(whole: Module, everything: bytes) -> None:
    ids = [section.id for section in whole.sections]
    assert ids == [0, 1, 2, 3, 4, 5, 13, 0, 6, 7, 8, 9, 12, 10, 11, 0]
    assert whole.sections[0] == Section(0, 10, 12)
    assert whole.sections[-1].end == len(everything)
    for before, after in zip(whole.sections, whole.sections[1:], strict=False):
        assert after.start == before.end + 2


def test_index_spaces_have_imports_first(whole: Module) -> None:
    assert whole.all_funcs == (0, 4, 0)
    assert whole.imported_funcs == 1
    assert [len(whole.all_tables), whole.imported_tables] == [3, 1]
    assert [len(whole.all_memories), whole.imported_memories] == [4, 1]
    assert [len(whole.all_globals), whole.imported_globals] == [3, 1]
    assert whole.all_memories[0] == MemoryType(Limits(1, 2, address64=True))
    assert whole.all_globals[0] == GlobalType(types.I32, True)
    assert len(whole.all_tags) == 2
    assert whole.func_type(1) == FuncType((), ())


def test_equal_declarations_of_locals_share_a_tuple() -> None:
    body = "04 01 017f 0b"
    found = decode(module((1, "01 600000"), (3, "02 00 00"), (10, f"02 {body} {body}")))
    assert found.codes[0] == Code(((1, types.I32),), 26, 27, 23)
    assert found.codes[0].locals is found.codes[1].locals


def test_constant_expressions_end_at_their_own_end() -> None:
    # Nested blocks are invalid in them, but well-formed.
    found = decode(module((6, "01 7f00 02400b 0440050b 067f 4100 18 00 41000b")))
    assert found.globals[0].init == Expr(13, 29)


def test_element_counts_are_those_of_expressions_where_there_are_expressions() -> None:
    assert len(Elem(5, PASSIVE, types.FUNCREF, 0, None, (), (Expr(0, 1), Expr(1, 2)))) == 2


def test_limits_have_64_bits() -> None:
    found = decode(module((5, "02 04 ffffffffffffffffff01 01 00 8080808010")))
    assert found.memories[0].limits == Limits(2**64 - 1, address64=True)
    assert found.memories[1].limits == Limits(0, 2**32)


# What is malformed

AFTER_LAST = "unexpected content after last section"


@pytest.mark.parametrize(
    ("data", "message", "offset"),
    [
        (b"", "unexpected end", 0),
        (b"\0as", "unexpected end", 3),
        (b"\0asn", "magic header not detected", 0),
        (b"\0asm\1\0", "unexpected end", 6),
        (b"\0asm\2\0\0\0", "unknown binary version: 02 00 00 00", 4),
        (b"\0asm\x0d\0\1\0", "unknown binary version: a component", 4),
        (HEADER + b"\x0e\0", "malformed section id: 14", 8),
        (HEADER + b"\1", "unexpected end", 9),
        (HEADER + b"\1\3", "length out of bounds", 9),
        (HEADER + b"\1\1", "unexpected end", 10),
        (HEADER + b"\1\x80\x80\x80\x80\x80\0", "integer representation too long", 14),
        (module((1, "01 600000 00")), "section size mismatch", 10),
        (module((1, "02 600000")), "unexpected end", 14),
        (
            module((1, "00"), (1, "00")),
            f"{AFTER_LAST}: type section again",
            11,
        ),
        (
            module((2, "00"), (1, "00")),
            f"{AFTER_LAST}: type section out of order",
            11,
        ),
        (
            module((6, "00"), (13, "00")),
            f"{AFTER_LAST}: tag section out of order",
            11,
        ),
        (module((10, "00"), (12, "00")), f"{AFTER_LAST}: data count section", 11),
        (module((0, "")), "unexpected end", 10),
        (module((0, "0561")), "length out of bounds", 10),
        (module((0, "0161"), (0, "0261")), "unexpected end", 16),
        (module((0, "01ff")), "malformed UTF-8 encoding", 11),
        (module((1, "01 61")), "malformed definition type", 11),
        (module((1, "01 e07f0000")), "integer representation too long", 12),
        (module((1, "01 5f 01 7902")), "malformed storage type", 13),
        (module((1, "01 5e 7f02")), "malformed mutability", 13),
        (module((1, "01 60 01 78 00")), "malformed reference type", 13),
        (module((1, "01 50 00 50 00 600000")), "malformed definition type", 13),
        (module((2, "01 00 00 05 00")), "malformed import kind", 13),
        (module((2, "01 00 00 04 01 00")), "zero byte expected", 14),
        (module((2, "01 00 01ff 00 00")), "malformed UTF-8 encoding", 13),
        (module((3, "01 8080808010")), "integer too large", 15),
        (module((4, "01 7f 00 00")), "malformed reference type", 11),
        (module((4, "01 70 02 00")), "malformed limits flags", 12),
        (module((4, "01 70 08 00 00")), "malformed limits flags", 12),
        (module((4, "01 40 01 70 00 00 d0700b")), "malformed reference type", 12),
        (module((5, "01 10 00")), "malformed limits flags", 11),
        (module((5, "01 08 00 41")), "invalid custom page size", 13),
        (module((6, "01 7f 02 41000b")), "malformed mutability", 12),
        (module((6, "01 7f 00 ff0b")), "illegal opcode ff", 13),
        (module((6, "01 7f 00 fc7f0b")), "illegal opcode fc 7f", 13),
        (module((6, "01 7f 00 fd94020b")), "illegal opcode fd 114", 13),
        (module((6, "01 7f 00 4100 05 0b")), "END opcode expected", 15),
        (module((6, "01 7f 00 4100")), "unexpected end", 15),
        (module((6, "01 7f 00 0240 4100 0b")), "unexpected end", 18),
        (module((6, "01 7f 00 41ffffffff0f 0b")), "integer too large", 18),
        (module((6, "01 7f 00 28 80010b")), "malformed memop flags", 14),
        (module((6, "01 7f 00 fe0301 0b")), "zero byte expected", 15),
        (module((6, "01 7f 00 fb1804 00 6e6e 0b")), "malformed br_on_cast flags", 15),
        (module((6, "01 7f 00 1f40 01 0400 0b")), "malformed catch clause", 16),
        (module((7, "01 00 05 00")), "malformed export kind", 12),
        (module((9, "01 08")), "malformed elements segment kind", 11),
        (module((9, "01 01 01 00")), "malformed element kind", 12),
        (module((9, "01 05 7f 00")), "malformed reference type", 12),
        (module((11, "01 03")), "malformed data segment kind", 11),
        (module((11, "01 01 02 61")), "unexpected end", 14),
        (module((13, "01 01 00")), "zero byte expected", 11),
        (module((3, "01 00")), "function and code section have inconsistent lengths: 1", 12),
        (module((10, "01 02 00 0b")), "function and code section have inconsistent lengths: 0", 14),
        (module((12, "01")), "data count and data section have inconsistent lengths", 11),
    ],
)
def test_malformed(data: bytes, message: str, offset: int) -> None:
    fails(data, message, offset)


@pytest.mark.parametrize(
    ("code", "message", "offset"),
    [
        ("01 06 01 ffffffff10 7f", "integer too large", 17),
        ("01 0a 02 ffffffff0f7f 017e 0b", "too many locals", 13),
        ("01 05 00 0b", "length out of bounds", 11),
        ("01 01 00", "unexpected end of section or function: the body", 13),
        ("01 02 05 0b 00 00 00 00 00", "malformed reference type", 14),
    ],
)
def test_a_malformed_body_is_named(code: str, message: str, offset: int) -> None:
    with pytest.raises(MalformedError) as error:
        decode(module((10, code)))
    assert str(error.value).startswith(message)
    assert error.value.offset == offset
    assert error.value.func == 0


def test_a_body_of_the_wrong_size_is_blamed_and_not_what_follows_it() -> None:
    # One byte short, so that the next section seems to begin with the body's end.
    data = module((1, "01 600000"), (3, "01 00")) + b"\x0a\x06\x01\x04\x00\x41\x80\x80\x00\x0b"
    with pytest.raises(MalformedError, match="section size mismatch: the body") as error:
        decode(data)
    assert error.value.func == 0


def test_functions_are_counted_from_the_imported_ones_in_errors() -> None:
    head = [(1, "01 600000"), (2, "01 00 00 00 00"), (3, "02 00 00")]
    with pytest.raises(MalformedError) as error:
        decode(module(*head, (10, "02 02 00 0b 04 01 01 78 0b")))
    assert error.value.func == 2


# Features


@pytest.mark.parametrize(
    ("data", "flag", "offset"),
    [
        (module((1, "01 5f 00")), features.GC, 11),
        (module((1, "01 5e 7f00")), features.GC, 11),
        (module((1, "01 50 00 600000")), features.GC, 11),
        (module((1, "01 4e 01 600000")), features.GC, 11),
        (module((1, "01 60 017b 00")), features.SIMD, 13),
        (module((4, "01 4000 70 0000 d0700b")), features.FUNCTION_REFERENCES, 11),
        (module((5, "01 04 00")), features.MEMORY64, 11),
        (module((5, "01 03 00 00")), features.THREADS, 11),
        (module((5, "01 08 00 00")), features.CUSTOM_PAGE_SIZES, 11),
        (module((9, "01 01 00 00")), features.BULK_MEMORY, 11),
        (module((11, "01 01 00")), features.BULK_MEMORY, 11),
        (module((12, "00")), features.BULK_MEMORY, 8),
        (module((6, "01 7f00 28 40 00 00 0b")), features.MULTI_MEMORY, 14),
    ],
)
def test_a_feature_that_is_off_is_named(data: bytes, flag: int, offset: int) -> None:
    decode(data)
    fails(data, "malformed ", offset, features.ALL & ~flag)
    with pytest.raises(MalformedError, match=f"{features.NAMES[flag]}, which is off"):
        decode(data, features.ALL & ~flag)


def test_tags_come_with_either_proposal_for_exceptions() -> None:
    data = module((1, "01 600000"), (2, "01 0000 04 0000"), (13, "01 0000"), (7, "01 00 04 00"))
    for flag in (features.EXCEPTIONS, features.LEGACY_EXCEPTIONS):
        decode(data, features.ALL & ~flag)
    neither = features.ALL & ~features.EXCEPTIONS & ~features.LEGACY_EXCEPTIONS
    fails(data, "malformed import kind: a tag needs the feature exceptions", 19, neither)
    fails(module((13, "00")), "malformed section id: a tag needs", 8, neither)


def test_sizes_have_32_bits_without_memory64() -> None:
    fails(module((5, "01 00 8080808010")), "integer too large", 16, features.WASM_2)


# Implementation limits


def test_limits_are_named() -> None:
    cases = [
        (module((5, "65" + "0000" * 101)), "memories", "MAX_MEMORIES is 100"),
        (module((1, "01 60 e907" + "7f" * 1001 + "00")), "parameters", "MAX_PARAMS is 1000"),
        (module((10, "01 06 01 d186037f 0b")), "locals", "MAX_LOCALS is 50000"),
        (HEADER + b"\0\xa4\x8d\x06\xa1\x8d\x06" + b"a" * 100_001, "name", "MAX_NAME_SIZE"),
    ]
    for data, what, limit in cases:
        with pytest.raises(InvalidError) as error:
            decode(data)
        assert "too many" in str(error.value)
        assert what in str(error.value)
        assert limit in str(error.value)
        assert error.value.offset is not None


def test_imported_memories_count_towards_the_limit() -> None:
    imports = (2, "3c" + "00 00 02 00 00" * 60)
    decode(module(imports))
    with pytest.raises(InvalidError, match=f"MAX_MEMORIES is {limits.MAX_MEMORIES}"):
        decode(module(imports, (5, "3c" + "0000" * 60)))
