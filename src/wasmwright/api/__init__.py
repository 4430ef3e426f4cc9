"""What embedders touch; ``wasmwright`` re-exports the names."""

from __future__ import annotations

from wasmwright.api.exports import Exports
from wasmwright.api.instance import Instance
from wasmwright.api.module import ExportType, ImportType, Module, validate
from wasmwright.api.types import FuncType, GlobalType, MemoryType, TableType
from wasmwright.runtime.globals import Global
from wasmwright.runtime.memory import Memory
from wasmwright.runtime.table import Table

__all__ = [
    "ExportType",
    "Exports",
    "FuncType",
    "Global",
    "GlobalType",
    "ImportType",
    "Instance",
    "Memory",
    "MemoryType",
    "Module",
    "Table",
    "TableType",
    "validate",
]
