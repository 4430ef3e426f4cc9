"""Thunks: what a function's record points to until its code is compiled."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import TYPE_CHECKING

from wasmwright.codegen import vm
from wasmwright.codegen.arch import HERE
from wasmwright.runtime import native

if TYPE_CHECKING:
    from wasmwright.runtime.code import ModuleCode


def compiler(address: int) -> Callable[[int], int]:
    """What thunks call with a function's number; ``address`` is the ModuleCode's."""

    def compile_function(number: int) -> int:
        # A thunk was called, so an instance is alive, which holds its ModuleCode. A weak reference
        # would not do: see `runtime.resource`.
        code: ModuleCode = ctypes.cast(address, ctypes.py_object).value
        return code.enter(number)

    return compile_function


def make(count: int, compiler: Callable[[int], int]) -> tuple[int, int]:
    """One thunk for each defined function, by number; (address, size in bytes)."""
    core = native.get()
    total = HERE.LAZY_BRIDGE_SIZE + HERE.LAZY_THUNK_SIZE * count
    base = core.code_arena.allocate(total)
    # The arenas may be further apart than a relative jump reaches, so the thunks share one
    # absolute jump at the front.
    bridge = HERE.lazy_bridge(id(compiler), core.core_symbol("ww_lazy_entry"))
    first = base + HERE.LAZY_BRIDGE_SIZE
    vm.write(base, bridge)
    vm.write(first, HERE.lazy_thunks(count, first, base))
    vm.make_executable(base, total)
    return first, total
