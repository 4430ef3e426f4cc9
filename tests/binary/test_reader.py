from __future__ import annotations

from collections.abc import Callable

import pytest

from wasmwright import features
from wasmwright.binary.reader import Reader
from wasmwright.errors import CompileError, InvalidError, MalformedError
from wasmwright.model import types

Read = Callable[[Reader], object]


def read(method: Read, data: bytes, flags: int = features.ALL) -> object:
    """What a method reads from the whole of ``data``."""
    reader = Reader(data, 0, len(data), flags)
    value = method(reader)
    assert reader.pos == len(data)
    return value


def fails(method: Read, data: bytes, message: str, offset: int, flags: int = features.ALL) -> None:
    with pytest.raises(MalformedError) as error:
        method(Reader(data, 0, len(data), flags))
    assert str(error.value).startswith(message)
    assert error.value.offset == offset


@pytest.mark.parametrize(
    ("method", "data", "value"),
    [
        (Reader.u32, b"\x00", 0),
        (Reader.u32, b"\x7f", 127),
        (Reader.u32, b"\x80\x01", 128),
        (Reader.u32, b"\x83\x80\x80\x80\x00", 3),
        (Reader.u32, b"\xff\xff\xff\xff\x0f", 2**32 - 1),
        (Reader.u64, b"\x05", 5),
        (Reader.u64, b"\xff" * 9 + b"\x01", 2**64 - 1),
        (Reader.u64, b"\x80" * 9 + b"\x01", 2**63),
        (Reader.s32, b"\x7f", -1),
        (Reader.s32, b"\x40", -64),
        (Reader.s32, b"\xc0\x00", 64),
        (Reader.s32, b"\x80\x80\x80\x80\x78", -(2**31)),
        (Reader.s32, b"\xff\xff\xff\xff\x07", 2**31 - 1),
        (Reader.s32, b"\xff\xff\xff\xff\x7f", -1),
        (Reader.s33, b"\xff\xff\xff\xff\x0f", 2**32 - 1),
        (Reader.s33, b"\x80\x80\x80\x80\x70", -(2**32)),
        (Reader.s64, b"\x80" * 9 + b"\x7f", -(2**63)),
        (Reader.s64, b"\xff" * 9 + b"\x00", 2**63 - 1),
        (Reader.s64, b"\xff" * 9 + b"\x7f", -1),
        (Reader.word32, b"\x01\x02\x03\xff", 0xFF030201),
        (Reader.word64, b"\x01\x02\x03\x04\x05\x06\x07\xff", 0xFF07060504030201),
        (Reader.name, b"\x00", ""),
        (Reader.name, b"\x03\xe2\x82\xac", "\u20ac"),
    ],
)
def test_values(method: Read, data: bytes, value: object) -> None:
    assert read(method, data) == value


TOO_LONG = "integer representation too long"
TOO_LARGE = "integer too large"
EOF = "unexpected end of section or function"


@pytest.mark.parametrize(
    ("method", "data", "message", "offset"),
    [
        (Reader.u32, b"", EOF, 0),
        (Reader.u32, b"\x80", EOF, 1),
        (Reader.u32, b"\x80\x80\x80\x80\x80\x00", TOO_LONG, 5),
        (Reader.u32, b"\x80\x80\x80\x80\x10", TOO_LARGE, 4),
        (Reader.u32, b"\xff\xff\xff\xff\x1f", TOO_LARGE, 4),
        (Reader.u64, b"\x80" * 10 + b"\x00", TOO_LONG, 10),
        (Reader.u64, b"\x80" * 9 + b"\x02", TOO_LARGE, 9),
        (Reader.s32, b"\x80\x80\x80\x80\x80\x00", TOO_LONG, 5),
        (Reader.s32, b"\xff\xff\xff\xff\x0f", TOO_LARGE, 4),
        (Reader.s32, b"\x80\x80\x80\x80\x70", TOO_LARGE, 4),
        (Reader.s33, b"\xff\xff\xff\xff\x1f", TOO_LARGE, 4),
        (Reader.s64, b"\xff" * 10 + b"\x7f", TOO_LONG, 10),
        (Reader.s64, b"\x80" * 9 + b"\x7e", TOO_LARGE, 9),
        (Reader.s64, b"\xff" * 9 + b"\x01", TOO_LARGE, 9),
        (Reader.word32, b"\x01\x02\x03", EOF, 3),
        (Reader.name, b"\x05abc", "length out of bounds", 0),
        (Reader.name, b"\x04abc", EOF, 4),
        (Reader.name, b"\x03ab\xff", "malformed UTF-8 encoding", 3),
        (Reader.name, b"\x03\xed\xa0\x80", "malformed UTF-8 encoding", 1),
        (Reader.name, b"\x02\xc0\x80", "malformed UTF-8 encoding", 1),
    ],
)
def test_malformed_values(method: Read, data: bytes, message: str, offset: int) -> None:
    fails(method, data, message, offset)


