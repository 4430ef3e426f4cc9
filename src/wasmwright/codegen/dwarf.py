"""Reading the encodings of DWARF (section 7.6), which frame tables and line tables share."""

from __future__ import annotations


class Cursor:
    """Reads bytes, little-endian, and moves on; IndexError past the end, but for `fixed`."""

    __slots__ = ("data", "pos")

    def __init__(self, data: bytes, pos: int = 0) -> None:
        self.data = data
        self.pos = pos

    def byte(self) -> int:
        """The next byte."""
        value = self.data[self.pos]
        self.pos += 1
        return value

    def fixed(self, size: int) -> int:
        """An unsigned integer of ``size`` bytes; those past the end are zero."""
        value = int.from_bytes(self.data[self.pos : self.pos + size], "little")
        self.pos += size
        return value

    def uleb(self) -> int:
        """An unsigned LEB128 integer."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def sleb(self) -> int:
        """A signed LEB128 integer."""
        start = self.pos
        value = self.uleb()
        bits = 7 * (self.pos - start)
        return value - (1 << bits) if value >> (bits - 1) else value
