"""The literals of constant instructions (spec: Text Format > Instructions > Numeric, Vector).

Each function reads its literals from a stream and appends their binary form.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64

from wasmwright.binary.writer import fixed, leb_signed
from wasmwright.text.errors import TextError
from wasmwright.text.numbers import OUT_OF_RANGE, f32_bits, f64_bits, integer
from wasmwright.text.stream import Stream
from wasmwright.text.tokens import F32X4, F64X2, FLOAT, I8X16, INT, NAT, RPAR

_FIRST_SHAPE: Final = I8X16
# By shape, from I8X16 to F64X2: the bytes of a lane.
_LANE_BYTES: Final = bytes([1, 2, 4, 8, 4, 8])
_VECTOR_BYTES: Final = 16
_SHUFFLE_LANES: Final = 16


def _out_of_range(stream: Stream, token: i64) -> TextError:
    return stream.error_at(token, f"constant out of range: {stream.shown(token)}")


def at_number(stream: Stream) -> bool:
    """Whether a number comes next."""
    kind = stream.kind()
    return kind == NAT or kind == INT or kind == FLOAT


def _integer(stream: Stream, bits: i64) -> int:
    """The next number, an integer of ``bits`` bits, which may be written signed or unsigned."""
    token = stream.pos
    kind = stream.kind()
    if kind != NAT and kind != INT:
        if kind == FLOAT:
            raise _out_of_range(stream, token)
        raise stream.unexpected("an integer")
    tokens = stream.tokens
    value = integer(stream.data, i64(tokens.starts[token]), i64(tokens.ends[token]))
    if not -(1 << int(bits) - 1) <= value < 1 << int(bits):
        raise _out_of_range(stream, token)
    stream.pos = token + 1
    return value


def i32_const(stream: Stream, out: BytesWriter) -> None:
    """Append the immediate of ``i32.const``."""
    value: i64 = _integer(stream, 32)
    leb_signed(out, value - (1 << 32) if value >= 1 << 31 else value)


def i64_const(stream: Stream, out: BytesWriter) -> None:
    """Append the immediate of ``i64.const``."""
    value = _integer(stream, 64)
    leb_signed(out, value - (1 << 64) if value >= 1 << 63 else value)


def _float(stream: Stream, out: BytesWriter, size: i64) -> None:
    token = stream.pos
    if not at_number(stream):
        raise stream.unexpected("a number")
    literal = stream.text(token)
    bits = f32_bits(literal) if size == 4 else f64_bits(literal)
    if bits == OUT_OF_RANGE:
        raise _out_of_range(stream, token)
    stream.pos = token + 1
    fixed(out, bits, size)


def f32_const(stream: Stream, out: BytesWriter) -> None:
    """Append the immediate of ``f32.const``."""
    _float(stream, out, 4)


def f64_const(stream: Stream, out: BytesWriter) -> None:
    """Append the immediate of ``f64.const``."""
    _float(stream, out, 8)


def v128_const(stream: Stream, out: BytesWriter) -> None:
    """Append the immediate of ``v128.const``: a shape and its lanes."""
    shape = stream.kind()
    if shape < I8X16 or shape > F64X2:
        raise stream.unexpected("a vector's shape")
    stream.pos += 1
    size: i64 = _LANE_BYTES[shape - _FIRST_SHAPE]
    count: i64 = _VECTOR_BYTES // size
    first = stream.pos
    while at_number(stream):
        stream.pos += 1
    lanes = stream.pos - first
    if lanes != count:
        if stream.kind() != RPAR and lanes < count:
            raise stream.unexpected("a number")
        raise stream.error_at(
            first, f"wrong number of lane literals: found {lanes}, expected {count}"
        )
    stream.pos = first
    for _ in range(count):
        lane(stream, out, shape)


def lane(stream: Stream, out: BytesWriter, shape: i64) -> None:
    """Append one lane of a vector constant of this shape."""
    size: i64 = _LANE_BYTES[shape - _FIRST_SHAPE]
    if shape >= F32X4:
        _float(stream, out, size)
    else:
        value = _integer(stream, 8 * size)
        fixed(out, value & (1 << int(8 * size)) - 1, size)


def shuffle_lanes(stream: Stream, out: BytesWriter) -> None:
    """Append the immediate of ``i8x16.shuffle``: the indices of sixteen lanes."""
    first = stream.pos
    while at_number(stream):
        stream.pos += 1
    if stream.pos - first != _SHUFFLE_LANES:
        raise stream.error_at(
            first, f"invalid lane length: found {stream.pos - first} lanes, expected 16"
        )
    for token in range(first, stream.pos):
        if stream.kinds[token] == FLOAT:
            raise stream.error_at(token, f"i8 constant out of range: {stream.shown(token)}")
        out.append(stream.unsigned(token, 0, 8))
