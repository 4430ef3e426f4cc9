"""The instruction set as data, derived from the one table in :mod:`wasmwright.isa.table`.

Hot loops address instructions by *slot*: a dense number below ``SLOTS``. For single-byte
opcodes it is the byte; a prefixed opcode's is ``PREFIX_BASE[prefix] + code``, valid where
``code < PREFIX_SIZE[prefix]``. Slots without an instruction hold None.
"""

from __future__ import annotations

import functools
from typing import Final

from wasmwright.features import LEGACY_EXCEPTIONS
from wasmwright.isa import immediates
from wasmwright.isa.table import ROWS

PREFIX_BASE: Final[dict[int, int]] = {0xFB: 0x100, 0xFC: 0x200, 0xFD: 0x300, 0xFE: 0x500}
PREFIX_SIZE: Final[dict[int, int]] = {0xFB: 0x100, 0xFC: 0x100, 0xFD: 0x200, 0xFE: 0x100}
SLOTS: Final = 0x600

# Value types in the table's stack types, by their code in the binary format. AT stands
# for the address type of the memory (or table) that the instruction's immediate names.
AT: Final = 1
_TYPE_CODES: Final[dict[str, int]] = {
    "i32": 0x7F,
    "i64": 0x7E,
    "f32": 0x7D,
    "f64": 0x7C,
    "v128": 0x7B,
    "at": AT,
}


# Instructions that a second proposal has as well, which is enough to use them.
_ALSO: Final[dict[str, int]] = {"throw": LEGACY_EXCEPTIONS}


class Instruction:
    """One row of the table.

    ``params`` and ``results`` are tuples of value type codes (``AT`` for an address), or
    None where the stack type is not fixed by the row.
    """

    __slots__ = (
        "family",
        "feature",
        "immediates",
        "name",
        "opcode",
        "params",
        "results",
        "slot",
        "stack",
    )

    def __init__(
        self,
        opcode: int,
        name: str,
        immediates: tuple[int, ...],
        stack: str,
        feature: int,
        family: str,
        slot: int,
        params: tuple[int, ...] | None,
        results: tuple[int, ...] | None,
    ) -> None:
        self.opcode = opcode
        self.name = name
        self.immediates = immediates
        self.stack = stack
        self.feature = feature
        self.family = family
        self.slot = slot
        self.params = params
        self.results = results

    def __repr__(self) -> str:
        return f"<Instruction {self.name}>"

    @property
    def encoding(self) -> bytes:
        """The opcode's canonical bytes."""
        if self.opcode <= 0xFF:
            return bytes((self.opcode,))
        code = self.opcode & 0xFFFF
        low = bytes((self.opcode >> 16,))
        while code >= 0x80:
            low += bytes((code & 0x7F | 0x80,))
            code >>= 7
        return low + bytes((code,))

    def missing(self, features: int) -> int:
        """The proposals that ``features`` lacks for this instruction: 0 where it may be used."""
        if features & _ALSO.get(self.name, 0):
            return 0
        return self.feature & ~features


def slot_of(opcode: int) -> int:
    """The dense slot of an opcode as the table writes it."""
    if opcode <= 0xFF:
        return opcode
    return PREFIX_BASE[opcode >> 16] + (opcode & 0xFFFF)


def _fixed(side: str) -> tuple[int, ...] | None:
    codes = [_TYPE_CODES.get(name) for name in side.split()]
    return None if None in codes else tuple(code for code in codes if code is not None)


# Most rows have what others have, and every start makes them all.
@functools.cache
def _stack_type(stack: str) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
    if not stack:
        return None, None
    left, right = stack.split("->")
    return _fixed(left), _fixed(right)


@functools.cache
def _immediates(kinds: str) -> tuple[int, ...]:
    return tuple(immediates.NAMES.index(kind) for kind in kinds.split())


def _instruction(row: tuple[int, str, str, str, int, str]) -> Instruction:
    opcode, name, kinds, stack, feature, family = row
    params, results = _stack_type(stack)
    if params is None or results is None or family in _UNTYPED_FAMILIES:
        params = results = None
    return Instruction(
        opcode,
        name,
        _immediates(kinds),
        stack,
        feature,
        family,
        slot_of(opcode),
        params,
        results,
    )


# Families whose address types depend on more than one memory or table, or on a memory
# that no memarg names: their stack types are written in the row for the reader only.
_UNTYPED_FAMILIES: Final = frozenset({"control", "memory", "table"})

INSTRUCTIONS: Final[tuple[Instruction, ...]] = tuple(_instruction(row) for row in ROWS)

BY_SLOT: Final[list[Instruction | None]] = [None] * SLOTS
BY_NAME: Final[dict[str, list[Instruction]]] = {}
for _row in INSTRUCTIONS:
    BY_SLOT[_row.slot] = _row
    BY_NAME.setdefault(_row.name, []).append(_row)


def named(name: str) -> Instruction:
    """The instruction with this mnemonic; the first in opcode order where there are two."""
    return BY_NAME[name][0]


def slot(name: str) -> int:
    """The slot of the instruction with this mnemonic, for tables indexed by slot."""
    return BY_NAME[name][0].slot


_VALTYPE_BYTES: Final[dict[str, int]] = {"i32": 4, "i64": 8, "f32": 4, "f64": 8, "v128": 16}


def _access_bytes(name: str) -> int:
    """How many bytes of memory the load, store or atomic instruction of this name touches.

    The first number after the mnemonic's dot is the width in bits where it has one, and ``MxN`` is
    a vector of N such parts; else the value type's width is meant.
    """
    valtype, _, operation = name.partition(".")
    digits = "".join(char if char.isdigit() or char == "x" else " " for char in operation)
    for word in digits.split():
        count = [int(part) for part in word.split("x") if part]
        if count:
            return count[0] // 8 * (count[1] if len(count) > 1 else 1)
    return _VALTYPE_BYTES.get(valtype, 4)  # memory.atomic.notify has an i32


# By slot: the logarithm of the bytes that an instruction with a memarg touches, which is its
# natural alignment.
NATURAL_ALIGNMENT: Final[list[int]] = [0] * SLOTS
for _row in INSTRUCTIONS:
    if immediates.MEMARG in _row.immediates:
        NATURAL_ALIGNMENT[_row.slot] = _access_bytes(_row.name).bit_length() - 1


__all__ = [
    "AT",
    "BY_NAME",
    "BY_SLOT",
    "INSTRUCTIONS",
    "NATURAL_ALIGNMENT",
    "PREFIX_BASE",
    "PREFIX_SIZE",
    "SLOTS",
    "Instruction",
    "immediates",
    "named",
    "slot",
    "slot_of",
]
