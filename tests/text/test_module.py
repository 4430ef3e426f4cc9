"""Module fields and their abbreviations become the sections that the specification says."""

from __future__ import annotations

import pytest

from wasmwright.binary.decode import decode
from wasmwright.binary.encode import encode
from wasmwright.binary.names import Names, decode_names
from wasmwright.model.module import ACTIVE, DECLARATIVE, PASSIVE, Module
from wasmwright.model.types import FUNC, FUNCREF, NULL, REF, FuncType, StructType
from wasmwright.text import parse


def module(source: str) -> Module:
    """The decoded module, which is in the shortest encoding."""
    decoded = decode(parse(source))
    assert encode(decoded) == decoded.data
    return decoded


def names(source: str) -> Names:
    return decode_names(module(source))


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("", "(module)"),
        ("(func)", "(module (func))"),
        ("(func (param i32) (param i64 f32))", "(func (param i32 i64 f32))"),
        (
            "(func (local i32 i32) (local) (local i64))",
            "(func (local i32) (local i32) (local i64))",
        ),
        ('(func (export "a") (export "b"))', '(func) (export "a" (func 0)) (export "b" (func 0))'),
        ('(func (import "a" "b") (param i32))', '(import "a" "b" (func (param i32)))'),
        (
            '(func (export "c") (import "a" "b"))',
            '(import "a" "b" (func)) (export "c" (func 0))',
        ),
        ('(memory (import "a" "b") 1 2)', '(import "a" "b" (memory 1 2))'),
        ('(memory (export "a") 1)', '(memory 1) (export "a" (memory 0))'),
        ('(memory (data "abc" "d"))', '(memory 1 1) (data (i32.const 0) "abcd")'),
        ("(memory (data))", '(memory 0 0) (data (i32.const 0) "")'),
        ('(memory i64 (data "a"))', '(memory i64 1 1) (data (i64.const 0) "a")'),
        (
            '(memory (pagesize 1) (data "abc"))',
            '(memory 3 3 (pagesize 1)) (data (offset i32.const 0) "abc")',
        ),
        (
            '(memory 1) (memory (data "a"))',
            '(memory 1) (memory 1 1) (data (memory 1) (i32.const 0) "a")',
        ),
        ("(memory i32 1)", "(memory 1)"),
        ("(memory 1 (pagesize 65536))", "(memory 1)"),
        ('(table (import "a" "b") 1 funcref)', '(import "a" "b" (table 1 funcref))'),
        ("(table 1 (ref null func))", "(table 1 funcref)"),
        (
            "(func) (table funcref (elem 0 0))",
            "(func) (table 2 2 funcref) (elem (table 0) (i32.const 0) func 0 0)",
        ),
        (
            "(func) (table i64 funcref (elem (ref.func 0)))",
            "(func) (table i64 1 1 funcref) (elem (table 0) (i64.const 0) funcref (ref.func 0))",
        ),
        (
            "(type (func)) (func) (table (ref null 0) (elem 0))",
            "(type (func)) (func) (table 1 1 (ref null 0)) "
            "(elem (table 0) (i32.const 0) (ref null 0) (item ref.func 0))",
        ),
        ('(global (import "a" "b") (mut i32))', '(import "a" "b" (global (mut i32)))'),
        (
            '(global (export "a") i32 (i32.const 1))',
            '(global i32 i32.const 1) (export "a" (global 0))',
        ),
        ('(tag (import "a" "b") (param i32))', '(import "a" "b" (tag (param i32)))'),
        ('(tag (export "a"))', '(tag) (export "a" (tag 0))'),
        (
            "(table 1 funcref) (elem 0 (i32.const 0) 0) (func)",
            "(table 1 funcref) (elem (table 0) (i32.const 0) func 0) (func)",
        ),
        ('(memory 1) (data 0 (i32.const 0) "a")', '(memory 1) (data (i32.const 0) "a")'),
        ("(type (sub final (func)))", "(type (func))"),
        ("(rec (type (func)))", "(type (func))"),
        ("(type (struct (field i8 i16) (field)))", "(type (struct (field i8) (field i16)))"),
        ("(type (func (param (ref null none))))", "(type (func (param nullref)))"),
        ('(module quote "(func)" "(memory 1)")', "(func) (memory 1)"),
        ('(module binary "\\00asm" "\\01\\00\\00\\00")', "(module)"),
        ("(@a)(module(@b)(@c (d))(func(@e)nop))", "(func nop)"),
    ],
)
def test_abbreviations_are_what_they_stand_for(short: str, long: str) -> None:
    assert parse(short) == parse(long)


def test_implicit_types_follow_the_explicit_ones_in_order_of_use() -> None:
    found = module(
        """
        (func (param i32) (block (param i64) (drop)) (call_indirect (param f32)))
        (func (result i32) unreachable)
        (type $a (func (result i32))) (table 0 funcref)
        """
    )
    signatures = [(each.comp.params, each.comp.results) for each in found.types
                  if isinstance(each.comp, FuncType)]  # fmt: skip
    i32, i64, f32 = 0x7F, 0x7E, 0x7D
    assert signatures == [((), (i32,)), ((i32,), ()), ((i64,), ()), ((f32,), ())]
    assert found.funcs == (1, 0)


def test_types_of_operands_are_used_before_those_of_their_instruction() -> None:
    found = module(
        "(table 0 funcref) (func (call_indirect (param i32) (call_indirect (result i32))))"
    )
    assert [each.comp for each in found.types[1:]] == [
        FuncType((), (0x7F,)),
        FuncType((0x7F,), ()),
    ]


