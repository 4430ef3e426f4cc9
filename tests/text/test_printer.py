"""What the printer writes, construct by construct."""

from __future__ import annotations

import io
import re

import pytest

from wasmwright.binary.decode import decode
from wasmwright.errors import MalformedError
from wasmwright.text import parse
from wasmwright.text.printer import print_module, write_module


def printed(source: str, **options: bool) -> list[str]:
    """The lines of a module that is given as text, without the outermost indentation."""
    lines = print_module(parse(source), **options).splitlines()
    assert (lines[0], lines[-1]) == ("(module", ")")
    return [line.removeprefix("  ") for line in lines[1:-1]]


def body(code: str, definitions: str = "", **options: bool) -> list[str]:
    """The lines of the body of the last function of a module, which has ``code``."""
    lines = printed(f"(module {definitions} (func {code}))", **options)
    start = max(number for number, line in enumerate(lines) if line.startswith("(func"))
    end = lines.index(")", start)
    return [line.removeprefix("  ") for line in lines[start + 1 : end]]


def define(definition: str) -> str:
    """How a definition that takes one line is printed; it stands last in its module."""
    return printed(f"(module {definition})")[-1]


@pytest.mark.parametrize(
    "definition",
    [
        "(type $t (;0;) (func (param i32 i64) (result f32 f64)))",
        "(type (;0;) (sub (func)))",
        "(type (;0;) (struct (field $x (mut i8)) (field i16) (field anyref)))",
        "(type (;0;) (array (mut v128)))",
        r'(import "a" "\"\\\00\u{200b}é" (memory $m (;0;) 1 2))',
        '(import "" "t" (table (;0;) i64 1 externref))',
        '(import "m" "g" (global $"a b" (;0;) (mut nullfuncref)))',
        "(memory (;0;) i64 1 2 shared)",
        "(memory (;0;) 1 (pagesize 1))",
        "(table (;0;) 0 10 funcref)",
        "(table (;0;) 1 i31ref (ref.null i31))",
        "(global $g (;0;) (mut i64) (i64.const -9223372036854775808))",
        "(global (;0;) i32 i32.const 1 i32.const 2 i32.add)",
        r'(data (;0;) "a\"\\\00\ff~\n")',
    ],
)
def test_a_definition_is_printed_as_it_is_written(definition: str) -> None:
    assert define(definition) == definition


def test_recursive_groups_keep_their_types_together() -> None:
    group = """
      (rec
        (type $a (;0;) (sub (struct (field (ref null $b)))))
        (type $b (;1;) (sub final $a (struct (field (ref null $b)) (field (ref $a)))))
      )
      (rec)
      (type (;2;) (func))"""
    assert printed(f"(module {group})") == [line[6:] for line in group.splitlines()[1:]]


def test_functions_keep_their_type_and_show_it_in_full() -> None:
    source = """(module
      (type (func)) (type $t (func (param i32 i32 i64) (result i32)))
      (import "a" "b" (func $f (type $t) (param $p i32) (param i32) (param i64) (result i32)))
      (tag (type $t))
      (func (type $t) (param i32 i32) (param $last i64) (result i32) (local f32 f32) (local $l i32)
        local.get $l))"""
    assert printed(source)[2:] == [
        '(import "a" "b" (func $f (;0;) (type $t) (param $p i32) (param i32 i64) (result i32)))',
        "(tag (;0;) (type $t) (param i32 i32 i64) (result i32))",
        "(func (;1;) (type $t) (param i32 i32) (param $last i64) (result i32)",
        "  (local f32 f32) (local $l i32)",
        "  local.get $l",
        ")",
    ]


def test_an_empty_function_takes_one_line() -> None:
    assert define("(func)") == "(func (;0;) (type 0))"


def test_exports_and_the_start_refer_by_id() -> None:
    source = (
        '(module (func $f) (memory 1) (export "f" (func $f)) (export "" (memory 0)) (start $f))'
    )
    assert printed(source)[2:5] == [
        '(export "f" (func $f))',
        '(export "" (memory 0))',
        "(start $f)",
    ]


@pytest.mark.parametrize(
    "segment",
    [
        "(elem (;0;) (i32.const 0) func $f 1)",
        "(elem (;0;) func $f)",
        "(elem (;0;) (table $t) (i32.const 1) func)",
        "(elem (;0;) declare func $f)",
        "(elem (;0;) (offset i32.const 1 i32.const 2 i32.add) funcref (ref.func $f))",
        "(elem $e (;0;) (ref func) (ref.func $f) (item ref.func $f ref.func 1))",
        "(elem (;0;) (table 0) (i32.const 1) externref (ref.null extern))",
        "(elem (;0;) declare funcref (ref.null func))",
    ],
)
def test_element_segments_keep_their_form(segment: str) -> None:
    tables = "(table 9 funcref) (table $t 9 funcref)"
    assert segment in printed(f"(module {tables} (func $f) (func) {segment})")


