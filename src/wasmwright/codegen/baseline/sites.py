"""Places in the code that count, so that what is hot can be compiled again."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

# Operands at the head of a loop up to which optimised code can take over there. (Each loop looks
# at all of them, so there has to be an end to it.)
MOST_HANDED_OVER: Final = 256

CELL_SIZE: Final = 16  # see `dev/stencils/between.py`: counters


class Counting:
    """What code that counts does at the end: tells ``file`` of it, and counts ``more`` rounds."""

    __slots__ = ("file", "more")

    def __init__(self, file: i64, more: i64) -> None:
        self.file: i64 = file
        self.more: i64 = more


class Site:
    """A place that counts: the head of a loop, by its offset in the binary, or of a function (-1).

    ``enterable`` says that optimised code can go on from there: all operands are in their slots.
    """

    __slots__ = ("back", "cell", "enterable", "func", "number_at", "offset", "place", "valid")

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
        self.number_at: i64 = 0  # where its number is to be written
