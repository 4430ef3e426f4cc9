"""Types as embedders see them: with the text format's names instead of the model's numbers."""

from __future__ import annotations

from dataclasses import dataclass

from wasmwright.model import types as model
from wasmwright.model.module import ExternType as ModelType
from wasmwright.model.module import Module


@dataclass(frozen=True, slots=True)
class FuncType:
    """A function's parameter and result types, such as ``("i32", "f64")``."""

    params: tuple[str, ...]
    results: tuple[str, ...]

    def __str__(self) -> str:
        return f"func [{' '.join(self.params)}] -> [{' '.join(self.results)}]"


@dataclass(frozen=True, slots=True)
class MemoryType:
    """A memory's size range in pages of ``page_size`` bytes."""

    min: int
    max: int | None
    address64: bool
    shared: bool
    page_size: int

    def __str__(self) -> str:
        top = "" if self.max is None else f" {self.max}"
        return f"memory {'i64 ' * self.address64}{self.min}{top}{' shared' * self.shared}"


@dataclass(frozen=True, slots=True)
class TableType:
    """A table's size range in entries, and its element type."""

    element: str
    min: int
    max: int | None
    address64: bool

    def __str__(self) -> str:
        top = "" if self.max is None else f" {self.max}"
        return f"table {'i64 ' * self.address64}{self.min}{top} {self.element}"


@dataclass(frozen=True, slots=True)
class GlobalType:
    """A global's value type and whether it is mutable."""

    valtype: str
    mutable: bool

    def __str__(self) -> str:
        return f"global (mut {self.valtype})" if self.mutable else f"global {self.valtype}"


@dataclass(frozen=True, slots=True)
class TagType:
    """An exception tag's payload types."""

    params: tuple[str, ...]

    def __str__(self) -> str:
        return f"tag [{' '.join(self.params)}]"


ExternType = FuncType | MemoryType | TableType | GlobalType | TagType


def from_model(module: Module, desc: ModelType) -> ExternType:
    """The public form of an external type of ``module``; a function's is its type index."""
    if isinstance(desc, model.MemoryType):
        limits = desc.limits
        page_size = 1 << limits.page_size_log2
        return MemoryType(limits.min, limits.max, limits.address64, limits.shared, page_size)
    if isinstance(desc, model.TableType):
        limits = desc.limits
        return TableType(model.name(desc.element), limits.min, limits.max, limits.address64)
    if isinstance(desc, model.GlobalType):
        return GlobalType(model.name(desc.valtype), desc.mutable)
    index = desc.type_index if isinstance(desc, model.TagType) else desc
    comp = module.types[index].comp
    assert isinstance(comp, model.FuncType)
    params = tuple(map(model.name, comp.params))
    if isinstance(desc, model.TagType):
        return TagType(params)
    return FuncType(params, tuple(map(model.name, comp.results)))
