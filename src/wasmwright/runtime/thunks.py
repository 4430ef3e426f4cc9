"""Thunks: what a function's record points to until its code is compiled."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import TYPE_CHECKING

from wasmwright.codegen import vm
from wasmwright.codegen.llvm import native_calls
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
    size = native_calls.LAZY_THUNK_SIZE
    total = native_calls.LAZY_BRIDGE_SIZE + size * count
    base = core.code_arena.allocate(total)
    # The arenas may be further apart than a relative jump reaches, so the thunks share one
    # absolute jump at the front.
    bridge = native_calls.lazy_bridge(id(compiler), core.core_symbol("ww_lazy_entry"))
    first = base + native_calls.LAZY_BRIDGE_SIZE
    vm.write(base, bridge.ljust(native_calls.LAZY_BRIDGE_SIZE, b"\xcc"))
    vm.write(first, native_calls.lazy_thunks(count, first, base))
    vm.protect(base, vm.round_up(total), vm.READ | vm.EXECUTE)
    return first, total