def test_long_lists_and_strings_take_several_lines() -> None:
    lines = printed(f'(module (func) (elem func {"0 " * 99}) (data "{"x" * 200}"))')
    elem = next(number for number, line in enumerate(lines) if line.startswith("(elem"))
    assert lines[elem + 1].startswith("  ")
    assert max(map(len, lines)) <= 100
    assert lines[-3:] == [f'  "{"x" * 90}"', f'  "{"x" * 90}"', f'  "{"x" * 20}")']


def test_data_segments_keep_their_form() -> None:
    source = '(module (memory 1) (memory $m 1) (data $d (memory $m) (i32.const 1) "") (data "a"))'
    assert printed(source)[-2:] == [
        '(data $d (;0;) (memory $m) (i32.const 1) "")',
        '(data (;1;) "a")',
    ]


def test_custom_sections_stand_where_they_stood() -> None:
    source = r"""(module (@custom "a" (before first) "1") (type (func)) (memory 1)
      (@custom "b\00" (after type) "\ff") (@custom "c" (after memory)) (@custom "d" "2"))"""
    assert printed(source) == [
        '(@custom "a" (before first) "1")',
        "(type (;0;) (func))",
        r'(@custom "b\00" (after type) "\ff")',
        "(memory (;0;) 1)",
        '(@custom "c" (after memory) "")',
        '(@custom "d" (after memory) "2")',
    ]


# Instructions


MODULE = """
  (type $s (struct (field $x i32) (field (mut i8)))) (type $a (array (mut i32)))
  (type $f (func (param i32) (result i32)))
  (memory 1) (memory $n 1) (table 1 funcref) (table $t 1 funcref) (tag $e (param i32))
  (global $g (mut i32) (i32.const 0)) (data $d "") (elem $l func) (func $k)
"""


@pytest.mark.parametrize(
    "code",
    [
        "nop",
        "i32.const -2147483648",
        "i64.const 9223372036854775807",
        "v128.const i32x4 0x00000001 0xffffffff 0x00000000 0x80000000",
        "i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 31",
        "i8x16.extract_lane_s 15",
        "i32.load",
        "i32.load offset=4294967295 align=1",
        "i64.load32_u align=1",
        "v128.load8x8_s offset=8",
        "v128.load32_zero align=2",
        "v128.load $n offset=16 align=8",
        "v128.store64_lane $n offset=1 align=4 1",
        "i64.atomic.rmw16.cmpxchg_u offset=2",
        "memory.atomic.wait64",
        "memory.atomic.notify $n",
        "atomic.fence",
        "memory.size",
        "memory.grow $n",
        "memory.copy",
        "memory.copy 0 $n",
        "memory.init $d",
        "memory.init $n $d",
        "data.drop $d",
        "table.get 0",
        "table.copy $t 0",
        "table.init $l",
        "table.init $t $l",
        "elem.drop $l",
        "call $k",
        "call_indirect (type $f)",
        "return_call_indirect $t (type $f)",
        "call_ref $f",
        "global.set $g",
        "local.get 7",
        "select",
        "select (result i32)",
        "select (result (ref null $s))",
        "ref.null $s",
        "ref.null nofunc",
        "ref.func $k",
        "ref.test (ref $s)",
        "ref.cast anyref",
        "ref.cast (ref null $a)",
        "br_on_cast 0 (;@0;) anyref (ref $s)",
        "br_on_cast_fail 0 (;@0;) (ref any) (ref null $s)",
        "struct.get_u $s 1",
        "struct.set $s $x",
        "array.new_fixed $a 3",
        "array.init_data $a $d",
        "throw $e",
        "br_table 0 (;@0;) 0 (;@0;)",
        "i64.mul_wide_s",
    ],
)
def test_an_instruction_is_printed_as_it_is_written(code: str) -> None:
    assert body(code, MODULE)[-1].strip() == code


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("0x1p0", "1"),
        ("-0.0", "-0"),
        ("0.1", "0.1"),
        ("16777216", "16777216"),
        ("0x1.fffffep127", "3.4028235e+38"),
        ("0x1p-149", "1.401298464324817e-45"),
        ("0x1.000002p0", "1.0000001"),
        ("inf", "inf"),
        ("-inf", "-inf"),
        ("nan", "nan"),
        ("-nan:0x1", "-nan:0x1"),
        ("nan:0x7fffff", "nan:0x7fffff"),
    ],
)
def test_an_f32_is_the_shortest_decimal_that_gives_it(number: str, expected: str) -> None:
    assert body(f"f32.const {number}") == [f"f32.const {expected}"]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("0.1", "0.1"),
        ("1e22", "1e+22"),
        ("-123456789.5", "-123456789.5"),
        ("0x1p-1074", "5e-324"),
        ("0x1.fffffffffffffp1023", "1.7976931348623157e+308"),
        ("nan:0x4000000000001", "nan:0x4000000000001"),
    ],
)
def test_an_f64_is_the_shortest_decimal_that_gives_it(number: str, expected: str) -> None:
    assert body(f"f64.const {number}") == [f"f64.const {expected}"]


