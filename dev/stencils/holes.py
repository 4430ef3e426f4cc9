"""What is in a stencil: its code, its holes, and the constants that several share."""

from __future__ import annotations

from dataclasses import dataclass

from wasmwright.codegen.baseline.places import (
    HOLE_EXTRA,
    HOLE_FIRST,
    HOLE_MORE,
    HOLE_NEXT,
    HOLE_SECOND,
    HOLE_TAKEN,
    HOLE_THIRD,
)

# By the names of symbols.
HOLES = {
    "h0": HOLE_FIRST,
    "h1": HOLE_SECOND,
    "h2": HOLE_THIRD,
    "extra": HOLE_EXTRA,
    "more": HOLE_MORE,
    "next": HOLE_NEXT,
    "taken": HOLE_TAKEN,
}


@dataclass(frozen=True)
class Hole:
    """What is filled in at an offset of a stencil.

    ``kind`` is one of ``places.HOLE_*``, or the name of a shared place. A relative one counts from
    the place itself; ``addend`` is added.
    """

    offset: int
    kind: int | str
    addend: int
    relative: bool


@dataclass
class Code:
    """A stencil's machine code; what follows it is where control goes on."""

    data: bytes
    holes: list[Hole]


class Pool:
    """Constants that stencils refer to, each once."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._known: dict[bytes, int] = {}

    def place(self, value: bytes) -> int:
        """The offset of a constant, whose size is its alignment."""
        at = self._known.get(value)
        if at is None:
            self.data += bytes(-len(self.data) % len(value))
            at = self._known[value] = len(self.data)
            self.data += value
        return at
