"""What is written by hand for an architecture, whatever this machine is."""

from __future__ import annotations

import struct

import pytest

from wasmwright.codegen import arch
from wasmwright.codegen.arch import a64, aarch64, x86_64


@pytest.mark.parametrize("name", arch.names())
def test_every_architecture_has_the_same_names(name: str) -> None:
    found = arch.of(name)
    assert found.SAVED_REGISTERS
    assert len(found.lazy_bridge(1, 2)) == found.LAZY_BRIDGE_SIZE
    assert len(found.loaded_jump(1, 2)) == found.LOADED_JUMP_SIZE
    assert len(found.pointer_jump(4096)) <= found.POINTER_JUMP_SIZE
    assert len(found.lazy_thunks(3, 4128, 4096)) == 3 * found.LAZY_THUNK_SIZE
    assert "ww_lazy" in found.lazy_entry()
    assert "ww_unwind" in found.throw_entry(144, 152, 160, 176)


def test_an_architecture_that_is_not_known_is_an_error() -> None:
    with pytest.raises(KeyError):
        arch.of("m68k")


# Words as llvm-mc has them.
@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (a64.push_frame(16), 0xA9BF7BFD),  # stp x29, x30, [sp, #-16]!
        (a64.pop_frame(160), 0xA8CA7BFD),  # ldp x29, x30, [sp], #160
        (a64.store_pair(a64.X, 19, 20, a64.SP, 16), 0xA90153F3),  # stp x19, x20, [sp, #16]
        (a64.load_pair(a64.D, 8, 9, a64.SP, 96), 0x6D4627E8),  # ldp d8, d9, [sp, #96]
        (a64.store_pair(a64.Q, 0, 1, a64.SP, 64), 0xAD0207E0),  # stp q0, q1, [sp, #64]
        (a64.store(30, a64.SP, 152), 0xF9004FFE),  # str x30, [sp, #152]
        (a64.load(16, 20, 0), 0xF9400290),  # ldr x16, [x20]
        (a64.add(a64.FP, a64.SP, 0), 0x910003FD),  # mov x29, sp
        (a64.subtract(a64.SP, a64.SP, 192), 0xD10303FF),  # sub sp, sp, #192
        (a64.move(0, 20), 0xAA1403E0),  # mov x0, x20
        (a64.move32(1, 16), 0x2A1003E1),  # mov w1, w16
        (a64.load_near(15, 16), 0x5800008F),  # ldr x15, #16
        (a64.load_near(16, -8), 0x58FFFFD0),  # ldr x16, #-8
        (a64.address(16, 16), 0x10000090),  # adr x16, #16
        (a64.branch(-40), 0x17FFFFF6),  # b #-40
        (a64.branch_to(17), 0xD61F0220),  # br x17
    ],
)
def test_a64_instructions(word: int, expected: int) -> None:
    assert word == expected


@pytest.mark.parametrize("wrong", [1 << 27, -(1 << 27) - 4])
def test_a_branch_that_does_not_reach_is_an_error(wrong: int) -> None:
    with pytest.raises(ValueError, match="does not reach"):
        a64.branch(wrong)


def thunks(count: int, at: int, bridge: int) -> list[tuple[int, int]]:
    """What each thunk of AArch64 has in w16, and where it goes."""
    code = struct.unpack(f"<{4 * count}I", aarch64.lazy_thunks(count, at, bridge))
    found = []
    for i in range(count):
        low, high, jump, _ = code[4 * i : 4 * i + 4]
        assert low & ~(0xFFFF << 5) == 0x52800010  # movz w16
        assert high & ~(0xFFFF << 5) == 0x72A00010  # movk w16, lsl 16
        assert jump >> 26 == 0x14000000 >> 26
        distance = (jump & (1 << 26) - 1) - (1 << 26)
        number = (low >> 5 & 0xFFFF) | (high >> 5 & 0xFFFF) << 16
        found.append((number, at + 16 * i + 8 + 4 * distance))
    return found


def test_thunks_have_their_numbers_and_lead_to_the_bridge() -> None:
    count = (1 << 17) + 3
    made = thunks(count, 0x10020, 0x10000)
    assert [number for number, _ in made] == list(range(count))
    assert {target for _, target in made} == {0x10000}
    assert aarch64.lazy_thunks(0, 0x20, 0) == b""


def relocated(kind: int, word: int, target: int, place: int) -> int:
    image = bytearray(word.to_bytes(4, "little"))
    assert aarch64.relocate(image, 0, kind, target, place)
    return int.from_bytes(image, "little")


def test_relocations_of_aarch64() -> None:
    place = 0x7F00_1234_5678
    assert relocated(283, 0x94000000, place + 0x400, place) == 0x94000100  # bl
    assert relocated(282, 0x14000000, place - 4, place) == 0x17FFFFFF  # b
    # adrp x8: three pages on, whatever is below a page
    assert relocated(275, 0x90000008, 0x7F00_1234_8010, place) == 0xF0000008
    assert relocated(277, 0x91000108, 0x7F00_1234_8010, place) == 0x91004108  # add
    assert relocated(312, 0xF9400108, 0x7F00_1234_8010, place) == 0xF9400908  # ldr x8
    assert relocated(299, 0x3DC00100, 0x7F00_1234_8010, place) == 0x3DC00500  # ldr q0
    assert relocated(261, 0, place - 16, place) == (1 << 32) - 16
    wide = bytearray(8)
    assert aarch64.relocate(wide, 0, 257, place, 0)
    assert int.from_bytes(wide, "little") == place
    assert not aarch64.relocate(wide, 0, 999, 0, 0)


def test_what_relocations_cannot_say_is_an_error() -> None:
    word = bytearray(4)
    with pytest.raises(ValueError, match="does not reach"):
        aarch64.relocate(word, 0, 283, 1 << 28, 0)
    with pytest.raises(ValueError, match="does not reach"):
        aarch64.relocate(word, 0, 275, 1 << 40, 0)
    with pytest.raises(ValueError, match="not aligned"):
        aarch64.relocate(word, 0, 286, 4, 0)
    with pytest.raises(ValueError, match="does not reach"):
        x86_64.relocate(word, 0, 2, 1 << 31, 0)
