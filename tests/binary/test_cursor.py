from __future__ import annotations

from pathlib import Path

import pytest

from wasmwright import features
from wasmwright.binary.code import check_body
from wasmwright.binary.cursor import SHAPES, read_opcode, skip_expr, skip_immediates
from wasmwright.binary.decode import decode
from wasmwright.binary.instructions import instructions
from wasmwright.binary.reader import Reader
from wasmwright.errors import MalformedError
from wasmwright.isa import BY_SLOT, INSTRUCTIONS, SLOTS, Instruction, immediates, named
from wasmwright.model import types
from wasmwright.model.module import Module
from wasmwright.model.parts import Expr

# Bytes of one immediate of each kind, and what the object view makes of them.
SAMPLES: dict[str, tuple[str, object]] = {
    "blocktype": ("8001", types.BLOCK_INDEX | 128),
    "label": ("8001", 128),
    "labels": ("02018001", (1, 128)),
    "func": ("8001", 128),
    "type": ("05", 5),
    "table": ("05", 5),
    "local": ("05", 5),
    "global": ("05", 5),
    "memory": ("05", 5),
    "tag": ("05", 5),
    "data": ("05", 5),
    "elem": ("05", 5),
    "field": ("05", 5),
    "u32": ("8001", 128),
    "memarg": ("42 03 ffffffffffffffffff01", (2, 3, 2**64 - 1)),
    "lane": ("ff", 255),
    "lanes": ("000102030405060708090a0b0c0d0e0f", bytes(range(16))),
    "i32": ("7f", -1),
    "i64": ("808080808080808080 7f", -(2**63)),
    "f32": ("0000c07f", 0x7FC00000),
    "f64": ("000000000000f0ff", 0xFFF0000000000000),
    "v128": ("000102030405060708090a0b0c0d0e0f", bytes(range(16))),
    "heaptype": ("6e", types.ANY),
    "valtypes": ("027f6470", (types.I32, types.REF | types.FUNC)),
    "catches": ("03 000102 0203 010405", ((0, 1, 2), (2, -1, 3), (1, 4, 5))),
    "castflags": ("03", 3),
    "zero": ("00", 0),
}


def sample_of(instruction: Instruction) -> tuple[bytes, tuple[object, ...]]:
    kinds = [immediates.NAMES[kind] for kind in instruction.immediates]
    data = instruction.encoding + b"".join(bytes.fromhex(SAMPLES[kind][0]) for kind in kinds)
    return data, tuple(SAMPLES[kind][1] for kind in kinds)


def test_every_kind_of_immediate_has_a_sample() -> None:
    assert set(SAMPLES) == set(immediates.NAMES) - {""}


@pytest.mark.parametrize("instruction", INSTRUCTIONS, ids=lambda i: i.name)
def test_an_instruction_is_skipped_and_viewed(instruction: Instruction) -> None:
    data, values = sample_of(instruction)
    reader = Reader(data)
    assert read_opcode(reader) == instruction.slot
    skip_immediates(reader, instruction.slot)
    assert reader.pos == len(data)
    view = list(instructions(Module(data), Expr(0, len(data))))
    assert view == [(0, instruction, values)]


@pytest.mark.parametrize("instruction", INSTRUCTIONS, ids=lambda i: i.name)
def test_an_instruction_cut_short_is_an_unexpected_end(instruction: Instruction) -> None:
    data, _ = sample_of(instruction)
    for size in range(len(data)):
        with pytest.raises(MalformedError, match=r"unexpected end|length out of bounds"):
            skip_one(Reader(data, 0, size))


def skip_one(reader: Reader) -> None:
    skip_immediates(reader, read_opcode(reader))


def test_opcodes_without_an_instruction_are_illegal() -> None:
    for slot in range(SLOTS):
        assert (SHAPES[slot] == -1) == (BY_SLOT[slot] is None)
    for byte in range(0xFB):
        if BY_SLOT[byte] is None:
            with pytest.raises(MalformedError, match=f"^illegal opcode {byte:02x}"):
                read_opcode(Reader(bytes((byte,))))
    for data in (b"\xff", b"\xfb\x1f", b"\xfc\x12", b"\xfd\xff\xff\xff\xff\x0f", b"\xfe\x04"):
        with pytest.raises(MalformedError, match=r"^illegal opcode") as error:
            read_opcode(Reader(data))
        assert error.value.offset == 0


def test_the_code_after_a_prefix_may_be_written_long() -> None:
    assert read_opcode(Reader(b"\xfc\x80\x80\x80\x80\x00")) == named("i32.trunc_sat_f32_s").slot
    with pytest.raises(MalformedError, match="integer representation too long"):
        read_opcode(Reader(b"\xfc\x87\x80\x80\x80\x80\x00"))


def test_an_expression_ends_with_its_blocks() -> None:
    for text in ("0b", "02400b0b", "0440050b0b", "0640 0700 18000b", "1f40000b0b"):
        data = bytes.fromhex(text)
        reader = Reader(data + b"\x0b")
        skip_expr(reader)
        assert reader.pos == len(data)


def test_a_hundred_thousand_nested_blocks_need_no_stack() -> None:
    reader = Reader(b"\x02\x40" * 100_000 + b"\x0b" * 100_001)
    skip_expr(reader)
    assert reader.pos == reader.end


def test_bodies_are_checked_on_demand(everything: bytes) -> None:
    module = decode(everything)
    for code in module.codes:
        check_body(module.data, code, features.ALL, 0)
    broken = bytearray(everything)
    broken[module.codes[1].end - 1] = 0x01  # a nop where the end was
    with pytest.raises(MalformedError) as error:
        check_body(bytes(broken), module.codes[1], features.ALL, 7)
    assert error.value.func == 7


def test_views_of_sample_bodies_are_gapless(sample: Path) -> None:
    module = decode(sample.read_bytes())
    for code in module.codes[:200]:
        reader = Reader(module.data, code.start, code.end)
        for offset, instruction, _ in instructions(module, code):
            assert offset == reader.pos
            assert read_opcode(reader) == instruction.slot
            skip_immediates(reader, instruction.slot)
        assert reader.pos == code.end
