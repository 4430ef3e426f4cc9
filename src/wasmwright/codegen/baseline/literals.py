"""Numbers in code whose instructions are words (AArch64): moves, and loads of literals.

A hole of a stencil is an instruction that loads a literal into a register. A number that a move can
give needs none; the others are written behind the function, within the reach of the instruction.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, write_i32_le
from librt.vecs import append, vec
from mypy_extensions import i32, i64, u8

from wasmwright.codegen.baseline.library import Library
from wasmwright.errors import CompileError

JUMP_WORD: Final = 0x14000000  # b
JUMP_MASK: Final = (1 << 26) - 1
MOST: Final = 100 << 20  # bytes of a function, all of which its jumps reach

_MOVZ: Final = 0x52800000  # into a register of 32 bits; the rest of it becomes zero
_MOVZ_HIGH: Final = 0x52A00000
_MOVN: Final = 0x12800000
_LOAD: Final = 0x18000000
_REACH: Final = 1 << 20
_MARGIN: Final = 3 << 18  # that one instruction of wasm may take, with a table of branches
# By the highest byte of the instruction: how many bytes it loads. (Others are jumps.)
_SIZES: Final[dict[int, int]] = {0x18: 4, 0x58: 8, 0x1C: 4, 0x5C: 8, 0x9C: 16}
_NONE: Final = -1


def _word(out: BytesWriter, place: i64) -> i64:
    low = i64(out[place]) | i64(out[place + 1]) << 8
    return low | i64(out[place + 2]) << 16 | i64(out[place + 3]) << 24


def put_word(out: BytesWriter, place: i64, word: i64) -> None:
    """Writes 32 bits."""
    out[place] = u8(word & 0xFF)
    out[place + 1] = u8((word >> 8) & 0xFF)
    out[place + 2] = u8((word >> 16) & 0xFF)
    out[place + 3] = u8((word >> 24) & 0xFF)


def point(out: BytesWriter, place: i64, literal: i64) -> None:
    """Has the hole at a place load 32 bits that stand near it."""
    register = _word(out, place) & 31
    put_word(out, place, _LOAD | (((literal - place) >> 2) & 0x7FFFF) << 5 | register)


class Literals:
    """Those of a function that have yet to be written."""

    def __init__(self) -> None:
        # Of the instructions: where they are, and what they load.
        self.places: vec[i64] = vec[i64]()
        self.values: list[bytes] = []
        # Of addresses of shared places: which, and what is added; else -1.
        self.targets: vec[i64] = vec[i64]()
        self.addends: vec[i64] = vec[i64]()

    def _add(self, place: i64, value: bytes, target: i64, addend: i64) -> None:
        self.places = append(self.places, place)
        self.values.append(value)
        self.targets = append(self.targets, target)
        self.addends = append(self.addends, addend)

    def fill(self, out: BytesWriter, place: i64, value: i64) -> None:
        """Has the hole at a place give the lower 32 bits of a number."""
        value = value & 0xFFFFFFFF
        register = _word(out, place) & 31
        if value < 1 << 16:
            put_word(out, place, _MOVZ | value << 5 | register)
        elif value & 0xFFFF == 0:
            put_word(out, place, _MOVZ_HIGH | (value >> 16) << 5 | register)
        elif value >= 0xFFFF0000:
            put_word(out, place, _MOVN | (value ^ 0xFFFFFFFF) << 5 | register)
        else:
            put_word(out, place, _LOAD | register)
            self._add(place, int(value).to_bytes(4, "little"), _NONE, 0)

    def refer(
        self, out: BytesWriter, place: i64, target: i64, addend: i64, library: Library
    ) -> bool:
        """The same for what is shared: a constant, or an address. False for a jump there."""
        size = _SIZES.get(int(out[place + 3]), 0)
        if not size:
            return False
        if target == library.pool_target:
            start: int = addend
            self._add(place, library.pool[start : start + size], _NONE, 0)
        else:
            self._add(place, bytes(8), target, addend)
        return True

    def far(self, end: i64) -> bool:
        """Whether there are any that may be out of reach soon."""
        return len(self.places) > 0 and end - self.places[0] > _REACH - _MARGIN

    def write(self, out: BytesWriter, shared: BytesWriter) -> None:
        """Writes them; ``shared`` is told where addresses have to be written."""
        for i in range(len(self.places)):
            place = self.places[i]
            at: i64 = len(out)
            out.write(self.values[i])
            if at - place >= _REACH:
                raise CompileError(f"code of {at - place} bytes without a place for its numbers")
            put_word(out, place, _word(out, place) | (((at - place) >> 2) & 0x7FFFF) << 5)
            if self.targets[i] != _NONE:
                write_i32_le(shared, i32(at))
                write_i32_le(shared, i32(self.targets[i]))
                write_i32_le(shared, i32(self.addends[i]))
        self.clear()

    def clear(self) -> None:
        """Forgets them."""
        self.places = vec[i64]()
        self.values = []
        self.targets = vec[i64]()
        self.addends = vec[i64]()
