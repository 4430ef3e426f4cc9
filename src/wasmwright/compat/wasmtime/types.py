"""Types: of values, functions, memories, tables, globals, tags, imports and exports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from wasmwright.api import types as api
from wasmwright.compat.wasmtime.errors import Closeable, WasmtimeError


class ValType(Closeable):
    """The type of a value; made by the class methods."""

    __slots__ = ("name",)

    name: str

    def __init__(self) -> None:
        raise WasmtimeError("cannot construct directly")

    @classmethod
    def of(cls, name: str) -> ValType:
        """The type with this name in the text format."""
        self = object.__new__(cls)
        self.name = name
        return self

    @classmethod
    def i32(cls) -> ValType:
        return cls.of("i32")

    @classmethod
    def i64(cls) -> ValType:
        return cls.of("i64")

    @classmethod
    def f32(cls) -> ValType:
        return cls.of("f32")

    @classmethod
    def f64(cls) -> ValType:
        return cls.of("f64")

    @classmethod
    def v128(cls) -> ValType:
        return cls.of("v128")

    @classmethod
    def externref(cls) -> ValType:
        return cls.of("externref")

    @classmethod
    def funcref(cls) -> ValType:
        return cls.of("funcref")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ValType) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        # The package prints it by the name that references had before they were standardised.
        return "anyref" if self.name == "externref" else self.name

    __repr__ = __str__


def _check(valtype: object) -> ValType:
    if not isinstance(valtype, ValType):
        raise TypeError("expected ValType")
    return valtype


class FuncType(Closeable):
    """Parameter and result types."""

    __slots__ = ("_params", "_results")

    def __init__(self, params: Iterable[ValType], results: Iterable[ValType]) -> None:
        self._params = tuple(map(_check, params))
        self._results = tuple(map(_check, results))

    @property
    def params(self) -> list[ValType]:
        """The types of the parameters."""
        return list(self._params)

    @property
    def results(self) -> list[ValType]:
        """The types of the results."""
        return list(self._results)

    def to_api(self) -> api.FuncType:
        """The same in our own terms."""
        return api.FuncType(
            [valtype.name for valtype in self._params], [valtype.name for valtype in self._results]
        )


class GlobalType(Closeable):
    """A value type and whether the global may change."""

    __slots__ = ("_content", "_mutable")

    def __init__(self, valtype: ValType, mutable: bool) -> None:
        self._content = _check(valtype)
        self._mutable = bool(mutable)

    @property
    def content(self) -> ValType:
        """The type of the value."""
        return self._content

    @property
    def mutable(self) -> bool:
        """Whether the global may change."""
        return self._mutable


@dataclass
class Limits:
    """A size range; ``max`` is None where there is no upper bound."""

    min: int
    max: int | None = None


class TableType(Closeable):
    """An element type and a size range in entries."""

    __slots__ = ("_element", "_limits")

    def __init__(self, valtype: ValType, limits: Limits) -> None:
        if not isinstance(limits, Limits):
            raise TypeError("expected Limits")
        self._element = _check(valtype)
        self._limits = limits

    @property
    def element(self) -> ValType:
        """The type of the elements."""
        return self._element

    @property
    def limits(self) -> Limits:
        """The size range in entries."""
        return self._limits


class MemoryType(Closeable):
    """A size range in pages."""

    __slots__ = ("_is_64", "_limits", "_page_size_log2", "_shared")

    def __init__(
        self,
        limits: Limits,
        is_64: bool = False,
        shared: bool = False,
        page_size_log2: int = 16,
    ) -> None:
        if not isinstance(limits, Limits):
            raise TypeError("expected Limits")
        ceiling = 1 << (64 if is_64 else 32)
        if limits.min >= ceiling:
            raise WasmtimeError("minimum size too large")
        if limits.max is not None and limits.max >= ceiling:
            raise WasmtimeError("maximum size too large")
        if shared and limits.max is None:
            raise WasmtimeError("shared memories must have a maximum size")
        self._limits = limits
        self._is_64 = is_64
        self._shared = shared
        self._page_size_log2 = page_size_log2

    @property
    def limits(self) -> Limits:
        """The size range in pages."""
        return self._limits

    @property
    def is_64(self) -> bool:
        """Whether addresses are i64."""
        return self._is_64

    @property
    def is_shared(self) -> bool:
        """Whether threads may share the memory."""
        return self._shared

    @property
    def page_size(self) -> int:
        """Bytes of a page."""
        return 1 << self._page_size_log2

    @property
    def page_size_log2(self) -> int:
        """The binary logarithm of the page's size."""
        return self._page_size_log2


class TagType(Closeable):
    """The type of an exception's payload."""

    __slots__ = ("_functype",)

    def __init__(self, functype: FuncType) -> None:
        if not isinstance(functype, FuncType):
            raise TypeError("expected a FuncType")
        self._functype = functype

    @property
    def functype(self) -> FuncType:
        """A function type with the payload as its parameters."""
        return self._functype


AsExternType = FuncType | TableType | MemoryType | GlobalType | TagType


@dataclass(frozen=True)
class ImportType(Closeable):
    """An import of a module."""

    module: str
    name: str
    type: AsExternType


@dataclass(frozen=True)
class ExportType(Closeable):
    """An export of a module."""

    name: str
    type: AsExternType


def func_type(found: api.FuncType) -> FuncType:
    """One of our function types as the package's."""
    return FuncType(map(ValType.of, found.params), map(ValType.of, found.results))


def from_api(found: Any) -> AsExternType:
    """One of our external types as the package's."""
    if isinstance(found, api.FuncType):
        return func_type(found)
    if isinstance(found, api.MemoryType):
        log2 = found.page_size.bit_length() - 1
        return MemoryType(Limits(found.min, found.max), found.address64, found.shared, log2)
    if isinstance(found, api.TableType):
        return TableType(ValType.of(found.element), Limits(found.min, found.max))
    if isinstance(found, api.GlobalType):
        return GlobalType(ValType.of(found.valtype), found.mutable)
    return TagType(FuncType(map(ValType.of, found.params), ()))
