from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from librt.strings import BytesWriter

from wasmwright.binary import writer
from wasmwright.binary.reader import Reader
from wasmwright.model import types


def written(write: Callable[[BytesWriter, int], None], value: int) -> bytes:
    out = BytesWriter()
    write(out, value)
    return out.getvalue()


@given(st.integers(0, 2**32 - 1))
def test_u32(value: int) -> None:
    data = written(writer.leb_u32, value)
    assert Reader(data).u32() == value
    assert len(data) == max(1, -(-value.bit_length() // 7))


@given(st.integers(0, 2**64 - 1))
def test_u64(value: int) -> None:
    data = written(writer.leb_u64, value)
    assert Reader(data).u64() == value
    assert len(data) == max(1, -(-value.bit_length() // 7))


@given(st.integers(-(2**31), 2**31 - 1))
def test_s32(value: int) -> None:
    assert Reader(written(writer.leb_s32, value)).s32() == value


@given(st.integers(-(2**32), 2**32 - 1))
def test_s33(value: int) -> None:
    assert Reader(written(writer.leb_s33, value)).s33() == value


@given(st.integers(-(2**63), 2**63 - 1))
def test_s64(value: int) -> None:
    data = written(writer.leb_s64, value)
    assert Reader(data).s64() == value
    assert len(data) == (value.bit_length() if value >= 0 else (~value).bit_length()) // 7 + 1


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1))
def test_fixed(low: int, high: int) -> None:
    out = BytesWriter()
    writer.fixed(out, low, 4)
    writer.fixed(out, high, 8)
    reader = Reader(out.getvalue())
    assert (reader.word32(), reader.word64()) == (low, high)


@given(st.text(max_size=300))
def test_name(text: str) -> None:
    out = BytesWriter()
    writer.name(out, text)
    assert Reader(out.getvalue()).name() == text


VALTYPES = [
    types.I32,
    types.V128,
    types.FUNCREF,
    types.EXNREF,
    types.REF | types.FUNC,
    types.REF | types.NULL | 3,
    types.REF | 0xFFFFFFFF,
]


@pytest.mark.parametrize("valtype", VALTYPES)
def test_valtype(valtype: int) -> None:
    assert Reader(written(writer.valtype, valtype)).valtype() == valtype


@pytest.mark.parametrize("blocktype", [*VALTYPES, types.BOT, types.BLOCK_INDEX | 0x7F])
def test_blocktype(blocktype: int) -> None:
    assert Reader(written(writer.blocktype, blocktype)).blocktype() == blocktype


def test_nullable_abstract_references_are_written_short() -> None:
    assert written(writer.valtype, types.FUNCREF) == b"\x70"
    assert written(writer.valtype, types.REF | types.FUNC) == b"\x64\x70"
