"""Distances in code that is placed."""

from __future__ import annotations

import random
import struct

import pytest

from wasmwright.codegen.baseline.relocate import relocated

BASE = 0x7F00_0000_0000


def test_distances_count_from_their_place() -> None:
    r = random.Random(1)
    code = r.randbytes(400)
    origins = [BASE + r.randrange(-(1 << 30), 1 << 30) for _ in range(3)]
    triples = [(at, r.randrange(3), r.randrange(-8, 8)) for at in range(0, 397, 8)]
    shared = b"".join(struct.pack("<iii", *each) for each in triples)
    expected = bytearray(code)
    for place, target, addend in triples:
        struct.pack_into("<i", expected, place, origins[target] + addend - (BASE + place))
    assert relocated(code, BASE, shared, origins) == bytes(expected)
    assert relocated(code, BASE, b"", origins) == code


@pytest.mark.parametrize("distance", [-(1 << 31) - 1, 1 << 31])
def test_what_is_too_far_away_is_an_error(distance: int) -> None:
    nearest = distance + (1 if distance < 0 else -1)
    shared = struct.pack("<iii", 0, 0, 0)
    found = relocated(bytes(4), BASE, shared, [BASE + nearest])
    assert struct.unpack("<i", found) == (nearest,)
    with pytest.raises(OverflowError, match="more than 2 GiB"):
        relocated(bytes(4), BASE, shared, [BASE + distance])
