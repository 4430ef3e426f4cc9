"""Exports by attribute and as a mapping."""

import pytest

NAMES = ["add", "get", "keys", "items", "_entries", "__len__", "__class__", "not a name", "", "ü"]


@pytest.fixture
def exports(instantiate):
    functions = "".join(
        f'(func (export "{name}") (result i32) i32.const {i})' for i, name in enumerate(NAMES)
    )
    return instantiate(f"(module {functions})").exports


def test_every_export_is_an_item(exports):
    assert list(exports) == NAMES
    assert len(exports) == len(NAMES)
    for number, name in enumerate(NAMES):
        assert exports[name]() == number
        assert name in exports


def test_exports_are_attributes_even_where_mappings_have_a_method(exports):
    assert exports.add() == 0
    assert exports.get() == 1
    assert exports.keys() == 2
    assert getattr(exports, "not a name")() == 7
    assert type(exports).__name__ == "Exports"


def test_an_export_is_one_object_however_it_is_read(exports):
    assert exports.add is exports["add"] is exports.add is exports["add"]
    assert exports.__dict__["add"] is exports.add


def test_what_is_not_exported_is_named_in_the_error(exports):
    with pytest.raises(AttributeError, match="'missing'"):
        exports.missing  # noqa: B018
    with pytest.raises(KeyError):
        exports["missing"]
    assert "missing" not in exports


def test_exports_show_their_names(exports):
    assert "add" in repr(exports)
    assert {"add", "get"} <= set(dir(exports))


def test_an_export_cannot_be_set(instantiate):
    exports = instantiate(
        '(module (global (export "g") (mut i32) (i32.const 1)) (func (export "f")))'
    ).exports
    with pytest.raises(AttributeError, match="exports.g.value"):
        exports.g = 2
    with pytest.raises(AttributeError, match="cannot be set"):
        exports.f = print
    assert exports.g.value == 1