@pytest.mark.parametrize(
    ("data", "valtype"),
    [
        (b"\x7f", types.I32),
        (b"\x7b", types.V128),
        (b"\x70", types.FUNCREF),
        (b"\x6f", types.EXTERNREF),
        (b"\x69", types.EXNREF),
        (b"\x63\x70", types.FUNCREF),
        (b"\x64\x70", types.REF | types.FUNC),
        (b"\x63\x05", types.REF | types.NULL | 5),
        (b"\x64\x80\x01", types.REF | 128),
        (b"\x64\xff\xff\xff\xff\x0f", types.REF | 0xFFFFFFFF),
        (b"\x71", types.REF | types.NULL | types.NONE),
    ],
)
def test_value_types(data: bytes, valtype: int) -> None:
    assert read(Reader.valtype, data) == valtype


@pytest.mark.parametrize(
    ("method", "data", "message", "offset"),
    [
        (Reader.valtype, b"\x78", "malformed reference type", 0),
        (Reader.valtype, b"\x40", "malformed reference type", 0),
        (Reader.valtype, b"\xff\x7f", TOO_LONG, 1),
        (Reader.reftype, b"\x7f", "malformed reference type", 0),
        (Reader.reftype, b"\x64\x7f", "malformed heap type", 1),
        (Reader.reftype, b"\x64\x63", "malformed heap type", 1),
        (Reader.heaptype, b"\xf0\x7f", TOO_LONG, 1),
        (Reader.heaptype, b"", EOF, 0),
        (Reader.blocktype, b"\x60", "malformed reference type", 0),
        (Reader.blocktype, b"\xff\x7f", TOO_LONG, 1),
        (Reader.blocktype, b"\x80\x80\x80\x80\x10", TOO_LARGE, 4),
    ],
)
def test_malformed_types(method: Read, data: bytes, message: str, offset: int) -> None:
    fails(method, data, message, offset)


def test_block_types_tell_type_indices_from_value_types() -> None:
    assert read(Reader.blocktype, b"\x40") == types.BOT
    assert read(Reader.blocktype, b"\x7f") == types.I32
    assert read(Reader.blocktype, b"\x64\x05") == types.REF | 5
    assert read(Reader.blocktype, b"\xff\x00") == types.BLOCK_INDEX | 0x7F


@pytest.mark.parametrize(
    ("method", "data", "flag"),
    [
        (Reader.valtype, b"\x7b", features.SIMD),
        (Reader.valtype, b"\x70", features.REFERENCE_TYPES),
        (Reader.valtype, b"\x6f", features.REFERENCE_TYPES),
        (Reader.valtype, b"\x6e", features.GC),
        (Reader.valtype, b"\x69", features.EXCEPTIONS),
        (Reader.valtype, b"\x64\x70", features.FUNCTION_REFERENCES),
        (Reader.heaptype, b"\x00", features.FUNCTION_REFERENCES),
        (Reader.heaptype, b"\x6e", features.GC),
        (Reader.blocktype, b"\x00", features.MULTI_VALUE),
    ],
)
def test_types_of_a_feature_that_is_off_are_malformed(method: Read, data: bytes, flag: int) -> None:
    read(method, data)
    with pytest.raises(MalformedError, match=f"{features.NAMES[flag]}, which is off"):
        read(method, data, features.ALL & ~flag)


def test_funcref_is_in_every_version_as_a_reference_type() -> None:
    assert read(Reader.reftype, b"\x70", features.WASM_1) == types.FUNCREF


def test_reading_stops_at_the_given_end() -> None:
    reader = Reader(b"\x01\x02\x03", 1, 2)
    assert reader.byte() == 2
    for method in (Reader.byte, Reader.u32, Reader.s64, Reader.heaptype, Reader.blocktype):
        with pytest.raises(MalformedError, match="unexpected end"):
            method(reader)


def test_a_name_has_a_size_limit() -> None:
    with pytest.raises(InvalidError, match="MAX_NAME_SIZE is 100000"):
        Reader(b"\xa1\x8d\x06" + b"a" * 100_001).name()


def test_errors_of_readers_are_compile_errors() -> None:
    assert issubclass(MalformedError, CompileError)
    assert issubclass(InvalidError, CompileError)