def test_blocks_are_indented_and_number_their_labels() -> None:
    code = """
      block
        loop $l (result i32)
          local.get 0
          if
            br $l
            br 2
          else
            br_table 0 1 2 3
          end
          i32.const 1
        end
        drop
      end"""
    assert body(code) == [
        "block ;; label = @1",
        "  loop $l (result i32)",
        "    local.get 0",
        "    if ;; label = @3",
        "      br $l",
        "      br 2 (;@1;)",
        "    else",
        "      br_table 0 (;@3;) $l 2 (;@1;) 3 (;@0;)",
        "    end",
        "    i32.const 1",
        "  end",
        "  drop",
        "end",
    ]


def test_a_shadowed_label_is_referred_to_by_number() -> None:
    assert body("block $l block $l br 0 br 1 end br 0 end block $l br 0 end") == [
        "block $l",
        "  block $l",
        "    br $l",
        "    br 1 (;@1;)",
        "  end",
        "  br $l",
        "end",
        "block $l",
        "  br $l",
        "end",
    ]


def test_block_types_are_kept() -> None:
    types = "(type $n (func)) (type $t (func (param i32) (result i32 i32)))"
    code = "block (type $n) end loop (type $t) end if (result (ref null $t)) end"
    assert [line for line in body(code, types) if line != "end"] == [
        "block (type $n) ;; label = @1",
        "loop (type $t) (param i32) (result i32 i32) ;; label = @1",
        "if (result (ref null $t)) ;; label = @1",
    ]


def test_try_table_refers_to_labels_outside_of_it() -> None:
    catches = "(catch $e $b) (catch_ref $e 0) (catch_all 1) (catch_all_ref 0)"
    assert body(f"block $b try_table $t {catches} end end", "(tag $e)")[1] == (
        "  try_table $t (catch $e $b) (catch_ref $e $b) (catch_all 1 (;@0;)) (catch_all_ref $b)"
    )


LEGACY = """
  try
    throw $e
  catch $e
    rethrow 0 (;@1;)
  catch_all
    block ;; label = @2
      try ;; label = @3
      delegate 0 (;@2;)
    end
  end"""


def test_legacy_exceptions() -> None:
    expected = [line[2:] for line in LEGACY.splitlines()[1:]]
    expected[0] += " ;; label = @1"
    assert body(LEGACY, "(tag $e)") == expected


def test_branch_hints_stand_before_their_branch() -> None:
    likely, unlikely = (rf'(@metadata.code.branch_hint "\0{value}")' for value in (1, 0))
    code = f"local.get 0 {likely} if end i32.const 1 {unlikely} br_if 0"
    assert body(code)[1] == f"{likely} if ;; label = @1"
    assert body(code)[-1] == f"{unlikely} br_if 0 (;@0;)"
    assert body(code, fold=True)[-2:] == [f"{unlikely} (br_if 0 (;@0;)", "  (i32.const 1))"]


def test_hints_at_what_is_no_branch_stay_a_section() -> None:
    hint = r'(@custom "metadata.code.branch_hint" (after func) "\01\00\01\01\01\00")'
    assert hint in printed(f"(module (func nop nop) {hint})")


# Names


def test_names_that_are_no_ids_are_quoted() -> None:
    source = r'(global $"a(b) \u{1F980}\u{0a}" i32 (i32.const 0))'
    assert define(source) == r'(global $"a(b) 🦀\n" (;0;) i32 (i32.const 0))'


def test_a_name_that_another_has_too_gets_another_id_and_is_kept() -> None:
    source = """(module (func $a) (func (@name "a")) (func $a#1) (func (@name "a"))
      (export "x" (func 1)) (start 3))"""
    lines = printed(source)
    assert lines[1:] == [
        '(export "x" (func $a#1#))',
        "(start $a#3)",
        "(func $a (;0;) (type 0))",
        '(func $a#1# (@name "a") (;1;) (type 0))',
        "(func $a#1 (;2;) (type 0))",
        '(func $a#3 (@name "a") (;3;) (type 0))',
    ]


