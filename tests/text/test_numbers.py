"""Number literals have exactly the value that the specification gives them."""

from __future__ import annotations

import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmwright.text.numbers import OUT_OF_RANGE, f32_bits, f64_bits, integer

FORMATS = {"f32": (f32_bits, 23, 8), "f64": (f64_bits, 52, 11)}


def value_of(bits: int, fraction: int, exponent: int) -> Fraction:
    """The value of a finite positive float by its bits."""
    field, low = bits >> fraction, bits & ((1 << fraction) - 1)
    bias = (1 << (exponent - 1)) - 1
    if field == 0:
        return Fraction(low) * Fraction(2) ** (1 - bias - fraction)
    return Fraction(low + (1 << fraction)) * Fraction(2) ** (field - bias - fraction)


def nearest(value: Fraction, fraction: int, exponent: int) -> int:
    """The bits of the float nearest to a positive value, by bisection over all floats."""
    low, high = 0, ((1 << exponent) - 1) << fraction  # high is infinity, as if it were finite
    while high - low > 1:
        middle = (low + high) // 2
        if value_of(middle, fraction, exponent) <= value:
            low = middle
        else:
            high = middle
    below, above = value_of(low, fraction, exponent), value_of(high, fraction, exponent)
    if value - below != above - value:
        best = low if value - below < above - value else high
    else:
        best = low if low % 2 == 0 else high
    return OUT_OF_RANGE if best == ((1 << exponent) - 1) << fraction else best


def exactly(value: Fraction) -> str:
    """A value whose denominator is a power of two as a decimal literal without an exponent."""
    digits = value.denominator.bit_length() - 1
    scaled = str(value.numerator * 5**digits).rjust(digits + 1, "0")
    return f"{scaled[: len(scaled) - digits]}.{scaled[len(scaled) - digits :]}"


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
def test_decimal_literals_round_to_the_nearest_float(name: str, data: st.DataObject) -> None:
    parse, fraction, exponent = FORMATS[name]
    digits = data.draw(st.integers(0, 10**25))
    power = data.draw(st.integers(-60, 45) | st.integers(-400, 400))
    value = Fraction(digits) * Fraction(10) ** power
    assert parse(f"{digits}e{power}".encode()) == nearest(value, fraction, exponent)


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
def test_literals_at_and_beside_the_middle_of_two_floats(name: str, data: st.DataObject) -> None:
    parse, fraction, exponent = FORMATS[name]
    bits = data.draw(st.integers(0, (((1 << exponent) - 1) << fraction) - 1))
    middle = (value_of(bits, fraction, exponent) + value_of(bits + 1, fraction, exponent)) / 2
    even = bits if bits % 2 == 0 else bits + 1
    even = OUT_OF_RANGE if even == ((1 << exponent) - 1) << fraction else even
    literal = exactly(middle)
    assert parse(literal.encode()) == even
    above = bits + 1
    above = OUT_OF_RANGE if above == ((1 << exponent) - 1) << fraction else above
    assert parse(f"{literal}00000000001".encode()) == above
    whole, _, rest = literal.partition(".")
    lower = str(int(whole + rest) - 1).rjust(len(whole + rest), "0")
    assert parse(f"{lower[: len(whole)]}.{lower[len(whole) :]}9".encode()) == bits


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
def test_hexadecimal_literals_round_to_the_nearest_float(name: str, data: st.DataObject) -> None:
    parse, fraction, exponent = FORMATS[name]
    whole = data.draw(st.integers(0, 1 << 70))
    places = data.draw(st.text("0123456789abcdefABCDEF", max_size=20))
    power = data.draw(st.integers(-200, 200) | st.integers(-1200, 1200))
    value = Fraction(whole)
    if places:
        value += Fraction(int(places, 16), 16 ** len(places))
    value *= Fraction(2) ** power
    literal = f"0x{whole:x}.{places}p{power:+d}"
    assert parse(literal.encode()) == nearest(value, fraction, exponent)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_the_shortest_form_of_an_f32_gives_it_back(value: float) -> None:
    assert f32_bits(repr(value).encode()) == struct.unpack("<I", struct.pack("<f", value))[0]


@pytest.mark.parametrize(
    ("literal", "f32", "f64"),
    [
        ("0", 0, 0),
        ("-0.0", 1 << 31, 1 << 63),
        ("+inf", 0x7F800000, 0x7FF << 52),
        ("-inf", 0xFF800000, 0xFFF << 52),
        ("nan", 0x7FC00000, 0x7FF8 << 48),
        ("-nan:0x1", 0xFF800001, 0xFFF << 52 | 1),
        ("nan:0x7f_ffff", 0x7FFFFFFF, 0x7FF << 52 | 0x7FFFFF),
        ("nan:0x0", OUT_OF_RANGE, OUT_OF_RANGE),
        ("1_0.5_0e0_1", 0x42D20000, 0x405A400000000000),
        ("1e-999999999999999999999", 0, 0),
        ("0x1p-99999999999999999999", 0, 0),
        ("1e999999999999999999999", OUT_OF_RANGE, OUT_OF_RANGE),
        ("0x1p99999999999999999999", OUT_OF_RANGE, OUT_OF_RANGE),
        ("0x0p99999999999999999999", 0, 0),
        ("0e99999999999999999999", 0, 0),
        ("0x1.fffffep127", 0x7F7FFFFF, 0x47EFFFFFE0000000),
        ("0x1.ffffffp127", OUT_OF_RANGE, 0x47EFFFFFF0000000),
        ("0x1.fffffefffp127", 0x7F7FFFFF, 0x47EFFFFFEFFF0000),
    ],
)
def test_literals_at_the_edges(literal: str, f32: int, f64: int) -> None:
    assert f32_bits(literal.encode()) == f32
    assert f64_bits(literal.encode()) == f64


def test_a_nan_payload_is_at_most_the_fraction() -> None:
    assert f32_bits(b"nan:0x800000") == OUT_OF_RANGE
    assert f64_bits(b"nan:0xfffffffffffff") == (1 << 63) - 1
    assert f64_bits(b"nan:0x10000000000000") == OUT_OF_RANGE


@given(st.integers(-(1 << 70), 1 << 70))
def test_integers_have_their_value(value: int) -> None:
    for literal in (str(value), f"{value:#x}", f"{value:_}", f"{value:+d}"):
        data = b"  " + literal.encode() + b")"
        found = integer(data, 2, len(data) - 1)
        assert found == (value if abs(value) < 10**20 or "x" in literal else OUT_OF_RANGE)


def test_integers_of_any_length_are_read() -> None:
    assert integer(b"0" * 10_000 + b"7", 0, 10_001) == 7
    assert integer(b"9" * 10_000, 0, 10_000) == OUT_OF_RANGE
