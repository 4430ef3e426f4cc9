"""Every instruction of the table, folded and not, becomes its bytecode."""

from __future__ import annotations

import pytest

from wasmwright.binary.decode import decode
from wasmwright.binary.instructions import Immediate, instructions
from wasmwright.isa import BY_NAME, INSTRUCTIONS, NATURAL_ALIGNMENT, Instruction
from wasmwright.isa import immediates as imm
from wasmwright.model.types import ANY, BLOCK_INDEX, BOT, FUNC, HEAP_MASK, I31, I32, I64
from wasmwright.text import parse

# What the sources below refer to: two of everything, so that index 1 exists and is not the default.
FIELDS = """
  (type $t0 (func)) (type $t1 (struct (field $f0 i32) (field $f1 i32)))
  (func $g0) (func $g1) (table $u0 1 funcref) (table $u1 1 funcref)
  (memory $m0 1) (memory $m1 1) (tag $x0) (tag $x1) (global $v0 i32 i32.const 0)
  (global $v1 i32 i32.const 0) (elem $e0 func) (elem $e1 func) (data $d0) (data $d1)
"""
PARAMS = "(param $p0 i32) (param $p1 i32)"

# By kind of immediate: how it is written, and what it is when it is read back.
SAMPLES: dict[int, tuple[str, Immediate]] = {
    imm.LABEL: ("$a", 0),
    imm.FUNC: ("$g1", 1),
    imm.TYPE: ("$t1", 1),
    imm.TABLE: ("$u1", 1),
    imm.LOCAL: ("$p1", 1),
    imm.GLOBAL: ("$v1", 1),
    imm.MEMORY: ("$m1", 1),
    imm.TAG: ("$x1", 1),
    imm.DATA: ("$d1", 1),
    imm.ELEM: ("$e1", 1),
    imm.FIELD: ("$f1", 1),
    imm.U32: ("4_294_967_295", (1 << 32) - 1),
    imm.LANE: ("7", 7),
    imm.LANES: (" ".join(map(str, range(16))), bytes(range(16))),
    imm.I32: ("0xffff_fffe", -2),
    imm.I64: ("-0x8000_0000_0000_0000", -(1 << 63)),
    imm.F32: ("-nan:0x1", 0xFF800001),
    imm.F64: ("0x1p-1074", 1),
    imm.V128: ("i16x8 0 1 -1 3 4 0xffff 6 7", bytes.fromhex("00000100ffff03000400ffff06000700")),
    imm.HEAPTYPE: ("func", FUNC),
}
# By mnemonic: what is not written in the order of the binary format, or not as one literal.
SPECIAL: dict[str, tuple[str, tuple[Immediate, ...]]] = {
    "br_table": ("$a 1 0", ((0, 1), 0)),
    "call_indirect": ("$u1 (type $t0)", (0, 1)),
    "return_call_indirect": ("$u1 (type $t0)", (0, 1)),
    "memory.init": ("$m1 $d1", (1, 1)),
    "table.init": ("$u1 $e1", (1, 1)),
    "br_on_cast": ("$a anyref (ref $t1)", (1, 0, ANY, 1)),
    "br_on_cast_fail": ("$a (ref any) i31ref", (2, 0, ANY, I31)),
    "atomic.fence": ("", (0,)),
}
BLOCKS = {
    "block",
    "loop",
    "if",
    "else",
    "end",
    "try",
    "catch",
    "catch_all",
    "delegate",
    "try_table",
}
PLAIN = [row for row in INSTRUCTIONS if row.name not in BLOCKS]


def sample(row: Instruction) -> tuple[str, tuple[Immediate, ...]]:
    """The immediates of a row as text, and as they are read back."""
    if row.name in SPECIAL:
        return SPECIAL[row.name]
    if row.name in ("ref.test", "ref.cast"):
        nullable = BY_NAME[row.name].index(row) == 1
        return ("funcref" if nullable else "(ref func)"), (FUNC,)
    if row.name == "select":
        return ("(result i32 i64)", ((I32, I64),)) if row.immediates else ("", ())
    texts: list[str] = []
    values: list[Immediate] = []
    for kind in row.immediates:
        if kind == imm.MEMARG:
            size = 1 << NATURAL_ALIGNMENT[row.slot]
            texts.append("$m1 offset=0xffff_ffff_ffff_ffff")
            values.append((size.bit_length() - 1, 1, (1 << 64) - 1))
        else:
            texts.append(SAMPLES[kind][0])
            values.append(SAMPLES[kind][1])
    return " ".join(texts), tuple(values)


def body(source: str) -> list[tuple[Instruction, tuple[Immediate, ...]]]:
    """The instructions of a function whose body is ``source``, without its final ``end``."""
    module = decode(parse(f"(module {FIELDS} (func {PARAMS} {source}))"))
    found = [(row, values) for _, row, values in instructions(module, module.codes[-1])]
    assert found[-1][0].name == "end"
    return found[:-1]


def code(source: str) -> bytes:
    """The bytecode of a body."""
    module = decode(parse(f"(module {FIELDS} (func {PARAMS} {source}))"))
    return module.data[module.codes[-1].start : module.codes[-1].end - 1]


