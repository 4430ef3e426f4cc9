"""The stubs of each signature, as LLVM IR: Python calls wasm, and wasm calls Python.

Produces IR text: for each signature key an *entry stub* ``entry_KEY``, a vectorcall function that
converts, enters and calls, and a *host stub* ``host_KEY``, a function in the ABI's convention that
calls a Python callable. What they share is in :mod:`wasmwright.codegen.llvm.native`.
"""

from __future__ import annotations

from typing import Final

from wasmwright.codegen.llvm import stub_generic
from wasmwright.codegen.llvm.native import ATTRIBUTES, DECLARATIONS
from wasmwright.codegen.llvm.stub_entry import entry_stub
from wasmwright.codegen.llvm.stub_host import host_stub

_STUB_DECLARATIONS: Final = """
declare void @ww_walk(ptr, ptr)
declare ptr @ww_helper(i64, ptr, i64, i64, i64, i64)
declare i32 @ww_as_i64(ptr, ptr)
declare void @ww_raise(i64, ptr, i64, i64, i64)
declare ptr @ww_call_named(ptr, ptr, i64, ptr)
declare ptr @ww_enter(ptr, ptr)
declare void @ww_trap(ptr, i32) noreturn
declare void @ww_leave(ptr, ptr, ptr)
declare ptr @ww_landed(ptr, ptr, i32)
declare ptr @ww_host_exception(ptr)
declare void @ww_throw(ptr, ptr)
declare i32 @ww_gc_pin_word(ptr, i64)
declare ptr @PyErr_NoMemory()
@PyLong_Type = external global i8
"""


def stub_ir(keys: list[str]) -> str:
    """The IR of the entry stub ``entry_KEY`` and the host stub ``host_KEY`` of each key."""
    parts = [DECLARATIONS, _STUB_DECLARATIONS]
    for key in keys:
        params, results = key.split("_")
        parts.append(entry_stub(key, params, results))
        parts.append(host_stub(key, params, results))
    parts.append(ATTRIBUTES)
    return "".join(parts)


def generic_stub_ir() -> str:
    """The IR of the stubs that serve every signature."""
    return "".join((DECLARATIONS, _STUB_DECLARATIONS, stub_generic.generic_ir(), ATTRIBUTES))
