"""Number literals (spec: Text Format > Values): exact integers, correctly rounded floats.

Reads the bytes of a literal; produces integers and the bit patterns of floats.
"""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Final

from mypy_extensions import i64

from wasmwright.text.strings import HEX_DIGITS
from wasmwright.text.tokens import FLOAT, INT, NAT, RESERVED

_PLUS: Final = 0x2B
_MINUS: Final = 0x2D
_DOT: Final = 0x2E
_ZERO: Final = 0x30
_NINE: Final = 0x39
_UNDERSCORE: Final = 0x5F
_X: Final = 0x78

_FAST_DIGITS: Final = 18  # decimal digits that always fit an i64
_MAX_DIGITS: Final = 20  # … that a 64-bit integer has

# Exponents are cut to this: the digits of a literal are fewer, so they cannot make up for it.
_HUGE: Final = 1 << 40

# A number that no literal stands for: it is out of range of its type.
OUT_OF_RANGE: Final = -1 << 70


def classify(data: bytes, start: i64, end: i64) -> i64:
    """The kind of the token ``data[start:end]``: NAT, INT, FLOAT, or RESERVED if no number."""
    pos = start
    if data[pos] == _PLUS or data[pos] == _MINUS:
        pos += 1
    kind: i64 = NAT if pos == start else INT
    is_hex = end - pos > 2 and data[pos] == _ZERO and data[pos + 1] == _X
    if is_hex:
        pos += 2
    first = pos
    pos = _digits(data, pos, end, is_hex)
    if pos == first:
        return _classify_word(data, start if kind == NAT else start + 1, end)
    if pos == end:
        return kind
    if data[pos] == _DOT:
        pos = _digits(data, pos + 1, end, is_hex)
        if pos == end:
            return FLOAT
    if data[pos] | 0x20 == (0x70 if is_hex else 0x65):  # p or e
        pos += 1
        if pos < end and (data[pos] == _PLUS or data[pos] == _MINUS):
            pos += 1
        first = pos
        pos = _digits(data, pos, end, False)
        if pos == end and pos != first:
            return FLOAT
    return RESERVED


def _classify_word(data: bytes, start: i64, end: i64) -> i64:
    word = data[start:end]
    if word == b"inf" or word == b"nan":
        return FLOAT
    if word.startswith(b"nan:0x") and end - start > 6:
        if _digits(data, start + 6, end, True) == end:
            return FLOAT
    return RESERVED


def _digits(data: bytes, pos: i64, end: i64, is_hex: bool) -> i64:
    """Where a run of digits with single underscores between them ends; ``pos`` if none begins.

    A run that ends in an underscore ends before it.
    """
    most: i64 = 16 if is_hex else 10
    first = pos
    after = pos
    while pos < end:
        char: i64 = data[pos]
        if char == _UNDERSCORE and pos == after and pos != first:
            pos += 1
            continue
        digit: i64 = HEX_DIGITS[char]
        if digit >= most:
            break
        pos += 1
        after = pos
    return after


def integer(data: bytes, start: i64, end: i64) -> int:
    """The value of an integer literal; OUT_OF_RANGE where it is far from 64 bits."""
    pos = start
    if data[pos] == _PLUS or data[pos] == _MINUS:
        pos += 1
    if end - pos <= _FAST_DIGITS:
        small: i64 = 0
        while pos < end:
            char: i64 = data[pos]
            if char < _ZERO or char > _NINE:
                break
            small = small * 10 + (char - _ZERO)
            pos += 1
        if pos == end:
            return -small if data[start] == _MINUS else small
    return _any_integer(data[start:end])


def _any_integer(literal: bytes) -> int:
    digits = literal.replace(b"_", b"").lstrip(b"+-")
    if digits.startswith(b"0x"):
        value = int(digits[2:], 16)
    else:
        digits = digits.lstrip(b"0")
        if len(digits) > _MAX_DIGITS:
            return OUT_OF_RANGE
        value = int(digits or b"0")
    return -value if literal.startswith(b"-") else value


def f32_bits(literal: bytes) -> int:
    """The bits of the f32 that a number literal stands for; OUT_OF_RANGE if there is none."""
    return _float_bits(literal, 23, 8)


def f64_bits(literal: bytes) -> int:
    """The bits of the f64 that a number literal stands for; OUT_OF_RANGE if there is none."""
    return _float_bits(literal, 52, 11)


