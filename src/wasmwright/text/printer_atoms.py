"""The text format's tokens, as the printer writes them: numbers, strings and ids.

Every function gives ASCII or UTF-8 bytes that read back as exactly what they were made of
(spec: Text Format > Values).
"""

from __future__ import annotations

import re
import struct
from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64

_SMALL: Final[list[bytes]] = [str(_number).encode() for _number in range(4096)]
_SMALL_END: Final = len(_SMALL)

_PLAIN_ID: Final = re.compile(r"[0-9A-Za-z!#$%&'*+\-./:<=>?@\\^_`|~]+")

# How each byte stands in a string.
_ESCAPES: Final[list[bytes]] = [
    bytes((_byte,)) if 0x20 <= _byte < 0x7F else b"\\%02x" % _byte for _byte in range(0x100)
]
for _char, _escape in (
    ('"', b'\\"'),
    ("\\", b"\\\\"),
    ("\n", b"\\n"),
    ("\r", b"\\r"),
    ("\t", b"\\t"),
):
    _ESCAPES[ord(_char)] = _escape

# How many digits tell any two f32 apart at most, and how few are tried first.
_F32_DIGITS: Final = range(6, 10)


def decimal(value: i64) -> bytes:
    """An integer's digits."""
    if 0 <= value < _SMALL_END:
        return _SMALL[value]
    return str(int(value)).encode("ascii")


def f32(bits: i64) -> bytes:
    """A 32-bit float by its bits: the shortest decimal that rounds to it, ``inf`` or ``nan``."""
    sign = b"-" if bits >> 31 != 0 else b""
    exponent = bits >> 23 & 0xFF
    fraction = bits & 0x7F_FFFF
    if exponent == 0xFF:
        return sign + _special(fraction, 1 << 22)
    value: float = struct.unpack("<f", struct.pack("<I", bits & 0x7FFF_FFFF))[0]
    if exponent != 0:
        for digits in _F32_DIGITS:
            text = f"{value:.{digits}g}"
            if _rounds_to(float(text), value):
                return sign + text.encode("ascii")
    return sign + _shortest(value)


def _rounds_to(candidate: float, value: float) -> bool:
    """Whether the decimal that ``candidate`` was read from rounds to the normal f32 ``value``.

    Where ``candidate``, itself rounded, lies half-way between two of them, the decimal may be
    on either side: those are turned down.
    """
    bits: int = struct.unpack("<Q", struct.pack("<d", candidate))[0]
    if bits & 0x1FFF_FFFF == 0x1000_0000:
        return False
    try:
        rounded: float = struct.unpack("<f", struct.pack("<f", candidate))[0]
    except OverflowError:
        return False
    return rounded == value


def f64(bits: int) -> bytes:
    """A 64-bit float by its bits: the shortest decimal that rounds to it, ``inf`` or ``nan``."""
    sign = b"-" if bits >> 63 else b""
    fraction = bits & ((1 << 52) - 1)
    if bits >> 52 & 0x7FF == 0x7FF:
        return sign + _special(fraction, 1 << 51)
    value: float = struct.unpack("<d", struct.pack("<Q", bits & ((1 << 63) - 1)))[0]
    return sign + _shortest(value)


def _special(fraction: i64, canonical: i64) -> bytes:
    if fraction == 0:
        return b"inf"
    return b"nan" if fraction == canonical else b"nan:0x%x" % int(fraction)


def _shortest(value: float) -> bytes:
    text = repr(value)
    return (text[:-2] if text.endswith(".0") else text).encode("ascii")


def v128(data: bytes, start: i64) -> bytes:
    """Sixteen bytes as four lanes of 32 bits."""
    lanes = struct.unpack_from("<4I", data, start)
    return b"i32x4 0x%08x 0x%08x 0x%08x 0x%08x" % lanes


def quoted(name: str) -> bytes:
    """A name as a string: what can be seen as itself, the rest escaped."""
    if name.isascii() and name.isprintable() and '"' not in name and "\\" not in name:
        return b'"' + name.encode("ascii") + b'"'
    out: list[str] = ['"']
    for char in name:
        code = ord(char)
        if code < 0x80:
            out.append(_ESCAPES[code].decode("ascii"))
        else:
            out.append(char if char.isprintable() else f"\\u{{{code:x}}}")
    out.append('"')
    return "".join(out).encode("utf-8")


def identifier(name: str) -> bytes:
    """The id of this name, which is not empty; quoted where it has other than id characters."""
    if _PLAIN_ID.fullmatch(name):
        return b"$" + name.encode("ascii")
    return b"$" + quoted(name)


def byte_string(out: BytesWriter, data: bytes, start: i64, end: i64) -> None:
    """Write ``data[start:end]`` as one string."""
    out.append(0x22)
    for pos in range(start, end):
        byte: i64 = data[pos]
        out.write(_ESCAPES[byte])
    out.append(0x22)


def string_end(data: bytes, start: i64, end: i64, width: i64) -> i64:
    """Where to end a string that begins at ``start`` and takes at most ``width`` columns."""
    pos = start
    while pos < end:
        byte: i64 = data[pos]
        width -= len(_ESCAPES[byte])
        if width < 0:
            break
        pos += 1
    return pos
