"""Wrong and hostile input ends in a CompileError, in bounded time and memory."""

from __future__ import annotations

import time
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wasmwright.binary.code import check_body
from wasmwright.binary.decode import decode
from wasmwright.binary.encode import encode
from wasmwright.binary.instructions import instructions
from wasmwright.binary.names import decode_names
from wasmwright.errors import CompileError, MalformedError
from wasmwright.features import ALL
from wasmwright.model.module import Module

HEADER = b"\0asm\1\0\0\0"
LARGE_SAMPLE = 200_000  # bytes; beyond it, a few mutations are enough
ODD_BYTES = [0x00, 0x01, 0x0B, 0x3F, 0x40, 0x5F, 0x60, 0x7F, 0x80, 0xFC, 0xFD, 0xFF]


def leb(value: int) -> bytes:
    data = b""
    while value >= 0x80:
        data += bytes((value & 0x7F | 0x80,))
        value >>= 7
    return data + bytes((value,))


def module(*sections: tuple[int, bytes]) -> bytes:
    return HEADER + b"".join(bytes((i,)) + leb(len(content)) + content for i, content in sections)


def try_all(data: bytes) -> None:
    """Do with ``data`` all that the package does; nothing but a CompileError may come out."""
    try:
        decoded = decode(data)
    except CompileError as error:
        caught = error
    else:
        try_the_rest(decoded)
        return
    assert caught.offset is not None
    assert 0 <= caught.offset <= len(data)
    assert "\n" not in str(caught)


def try_the_rest(decoded: Module) -> None:
    again = encode(decoded)
    assert encode(decode(again)) == again
    decode_names(decoded)
    for index, code in enumerate(decoded.codes[:50]):
        with suppress(MalformedError):
            check_body(decoded.data, code, ALL, index)
            for _ in instructions(decoded, code):
                pass


@st.composite
def mutations(draw: st.DrawFn, data: bytes) -> bytes:
    """``data`` with a few bytes changed, left out, doubled, or cut off at the end."""
    mutated = bytearray(data)
    front = min(len(data), 400)  # most of what is decoded, in most modules
    for _ in range(draw(st.integers(1, 4))):
        if not mutated:
            break
        top = draw(st.sampled_from([front, len(mutated)]))
        at = draw(st.integers(0, min(top, len(mutated)) - 1))
        size = draw(st.integers(1, 8))
        how = draw(st.sampled_from(["byte", "odd", "bit", "remove", "double", "cut", "leb"]))
        if how == "byte":
            mutated[at] = draw(st.integers(0, 255))
        elif how == "odd":
            mutated[at] = draw(st.sampled_from(ODD_BYTES))
        elif how == "bit":
            mutated[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "remove":
            del mutated[at : at + size]
        elif how == "double":
            mutated[at:at] = mutated[at : at + size]
        elif how == "cut":
            del mutated[at:]
        else:
            mutated[at : at + 1] = draw(st.sampled_from([b"\xff" * 4 + b"\x0f", b"\x80" * 5]))
    return bytes(mutated)


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_mutations_of_every_part_of_a_module(everything: bytes, data: st.DataObject) -> None:
    try_all(data.draw(mutations(everything)))


@pytest.mark.slow
def test_mutations_of_samples(sample: Path) -> None:
    original = sample.read_bytes()

    @settings(max_examples=40 if len(original) < LARGE_SAMPLE else 5, deadline=None)
    @given(mutations(original))
    def mutated(data: bytes) -> None:
        try_all(data)

    mutated()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 13), st.binary(max_size=40)), max_size=5))
def test_sections_of_random_bytes(sections: list[tuple[int, bytes]]) -> None:
    try_all(module(*sections))


def test_every_truncation_is_malformed_but_at_the_ends_of_sections(everything: bytes) -> None:
    ends = {8, *(section.end for section in decode(everything).sections)}
    for size in range(len(everything)):
        if size in ends:
            try_all(everything[:size])
            continue
        with pytest.raises(MalformedError) as error:
            decode(everything[:size])
        assert error.value.offset is not None
        assert error.value.offset <= size


