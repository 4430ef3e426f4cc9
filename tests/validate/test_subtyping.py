from __future__ import annotations

import pytest

from wasmwright.model.canon import Canon
from wasmwright.model.types import (
    ABSTRACT,
    ANY,
    ARRAY,
    BOT,
    EQ,
    EXN,
    EXTERN,
    F32,
    FUNC,
    FUNCREF,
    HEAP_BOT,
    HEAP_NAMES,
    I31,
    I32,
    NOEXN,
    NOEXTERN,
    NOFUNC,
    NONE,
    NULL,
    REF,
    STRUCT,
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
from wasmwright.validate.subtyping import (
    extern_matches,
    heap_matches,
    limits_match,
    map_externtype,
    matches,
    top_of,
)

# 0: a struct, 1: one below it, 2: one below that, 3: another, 4: an array, 5: a function
TYPES = (
    SubType(StructType(()), False),
    SubType(StructType((FieldType(I32, True),)), False, (0,)),
    SubType(StructType((FieldType(I32, True), FieldType(F32, True))), True, (1,)),
    SubType(StructType((FieldType(F32, True),)), False, (0,)),
    SubType(ArrayType(FieldType(I32, True))),
    SubType(FuncType((), ())),
)

ABOVE = {
    NONE: {I31, STRUCT, ARRAY, EQ, ANY, 0, 1, 2, 3, 4},
    NOFUNC: {FUNC, 5},
    NOEXTERN: {EXTERN},
    NOEXN: {EXN},
    I31: {EQ, ANY},
    STRUCT: {EQ, ANY},
    ARRAY: {EQ, ANY},
    EQ: {ANY},
    0: {STRUCT, EQ, ANY},
    1: {0, STRUCT, EQ, ANY},
    2: {1, 0, STRUCT, EQ, ANY},
    3: {0, STRUCT, EQ, ANY},
    4: {ARRAY, EQ, ANY},
    5: {FUNC},
}
HEAPS = [heap for heap in HEAP_NAMES if heap != HEAP_BOT] + list(range(len(TYPES)))


@pytest.fixture(name="canon")
def canon_fixture() -> Canon:
    canon = Canon()
    assert canon.add(TYPES, tuple((i, 1) for i in range(len(TYPES)))) == list(range(len(TYPES)))
    return canon


def test_heap_types(canon: Canon) -> None:
    for sub in HEAPS:
        for sup in HEAPS:
            expected = sub == sup or sup in ABOVE.get(sub, set())
            assert heap_matches(canon, sub, sup) == expected, (sub, sup)
        assert heap_matches(canon, HEAP_BOT, sub)
        assert not heap_matches(canon, sub, HEAP_BOT)


def test_tops(canon: Canon) -> None:
    for heap in HEAPS:
        top = top_of(canon, heap)
        assert heap_matches(canon, heap, top)
        assert top in (ANY, FUNC, EXTERN, EXN)


def test_value_types(canon: Canon) -> None:
    assert matches(canon, I32, I32)
    assert not matches(canon, I32, F32)
    assert not matches(canon, I32, FUNCREF)
    assert not matches(canon, FUNCREF, I32)
    for sup in (I32, FUNCREF, REF | 1):
        assert matches(canon, BOT, sup)
    assert matches(canon, REF | 1, REF | NULL | 0)
    assert matches(canon, REF | 1, REF | 0)
    assert not matches(canon, REF | NULL | 1, REF | 0)
    assert not matches(canon, REF | NULL | 1, REF | 0 | ABSTRACT)


def test_limits() -> None:
    assert limits_match(Limits(2), Limits(1))
    assert limits_match(Limits(2, 3), Limits(2, 3))
    assert limits_match(Limits(2, 3), Limits(1, 4))
    assert limits_match(Limits(2, 3), Limits(1))
    assert not limits_match(Limits(1), Limits(2))
    assert not limits_match(Limits(1), Limits(1, 4))
    assert not limits_match(Limits(1, 5), Limits(1, 4))
    assert not limits_match(Limits(1, address64=True), Limits(1))
    assert not limits_match(Limits(1, 2, shared=True), Limits(1, 2))
    assert not limits_match(Limits(1, page_size_log2=0), Limits(1))


def test_external_types(canon: Canon) -> None:
    memory, table = MemoryType(Limits(1)), TableType(Limits(1), REF | NULL | 1)
    const, var = GlobalType(REF | 1, False), GlobalType(REF | 1, True)
    for desc in (memory, table, const, var, TagType(5), 5):
        assert extern_matches(canon, desc, desc)
        for other in (MemoryType(Limits(9)), TableType(Limits(9), FUNCREF), TagType(9)):
            assert not extern_matches(canon, desc, other)
    assert extern_matches(canon, const, GlobalType(REF | 0, False))
    assert not extern_matches(canon, var, GlobalType(REF | 0, True))
    assert not extern_matches(canon, var, const)
    assert not extern_matches(canon, table, TableType(Limits(1), REF | NULL | 0))
    assert extern_matches(canon, 1, 0)
    assert not extern_matches(canon, 0, 1)
    assert not extern_matches(canon, 5, memory)


def test_external_types_get_canonical_ids() -> None:
    ids = [7, 8, 9]
    assert map_externtype(2, ids) == 9
    assert map_externtype(TagType(0), ids) == TagType(7)
    assert map_externtype(GlobalType(REF | 1, True), ids) == GlobalType(REF | 8, True)
    table = TableType(Limits(1), REF | NULL | 0)
    assert map_externtype(table, ids) == TableType(Limits(1), REF | NULL | 7)
    assert map_externtype(MemoryType(Limits(1)), ids) == MemoryType(Limits(1))
