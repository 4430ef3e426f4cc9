"""WebAssembly for Python: see README.md.

The names below load on first use, so that ``import wasmwright`` itself is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wasmwright._build_info import VERSION as __version__  # noqa: N811  (the usual name)
from wasmwright.errors import (
    CompileError,
    ExhaustionError,
    Frame,
    InterruptError,
    InvalidError,
    LinkError,
    MalformedError,
    PlatformError,
    SourceLine,
    Trap,
    WasmError,
    WasmException,
)

if TYPE_CHECKING:
    from wasmwright import wasi
    from wasmwright.api import (
        Exports,
        ExportType,
        Func,
        FuncType,
        Global,
        GlobalType,
        ImportType,
        Instance,
        Limits,
        Memory,
        MemoryType,
        Module,
        Snapshot,
        Table,
        TableType,
        Tag,
        TagType,
        backtrace,
        deadline,
        externref,
        f32,
        f64,
        funcref,
        i32,
        i64,
        v128,
        validate,
        wasm2wat,
        wat2wasm,
    )
    from wasmwright.api.aio import aio
    from wasmwright.runtime.aggregates import Array, Struct
    from wasmwright.web import context as js

_API = (
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
)

__all__ = [
    "Array",
    "CompileError",
    "ExhaustionError",
    "ExportType",
    "Exports",
    "Frame",
    "Func",
    "FuncType",
    "Global",
    "GlobalType",
    "ImportType",
    "Instance",
    "InterruptError",
    "InvalidError",
    "Limits",
    "LinkError",
    "MalformedError",
    "Memory",
    "MemoryType",
    "Module",
    "PlatformError",
    "Snapshot",
    "SourceLine",
    "Struct",
    "Table",
    "TableType",
    "Tag",
    "TagType",
    "Trap",
    "WasmError",
    "WasmException",
    "__version__",
    "aio",
    "backtrace",
    "deadline",
    "externref",
    "f32",
    "f64",
    "funcref",
    "i32",
    "i64",
    "js",
    "v128",
    "validate",
    "wasi",
    "wasm2wat",
    "wat2wasm",
]


def __getattr__(name: str) -> Any:
    import importlib

    if name in _API:
        api = importlib.import_module("wasmwright.api")
        globals().update({each: getattr(api, each) for each in _API})
        return globals()[name]
    if name in ("Array", "Struct"):  # they bring the garbage collector with them
        return getattr(importlib.import_module("wasmwright.runtime.aggregates"), name)
    if name == "aio":  # it brings asyncio
        return importlib.import_module("wasmwright.api.aio").aio
    if name == "wasi":
        return importlib.import_module("wasmwright.wasi")
    if name == "js":
        return importlib.import_module("wasmwright.web.context")
    raise AttributeError(f"module 'wasmwright' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