def _float_bits(literal: bytes, fraction_bits: int, exponent_bits: int) -> int:
    negative = literal.startswith(b"-")
    magnitude = literal.lstrip(b"+-").replace(b"_", b"")
    if magnitude == b"inf":
        bits = ((1 << exponent_bits) - 1) << fraction_bits
    elif magnitude.startswith(b"nan"):
        payload = 1 << (fraction_bits - 1)
        if len(magnitude) > 3:
            payload = int(magnitude[6:], 16)
            if not 0 < payload < 1 << fraction_bits:
                return OUT_OF_RANGE
        bits = ((1 << exponent_bits) - 1) << fraction_bits | payload
    elif magnitude.startswith(b"0x"):
        bits = _hexadecimal(magnitude, fraction_bits, exponent_bits)
    else:
        bits = _decimal(magnitude, fraction_bits, exponent_bits)
    if bits == OUT_OF_RANGE:
        return bits
    return bits | (1 << (fraction_bits + exponent_bits) if negative else 0)


def _hexadecimal(magnitude: bytes, fraction_bits: int, exponent_bits: int) -> int:
    mantissa, _, power = magnitude[2:].replace(b"P", b"p").partition(b"p")
    whole, _, fraction = mantissa.partition(b".")
    value = int(whole + fraction, 16)
    return _round(value, _exponent(power) - 4 * len(fraction), fraction_bits, exponent_bits)


def _exponent(digits: bytes) -> int:
    """An exponent, cut to HUGE."""
    if not digits:
        return 0
    significant = digits.lstrip(b"+-").lstrip(b"0")
    value = _HUGE if len(significant) > 12 else min(int(significant or b"0"), _HUGE)
    return -value if digits.startswith(b"-") else value


def _decimal(magnitude: bytes, fraction_bits: int, exponent_bits: int) -> int:
    # Python rounds to f64 as IEEE 754 has it. From there to f32 is a second rounding: where the
    # f64 lies exactly between two f32s, which side the literal itself is on decides.
    value = float(magnitude)
    if fraction_bits == 52:
        bits: int = struct.unpack("<Q", struct.pack("<d", value))[0]
        return OUT_OF_RANGE if bits == 0x7FF << 52 else bits
    if value > 3.5e38:
        return OUT_OF_RANGE
    numerator, denominator = value.as_integer_ratio()
    exponent = 1 - denominator.bit_length()
    shift = _excess(numerator, exponent, fraction_bits, exponent_bits)
    if shift > 0 and numerator & ((1 << shift) - 1) == 1 << (shift - 1):
        exact = Decimal(magnitude.decode())
        halfway = Decimal(value)
        numerator = 4 * numerator + (exact > halfway) - (exact < halfway)
        exponent -= 2
    return _round(numerator, exponent, fraction_bits, exponent_bits)


def _excess(mantissa: int, exponent: int, fraction_bits: int, exponent_bits: int) -> int:
    """How many low bits of ``mantissa * 2 ** exponent`` the float format has no room for."""
    lowest = 2 - (1 << (exponent_bits - 1)) - fraction_bits  # of a subnormal number
    return max(mantissa.bit_length() - fraction_bits - 1, lowest - exponent)


def _round(mantissa: int, exponent: int, fraction_bits: int, exponent_bits: int) -> int:
    """The bits of ``mantissa * 2 ** exponent``, ties to even; OUT_OF_RANGE beyond the largest."""
    if mantissa == 0:
        return 0
    shift = _excess(mantissa, exponent, fraction_bits, exponent_bits)
    if shift > mantissa.bit_length() + 1:
        return 0
    if exponent + mantissa.bit_length() > 1 << exponent_bits:
        return OUT_OF_RANGE
    if shift <= 0:
        mantissa <<= -shift
    else:
        rest = mantissa & ((1 << shift) - 1)
        mantissa >>= shift
        half = 1 << (shift - 1)
        if rest > half or (rest == half and mantissa & 1):
            mantissa += 1
    # Now the exponent is that of the lowest bit. A carry out of the fraction moves it on as it
    # should, since the fields are adjacent.
    lowest = 2 - (1 << (exponent_bits - 1)) - fraction_bits
    field = exponent + shift - lowest
    bits = (field << fraction_bits) + mantissa
    return OUT_OF_RANGE if bits >= ((1 << exponent_bits) - 1) << fraction_bits else bits
