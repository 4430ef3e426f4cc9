"""Types as embedders see them: with the text format's names instead of the model's numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, TypeAlias

from wasmwright.model import types as model
from wasmwright.model.module import ExternType as ModelType
from wasmwright.model.module import Module
from wasmwright.records import Record

# Types for the annotations of host functions, and their names.
i32: TypeAlias = Annotated[int, "i32"]
i64: TypeAlias = Annotated[int, "i64"]
f32: TypeAlias = Annotated[float, "f32"]
f64: TypeAlias = Annotated[float, "f64"]
v128: TypeAlias = Annotated[bytes, "v128"]
externref: TypeAlias = Annotated[Any, "externref"]
funcref: TypeAlias = Annotated[Callable[..., Any] | None, "funcref"]

VALTYPES: Final[dict[str, int]] = {
    **{model.NUMBER_NAMES[t]: t for t in (model.I32, model.I64, model.F32, model.F64, model.V128)},
    **{text: model.REF | model.NULL | heap for heap, text in model.SHORTHANDS.items()},
}


class FuncType(Record):
    """A function's parameter and result types: ``FuncType(["i32", "f64"], ["i64"])``.

    Each side is a sequence of type names, or a string of names with spaces between.
    """

    params: tuple[str, ...]
    results: tuple[str, ...]

    def __init__(self, params: str | Iterable[str] = (), results: str | Iterable[str] = ()) -> None:
        for name, side in (("params", params), ("results", results)):
            types = tuple(side.split() if isinstance(side, str) else side)
            object.__setattr__(self, name, types)

    def __str__(self) -> str:
        return f"func [{' '.join(self.params)}] -> [{' '.join(self.results)}]"


class MemoryType(Record):
    """A memory's size range in pages of ``page_size`` bytes."""

    min: int
    max: int | None
    address64: bool
    shared: bool
    page_size: int

    def __str__(self) -> str:
        top = "" if self.max is None else f" {self.max}"
        return f"memory {'i64 ' * self.address64}{self.min}{top}{' shared' * self.shared}"


class TableType(Record):
    """A table's size range in entries, and its element type."""

    element: str
    min: int
    max: int | None
    address64: bool

    def __str__(self) -> str:
        top = "" if self.max is None else f" {self.max}"
        return f"table {'i64 ' * self.address64}{self.min}{top} {self.element}"


class GlobalType(Record):
    """A global's value type and whether it is mutable."""

    valtype: str
    mutable: bool

    def __str__(self) -> str:
        return f"global (mut {self.valtype})" if self.mutable else f"global {self.valtype}"


class TagType(Record):
    """An exception tag's payload types."""

    params: tuple[str, ...]

    def __str__(self) -> str:
        return f"tag [{' '.join(self.params)}]"


ExternType = FuncType | MemoryType | TableType | GlobalType | TagType


def from_model(module: Module, desc: ModelType) -> ExternType:
    """The public form of an external type of ``module``; a function's is its type index."""
    if isinstance(desc, model.MemoryType | model.TableType | model.GlobalType):
        return from_object(desc)
    index = desc.type_index if isinstance(desc, model.TagType) else desc
    comp = module.types[index].comp
    assert isinstance(comp, model.FuncType)
    if isinstance(desc, model.TagType):
        return TagType(tuple(map(model.name, comp.params)))
    return func_type_of(comp)


def from_object(
    desc: model.MemoryType | model.TableType | model.GlobalType,
) -> MemoryType | TableType | GlobalType:
    """The public form of the type of a memory, table or global."""
    if isinstance(desc, model.GlobalType):
        return GlobalType(model.name(desc.valtype), desc.mutable)
    limits = desc.limits
    if isinstance(desc, model.TableType):
        return TableType(model.name(desc.element), limits.min, limits.max, limits.address64)
    page_size = 1 << limits.page_size_log2
    return MemoryType(limits.min, limits.max, limits.address64, limits.shared, page_size)


def func_type_of(func_type: model.FuncType) -> FuncType:
    """The public form of a function type."""
    return FuncType(map(model.name, func_type.params), map(model.name, func_type.results))


def to_model(func_type: FuncType) -> model.FuncType:
    """The model's form of a function type; ValueError for a name that is no value type."""
    sides = []
    for side in (func_type.params, func_type.results):
        for name in side:
            if name not in VALTYPES:
                raise ValueError(f"a value type is one of {', '.join(VALTYPES)}, not {name!r}")
        sides.append(tuple(VALTYPES[name] for name in side))
    return model.FuncType(*sides)