def test_an_implicit_type_is_the_first_that_stands_alone_and_is_final() -> None:
    found = module(
        """
        (type (sub (func))) (rec (type (func)) (type (struct)))
        (rec (type (sub final (func)))) (type (func)) (func)
        """
    )
    assert found.funcs == (3,)
    assert len(found.types) == 5


def test_types_may_refer_to_later_ones_by_name() -> None:
    found = module("(rec (type $a (struct (field (ref $b)))) (type $b (sub $a (struct))))")
    comp = found.types[0].comp
    assert isinstance(comp, StructType)
    assert comp.fields[0].storage == REF | 1
    assert found.types[1].supers == (0,)
    assert found.groups == ((0, 2),)


def test_parameters_of_a_named_type_have_indices_but_no_names() -> None:
    assert parse(
        "(type $t (func (param $x i32))) (func (type $t) (local $y i64) local.get $y)"
    ) == (parse("(type $t (func (param i32))) (func (type $t) (local $y i64) local.get 1)"))


def test_locals_are_declared_in_runs() -> None:
    found = module("(func (param i32) (local i32 i32) (local $x i32) (local i64) (local i32))")
    assert found.codes[0].locals == ((3, 0x7F), (1, 0x7E), (1, 0x7F))


def test_element_segments_of_every_form() -> None:
    found = module(
        """
        (table $t 1 funcref) (table $u 1 funcref) (func $f)
        (elem (i32.const 0) $f $f) (elem (offset i32.const 1) func $f)
        (elem (table $u) (i32.const 0) func $f) (elem (i32.const 0) funcref (ref.func $f))
        (elem (table 1) (i32.const 0) funcref (item ref.func $f) (ref.null func))
        (elem func $f) (elem $e funcref) (elem declare func $f)
        (elem declare (ref func) (ref.func 0))
        (elem (i32.const 0)) (elem (i32.const 0) (ref null func))
        """
    )
    summary = [(each.flags, each.mode, each.table, len(each)) for each in found.elems]
    assert summary == [
        (0, ACTIVE, 0, 2), (0, ACTIVE, 0, 1), (2, ACTIVE, 1, 1), (4, ACTIVE, 0, 1),
        (6, ACTIVE, 1, 2), (1, PASSIVE, 0, 1), (5, PASSIVE, 0, 0), (3, DECLARATIVE, 0, 1),
        (7, DECLARATIVE, 0, 1), (0, ACTIVE, 0, 0), (4, ACTIVE, 0, 0),
    ]  # fmt: skip
    assert found.elems[8].type == REF | FUNC
    assert found.elems[10].type == FUNCREF == REF | NULL | FUNC


def test_data_segments_of_every_form() -> None:
    found = module(
        '(memory 1) (memory $m 1) (data "a" "b\\00") (data) (data $d (i32.const 1) "c")'
        "(data (memory $m) (offset i32.const 1)) (func data.drop $d)"
    )
    contents = [found.data[each.start : each.end] for each in found.datas]
    assert contents == [b"ab\0", b"", b"c", b""]
    assert [(each.mode, each.memory) for each in found.datas] == [
        (PASSIVE, 0), (PASSIVE, 0), (ACTIVE, 0), (ACTIVE, 1),
    ]  # fmt: skip
    assert found.data_count == 4


def test_a_data_count_is_written_where_an_instruction_needs_it() -> None:
    assert module('(memory 1) (data "a")').data_count is None
    assert module('(memory 1) (data "a") (func memory.init 0)').data_count == 1


def test_identifiers_become_names() -> None:
    found = names(
        """
        (module $m
          (type $t (struct (field $a i32) (field i32) (field $b i32)))
          (import "a" "b" (func $i (param $p i32)))
          (func $f (param i32) (param $q i32) (local $l i64)
            block $x loop end (if $y (i32.const 0) (then)) end)
          (table $u 1 funcref) (memory $n 1) (global $g i32 i32.const 0) (tag $x)
          (elem $e func) (data $d))
        """
    )
    assert found == Names(
        module="m",
        funcs={0: "i", 1: "f"},
        locals={0: {0: "p"}, 1: {1: "q", 2: "l"}},
        labels={1: {0: "x", 2: "y"}},
        types={0: "t"},
        tables={0: "u"},
        memories={0: "n"},
        globals={0: "g"},
        elems={0: "e"},
        datas={0: "d"},
        fields={0: {0: "a", 2: "b"}},
        tags={0: "x"},
    )


def test_a_module_without_identifiers_has_no_name_section() -> None:
    assert not module("(func (param i32))").customs


def test_segments_inside_definitions_have_indices_in_order() -> None:
    found = names(
        '(data $a "") (memory (data "")) (data $b "") (table funcref (elem)) (elem $c func)'
    )
    assert found.datas == {0: "a", 2: "b"}
    assert found.elems == {1: "c"}


def test_imports_come_first_in_the_order_of_the_text() -> None:
    found = module(
        '(func $f (import "a" "1")) (import "a" "2" (memory 1)) (global $g (import "a" "3") i32)'
        '(import "a" "4" (func $h)) (func (export "x") call $f call $h)'
    )
    assert [entry.name for entry in found.imports] == ["1", "2", "3", "4"]
    assert found.exports[0].index == 2


def test_bytes_are_taken_as_utf8() -> None:
    assert parse('(func (export "é"))'.encode()) == parse('(func (export "é"))')
