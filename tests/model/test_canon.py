from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from wasmwright.model.canon import CANON, NO_SUPER, Canon, canonicalize
from wasmwright.model.module import Module
from wasmwright.model.types import (
    ARRAY,
    FUNC,
    I8,
    I32,
    I64,
    NULL,
    REF,
    STRUCT,
    ArrayType,
    CompType,
    FieldType,
    FuncType,
    StructType,
    SubType,
)

Group = list[CompType | SubType]


def add(canon: Canon, *groups: Group) -> list[int]:
    types: list[SubType] = []
    places: list[tuple[int, int]] = []
    for group in groups:
        places.append((len(types), len(group)))
        types += [item if isinstance(item, SubType) else SubType(item) for item in group]
    return canon.add(tuple(types), tuple(places))


def link(*targets: int) -> StructType:
    return StructType(tuple(FieldType(REF | NULL | target, False) for target in targets))


class TestEquality:
    def test_structure_counts_and_not_the_place(self) -> None:
        canon = Canon()
        first = add(canon, [FuncType((I32,), ())], [link(0)])
        second = add(canon, [StructType(())], [FuncType((I32,), ())], [link(1)])
        assert second[1:] == first

    def test_every_part_counts(self) -> None:
        different: list[CompType | SubType] = [
            FuncType((), ()),
            FuncType((I32,), ()),
            FuncType((), (I32,)),
            FuncType((I32, I32), ()),
            FuncType((I64,), ()),
            StructType(()),
            StructType((FieldType(I32, False),)),
            StructType((FieldType(I32, True),)),
            StructType((FieldType(I8, True),)),
            ArrayType(FieldType(I32, False)),
            SubType(StructType(()), False),
            link(0),
        ]
        ids = add(Canon(), *[[item] for item in different])
        assert len(set(ids)) == len(different)

    def test_groups_are_equal_as_a_whole(self) -> None:
        canon = Canon()
        one = add(canon, [link(0)])
        pair = add(canon, [link(1), link(0)])
        assert len({*one, *pair}) == 3
        again = add(canon, [StructType(())], [link(2), link(1)])
        assert again[1:] == pair

    def test_a_reference_out_of_the_group_is_not_one_within(self) -> None:
        canon = Canon()
        inside = add(canon, [link(0)])
        outside = add(canon, [link(0)], [link(0)])
        assert outside[0] == inside[0]
        assert outside[1] != inside[0]

    def test_supertypes_count(self) -> None:
        canon = Canon()
        base = SubType(StructType(()), False)
        with_super = add(canon, [base], [SubType(StructType(()), True, (0,))])
        without = add(canon, [base], [StructType(())])
        assert with_super[0] == without[0]
        assert with_super[1] != without[1]


class TestTables:
    def test_what_is_known_of_a_type(self) -> None:
        canon = Canon()
        ids = add(
            canon,
            [FuncType((), ())],
            [SubType(link(0), False)],
            [SubType(link(0, 2), True, (1,))],
            [ArrayType(FieldType(REF | 1, True))],
        )
        func, top, below, array = ids
        assert [canon.kinds[i] for i in ids] == [FUNC, STRUCT, STRUCT, ARRAY]
        assert [canon.supers[i] for i in ids] == [NO_SUPER, NO_SUPER, top, NO_SUPER]
        assert [canon.depths[i] for i in ids] == [0, 0, 1, 0]
        assert [canon.finals[i] for i in ids] == [True, False, True, True]
        assert canon.comps[below] == link(func, below)
        assert canon.comps[array] == ArrayType(FieldType(REF | top, True))

    def test_displays_and_matching(self) -> None:
        canon = Canon()
        ids = add(
            canon,
            [SubType(StructType(()), False)],
            [SubType(link(0), False, (0,))],
            [SubType(link(0, 0), False, (1,))],
            [SubType(link(1), False, (0,))],
        )
        a, b, c, d = ids
        assert canon.display(c) == (a, b, c)
        assert canon.display(c) is canon.display(c)
        for sub in ids:
            for sup in ids:
                display, depth = canon.display(sub), canon.depths[sup]
                expected = depth < len(display) and display[depth] == sup
                assert canon.matches(sub, sup) == expected
        assert canon.matches(d, a)
        assert not canon.matches(d, b)


def test_the_process_has_a_table() -> None:
    types = (SubType(StructType((FieldType(I64, True), FieldType(I8, False)))),)
    first = canonicalize(Module(b"", types=types, groups=((0, 1),)))
    second = canonicalize(Module(b"", types=types + types, groups=((0, 1), (1, 1))))
    assert second == first * 2
    assert CANON.comps[first[0]] == types[0].comp


def test_threads_agree() -> None:
    canon = Canon()
    groups: list[Group] = [[FuncType((I32,) * i, ())] for i in range(200)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda n: add(canon, *groups[n % 2 :: 2]), range(40)))
    for n, ids in enumerate(results):
        assert ids == results[n % 2]
        assert [len(canon.comps[i].params) for i in ids] == list(range(n % 2, 200, 2))


def test_large_groups_and_long_chains_take_linear_time() -> None:
    count = 50_000
    ring: Group = [link((i + 1) % count) for i in range(count)]
    chain: list[Group] = [[StructType(())]] + [[link(i)] for i in range(count)]
    deep: list[Group] = [[SubType(StructType(()), False)]]
    deep += [[SubType(StructType(()), False, (i,))] for i in range(count)]
    for groups in ([ring], chain, deep):
        canon = Canon()
        started = time.perf_counter()
        ids = add(canon, *groups)
        assert add(canon, *groups) == ids
        assert time.perf_counter() - started < 20
        assert len(set(ids)) == len(ids)