def test_an_empty_name_is_kept_without_an_id() -> None:
    assert printed('(module (func (@name "") call 0))')[1:] == [
        '(func (@name "") (;0;) (type 0)',
        "  call 0",
        ")",
    ]


def test_the_module_has_a_name() -> None:
    assert print_module(parse("(module $m)")) == "(module $m\n)\n"
    assert print_module(parse('(module (@name "a b"))')) == '(module $"a b"\n)\n'


def test_names_are_left_out_on_request_and_their_section_is_not() -> None:
    lines = printed("(module (func $f (param $p i32) local.get $p))", names=False)
    assert lines[1:3] == ["(func (;0;) (type 0) (param i32)", "  local.get 0"]
    assert lines[-1].startswith('(@custom "name" (after code) "')


def test_names_of_nothing_are_warned_of() -> None:
    data = parse("(module (func $f))")
    assert data.count(b"\x01\x04\x01\x00\x01f") == 1
    text = print_module(data.replace(b"\x01\x04\x01\x00\x01f", b"\x01\x04\x01\x09\x01f"))
    assert ";; warning: names of nothing in the module: 'f'" in text


def test_a_broken_name_section_is_warned_of() -> None:
    data = parse("(module (func $f))").replace(b"\x01\x04\x01\x00\x01f", b"\x01\x04\x02\x00\x01f")
    text = print_module(data)
    assert ";; warning: name section: unexpected end" in text
    assert "(func $f " in text


# The folded form


def test_operands_are_folded_into_what_takes_them() -> None:
    code = "local.get 0 i32.const 1 i32.add i32.const 2 i32.store offset=4 nop local.get 0 drop"
    assert body(code, "(memory 1)", fold=True) == [
        "(i32.store offset=4 (i32.add (local.get 0) (i32.const 1)) (i32.const 2))",
        "(nop)",
        "(drop (local.get 0))",
    ]


def test_long_expressions_take_several_lines() -> None:
    lines = body(" ".join(["local.get 0"] * 12 + ["i32.add"] * 11), fold=True)
    assert lines[:3] == ["(i32.add", "  (local.get 0)", "  (i32.add"]
    assert max(map(len, lines)) <= 100


def test_blocks_are_folded_with_their_arms() -> None:
    code = "i32.const 0 if $l i32.const 1 br_if $l else block nop end end loop end"
    assert body(code, fold=True) == [
        "(if $l",
        "  (i32.const 0)",
        "  (then",
        "    (br_if $l (i32.const 1)))",
        "  (else",
        "    (block (;@2;)",
        "      (nop))))",
        "(loop (;@1;))",
    ]


def test_statements_are_never_folded_out_of_their_order() -> None:
    code = "i32.const 1 nop i32.const 2 i32.add call $p i32.add drop"
    assert body(code, '(import "" "" (func $p (result i32 i32)))', fold=True) == [
        "(i32.const 1)",
        "(nop)",
        "(i32.add (i32.const 2))",
        "(drop (i32.add (call $p)))",
    ]


def test_legacy_exceptions_are_folded() -> None:
    assert body(LEGACY, "(tag $e)", fold=True) == [
        "(try (;@1;)",
        "  (do",
        "    (throw $e))",
        "  (catch $e",
        "    (rethrow 0 (;@1;)))",
        "  (catch_all",
        "    (block (;@2;)",
        "      (try (;@3;)",
        "        (do)",
        "        (delegate 0 (;@2;))))))",
    ]


# Offsets, streams, and what is no module


@pytest.mark.parametrize("fold", [False, True])
def test_offsets_are_those_of_the_instructions(fold: bool) -> None:
    data = parse("(module (func i32.const 1 drop block nop end))")
    text = print_module(data, offsets=True, fold=fold)
    found = {name: int(at, 16) for at, name in re.findall(r"\(;@(\w+) *;\) *\(?([a-z0-9.]+)", text)}
    assert data[found["i32.const"]] == 0x41
    assert data[found["drop"]] == 0x1A
    assert data[found["nop"]] == 0x01
    assert data[found["func"]] == 0x00


def test_a_module_is_written_in_pieces() -> None:
    data = parse("(module " + "(func i32.const 1 drop)" * 20_000 + ")")

    class Sink(io.StringIO):
        largest = 0

        def write(self, text: str, /) -> int:
            self.largest = max(self.largest, len(text))
            return super().write(text)

    sink = Sink()
    write_module(sink, data)
    assert sink.getvalue() == print_module(decode(data))
    assert sink.largest < len(sink.getvalue()) / 2


def test_bytes_that_are_no_module_are_malformed() -> None:
    with pytest.raises(MalformedError, match="magic header not detected"):
        print_module(b"(module)")
