"""The instruction table agrees with the specification's own index of instructions.

``index_instructions.json`` holds the facts of that index; ``extract_index.py`` says where
they are from and makes the file anew.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from wasmwright import features
from wasmwright.isa import (
    AT,
    BY_NAME,
    BY_SLOT,
    INSTRUCTIONS,
    NATURAL_ALIGNMENT,
    PREFIX_BASE,
    PREFIX_SIZE,
    SLOTS,
    Instruction,
    immediates,
    named,
    slot,
)

INDEX = json.loads((Path(__file__).parent / "index_instructions.json").read_text("utf-8"))["rows"]

# Instructions of proposals whose specifications have no index: opcode, name, immediates, stack.
OTHERS = [
    (b"\x06", "try", "blocktype", "t1* -> t2*"),
    (b"\x07", "catch", "tag", ""),
    (b"\x09", "rethrow", "label", "t1* -> t2*"),
    (b"\x18", "delegate", "label", ""),
    (b"\x19", "catch_all", "", ""),
    (b"\xfc\x13", "i64.add128", "", "i64 i64 i64 i64 -> i64 i64"),
    (b"\xfc\x14", "i64.sub128", "", "i64 i64 i64 i64 -> i64 i64"),
    (b"\xfc\x15", "i64.mul_wide_s", "", "i64 i64 -> i64 i64"),
    (b"\xfc\x16", "i64.mul_wide_u", "", "i64 i64 -> i64 i64"),
]

INDICES = {"func", "type", "table", "local", "global", "memory", "tag", "data", "elem", "field"}
# What the index writes for the other kinds of immediates.
SYMBOLS = {
    "blocktype": "bt",
    "label": "l",
    "labels": "l*",
    "u32": "n",
    "lane": "laneidx",
    "lanes": "laneidx16",
    "i32": "i32",
    "i64": "i64",
    "f32": "f32",
    "f64": "f64",
    "v128": "i128",
    "valtypes": "t",
}
# Where the index leaves an immediate out, or writes it in the text format's way.
INDEX_DIFFERS = {
    "br_on_cast": "castflags label heaptype heaptype",
    "br_on_cast_fail": "castflags label heaptype heaptype",
    "try_table": "blocktype catches",
    "ref.null": "heaptype",
    "ref.test": "heaptype",
    "ref.cast": "heaptype",
    "atomic.fence": "zero",
}

# Where the index differs from the text format's grammar, which the suite follows.
INDEX_NAMES = {
    "memory.atomic.fence": "atomic.fence",
    "i32x4.relaxed_trunc_f64x2_s": "i32x4.relaxed_trunc_f64x2_s_zero",
    "i32x4.relaxed_trunc_f64x2_u": "i32x4.relaxed_trunc_f64x2_u_zero",
}


def opcode_bytes(row: dict[str, object]) -> bytes:
    opcode = row["opcode"]
    assert isinstance(opcode, list)
    encoded = bytes(int(byte, 16) for byte in opcode)
    return encoded[:2] if encoded[0] == 0xFE else encoded  # a fence's third byte is an immediate


def kinds(instruction: Instruction) -> str:
    return " ".join(immediates.NAMES[kind] for kind in instruction.immediates)


def stack_words(stack: str) -> str:
    """A stack type of the index in the table's spelling."""
    left, _, right = re.sub(r"_(\w)", r"\1", stack).partition("->")
    return " ".join(f"{left.strip()[1:-1]} -> {right.strip()[1:-1]}".split())


BY_ENCODING = {instruction.encoding: instruction for instruction in INSTRUCTIONS}


def test_the_table_has_the_instructions_of_the_index_and_no_others() -> None:
    expected = {opcode_bytes(row) for row in INDEX} | {other[0] for other in OTHERS}
    assert set(BY_ENCODING) == expected
    assert len(INSTRUCTIONS) == len(expected)


@pytest.mark.parametrize("row", INDEX, ids=lambda row: "".join(row["opcode"]) + "-" + row["name"])
def test_a_row_agrees_with_the_index(row: dict[str, str]) -> None:
    instruction = BY_ENCODING[opcode_bytes(row)]
    name = row["name"]
    assert instruction.name == INDEX_NAMES.get(name, name)

    stack = stack_words(row["stack"]) if row["stack"] else ""
    if instruction.feature == features.THREADS:
        stack = re.sub(r"^i32", "at", stack)  # that index is older than memory64
    if instruction.name == "ref.func":
        stack = "-> (ref func)"
    assert instruction.stack == stack

    if instruction.name in INDEX_DIFFERS:
        assert kinds(instruction) == INDEX_DIFFERS[instruction.name]
        return
    words = row["immediates"].split()
    for kind in kinds(instruction).split():
        if kind == "memarg":
            if words[0] == "x":
                words.pop(0)
            assert words.pop(0) == "memarg"
        elif kind in INDICES:
            assert words.pop(0) in ("x", "y")
        else:
            assert words.pop(0) == SYMBOLS[kind]
    assert not words


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: other[1])
def test_a_row_of_another_proposal_is_as_it_says(other: tuple[bytes, str, str, str]) -> None:
    encoding, name, kinds_, stack = other
    instruction = BY_ENCODING[encoding]
    assert (instruction.name, kinds(instruction), instruction.stack) == (name, kinds_, stack)


