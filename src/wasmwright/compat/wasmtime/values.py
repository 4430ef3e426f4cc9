"""Values between Python, as the package takes and gives them, and this engine.

Integers wrap to their type's range as ctypes has them wrap in the package; everything else that
does not fit is a TypeError.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from wasmwright.api import Func as ApiFunc
from wasmwright.compat.wasmtime.errors import WasmtimeError
from wasmwright.compat.wasmtime.types import ValType

if TYPE_CHECKING:
    from wasmwright.compat.wasmtime.func import Func


class Val:
    """A value with its type; made by the class methods."""

    __slots__ = ("_type", "_value")

    def __init__(self, type: ValType, value: Any) -> None:
        self._type = type
        self._value = value

    @classmethod
    def i32(cls, val: int) -> Val:
        if not isinstance(val, int):
            raise TypeError("expected an integer")
        return cls(ValType.i32(), wrap32(val))

    @classmethod
    def i64(cls, val: int) -> Val:
        if not isinstance(val, int):
            raise TypeError("expected an integer")
        return cls(ValType.i64(), wrap64(val))

    @classmethod
    def f32(cls, val: float) -> Val:
        if not isinstance(val, float):
            raise TypeError("expected a float")
        return cls(ValType.f32(), ctypes.c_float(val).value)

    @classmethod
    def f64(cls, val: float) -> Val:
        if not isinstance(val, float):
            raise TypeError("expected a float")
        return cls(ValType.f64(), val)

    @classmethod
    def externref(cls, extern: Any) -> Val:
        return cls(ValType.externref(), extern)

    @classmethod
    def funcref(cls, f: Func | None) -> Val:
        return cls(ValType.funcref(), f)

    @classmethod
    def ref_null(cls, ty: ValType) -> Val:
        """The null reference of a type."""
        if ty in (ValType.externref(), ValType.funcref()):
            return cls(ty, None)
        raise WasmtimeError(f"Invalid reference type for `ref_null`: {ty}")

    @property
    def value(self) -> Any:
        """The value alone."""
        return self._value

    @property
    def type(self) -> ValType:
        """The type."""
        return self._type

    def _if(self, name: str) -> Any:
        return self._value if self._type.name == name else None

    def as_i32(self) -> int | None:
        """The value, or None if it is of another type."""
        found: int | None = self._if("i32")
        return found

    def as_i64(self) -> int | None:
        """The value, or None if it is of another type."""
        found: int | None = self._if("i64")
        return found

    def as_f32(self) -> float | None:
        """The value, or None if it is of another type."""
        found: float | None = self._if("f32")
        return found

    def as_f64(self) -> float | None:
        """The value, or None if it is of another type."""
        found: float | None = self._if("f64")
        return found

    def as_externref(self) -> Any:
        """The value, or None if it is of another type."""
        return self._if("externref")

    def as_funcref(self) -> Func | None:
        """The value, or None if it is of another type."""
        found: Func | None = self._if("funcref")
        return found

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Val):
            return self._type == other._type and bool(self._value == other._value)
        return bool(self._value == other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Val({self._type}, {self._value!r})"


def wrap32(value: int) -> int:
    """The signed 32-bit integer with the same low bits."""
    return (value + 0x8000_0000 & 0xFFFF_FFFF) - 0x8000_0000


def wrap64(value: int) -> int:
    """The signed 64-bit integer with the same low bits."""
    return (value + (1 << 63) & (1 << 64) - 1) - (1 << 63)


def _refused(value: object, name: str) -> TypeError:
    if isinstance(value, Val):
        return TypeError("wrong type of `Val` provided")
    return TypeError(
        f"don't know how to convert {value!r} to {'anyref' * (name == 'externref') or name}"
    )


def _to_i32(value: Any) -> int:
    if isinstance(value, int):
        return wrap32(value)
    if isinstance(value, Val) and value.type.name == "i32":
        return int(value.value)
    raise _refused(value, "i32")


def _to_i64(value: Any) -> int:
    if isinstance(value, int):
        return wrap64(value)
    if isinstance(value, Val) and value.type.name == "i64":
        return int(value.value)
    raise _refused(value, "i64")


def _to_float(name: str) -> Callable[[Any], float]:
    def convert(value: Any) -> float:
        if isinstance(value, (float, int)):
            return float(value)
        if isinstance(value, Val) and value.type.name == name:
            return float(value.value)
        raise _refused(value, name)

    return convert


def _to_v128(value: Any) -> bytes:
    if isinstance(value, bytes) and len(value) == 16:
        return value
    raise _refused(value, "v128")


def _to_externref(value: Any) -> Any:
    if isinstance(value, Val):
        if value.type.name != "externref":
            raise _refused(value, "externref")
        return value.value
    return value


def _to_funcref(value: Any) -> Any:
    from wasmwright.compat.wasmtime.func import Func

    if isinstance(value, Val):
        if value.type.name != "funcref":
            raise _refused(value, "funcref")
        value = value.value
    if value is None:
        return None
    if isinstance(value, Func):
        return value.native
    raise _refused(value, "funcref")


def _from_funcref(value: Any) -> Any:
    from wasmwright.compat.wasmtime.func import Func

    return Func.of(value) if isinstance(value, ApiFunc) else value


Converter = Callable[[Any], Any]

_TO_ENGINE: Final[dict[str, Converter]] = {
    "i32": _to_i32,
    "i64": _to_i64,
    "f32": _to_float("f32"),
    "f64": _to_float("f64"),
    "v128": _to_v128,
    "externref": _to_externref,
    "funcref": _to_funcref,
}
_PLAIN: Final = frozenset({"i32", "i64", "f32", "f64", "v128", "externref"})


def to_engine(name: str) -> Converter:
    """What makes the engine's value of a type, by its name, from the package's."""
    return _TO_ENGINE.get(name, _to_funcref if "func" in name else _to_externref)


def from_engine(name: str) -> Converter | None:
    """What makes the package's value from the engine's; None where they are the same."""
    return None if name in _PLAIN else _from_funcref
