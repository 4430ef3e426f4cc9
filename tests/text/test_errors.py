"""Errors say what is wrong, and show where."""

from __future__ import annotations

import pickle

import pytest

from wasmwright.errors import MalformedError
from wasmwright.text import TextError, parse


def error(source: str | bytes) -> TextError:
    with pytest.raises(TextError) as raised:
        parse(source)
    return raised.value


def test_an_error_is_one_line_and_an_excerpt_with_a_caret() -> None:
    found = error("(module\n  (func (i32.ad)))")
    assert isinstance(found, MalformedError)
    assert (found.line, found.column, found.source_line) == (2, 10, "  (func (i32.ad)))")
    assert str(found) == (
        "unknown operator i32.ad (line 2, column 10)\n    (func (i32.ad)))\n           ^"
    )


def test_columns_count_characters() -> None:
    found = error('(module (; é→😀 ;) (memory "x"))')
    assert found.column == 27
    assert str(found).splitlines()[2].index("^") == found.column + 1


def test_a_long_line_is_cut_on_both_sides_of_the_caret() -> None:
    found = error("(module " + "(func) " * 50 + "(foo)" + " (func)" * 50 + ")")
    first, excerpt, caret = str(found).splitlines()
    assert first == "unknown operator foo (line 1, column 360)"
    assert len(excerpt) < 80
    assert excerpt.startswith("  …")
    assert excerpt.endswith("…")
    assert excerpt[caret.index("^") :].startswith("foo")


@pytest.mark.parametrize("newline", ["\n", "\r", "\r\n"])
def test_every_kind_of_newline_counts(newline: str) -> None:
    found = error(newline.join(["(module", "(func)", "(func foo)", ")"]))
    assert (found.line, found.column, found.source_line) == (3, 7, "(func foo)")


def test_an_error_at_the_end_of_the_source_is_shown() -> None:
    found = error("(module (func)")
    assert found.message == 'unexpected token: found the end of the source, expected ")"'
    assert (found.line, found.column) == (1, 15)


def test_a_long_token_is_cut() -> None:
    assert len(error(f"(module ({'x' * 1000}))").message) < 80


def test_errors_survive_pickling() -> None:
    found = error("(module (func foo))")
    copy = pickle.loads(pickle.dumps(found))
    assert type(copy) is TextError
    assert str(copy) == str(found)
    assert (copy.line, copy.column) == (found.line, found.column)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("(foo)", "unknown operator foo"),
        ("(module) (module)", "unexpected token: found (, expected the end of the source"),
        ('(module (func) (import "a" "b" (func)))', "import after function definition"),
        ('(module (memory 1) (global (import "a" "b") i32))', "import after memory definition"),
        ("(func $f) (func $f)", "duplicate function $f"),
        ("(func (param $x i32) (local $x i32))", "duplicate local $x"),
        ("(type (struct (field $x i32) (field $x i32)))", "duplicate field $x"),
        ("(func call $f)", "unknown function $f"),
        ("(func br $l)", "unknown label $l"),
        ("(func block $a end $b)", "mismatching label $b"),
        ("(func block end end)", "unexpected token: found end"),
        ("(func (block end))", "unexpected token: found end"),
        ("(func block)", 'unexpected token: found ), expected an instruction or "end"'),
        ("(func else)", "unexpected token: found else"),
        ("(func if else else end)", "unexpected token: found else"),
        ("(func (if (i32.const 0)))", 'unexpected token: found ), expected "(then"'),
        ("(func (if nop (then)))", "unexpected token: found nop"),
        ("(func (i32.const 1 2))", "unexpected token: found 2"),
        ("(func (type 0) (param i32))", "unknown type"),
        ("(type (func)) (func (type 0) (param i32))", "inline function type"),
        ("(func (result i32) (param i32))", "unexpected token"),
        ("(func (block (param $x i32)))", "unexpected token"),
        ("(func i32.const 0x1_0000_0000)", "constant out of range"),
        ("(func i32.const -0x8000_0001)", "constant out of range"),
        ("(func f32.const 1e39)", "constant out of range"),
        ("(func local.get 4294967296)", "i32 constant out of range"),
        ("(memory 1) (func i32.load align=3)", "alignment must be a power of two"),
        ("(memory 1) (func i32.load align=0)", "alignment must be a power of two"),
        ("(memory 1) (func i32.load align=4 offset=4)", "unexpected token"),
        ("(memory 0x1_0000_0000_0000_0000)", "i64 constant out of range"),
        ("(memory 1 (pagesize 3))", "invalid custom page size"),
        ("(func v128.const i32x4 1 2 3)", "wrong number of lane literals"),
        ("(func v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 256)", "constant out of range"),
        ("(func i8x16.shuffle 0 1 2)", "invalid lane length"),
        ("(func i8x16.extract_lane_s 256)", "i8 constant out of range"),
        ("(start 0) (start 0) (func)", "multiple start sections"),
        ('(import "\\ff" "b" (func))', "malformed UTF-8 encoding"),
        ('(func $"\\ff")', "malformed UTF-8 encoding"),
        ('(export "a" (type 0))', "unexpected token: found type"),
    ],
)
def test_messages_begin_as_the_suite_has_them(source: str, message: str) -> None:
    assert error(source).message.startswith(message)


def test_sizes_had_32_bits_before_memory64() -> None:
    from wasmwright.features import WASM_2

    source = "(memory 0x1_0000_0000)"
    assert parse(source)
    with pytest.raises(TextError) as raised:
        parse(source, WASM_2)
    assert raised.value.message.startswith("i32 constant out of range")