def test_instructions_are_in_the_version_that_the_index_names() -> None:
    sets = {1.0: features.WASM_1, 2.0: features.WASM_2, 3.0: features.WASM_3}
    for row in INDEX:
        feature = BY_ENCODING[opcode_bytes(row)].feature
        if row["version"] is None:
            assert feature == features.THREADS
            continue
        assert feature & sets[row["version"]] == feature, row
        older = [flags for version, flags in sets.items() if version < row["version"]]
        assert all(feature & flags != feature for flags in older), row


def test_slots_are_distinct_and_dense_by_prefix() -> None:
    assert len({instruction.slot for instruction in INSTRUCTIONS}) == len(INSTRUCTIONS)
    for instruction in INSTRUCTIONS:
        assert BY_SLOT[instruction.slot] is instruction
        prefix = instruction.encoding[0]
        if prefix in PREFIX_BASE:
            assert 0 <= instruction.slot - PREFIX_BASE[prefix] < PREFIX_SIZE[prefix]
        else:
            assert instruction.slot == prefix
    ends = [PREFIX_BASE[prefix] + PREFIX_SIZE[prefix] for prefix in PREFIX_BASE]
    assert sorted(PREFIX_BASE.values()) == [0x100, *sorted(ends)[:-1]]
    assert max(ends) == SLOTS == len(BY_SLOT)


def test_a_mnemonic_gives_its_instruction() -> None:
    assert named("i32.add").encoding == b"\x6a"
    assert slot("i32.add") == 0x6A
    assert [found.encoding for found in BY_NAME["select"]] == [b"\x1b", b"\x1c"]
    assert named("i8x16.relaxed_swizzle").encoding == b"\xfd\x80\x02"


def test_fixed_stack_types_are_codes() -> None:
    assert named("i32.add").params == (0x7F, 0x7F)
    assert named("i64.store").params == (AT, 0x7E)
    assert named("i32.load").results == (0x7F,)
    assert named("drop").params is None
    assert named("memory.grow").params is None


def test_only_instructions_without_a_rule_of_their_own_have_fixed_stack_types() -> None:
    codes = {"i32": 0x7F, "i64": 0x7E, "f32": 0x7D, "f64": 0x7C, "v128": 0x7B, "at": AT}
    for instruction in INSTRUCTIONS:
        if instruction.params is None:
            assert instruction.results is None
            continue
        assert instruction.results is not None
        left, right = instruction.stack.split("->")
        assert instruction.params == tuple(codes[word] for word in left.split())
        assert instruction.results == tuple(codes[word] for word in right.split())


def test_an_instruction_tells_the_proposals_it_lacks() -> None:
    call, throw = named("return_call_ref"), named("throw")
    assert call.missing(features.ALL) == named("nop").missing(features.MVP) == 0
    assert call.missing(features.ALL & ~features.TAIL_CALL) == features.TAIL_CALL
    assert call.missing(features.MVP) == features.TAIL_CALL | features.FUNCTION_REFERENCES
    for enough in (features.EXCEPTIONS, features.LEGACY_EXCEPTIONS):
        assert throw.missing(enough) == 0
    assert throw.missing(features.MVP) == features.EXCEPTIONS
    assert named("throw_ref").missing(features.LEGACY_EXCEPTIONS) == features.EXCEPTIONS


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("i32.load", 4),
        ("i64.load16_u", 2),
        ("f64.store", 8),
        ("v128.load", 16),
        ("v128.load8x8_s", 8),
        ("v128.load32_zero", 4),
        ("v128.store64_lane", 8),
        ("i64.atomic.rmw8.add_u", 1),
        ("memory.atomic.wait64", 8),
        ("memory.atomic.notify", 4),
        ("i32.add", 1),
    ],
)
def test_natural_alignments_are_the_bytes_that_are_touched(name: str, size: int) -> None:
    assert 1 << NATURAL_ALIGNMENT[slot(name)] == size
