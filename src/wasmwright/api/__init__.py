"""What embedders touch; ``wasmwright`` re-exports the names."""

from __future__ import annotations

from wasmwright.api.exports import Exports
from wasmwright.api.host import Func
from wasmwright.api.instance import Instance
from wasmwright.api.limits import Limits
from wasmwright.api.module import ExportType, ImportType, Module, validate, wasm2wat, wat2wasm
from wasmwright.api.types import (
    FuncType,
    GlobalType,
    MemoryType,
    TableType,
    TagType,
    externref,
    f32,
    f64,
    funcref,
    i32,
    i64,
    v128,
)
from wasmwright.runtime.backtraces import backtrace
from wasmwright.runtime.globals import Global
from wasmwright.runtime.interrupts import Deadline as deadline
from wasmwright.runtime.memory import Memory
from wasmwright.runtime.snapshot import Snapshot
from wasmwright.runtime.table import Table
from wasmwright.runtime.tag import Tag

__all__ = [
    "ExportType",
    "Exports",
    "Func",
    "FuncType",
    "Global",
    "GlobalType",
    "ImportType",
    "Instance",
    "Limits",
    "Memory",
    "MemoryType",
    "Module",
    "Snapshot",
    "Table",
    "TableType",
    "Tag",
    "TagType",
    "backtrace",
    "deadline",
    "externref",
    "f32",
    "f64",
    "funcref",
    "i32",
    "i64",
    "v128",
    "validate",
    "wasm2wat",
    "wat2wasm",
]
