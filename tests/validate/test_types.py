from __future__ import annotations

import pytest

from wasmwright.features import ALL, MULTI_VALUE
from wasmwright.model.types import (
    ANYREF,
    EQREF,
    FUNCREF,
    I32,
    I64,
    NULL,
    REF,
    ArrayType,
    CompType,
    FieldType,
    FuncType,
    Limits,
    MemoryType,
    StructType,
    SubType,
    TableType,
)


def struct(*fields: FieldType) -> StructType:
    return StructType(fields)


def var(storage: int) -> FieldType:
    return FieldType(storage, True)


def const(storage: int) -> FieldType:
    return FieldType(storage, False)


def open_type(comp: CompType, *supers: int) -> SubType:
    return SubType(comp, False, supers)


class TestReferences:
    def test_lead_back_or_into_the_group(self, valid, invalid) -> None:
        valid(types=[struct(), struct(const(REF | 0))])
        valid(types=[struct(const(REF | NULL | 0))])
        valid(types=[[struct(const(REF | 1)), struct(const(REF | 0))]])
        invalid("", "unknown type 1", types=[struct(const(REF | 1)), struct()])
        invalid("", "unknown type 9", types=[FuncType((REF | 9,), ())])
        invalid("", "unknown type 9", types=[FuncType((), (REF | 9,))])
        invalid("", "unknown type 9", types=[ArrayType(var(REF | 9))])

    def test_multiple_results_need_their_feature(self, invalid) -> None:
        types = [FuncType((), (I32, I32))]
        invalid("", "multi-value support", types=types, features=ALL & ~MULTI_VALUE)


class TestSupertypes:
    @pytest.mark.parametrize(
        ("sup", "sub"),
        [
            (struct(), struct(var(I32))),
            (struct(const(ANYREF)), struct(const(EQREF), var(I64))),
            (struct(var(ANYREF)), struct(var(ANYREF))),
            (ArrayType(const(FUNCREF)), ArrayType(const(REF | NULL | 0))),
            (FuncType((EQREF,), (ANYREF,)), FuncType((ANYREF,), (EQREF,))),
        ],
        ids=str,
    )
    def test_are_matched(self, sup: CompType, sub: CompType, valid, invalid) -> None:
        # Type 0 is a function type to refer to.
        parts = {"types": [FuncType((), ()), open_type(sup), open_type(sub, 1)]}
        valid(**parts)
        if sup != sub:
            back = [FuncType((), ()), open_type(sub), open_type(sup, 1)]
            invalid("", "sub type 2 does not match super type 1", types=back)

    @pytest.mark.parametrize(
        ("sup", "sub"),
        [
            (struct(var(I32)), struct(const(I32))),
            (struct(var(ANYREF)), struct(var(EQREF))),
            (struct(const(I32)), struct(const(I64))),
            (struct(), ArrayType(const(I32))),
            (struct(), FuncType((), ())),
            (FuncType((), ()), struct()),
            (ArrayType(const(I32)), struct()),
            (FuncType((), ()), FuncType((), (I32,))),
            (FuncType((), ()), FuncType((I32,), ())),
        ],
        ids=str,
    )
    def test_are_not_matched(self, sup: CompType, sub: CompType, invalid) -> None:
        types = [open_type(sup), open_type(sub, 0)]
        invalid("", "sub type 1 does not match super type 0", types=types)

    def test_come_first_and_are_open(self, invalid) -> None:
        invalid("", "sub type 1 has final super type 0", types=[struct(), open_type(struct(), 0)])
        invalid("", "unknown type 9", types=[open_type(struct(), 9)])
        invalid("", "unknown type 0: forward use", types=[open_type(struct(), 0)])
        group = [[open_type(struct(), 1), open_type(struct())]]
        invalid("", "unknown type 1: forward use", types=group)

    def test_there_is_one_at_most(self, invalid) -> None:
        types = [open_type(struct()), open_type(struct()), open_type(struct(), 0, 1)]
        invalid("", "sub type 2 has 2 super types", types=types)

    def test_depth_has_a_limit(self, valid, invalid) -> None:
        types = [open_type(struct())] + [open_type(struct(), i) for i in range(63)]
        valid(types=types)
        invalid("", "sub type 64 has too many types above", types=[*types, open_type(struct(), 63)])

    def test_fields_may_refer_to_the_subtype_itself(self, valid) -> None:
        valid(
            types=[
                [
                    open_type(struct(const(REF | NULL | 0))),
                    open_type(struct(const(REF | NULL | 1)), 0),
                ]
            ]
        )


class TestLimits:
    def test_minimum_is_at_most_the_maximum(self, valid, invalid) -> None:
        valid(memories=[MemoryType(Limits(1, 1))])
        invalid("", "size minimum must not be greater", memories=[MemoryType(Limits(2, 1))])
        invalid(
            "",
            "size minimum must not be greater",
            tables=[(TableType(Limits(2, 1), FUNCREF), None)],
        )

    @pytest.mark.parametrize(
        ("wide", "page", "most"),
        [
            (False, 16, 1 << 16),
            (True, 16, 1 << 48),
            (False, 0, (1 << 32) - 1),
            (True, 0, (1 << 64) - 1),
        ],
    )
    def test_memories_fit_their_address_type(
        self, wide: bool, page: int, most: int, valid, invalid
    ) -> None:
        def memory(*sizes: int) -> list[MemoryType]:
            return [MemoryType(Limits(*sizes, address64=wide, page_size_log2=page))]

        valid(memories=memory(most, most))
        invalid("", "memory size must be at most", memories=memory(most + 1))
        invalid("", "memory size must be at most", memories=memory(0, most + 1))

    @pytest.mark.parametrize(("wide", "most"), [(False, (1 << 32) - 1), (True, (1 << 64) - 1)])
    def test_tables_fit_their_address_type(self, wide: bool, most: int, valid, invalid) -> None:
        def table(*sizes: int) -> list[tuple[TableType, None]]:
            return [(TableType(Limits(*sizes, address64=wide), FUNCREF), None)]

        valid(tables=table(most, most))
        invalid("", "table size must be at most", tables=table(most + 1))
        invalid("", "table size must be at most", tables=table(0, most + 1))

    def test_pages_have_one_of_two_sizes(self, invalid) -> None:
        for log2 in (1, 15, 17, 64):
            memories = [MemoryType(Limits(0, page_size_log2=log2))]
            invalid("", "invalid custom page size", memories=memories)

    def test_shared_memories_have_a_maximum(self, valid, invalid) -> None:
        valid(memories=[MemoryType(Limits(1, 2, shared=True))])
        invalid(
            "", "shared memory must have maximum", memories=[MemoryType(Limits(1, shared=True))]
        )
