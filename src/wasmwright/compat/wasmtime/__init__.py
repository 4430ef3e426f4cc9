"""The interface of the ``wasmtime`` package (versions 20 to 50) on this engine.

::

    import sys
    import wasmwright.compat.wasmtime

    sys.modules["wasmtime"] = wasmwright.compat.wasmtime

Code that is written for that package then runs unchanged. Stores are a formality here: they say
what is limited and interrupted together, and keep alive what was made in them. What this engine
cannot do (the component model) raises a WasmtimeError that names it. See
``docs/moving-from-wasmtime.md``.
"""

from wasmwright.compat.wasmtime.config import Config, Engine
from wasmwright.compat.wasmtime.errors import ExitTrap, Frame, Trap, TrapCode, WasmtimeError
from wasmwright.compat.wasmtime.externs import Global, Memory, SharedMemory, Table, Tag
from wasmwright.compat.wasmtime.func import Caller, Func
from wasmwright.compat.wasmtime.instance import Instance, InstanceExports, InstancePre
from wasmwright.compat.wasmtime.linker import Linker
from wasmwright.compat.wasmtime.module import Module, wat2wasm
from wasmwright.compat.wasmtime.store import Store, StoreContext, Storelike
from wasmwright.compat.wasmtime.types import (
    ExportType,
    FuncType,
    GlobalType,
    ImportType,
    Limits,
    MemoryType,
    TableType,
    TagType,
    ValType,
)
from wasmwright.compat.wasmtime.values import Val
from wasmwright.compat.wasmtime.wasi import DirPerms, FilePerms, WasiConfig

__all__ = [
    "Caller",
    "Config",
    "DirPerms",
    "Engine",
    "ExitTrap",
    "ExportType",
    "FilePerms",
    "Frame",
    "Func",
    "FuncType",
    "Global",
    "GlobalType",
    "ImportType",
    "Instance",
    "InstanceExports",
    "InstancePre",
    "Limits",
    "Linker",
    "Memory",
    "MemoryType",
    "Module",
    "SharedMemory",
    "Store",
    "StoreContext",
    "Storelike",
    "Table",
    "TableType",
    "Tag",
    "TagType",
    "Trap",
    "TrapCode",
    "Val",
    "ValType",
    "WasiConfig",
    "WasmtimeError",
    "wat2wasm",
]
