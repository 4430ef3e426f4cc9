"""The layout of objects, and what modules need of a heap."""

import itertools

import pytest

from wasmwright.binary.decode import decode
from wasmwright.codegen.heap_layout import HeapNeeds, StructLayout, is_traced
from wasmwright.model.types import (
    ANYREF,
    EXTERNREF,
    F64,
    FUNC,
    FUNCREF,
    I8,
    I16,
    I32,
    I64,
    NULL,
    REF,
    STRUCT,
    V128,
    FieldType,
    StructType,
)

STORAGE = (I8, I16, I32, I64, F64, V128, ANYREF)


def layout(storage):
    return StructLayout(StructType(tuple(FieldType(each, True) for each in storage)))


def test_fields_are_aligned_and_do_not_overlap():
    sizes = {I8: 1, I16: 2, I32: 4, I64: 8, F64: 8, V128: 16, ANYREF: 8}
    for storage in itertools.product(STORAGE, repeat=4):
        found = layout(storage)
        end = 8
        for each, offset in zip(storage, found.offsets, strict=True):
            assert offset >= end
            assert offset % min(sizes[each], 8) == 0
            end = offset + sizes[each]
        assert end <= found.size < end + 8
        assert found.size % 8 == 0


def test_a_subtype_begins_like_its_supertype():
    for storage in itertools.product(STORAGE, repeat=3):
        for more in STORAGE:
            assert layout((*storage, more)).offsets[:3] == layout(storage).offsets


def test_small_objects_are_small():
    assert layout(()).size == 8
    assert layout((I8, I8, I16, I32)).size == 16
    assert layout((ANYREF, ANYREF)).size == 24


def test_functions_are_not_traced():
    kinds = [FUNC, STRUCT]
    traced = [FUNCREF, REF | 0, EXTERNREF, ANYREF, REF | NULL | 1, I32]
    assert [is_traced(each, kinds) for each in traced] == [False, False, True, True, True, False]


@pytest.mark.parametrize(
    ("text", "types", "heap", "functions"),
    [
        ("(func (param i32) (result f64) unreachable)", False, False, False),
        ("(func (param funcref))", False, False, False),
        ("(table 1 funcref)", False, False, False),
        ("(func (param externref))", False, True, False),
        ("(table 1 externref)", False, True, False),
        ("(global anyref (ref.null any))", False, True, False),
        ("(tag (param i32))", False, True, False),
        ("(type (sub (func)))", True, False, False),
        ("(type (struct (field i32)))", True, True, False),
        ("(type (array funcref))", True, True, True),
        ("(type $f (func)) (type (struct (field (ref $f))))", True, True, True),
    ],
)
def test_needs(wat, text, types, heap, functions):
    needs = HeapNeeds(decode(wat(f"(module {text})")))
    assert (needs.types, needs.heap, needs.functions) == (types, heap, functions)