def costs(data: bytes) -> tuple[float, int]:
    """Seconds and peak bytes that decoding takes, whether it succeeds or not."""
    tracemalloc.start()
    begin = time.perf_counter()
    with suppress(CompileError):
        decode(data)
    seconds = time.perf_counter() - begin
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return seconds, peak


HUGE = b"\xff\xff\xff\xff\x0f"
LIES = {
    **{f"count of section {i}": module((i, HUGE)) for i in (1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13)},
    "size of a section": HEADER + b"\x01" + HUGE,
    "size of a custom section": HEADER + b"\x00" + HUGE + b"\x01a",
    "size of a name": module((2, b"\x01" + HUGE)),
    "parameters": module((1, b"\x01\x60" + HUGE)),
    "fields": module((1, b"\x01\x5f" + HUGE)),
    "supertypes": module((1, b"\x01\x50" + HUGE)),
    "types in a group": module((1, b"\x01\x4e" + HUGE)),
    "elements": module((9, b"\x01\x01\x00" + HUGE)),
    "expressions": module((9, b"\x01\x05\x70" + HUGE)),
    "bytes of a segment": module((11, b"\x01\x01" + HUGE)),
    "size of a body": module((10, b"\x01" + HUGE)),
    "runs of locals": module((10, b"\x01\x06" + HUGE + b"\x0b")),
    "labels": module((6, b"\x01\x7f\x00\x0e" + HUGE)),
    "types of a select": module((6, b"\x01\x7f\x00\x1c" + HUGE)),
    "catches": module((6, b"\x01\x7f\x00\x1f\x40" + HUGE)),
    "4 GiB of locals": module((10, b"\x01\x08\x01" + HUGE + b"\x7f\x0b")),
    "4 GiB of locals, many times": module(
        (10, b"\x01" + leb(6003) + leb(1000) + (HUGE + b"\x7f") * 1000 + b"\x0b")
    ),
    "data count": module((12, HUGE)),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_about_a_size_costs_nothing(lie: str) -> None:
    with pytest.raises(CompileError):
        decode(LIES[lie])
    seconds, peak = costs(LIES[lie])
    assert seconds < 0.5
    assert peak < 100_000


MANY = 20_000
DENSE = {
    "types": module((1, leb(MANY) + b"\x60\0\0" * MANY)),
    "a group": module((1, b"\x01\x4e" + leb(MANY) + b"\x5f\0" * MANY)),
    "supertypes": module((1, b"\x01\x50" + leb(MANY) + b"\0" * MANY + b"\x5f\0")),
    "groups of none": module((1, leb(MANY) + b"\x4e\0" * MANY)),
    "imports": module((2, leb(MANY) + b"\0\0\0\0" * MANY)),
    "exports": module((7, leb(MANY) + b"\0\0\0" * MANY)),
    "globals": module((6, leb(MANY) + b"\x7f\0\x0b" * MANY)),
    "tables": module((4, leb(MANY) + b"\x70\0\0" * MANY)),
    "tags": module((13, leb(MANY) + b"\0\0" * MANY)),
    "segments": module((9, leb(MANY) + b"\1\0\0" * MANY)),
    "expressions": module((9, b"\1\5\x70" + leb(MANY) + b"\x0b" * MANY)),
    "data": module((11, leb(MANY) + b"\1\0" * MANY)),
    "functions": module((3, leb(MANY) + b"\0" * MANY), (10, leb(MANY) + b"\2\0\x0b" * MANY)),
    "runs of locals": module(
        (3, b"\1\0"), (10, b"\1" + leb(2 * MANY + 4) + leb(MANY) + b"\0\x7f" * MANY + b"\x0b")
    ),
    "nested blocks": module((6, b"\1\x7f\0" + b"\2\x40" * MANY + b"\x0b" * (MANY + 1))),
    "custom sections": HEADER + b"\0\1\0" * MANY,
}


@pytest.mark.parametrize("kind", DENSE)
def test_what_is_dense_costs_in_proportion(kind: str) -> None:
    decode(DENSE[kind])
    seconds, peak = costs(DENSE[kind])
    assert seconds < 5
    assert peak < 160 * len(DENSE[kind]) + 100_000
