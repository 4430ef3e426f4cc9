"""Filling in, in code whose address is known, the distances of what is elsewhere."""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, read_i32_le
from librt.vecs import vec
from mypy_extensions import i64, u8

_TRIPLE: Final = 12  # bytes


def relocated_words(code: bytes, address: int, shared: bytes, origins: list[int]) -> bytes:
    """The same of code whose instructions are words: jumps, and addresses in literals."""
    out = BytesWriter()
    out.write(code)
    end: i64 = len(shared)
    at: i64 = 0
    while at < end:
        place = i64(read_i32_le(shared, at))
        target: int = origins[i64(read_i32_le(shared, at + 4))] + i64(read_i32_le(shared, at + 8))
        at += _TRIPLE
        opcode = i64(out[place + 3])
        if opcode == 0:
            for i in range(8):
                out[place + i] = u8(target >> (8 * i) & 0xFF)
            continue
        distance: i64 = (target - address - place) >> 2
        if distance < -(1 << 25) or distance >= 1 << 25:
            raise OverflowError("a distance of more than 128 MiB")
        out[place] = u8(distance & 0xFF)
        out[place + 1] = u8((distance >> 8) & 0xFF)
        out[place + 2] = u8((distance >> 16) & 0xFF)
        out[place + 3] = u8(opcode | ((distance >> 24) & 3))
    return out.getvalue()


def relocated(code: bytes, address: int, shared: bytes, origins: list[int]) -> bytes:
    """The code, to stand at ``address``.

    ``shared`` has triples of 32 bits: a place in the code, the number of what it refers to, whose
    address is in ``origins``, and what is added. OverflowError if something is too far away.
    """
    out = BytesWriter()
    out.write(code)
    base: i64 = address
    addresses: vec[i64] = vec[i64]([i64(each) for each in origins])
    end: i64 = len(shared)
    at: i64 = 0
    while at < end:
        place = i64(read_i32_le(shared, at))
        target = i64(read_i32_le(shared, at + 4))
        addend = i64(read_i32_le(shared, at + 8))
        distance = addresses[target] + addend - base - place
        if distance < -(1 << 31) or distance >= 1 << 31:
            raise OverflowError("a distance of more than 2 GiB")
        out[place] = u8(distance & 0xFF)
        out[place + 1] = u8((distance >> 8) & 0xFF)
        out[place + 2] = u8((distance >> 16) & 0xFF)
        out[place + 3] = u8((distance >> 24) & 0xFF)
        at += _TRIPLE
    return out.getvalue()