@pytest.mark.parametrize("row", PLAIN, ids=lambda row: f"{row.name}-{row.opcode:x}")
def test_an_instruction_is_assembled(row: Instruction) -> None:
    text, values = sample(row)
    found = body(f"block $a {row.name} {text} end")
    assert found[1] == (row, values)


@pytest.mark.parametrize("row", PLAIN, ids=lambda row: f"{row.name}-{row.opcode:x}")
def test_a_folded_instruction_comes_after_its_operands(row: Instruction) -> None:
    text, _ = sample(row)
    flat = f"block $a nop i32.const 1 drop {row.name} {text} end"
    for folded in (
        f"(block $a ({row.name} {text} (nop) (drop (i32.const 1))))",
        f"block $a (nop) ({row.name} {text} (drop (i32.const 1))) end $a",
        f"(block $a nop i32.const 1 drop ({row.name} {text}))",
        f"(block $a ({row.name} {text} (nop) i32.const 1 (drop)))",
    ):
        assert code(folded) == code(flat)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("memory.size", "memory.size 0"),
        ("memory.grow", "memory.grow $m0"),
        ("memory.fill", "memory.fill 0"),
        ("memory.copy", "memory.copy 0 0"),
        ("memory.init 1", "memory.init 0 $d1"),
        ("table.get", "table.get 0"),
        ("table.copy", "table.copy $u0 0"),
        ("table.init $e1", "table.init 0 1"),
        ("call_indirect", "call_indirect 0 (type $t0)"),
        ("call_indirect (type 0) (param) (result)", "call_indirect $u0 (type $t0)"),
        ("i32.load", "i32.load 0 offset=0 align=4"),
        ("i32.load8_s align=1", "i32.load8_s"),
        ("v128.load64_lane 1", "v128.load64_lane 0 align=8 1"),
        ("v128.load8_lane 0 1", "v128.load8_lane $m0 1"),
        ("v128.load8_lane offset=3 1", "v128.load8_lane 0 offset=3 1"),
        ("i64.atomic.rmw16.add_u", "i64.atomic.rmw16.add_u align=2"),
        ("if end", "(if (then))"),
        ("if nop else nop end", "if $x nop else $x nop end $x"),
        ("if else end", "(if (then) (else))"),
        ("i32.const 1 if nop else end", "(if (i32.const 1) (then nop) (else))"),
        ("block (result i32) i32.const 1 end drop", "(drop (block (result i32) (i32.const 1)))"),
        ("select (result) (result i32)", "select (result i32)"),
        ("try nop catch $x1 nop catch_all nop end", "(try (do nop) (catch 1 nop) (catch_all nop))"),
        ("try nop delegate 0", "(try $a (do nop) (delegate 0))"),
        ("block $a try $b delegate $a end", "(block $a (try $b (do) (delegate 0)))"),
        ("try end", "(try (do))"),
    ],
)
def test_abbreviations_are_what_they_stand_for(short: str, long: str) -> None:
    assert code(short) == code(long)


def test_a_block_type_is_the_shortest_that_says_it() -> None:
    def blocktype(source: str) -> Immediate:
        return body(f"block {source} end")[0][1][0]

    assert blocktype("") == BOT
    assert blocktype("(result i32)") == I32
    assert blocktype("(type $t0)") == BLOCK_INDEX | 0
    assert blocktype("(param) (result)") == BOT
    added = blocktype("(result i32) (result i64)")
    assert isinstance(added, int)
    assert added & ~BLOCK_INDEX == 3  # behind $t0, $t1, and the type of the function


def test_catch_clauses_name_labels_outside_of_their_block() -> None:
    source = (
        "(block $a (try_table $b (catch $x1 $a) (catch_ref 0 1) (catch_all 0) (catch_all_ref $a)))"
    )
    assert body(source)[1][1] == (BOT, ((0, 1, 0), (1, 0, 1), (2, -1, 0), (3, -1, 0)))


def test_labels_are_relative_and_hide_their_namesakes() -> None:
    source = "block $a block $b br $a block $a br $a br $b end br $a br 2 end br $a end"
    found = [values for row, values in body(source) if row.name == "br"]
    assert found == [(1,), (0,), (1,), (1,), (2,), (0,)]


def test_a_label_is_not_in_scope_in_the_condition_of_its_if() -> None:
    found = body("(block $a (if $a (block (br $a) (i32.const 0)) (then (br $a))))")
    assert [values for row, values in found if row.name == "br"] == [(1,), (0,)]


def test_quoted_identifiers_are_the_same_as_plain_ones() -> None:
    assert code('(local $"\\41b" i64) local.get $Ab') == code(
        '(local $Ab i64) local.get $"A\\u{62}"'
    )


def test_a_heap_type_may_be_an_index() -> None:
    assert body("ref.null $t1") == body("ref.null 1")
    [(row, values)] = body("ref.test (ref null $t0)")
    assert (row, values) == (BY_NAME["ref.test"][1], (0 & HEAP_MASK,))
