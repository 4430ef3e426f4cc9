from __future__ import annotations

import math
import struct

import pytest

import wasmwright as ww


@pytest.fixture
def memory() -> ww.Memory:
    return ww.Memory(1)


@pytest.mark.parametrize(
    ("kind", "letter", "values"),
    [
        ("i8", "b", (-128, 0, 127)),
        ("u8", "B", (0, 255)),
        ("i16", "h", (-32768, 32767)),
        ("u16", "H", (0, 65535)),
        ("i32", "i", (-(1 << 31), (1 << 31) - 1)),
        ("u32", "I", (0, (1 << 32) - 1)),
        ("i64", "q", (-(1 << 63), (1 << 63) - 1)),
        ("u64", "Q", (0, (1 << 64) - 1)),
        ("f32", "f", (0.5, -math.inf)),
        ("f64", "d", (1e300, 0.1)),
    ],
)
def test_numbers_are_read_little_endian(
    memory: ww.Memory, kind: str, letter: str, values: tuple[float, ...]
) -> None:
    for value in values:
        for address in (0, 3, 65536 - struct.calcsize(letter)):
            memory.write(address, struct.pack(f"<{letter}", value))
            assert getattr(memory, f"read_{kind}")(address) == value


@pytest.mark.parametrize(("kind", "bits"), [("i8", 8), ("i16", 16), ("i32", 32), ("i64", 64)])
def test_integers_are_written_signed_or_unsigned(memory: ww.Memory, kind: str, bits: int) -> None:
    write = getattr(memory, f"write_{kind}")
    for value in (-1, (1 << bits) - 1):
        write(8, value)
        assert memory.read(8, bits // 8) == b"\xff" * (bits // 8)
    write(8, True)
    assert memory.read(8, bits // 8) == (1).to_bytes(bits // 8, "little")
    for wrong in (1 << bits, -(1 << bits - 1) - 1):
        with pytest.raises(OverflowError):
            write(8, wrong)
    with pytest.raises(TypeError):
        write(8, 1.5)


def test_floats_are_written(memory: ww.Memory) -> None:
    memory.write_f32(4, 0.1)
    assert memory.read_f32(4) == struct.unpack("<f", struct.pack("<f", 0.1))[0]
    memory.write_f64(4, 0.1)
    assert memory.read_f64(4) == 0.1


@pytest.mark.parametrize("address", [-1, 65533, 1 << 40])
def test_nothing_outside_is_read_or_written(memory: ww.Memory, address: int) -> None:
    with pytest.raises(IndexError):
        memory.read_i32(address)
    with pytest.raises(IndexError):
        memory.write_i32(address, 0)
    with pytest.raises(IndexError):
        memory.write_str(address, "four")


def test_strings_by_size_and_by_their_end(memory: ww.Memory) -> None:
    assert memory.write_str(10, "héllo", nul=True) == 7
    assert memory.read_str(10) == "héllo"
    assert memory.read_str(10, 3) == "hé"
    assert memory.read_str(10, 0) == ""
    with pytest.raises(UnicodeDecodeError):
        memory.read_str(10, 2)
    assert memory.write_str(0, "é", encoding="latin-1") == 1
    assert memory.read_str(0, 1, "latin-1") == "é"


def test_a_long_string_is_read_to_its_end_and_one_without_an_end_is_an_error(
    memory: ww.Memory,
) -> None:
    memory.write_str(1, "x" * 10_000)
    assert memory.read_str(1) == "x" * 10_000
    memory.write_str(65536 - 5000, "y" * 5000)
    with pytest.raises(IndexError):
        memory.read_str(65536 - 5000)
