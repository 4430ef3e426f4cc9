"""Baseline code for AArch64, which any machine can make (and none but it can run)."""

from __future__ import annotations

import struct

import pytest
from librt.strings import BytesWriter

import wasmwright as ww
from wasmwright.codegen.abi import Layout
from wasmwright.codegen.baseline.compiler import Compiled, compile_functions
from wasmwright.codegen.baseline.library import open_library
from wasmwright.codegen.baseline.literals import Literals, point
from wasmwright.codegen.baseline.relocate import relocated_words
from wasmwright.codegen.baseline.view import View

LOAD_W9 = 0x58000009  # ldr x9, <literal>: a hole
LIBRARY = open_library("aarch64")


def writer(*words: int) -> BytesWriter:
    out = BytesWriter()
    out.write(struct.pack(f"<{len(words)}I", *words))
    return out


def words(code: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(code) // 4}I", code))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0x52800009),  # mov w9, #0
        (0xFFFF, 0x529FFFE9),
        (0x10000, 0x52A00029),  # mov w9, #1, lsl #16
        (-1, 0x12800009),  # mov w9, #-1
        (0xFFFF0000, 0x52BFFFE9),
        (0xFFFF0001, 0x129FFFC9),
    ],
)
def test_a_small_number_is_a_move(value: int, expected: int) -> None:
    literals, out = Literals(), writer(LOAD_W9)
    literals.fill(out, 0, value)
    literals.write(out, BytesWriter())
    assert words(out.getvalue()) == [expected]


def test_another_number_stands_behind_the_code() -> None:
    literals, out = Literals(), writer(LOAD_W9, LOAD_W9, 0xD65F03C0)
    literals.fill(out, 0, 0x12345678)
    literals.fill(out, 4, 0xCAFEBABE)
    literals.write(out, BytesWriter())
    # ldr w9, . + 12 for both
    code = [0x18000069, 0x18000069, 0xD65F03C0, 0x12345678, 0xCAFEBABE]
    assert words(out.getvalue()) == code
    point(out, 4, 12)
    assert words(out.getvalue())[1] == 0x18000049


def test_addresses_and_jumps_are_filled_in_where_the_code_is_placed() -> None:
    code = struct.pack("<IIQ", 0x94000000, 0xD65F03C0, 0)
    shared = struct.pack("<6i", 0, 0, 0, 8, 1, 16)
    base = 0x7F00_0000_0000
    made = relocated_words(code, base, shared, [base + 0x1000, 0x1234])
    assert struct.unpack("<IIQ", made) == (0x94000400, 0xD65F03C0, 0x1244)
    with pytest.raises(OverflowError, match="128 MiB"):
        relocated_words(code, base, shared, [base + (1 << 28), 0])


def compiled(text: str | bytes) -> Compiled:
    decoded = ww.Module(text)._module
    view = View(LIBRARY, decoded, Layout(decoded), guard=True, exact=False, fuel=False)
    return compile_functions(view, list(range(len(decoded.funcs))))


def test_the_size_of_its_slots_is_before_a_function() -> None:
    made = compiled("(module (func (result i32) (i32.const 7)) (func (param i64 i64 i64)))")
    for start in made.starts:
        assert start % 16 == 0
        (size,) = struct.unpack_from("<I", made.code, start - 4)
        assert size % 16 == 0
        assert 0 < size < 100


def literals_of(code: bytes, start: int) -> list[int]:
    """The distances of the literals that are loaded into registers of 32 bits."""
    found = []
    for at in range(start, len(code), 4):
        (word,) = struct.unpack_from("<I", code, at)
        if word >> 24 == 0x18:
            distance = word >> 5 & 0x7FFFF
            found.append((distance - (distance >> 18 << 19)) * 4)
    return found


def test_literals_of_a_long_function_are_within_reach() -> None:
    pairs = 90_000
    body = "(local.get 0)" + "(i32.const 0x12345678) (i32.xor)" * pairs
    made = compiled(f"(module (func (param i32) (result i32) {body}))")
    assert len(made.code) > 1 << 20
    assert made.code.count(struct.pack("<I", 0x12345678)) == pairs
    assert max(literals_of(made.code, made.starts[0])) < 1 << 20
