"""The encodings of the A64 instructions that we write ourselves, each a word.

Registers are numbers; 31 is the stack pointer or zero, as the instruction has it. Offsets are in
bytes, of branches from the instruction itself. ValueError for what does not fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

SP: Final = 31
ZERO: Final = 31
FP: Final = 29
LINK: Final = 30

# Pairs of registers: the opcode of storing at an offset, and the size of each.
X: Final = (0xA9000000, 8)
D: Final = (0x6D000000, 8)
Q: Final = (0xAD000000, 16)
_LOAD: Final = 1 << 22

# Conditions.
EQUAL: Final = 0
DIFFERENT: Final = 1
NOT_LOWER: Final = 2  # unsigned
LOWER: Final = 3


def code(words: Sequence[int]) -> bytes:
    """Instructions as bytes."""
    return b"".join(word.to_bytes(4, "little") for word in words)


def signed(value: int, bits: int) -> int:
    """A field of ``bits``."""
    if not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise ValueError("a relative address does not reach")
    return value & (1 << bits) - 1


def store_pair(kind: tuple[int, int], one: int, two: int, base: int, offset: int) -> int:
    """``stp one, two, [base, offset]``."""
    opcode, size = kind
    return opcode | signed(offset // size, 7) << 15 | two << 10 | base << 5 | one


def load_pair(kind: tuple[int, int], one: int, two: int, base: int, offset: int) -> int:
    """``ldp one, two, [base, offset]``."""
    return store_pair(kind, one, two, base, offset) | _LOAD


def push_frame(size: int) -> int:
    """``stp x29, x30, [sp, -size]!``."""
    return 0xA9807BFD | signed(-size // 8, 7) << 15


def pop_frame(size: int) -> int:
    """``ldp x29, x30, [sp], size``."""
    return 0xA8C07BFD | signed(size // 8, 7) << 15


def store(register: int, base: int, offset: int) -> int:
    """``str x<register>, [base, offset]``."""
    return 0xF9000000 | _scaled(offset) << 10 | base << 5 | register


def load(register: int, base: int, offset: int) -> int:
    """``ldr x<register>, [base, offset]``."""
    return 0xF9400000 | _scaled(offset) << 10 | base << 5 | register


def _scaled(offset: int) -> int:
    if offset % 8 or not 0 <= offset < 1 << 15:
        raise ValueError(f"an offset of {offset}")
    return offset // 8


def add(to: int, register: int, value: int) -> int:
    """``add to, register, value``; with 0, a move to or from the stack pointer."""
    return 0x91000000 | _immediate(value) << 10 | register << 5 | to


def subtract(to: int, register: int, value: int) -> int:
    """``sub to, register, value``."""
    return 0xD1000000 | _immediate(value) << 10 | register << 5 | to


def _immediate(value: int) -> int:
    if not 0 <= value < 1 << 12:
        raise ValueError(f"an immediate of {value}")
    return value


def move(to: int, register: int) -> int:
    """``mov x<to>, x<register>``."""
    return 0xAA0003E0 | register << 16 | to


def move32(to: int, register: int) -> int:
    """``mov w<to>, w<register>``."""
    return 0x2A0003E0 | register << 16 | to


def load_near(register: int, distance: int) -> int:
    """``ldr x<register>, . + distance``."""
    return 0x58000000 | signed(distance, 21) >> 2 << 5 | register


def address(register: int, distance: int) -> int:
    """``adr x<register>, . + distance``."""
    field = signed(distance, 21)
    return 0x10000000 | (field & 3) << 29 | field >> 2 << 5 | register


def branch(distance: int) -> int:
    """``b . + distance``."""
    return 0x14000000 | signed(distance, 28) >> 2


def branch_to(register: int) -> int:
    """``br x<register>``."""
    return 0xD61F0000 | register << 5


# bl to the place whose distance from `near` stands there in 32 bits, at a distance from the first
# of these.
CALL_NEAR_SIZE: Final = 16


def call_near(distance: int) -> list[int]:
    """A call of what is at an address that a 32-bit word, ``distance`` from here, is relative to.

    Changes x16 and x17.
    """
    return [
        address(16, distance),
        0xB9800000 | 16 << 5 | 17,  # ldrsw x17, [x16]
        0x8B000000 | 17 << 16 | 16 << 5 | 16,  # add x16, x16, x17
        0xD63F0000 | 16 << 5,  # blr x16
    ]
