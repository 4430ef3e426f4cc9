"""Arguments and expected results of scripts.

A number is its type and bits, so that NaNs keep their payload. Results that are got are the same
classes as arguments, with :class:`Reference` for whatever else the engine gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# By type: the bits of the canonical NaN, and of everything but the sign.
_CANONICAL = {"f32": 0x7FC0_0000, "f64": 0x7FF8_0000_0000_0000}
_MAGNITUDE = {"f32": (1 << 31) - 1, "f64": (1 << 63) - 1}
_SIZES = {"i8": 1, "i16": 2, "i32": 4, "i64": 8, "f32": 4, "f64": 8}


@dataclass(frozen=True)
class Number:
    """A number by its bits; ``kind`` is ``i32``, ``i64``, ``f32``, ``f64``, or a lane's type."""

    kind: str
    bits: int

    def __str__(self) -> str:
        return f"({self.kind}.const {self.bits:#x})"


@dataclass(frozen=True)
class Vector:
    """A v128 by its bytes."""

    content: bytes

    def __str__(self) -> str:
        words = (self.content[i : i + 4][::-1].hex() for i in range(0, 16, 4))
        return "(v128.const i32x4 " + " ".join(f"0x{word}" for word in words) + ")"


@dataclass(frozen=True)
class Null:
    """A null reference of any type."""

    def __str__(self) -> str:
        return "(ref.null)"


@dataclass(frozen=True)
class ExternRef:
    """The host's object of this number, as an external reference."""

    number: int

    def __str__(self) -> str:
        return f"(ref.extern {self.number})"


@dataclass(frozen=True)
class HostRef:
    """The host's object of this number, as an internal reference."""

    number: int

    def __str__(self) -> str:
        return f"(ref.host {self.number})"


@dataclass(frozen=True)
class Reference:
    """A reference that is got: ``kind`` is what a pattern calls it (``func``, ``struct`` …)."""

    kind: str

    def __str__(self) -> str:
        return f"(ref.{self.kind})"


Argument = Number | Vector | Null | ExternRef | HostRef
Value = Argument | Reference


@dataclass(frozen=True)
class NanPattern:
    """``nan:canonical`` or ``nan:arithmetic`` of a type."""

    kind: str
    nan: str

    def __str__(self) -> str:
        return f"({self.kind}.const nan:{self.nan})"

    def matches(self, bits: int) -> bool:
        """Whether the float of these bits is such a NaN."""
        canonical = _CANONICAL.get(self.kind)
        if canonical is None:
            return False
        if self.nan == "canonical":
            return bits & _MAGNITUDE[self.kind] == canonical
        return bits & canonical == canonical


@dataclass(frozen=True)
class VectorPattern:
    """A v128 some of whose lanes are NaN patterns."""

    lanes: tuple[Number | NanPattern, ...]

    def __str__(self) -> str:
        return "(v128.const " + " ".join(map(str, self.lanes)) + ")"

    def matches(self, content: bytes) -> bool:
        """Whether the vector of these bytes fits, lane by lane."""
        size = _SIZES[self.lanes[0].kind]
        for number, lane in enumerate(self.lanes):
            bits = int.from_bytes(content[size * number : size * (number + 1)], "little")
            if not (lane.bits == bits if isinstance(lane, Number) else lane.matches(bits)):
                return False
        return True


@dataclass(frozen=True)
class RefPattern:
    """A reference that is not null, of a heap type: ``(ref.func)``, or ``any`` for ``(ref)``."""

    heap: str

    def __str__(self) -> str:
        return f"(ref.{self.heap})"

    def matches(self, value: Value) -> bool:
        """Whether a value is such a reference."""
        if isinstance(value, (ExternRef, HostRef)):
            # An internal reference that is converted is an external one too.
            return self.heap in ("extern", "any") or (self.heap == "host")
        if not isinstance(value, Reference):
            return False
        if self.heap == "any":
            return value.kind != "func"
        if self.heap == "eq":
            return value.kind in ("i31", "struct", "array")
        return self.heap == "extern" or self.heap == value.kind


@dataclass(frozen=True)
class Either:
    """Any of these."""

    patterns: tuple[Pattern, ...]

    def __str__(self) -> str:
        return "(either " + " ".join(map(str, self.patterns)) + ")"


Pattern = Argument | NanPattern | VectorPattern | RefPattern | Either


def matches(value: Value, pattern: Pattern) -> bool:
    """Whether a value is what a pattern says."""
    if isinstance(pattern, Either):
        return any(matches(value, each) for each in pattern.patterns)
    if isinstance(pattern, RefPattern):
        return pattern.matches(value)
    if isinstance(pattern, NanPattern):
        return (
            isinstance(value, Number) and value.kind == pattern.kind and pattern.matches(value.bits)
        )
    if isinstance(pattern, VectorPattern):
        return isinstance(value, Vector) and pattern.matches(value.content)
    return value == pattern


def show(values: Sequence[Value | Pattern]) -> str:
    """Values or patterns as a script writes them."""
    return "[" + " ".join(map(str, values)) + "]"
