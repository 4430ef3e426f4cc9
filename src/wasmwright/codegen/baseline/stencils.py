"""The file of stencils: its layout, and reading it.

Eight parts follow the header, which has their sizes in bytes: machine code; a ``RECORD`` a stencil;
the index, a 16-bit number of a stencil for each variant of each family (``NONE`` where there is
none); a ``FAMILY`` for each family; a ``FIXUP`` for each hole that has no place in its record; the
families' names; the names of the shared places that code refers to; constants.
"""

from __future__ import annotations

import os
import struct
from typing import Final

MAGIC: Final = b"WWSTEN\x00\x01"
HEAD: Final = struct.Struct("<8s8I")

# Offset and size of the code; for each kind of hole below PLACES its offset plus one, or 0; the
# first fixup and their count.
PLACES: Final = 6
RECORD: Final = struct.Struct("<IH6BHBx")
RECORD_SIZE: Final = 16
# Offset, kind of hole (from FIRST_TARGET: a shared place), whether relative, what is added.
FIXUP: Final = struct.Struct("<HBBi")
FIXUP_SIZE: Final = 8
FIRST_TARGET: Final = 16
# First number in the index, how many numbers of registers below there are, of both classes, and
# whether all operands come from the frame: then their places are no part of a variant's number.
FAMILY: Final = struct.Struct("<IBBH")
NONE: Final = 0xFFFF


class StencilFile:
    """The parts of the file for an architecture; OSError if there is none."""

    def __init__(self, arch: str) -> None:
        path = os.path.join(os.path.dirname(__file__), f"stencils_{arch}.bin")
        with open(path, "rb") as file:
            magic, *sizes = HEAD.unpack(file.read(HEAD.size))
            if magic != MAGIC:
                raise ValueError(f"the stencils for {arch} are not of this version")
            parts = [file.read(size) for size in sizes]
        self.code, self.records, self.index, families, self.fixups, names, targets, pool = parts
        self.pool: bytes = pool
        self.targets: list[str] = targets.decode().split("\n")
        # By name: the first number in the index, the counts of registers below, and `stored`.
        self.families: dict[str, tuple[int, int, int, int]] = {}
        for i, name in enumerate(names.decode().split("\n")):
            self.families[name] = FAMILY.unpack_from(families, FAMILY.size * i)
