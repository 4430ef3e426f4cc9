"""Numbers and strings in a memory, by address: what `Memory` inherits.

All are little-endian, as in wasm. Addresses are bytes from the memory's start; IndexError where
what is read or written is not all inside.
"""

from __future__ import annotations

from operator import index
from struct import Struct
from typing import Final

_I8: Final = Struct("<b")
_U8: Final = Struct("<B")
_I16: Final = Struct("<h")
_U16: Final = Struct("<H")
_I32: Final = Struct("<i")
_U32: Final = Struct("<I")
_I64: Final = Struct("<q")
_U64: Final = Struct("<Q")
_F32: Final = Struct("<f")
_F64: Final = Struct("<d")

_CHUNK: Final = 4096


class TypedAccess:
    """Reads and writes of numbers and strings, for a class that has bytes to read and write."""

    __slots__ = ()

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes from ``address``."""
        raise NotImplementedError

    def write(self, address: int, data: bytes | bytearray | memoryview) -> None:
        """Writes ``data`` at ``address``."""
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def read_i8(self, address: int) -> int:
        """The signed byte at ``address``."""
        return int(_I8.unpack(self.read(address, 1))[0])

    def read_u8(self, address: int) -> int:
        """The unsigned byte at ``address``."""
        return int(_U8.unpack(self.read(address, 1))[0])

    def read_i16(self, address: int) -> int:
        """The signed 16-bit integer at ``address``."""
        return int(_I16.unpack(self.read(address, 2))[0])

    def read_u16(self, address: int) -> int:
        """The unsigned 16-bit integer at ``address``."""
        return int(_U16.unpack(self.read(address, 2))[0])

    def read_i32(self, address: int) -> int:
        """The signed 32-bit integer at ``address``."""
        return int(_I32.unpack(self.read(address, 4))[0])

    def read_u32(self, address: int) -> int:
        """The unsigned 32-bit integer at ``address``."""
        return int(_U32.unpack(self.read(address, 4))[0])

    def read_i64(self, address: int) -> int:
        """The signed 64-bit integer at ``address``."""
        return int(_I64.unpack(self.read(address, 8))[0])

    def read_u64(self, address: int) -> int:
        """The unsigned 64-bit integer at ``address``."""
        return int(_U64.unpack(self.read(address, 8))[0])

    def read_f32(self, address: int) -> float:
        """The 32-bit float at ``address``."""
        return float(_F32.unpack(self.read(address, 4))[0])

    def read_f64(self, address: int) -> float:
        """The 64-bit float at ``address``."""
        return float(_F64.unpack(self.read(address, 8))[0])

    def write_i8(self, address: int, value: int) -> None:
        """Writes an integer as 8 bits; signed or unsigned, OverflowError beyond both."""
        self.write(address, _bits(value, 8))

    def write_i16(self, address: int, value: int) -> None:
        """Writes an integer as 16 bits; signed or unsigned, OverflowError beyond both."""
        self.write(address, _bits(value, 16))

    def write_i32(self, address: int, value: int) -> None:
        """Writes an integer as 32 bits; signed or unsigned, OverflowError beyond both."""
        self.write(address, _bits(value, 32))

    def write_i64(self, address: int, value: int) -> None:
        """Writes an integer as 64 bits; signed or unsigned, OverflowError beyond both."""
        self.write(address, _bits(value, 64))

    def write_f32(self, address: int, value: float) -> None:
        """Writes a number as a 32-bit float; OverflowError if it is too large for one."""
        self.write(address, _F32.pack(value))

    def write_f64(self, address: int, value: float) -> None:
        """Writes a number as a 64-bit float."""
        self.write(address, _F64.pack(value))

    def read_str(self, address: int, size: int | None = None, encoding: str = "utf-8") -> str:
        """The string of ``size`` bytes at ``address``, or up to the NUL that ends it.

        Raises UnicodeDecodeError where it is not of the encoding.
        """
        data = self._to_nul(address) if size is None else self.read(address, size)
        return data.decode(encoding)

    def _to_nul(self, address: int) -> bytes:
        parts = []
        at = address
        while True:
            # At the end of the memory nothing is left to read, and that raises.
            part = self.read(at, max(1, min(_CHUNK, len(self) - at)))
            end = part.find(b"\0")
            if end >= 0:
                parts.append(part[:end])
                return b"".join(parts)
            parts.append(part)
            at += len(part)

    def write_str(
        self, address: int, text: str, *, nul: bool = False, encoding: str = "utf-8"
    ) -> int:
        """Writes a string, with ``nul`` one that a NUL ends; gives how many bytes that were."""
        data = text.encode(encoding) + b"\0" * nul
        self.write(address, data)
        return len(data)


def _bits(value: int, bits: int) -> bytes:
    value = index(value)
    if not -(1 << bits - 1) <= value < 1 << bits:
        raise OverflowError(f"{value} does not fit {bits} bits")
    return (value & (1 << bits) - 1).to_bytes(bits // 8, "little")
