"""A cursor over a binary: bytes, LEB128 integers, names and types, exactly as the spec has them.

Reads bytes, produces machine integers, strings and the value type coding of
:mod:`wasmwright.model.types` (spec: Binary Format > Values, Types). Every malformed
encoding is a :class:`~wasmwright.errors.MalformedError` with the offset in the binary.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright import features as feature
from wasmwright import limits
from wasmwright.errors import InvalidError, MalformedError
from wasmwright.model.types import ABSTRACT, BLOCK_INDEX, BOT, NULL, REF, V128

# What each type code of one byte needs to be on; -1 where no type has that code. A funcref is
# in every version as a table's element type, so `reftype` has no need of it.
NO_TYPE: Final = -1
TYPE_FEATURE: Final[list[int]] = [NO_TYPE] * 0x80
for _code in (0x7F, 0x7E, 0x7D, 0x7C):
    TYPE_FEATURE[_code] = feature.MVP
TYPE_FEATURE[0x7B] = feature.SIMD
for _code in (0x6F, 0x70):
    TYPE_FEATURE[_code] = feature.REFERENCE_TYPES
for _code in (0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x71, 0x72, 0x73):
    TYPE_FEATURE[_code] = feature.GC
for _code in (0x69, 0x74):
    TYPE_FEATURE[_code] = feature.EXCEPTIONS
for _code in (0x63, 0x64):
    TYPE_FEATURE[_code] = feature.FUNCTION_REFERENCES

_FUNCREF_CODE: Final = 0x70
_REF_NULL_CODE: Final = 0x63
_REF_CODE: Final = 0x64
_EMPTY_CODE: Final = 0x40


class Reader:
    """A position in ``data``, which must stay below ``end``.

    ``features`` are the proposals that may be used; a type that needs another is malformed.
    """

    __slots__ = ("data", "end", "features", "pos")

    def __init__(
        self, data: bytes, pos: i64 = 0, end: i64 = -1, features: i64 = feature.DEFAULT
    ) -> None:
        self.data: bytes = data
        self.pos: i64 = pos
        self.end: i64 = len(data) if end < 0 else end
        self.features: i64 = features

    # Errors

    def eof(self) -> MalformedError:
        """The error of reading past the end, wherever that is."""
        return MalformedError("unexpected end of section or function", self.end)

    def need(self, flag: i64, message: str, what: str, pos: i64) -> None:
        """Raise unless the feature ``flag`` is on; ``message`` is how the suite begins it."""
        if self.features & flag != flag:
            raise MalformedError(
                f"{message}: {what} needs the feature {feature.describe(flag)}, which is off", pos
            )

    # Bytes and integers

    def byte(self) -> i64:
        """The next byte."""
        pos = self.pos
        if pos >= self.end:
            raise self.eof()
        self.pos = pos + 1
        return self.data[pos]

    def skip(self, size: i64) -> None:
        """Step over ``size`` bytes."""
        if size > self.end - self.pos:
            raise self.eof()
        self.pos += size

    def u32(self) -> i64:
        """An unsigned LEB128 integer of at most 32 bits."""
        pos = self.pos
        if pos >= self.end:
            raise self.eof()
        byte: i64 = self.data[pos]
        if byte >= 0x80:
            return self._unsigned(32)
        self.pos = pos + 1
        return byte

    def u64(self) -> int:
        """An unsigned LEB128 integer of at most 64 bits."""
        pos = self.pos
        if pos < self.end:
            byte: i64 = self.data[pos]
            if byte < 0x80:
                self.pos = pos + 1
                return byte
        value: int = self._unsigned(64)
        return value if value >= 0 else value + (1 << 64)

    def s32(self) -> i64:
        """A signed LEB128 integer of at most 32 bits."""
        return self._signed(32)

    def s33(self) -> i64:
        """A signed LEB128 integer of at most 33 bits."""
        return self._signed(33)

    def s64(self) -> i64:
        """A signed LEB128 integer of at most 64 bits."""
        return self._signed(64)

    def word32(self) -> i64:
        """Four bytes, little endian, as an unsigned integer (an f32 by its bits)."""
        pos = self.pos
        self.skip(4)
        data = self.data
        b0: i64 = data[pos]
        b1: i64 = data[pos + 1]
        b2: i64 = data[pos + 2]
        b3: i64 = data[pos + 3]
        return b0 | b1 << 8 | b2 << 16 | b3 << 24

    def word64(self) -> int:
        """Eight bytes, little endian, as an unsigned integer (an f64 by its bits)."""
        low: int = self.word32()
        high: int = self.word32()
        return low | high << 32

    def _unsigned(self, bits: i64) -> i64:
        """An unsigned LEB128 integer; 64 bits wrap to negative numbers where this is compiled."""
        result: i64 = 0
        shift: i64 = 0
        while shift < bits:
            byte = self.byte()
            left = bits - shift
            if left < 7 and (byte & 0x7F) >> left != 0:
                raise MalformedError(f"integer too large: more than {bits} bits", self.pos - 1)
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result
            shift += 7
        raise self._too_long(bits)

    def _signed(self, bits: i64) -> i64:
        """A signed LEB128 integer, sign-extended."""
        pos = self.pos
        if pos < self.end:
            first: i64 = self.data[pos]
            if first < 0x80:
                self.pos = pos + 1
                return first - ((first & 0x40) << 1)
        result: i64 = 0
        shift: i64 = 0
        while shift < bits:
            byte = self.byte()
            left = bits - shift
            payload = byte & 0x7F
            if left < 7:
                unused = 0x7F & -(1 << (left - 1))
                if payload & unused != 0 and payload & unused != unused:
                    raise MalformedError(f"integer too large: more than {bits} bits", self.pos - 1)
            if byte < 0x80:
                if byte & 0x40 != 0:
                    payload -= 0x80
                return result | payload << shift
            result |= payload << shift
            shift += 7
        raise self._too_long(bits)

    def _too_long(self, bits: i64) -> MalformedError:
        return MalformedError(f"integer representation too long: {bits} bits end before", self.pos)

    # Lengths and names

    def length(self) -> i64:
        """The length of a vector or string of at least one byte an item.

        It is checked against what is left, so that nothing need be allocated for a lie. (What
        is left counts from the length itself, as in the reference interpreter.)
        """
        pos = self.pos
        length = self.u32()
        if length > self.end - pos:
            left = self.end - self.pos
            raise MalformedError(f"length out of bounds: {length}, with {left} bytes left", pos)
        return length

    def count(self, what: str, limit: i64, limit_name: str) -> i64:
        """The length of a vector, checked against the implementation limit of that name."""
        pos = self.pos
        length = self.length()
        if length > limit:
            raise too_many(what, length, limit, limit_name, pos)
        return length

    def name(self) -> str:
        """A name: a length and so many bytes of UTF-8."""
        pos = self.pos
        size = self.length()
        if size > limits.MAX_NAME_SIZE:
            raise too_many("bytes in a name", size, limits.MAX_NAME_SIZE, "MAX_NAME_SIZE", pos)
        start = self.pos
        self.skip(size)
        try:
            return self.data[start : start + size].decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedError("malformed UTF-8 encoding", start + error.start) from None

    # Types

    def _type_code(self) -> i64:
        """A type's code: a signed LEB128 integer of 7 bits, here as its byte."""
        code = self.byte()
        if code >= 0x80:
            raise self._too_long(7)
        return code

    def valtype(self) -> i64:
        """A value type."""
        pos = self.pos
        code = self._type_code()
        if code >= V128:
            if code == V128:
                self.need(feature.SIMD, "malformed vector type", "v128", pos)
            return code
        if code == _FUNCREF_CODE:
            self.need(feature.REFERENCE_TYPES, "malformed value type", "funcref", pos)
        return self._reftype(code, pos)

    def reftype(self) -> i64:
        """A reference type."""
        pos = self.pos
        return self._reftype(self._type_code(), pos)

    def _reftype(self, code: i64, pos: i64) -> i64:
        if code == _FUNCREF_CODE:
            return REF | NULL | ABSTRACT | code
        flag: i64 = TYPE_FEATURE[code]
        if flag == NO_TYPE or code >= V128:
            raise MalformedError(f"malformed reference type: 0x{code:02x}", pos)
        self.need(flag, "malformed reference type", f"0x{code:02x}", pos)
        if code == _REF_NULL_CODE:
            return REF | NULL | self.heaptype()
        if code == _REF_CODE:
            return REF | self.heaptype()
        return REF | NULL | ABSTRACT | code

    def heaptype(self) -> i64:
        """A heap type: a type index, or ``ABSTRACT`` and its code."""
        pos = self.pos
        if pos >= self.end:
            raise self.eof()
        code: i64 = self.data[pos]
        if code < 0x40 or code >= 0x80:
            index = self.s33()
            if index < 0:
                raise MalformedError(
                    "integer representation too long: abstract heap types have one byte", pos + 1
                )
            self.need(feature.FUNCTION_REFERENCES, "malformed heap type", "a type index", pos)
            return index
        self.pos = pos + 1
        flag: i64 = TYPE_FEATURE[code]
        if flag == NO_TYPE or code >= V128 or code == _REF_NULL_CODE or code == _REF_CODE:
            raise MalformedError(f"malformed heap type: 0x{code:02x}", pos)
        self.need(flag, "malformed heap type", f"0x{code:02x}", pos)
        return ABSTRACT | code

    def blocktype(self) -> i64:
        """A block type: ``BOT`` for none, a value type, or ``BLOCK_INDEX`` and a type index."""
        pos = self.pos
        if pos >= self.end:
            raise self.eof()
        code: i64 = self.data[pos]
        if code == _EMPTY_CODE:
            self.pos = pos + 1
            return BOT
        if code & 0xC0 == 0x40:
            return self.valtype()
        index = self.s33()
        if index < 0:
            raise MalformedError("integer representation too long: value types", pos + 1)
        self.need(feature.MULTI_VALUE, "malformed block type", "a type index", pos)
        return BLOCK_INDEX | index


def too_many(what: str, count: i64, limit: i64, limit_name: str, pos: i64) -> InvalidError:
    """The error of a module beyond one of :mod:`wasmwright.limits`."""
    return InvalidError(
        f"too many {what}: {count}, where the implementation limit {limit_name} is {limit}", pos
    )
