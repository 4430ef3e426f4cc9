"""Tables as Python sees them."""

import copy
import pickle

import pytest

from wasmwright.runtime.table import Table

SEVEN = '(module (func (export "f") (result i32) i32.const 7))'


def test_entries_are_read_and_written_by_index():
    table = Table("externref", 3)
    thing = object()
    table[2] = thing
    assert [table[i] for i in range(3)] == [None, None, thing]
    assert len(table) == 3
    for index in (3, -1, 1 << 70):
        with pytest.raises(IndexError):
            table[index]
        with pytest.raises(IndexError):
            table[index] = None


def test_a_table_grows_to_its_maximum_and_no_further(instantiate):
    table = Table("funcref", 1, 4)
    function = instantiate(SEVEN).exports.f
    assert table.grow(2, function) == 1
    assert table[1] is table[2] is function
    assert table[0] is None
    for delta in (2, -1, 1 << 40):
        with pytest.raises(MemoryError):
            table.grow(delta)
    assert table.grow(1) == 3
    assert len(table) == 4


@pytest.mark.parametrize("arguments", [("i32", 1), ("funcref", -1), ("funcref", 2, 1)])
def test_a_type_that_makes_no_sense_is_a_value_error(arguments):
    with pytest.raises(ValueError):
        Table(*arguments)


def test_a_table_beyond_the_limit_is_a_memory_error():
    with pytest.raises(MemoryError, match="limit"):
        Table("funcref", 1 << 40)


def test_tables_can_be_neither_copied_nor_pickled():
    for make in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            make(Table("funcref", 1))


def test_the_type_has_the_current_size():
    table = Table("externref", 1, 5)
    table.grow(2)
    assert table.type.limits.min == 3
    assert table.type.limits.max == 5
    assert repr(table) == "<wasmwright.Table 3 externref>"
