"""String literals and identifiers (spec: Text Format > Values > Strings, Names, Identifiers).

Reads the source's bytes between the quotes; the lexer has checked that they are well-formed.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64

QUOTE: Final = 0x22
BACKSLASH: Final = 0x5C
_OPEN_BRACE: Final = 0x7B
_CLOSE_BRACE: Final = 0x7D
_U: Final = 0x75
_UNDERSCORE: Final = 0x5F

_SHORT_RUN: Final = 8  # characters between escapes that are cheaper one by one

NO_DIGIT: Final = 255
# By character: the value of a hexadecimal digit, NO_DIGIT for anything else.
HEX_DIGITS: Final = bytes(
    int(chr(c), 16) if chr(c) in "0123456789abcdefABCDEF" else NO_DIGIT for c in range(256)
)
# By character: what its escape stands for, 0 where there is no such escape.
SIMPLE_ESCAPES: Final = bytes(
    {"t": 9, "n": 10, "r": 13, '"': 34, "'": 39, "\\": 92}.get(chr(c), 0) for c in range(256)
)


def escape_end(data: bytes, pos: i64) -> i64:
    """Where the escape that begins with the backslash at ``pos`` ends; -1 if it is none."""
    size = len(data)
    if pos + 1 >= size:
        return -1
    char: i64 = data[pos + 1]
    if HEX_DIGITS[char] != NO_DIGIT:
        if pos + 2 < size and HEX_DIGITS[data[pos + 2]] != NO_DIGIT:
            return pos + 3
        return -1
    if SIMPLE_ESCAPES[char] != 0:
        return pos + 2
    return _code_point_end(data, pos) if char == _U else -1


def _code_point_end(data: bytes, pos: i64) -> i64:
    size = len(data)
    if pos + 2 >= size or data[pos + 2] != _OPEN_BRACE:
        return -1
    at = pos + 3
    value: i64 = 0
    digits = False  # whether the last character was one
    while at < size:
        char: i64 = data[at]
        digit: i64 = HEX_DIGITS[char]
        if digit != NO_DIGIT:
            value = value << 4 | digit
            if value >= 0x110000:
                return -1
            digits = True
        elif char == _UNDERSCORE and digits:
            digits = False
        else:
            surrogate = 0xD800 <= value < 0xE000
            return at + 1 if char == _CLOSE_BRACE and digits and not surrogate else -1
        at += 1
    return -1


def string(data: bytes, start: i64, end: i64) -> bytes:
    """What the string literal ``data[start:end]``, quotes included, stands for."""
    start += 1
    end -= 1
    if data.find(b"\\", start, end) < 0:
        return data[start:end]
    out = BytesWriter()
    pos = start
    while pos < end:
        char: i64 = data[pos]
        if char != BACKSLASH:
            first = pos
            stop = min(pos + _SHORT_RUN, end)
            while pos < stop and data[pos] != BACKSLASH:
                pos += 1
            if pos < stop:
                for at in range(first, pos):
                    out.append(data[at])
            else:
                pos = data.find(b"\\", stop, end)
                if pos < 0:
                    pos = end
                out.write(data[first:pos])
            continue
        char = data[pos + 1]
        high: i64 = HEX_DIGITS[char]
        if high != NO_DIGIT:
            low: i64 = HEX_DIGITS[data[pos + 2]]
            out.append(high << 4 | low)
            pos += 3
        elif char == _U:
            close: i64 = data.find(b"}", pos)
            digits = data[pos + 3 : close].replace(b"_", b"")
            out.write(chr(int(digits, 16)).encode())
            pos = close + 1
        else:
            simple: i64 = SIMPLE_ESCAPES[char]
            out.append(simple)
            pos += 2
    return out.getvalue()


def identifier(data: bytes, start: i64, end: i64) -> bytes:
    """The name in the identifier ``data[start:end]``, the dollar included: ``$"a"`` is ``$a``."""
    if data[start + 1] == QUOTE:
        return string(data, start + 1, end)
    return data[start + 1 : end]


def is_utf8(content: bytes) -> bool:
    """Whether these are the bytes of a text in UTF-8."""
    if content.isascii():
        return True
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
