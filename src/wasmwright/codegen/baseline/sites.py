"""Places in the code that count, so that what is hot can be compiled again."""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, write_i64_le
from mypy_extensions import i64

# Operands at the head of a loop up to which optimised code can take over there. (Each loop looks
# at all of them, so there has to be an end to it.)
MOST_HANDED_OVER: Final = 256

CELL_SIZE: Final = 16  # see `dev/stencils/between.py`: counters
# Sites of a unit that are told of, at most; those beyond never are.
BLOCK: Final = 1 << 16
_NEVER: Final = (1 << 31) - 1


class Counting:
    """What code that counts does.

    A function is counted ``calls`` times, a loop ``rounds`` times; then ``file`` is told the site's
    number, which is one of those from ``first`` on, and ``more`` rounds are counted.
    """

    __slots__ = ("calls", "file", "first", "more", "rounds")

    def __init__(self, file: i64, first: i64, calls: i64, rounds: i64, more: i64) -> None:
        self.file: i64 = file
        self.first: i64 = first
        self.calls: i64 = calls
        self.rounds: i64 = rounds
        self.more: i64 = more

    def number(self, cell: i64) -> i64:
        """The number that ``file`` is told of the site with this cell."""
        return self.first + cell % BLOCK

    def cells(self, sites: list[Site]) -> bytes:
        """What the cells of a unit's sites begin as: the rounds to count, and no other code."""
        out = BytesWriter()
        for site in sites:
            rounds = self.rounds
            if site.cell >= BLOCK:
                rounds = _NEVER
            elif site.offset < 0:
                rounds = self.calls
            write_i64_le(out, rounds)
            write_i64_le(out, 0)
        return out.getvalue()


class Site:
    """A place that counts: the head of a loop, by its offset in the binary, or of a function (-1).

    ``enterable`` says that optimised code can go on from there: all operands are in their slots.
    """

    __slots__ = ("back", "cell", "enterable", "func", "offset", "place", "valid")

    def __init__(
        self,
        cell: i64,
        func: int,
        offset: i64,
        enterable: bool,
        place: i64,
        back: i64,
        valid: i64,
    ) -> None:
        self.cell: i64 = cell
        self.func: int = func
        self.offset: i64 = offset
        self.enterable: bool = enterable
        self.place: i64 = place  # where the distance of its slow path is to be written
        self.back: i64 = back  # where that goes back to
        self.valid: i64 = valid  # the pinned locals that have to be in their registers then
