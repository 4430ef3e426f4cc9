"""Modules in pieces: what is said of them is what is said of the whole, and as early as can be."""

import gzip
import json
import random
from pathlib import Path

import pytest

from wasmwright import features
from wasmwright.binary.decode import decode
from wasmwright.errors import CompileError, InvalidError, MalformedError
from wasmwright.limits import MAX_MODULE_SIZE
from wasmwright.validate.module import validate
from wasmwright.validate.stream import StreamChecker

PROGRAMS = Path(__file__).parents[2] / "bench" / "programs" / "wasm"


def suite():
    """Every module that the official suite rejects."""
    with gzip.open(Path(__file__).with_name("suite_rejected.jsonl.gz"), "rt") as lines:
        return [bytes.fromhex(json.loads(line)["wasm"]) for line in lines]


def told(make):
    """What an error says, or what was made."""
    try:
        return make()
    except CompileError as error:
        return type(error), error.message, error.offset, error.func


def whole(data):
    module = decode(data, features.DEFAULT)
    validate(module, features.DEFAULT)
    return module


def in_pieces(data, size):
    checker = StreamChecker(features.DEFAULT, MAX_MODULE_SIZE)
    for start in range(0, len(data), size):
        checker.feed(data[start : start + size])
    return checker.finish()


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_what_the_suite_rejects_is_rejected_with_the_same_words_and_offset(size):
    for data in suite():
        assert told(lambda: in_pieces(data, size)) == told(lambda: whole(data)), data.hex()  # noqa: B023 - called at once


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
@pytest.mark.parametrize("name", ["nbody", "cpp_virtual"])
def test_the_module_is_the_same(name, size):
    data = (PROGRAMS / f"{name}.wasm").read_bytes()
    assert in_pieces(data, size) == whole(data)


def test_what_is_damaged_is_accepted_in_pieces_where_it_is_as_a_whole():
    data = (PROGRAMS.parents[1] / "micro" / "calls.wasm").read_bytes()
    rng = random.Random(6)
    for _ in range(2000):
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 1, 2))):
            damaged[rng.randrange(len(data))] = rng.randrange(256)
        pieces = told(lambda: in_pieces(bytes(damaged), rng.choice((1, 5, 100))))  # noqa: B023
        expected = told(lambda: whole(bytes(damaged)))  # noqa: B023
        assert isinstance(pieces, tuple) == isinstance(expected, tuple), bytes(damaged).hex()


def section(number, content):
    return bytes((number, len(content))) + content


def code(*bodies):
    return b"".join(bytes((len(body),)) + body for body in bodies)


HEADER = b"\0asm\1\0\0\0"
TYPES = section(1, b"\1\x60\0\0")
FUNCS = section(3, b"\3\0\0\0")
GOOD = b"\0\x0b"


def fed_until_it_fails(data):
    """How many bytes it took for the error, and the error."""
    checker = StreamChecker(features.DEFAULT, MAX_MODULE_SIZE)
    for count, byte in enumerate(data, 1):
        try:
            checker.feed(bytes((byte,)))
        except CompileError as error:
            return count, error
    raise AssertionError("no error before the end")


MORE = b"\xff" * 100
EARLY = {
    "magic": (b"\0asn", b"", MalformedError, "magic header not detected"),
    "version": (b"\0asm\2\0\0\0", b"", MalformedError, "unknown binary version"),
    "section id": (HEADER + b"\x20", b"\1\0\0\0\0", MalformedError, "malformed section id"),
    "order": (HEADER + FUNCS + TYPES[:1], b"\0" * 5, MalformedError, "unexpected content after"),
    "type": (HEADER + section(1, b"\1\x61\0\0"), b"", MalformedError, "malformed definition"),
    "type index": (HEADER + section(1, b"\1\x60\1\x63\x05\0"), b"", InvalidError, "unknown type"),
    "size": (HEADER + section(1, b"\1\x60\0\0\0"), b"", MalformedError, "section size mismatch"),
    "function's type": (
        HEADER + TYPES + section(3, b"\1\7") + b"\x0a\x20\1",
        b"\0" * 5,
        InvalidError,
        "unknown type",
    ),
    "body": (
        HEADER + TYPES + FUNCS + b"\x0a\x40\3" + code(GOOD, b"\0\x6a\x0b"),
        b"",
        InvalidError,
        "type mismatch",
    ),
    "body's bytes": (
        HEADER + TYPES + FUNCS + b"\x0a\x40\3" + code(GOOD, b"\0\xff\x0b"),
        b"",
        MalformedError,
        "illegal opcode",
    ),
}


@pytest.mark.parametrize("name", EARLY)
def test_an_error_is_raised_before_more_is_read(name):
    start, needed, kind, message = EARLY[name]
    count, error = fed_until_it_fails(start + needed + MORE)
    assert isinstance(error, kind)
    assert error.message.startswith(message)
    assert count <= len(start) + len(needed)
    assert error.offset is not None
    assert error.offset <= len(start)


def test_the_functions_index_and_the_offset_are_those_in_the_whole():
    start = HEADER + TYPES + FUNCS + b"\x0a\x40\3" + code(GOOD)
    _, error = fed_until_it_fails(start + b"\3\0\x6a\x0b")
    assert (error.offset, error.func) == (len(start) + 2, 1)


def test_more_than_the_limit_is_refused_as_it_arrives():
    checker = StreamChecker(features.DEFAULT, 1000)
    checker.feed(HEADER)
    with pytest.raises(InvalidError, match="too many bytes: 1008"):
        checker.feed(bytes(1000))


def test_many_small_custom_sections_take_linear_time():
    data = HEADER + b"\0\2\1a" * 50_000
    assert len(in_pieces(data, 1).customs) == 50_000
