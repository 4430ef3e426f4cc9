"""Wrong and hostile modules end in a CompileError, or are accepted, in bounded time and memory."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wasmwright.binary.decode import decode
from wasmwright.errors import CompileError
from wasmwright.model.types import (
    F64,
    I32,
    NULL,
    REF,
    ArrayType,
    FieldType,
    FuncType,
    StructType,
    SubType,
)
from wasmwright.validate.module import validate

ODD_BYTES = [0x00, 0x01, 0x0B, 0x3F, 0x40, 0x5F, 0x60, 0x7F, 0x80, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF]


def seconds(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


class TestLocals:
    def test_many_functions_with_many_locals(self, valid) -> None:
        # Five thousand functions: a quarter of a billion locals.
        started = time.perf_counter()
        for text in ("", "local.get 49999; drop"):
            for _ in range(5_000):
                valid(text, locals=[(50_000, I32)])
        assert time.perf_counter() - started < 20

    def test_memory_for_locals(self, build) -> None:
        module = build("local.get 49999; drop", locals=[(50_000, F64)])
        tracemalloc.start()
        validate(module)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1_000_000

    def test_many_runs(self, valid) -> None:
        valid("local.get 24999; drop", locals=[(1, I32), (1, F64)] * 25_000)


class TestTypes:
    def test_many_recursive_types(self, valid) -> None:
        count = 50_000
        ring = [StructType((FieldType(REF | NULL | (i + 1) % count, True),)) for i in range(count)]
        assert seconds(lambda: valid(types=[ring])) < 20

    def test_wide_supertypes(self, valid) -> None:
        # Each type is checked against the one above it: in time linear in the fields of both.
        wide = tuple(FieldType(I32, True) for _ in range(2_000))
        types: list[SubType] = [SubType(StructType(wide), False)]
        types += [SubType(StructType(wide), False, (i,)) for i in range(50)]
        assert seconds(lambda: valid(types=types)) < 20


class TestBodies:
    def test_large_branch_tables(self, valid) -> None:
        table = b"\x41\x00\x0e" + b"\xf0\xff\x03" + b"\x00" * 65_521
        assert seconds(lambda: valid(b"\x02\x40" + table + b"\x0b" + table + b"\x0b")) < 20

    def test_dead_aggregates_cost_what_they_are_long(self, valid) -> None:
        wide = StructType(tuple(FieldType(I32, True) for _ in range(10_000)))
        types = [wide, ArrayType(FieldType(I32, True))]
        struct, array = b"\xfb\x00\x00\x1a", b"\xfb\x08\x01\x90\x4e\x1a"  # new and drop
        assert (
            seconds(lambda: valid(b"\x00" + (struct + array) * 20_000 + b"\x0b", types=types)) < 20
        )

    def test_many_results_of_calls(self, valid) -> None:
        types = [FuncType((), (I32,) * 1000), FuncType((I32,) * 1000, ())]
        valid(b"\x10\x00\x10\x01" * 1_000 + b"\x0b", types=types, funcs=[0, 1])

    @pytest.mark.parametrize("opener", [b"\x02\x40", b"\x03\x40", b"\x1f\x40\x00", b"\x06\x40"])
    def test_deep_nesting_without_an_end(self, opener: bytes, invalid) -> None:
        invalid(opener * 100_000, "")


@cache
def rejected() -> list[bytes]:
    with gzip.open(Path(__file__).with_name("suite_rejected.jsonl.gz"), "rt") as lines:
        return [bytes.fromhex(json.loads(line)["wasm"]) for line in lines]


@given(st.data())
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
def test_mutations_raise_nothing_else(data: st.DataObject) -> None:
    module = bytearray(data.draw(st.sampled_from(rejected())))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(len(module) - 1, 0)))
        byte = data.draw(st.sampled_from(ODD_BYTES) | st.integers(0, 255))
        if data.draw(st.booleans()):
            module[place : place + 1] = bytes((byte,))
        else:
            module[place:place] = bytes((byte,))
    with suppress(CompileError):
        validate(decode(bytes(module)))
