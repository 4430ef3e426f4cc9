"""Data segments of an instance (spec: Execution > Modules > Instantiation)."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable, Sequence

from wasmwright import errors
from wasmwright.binary.active import NO_OFFSET, WORDS, active_data
from wasmwright.codegen import abi
from wasmwright.model.module import Module
from wasmwright.model.parts import Expr
from wasmwright.runtime.memory import Memory


def describe(module: Module, entries: int) -> None:
    """Says in the context, from the address ``entries`` on, where the segments' bytes are."""
    start = _address(module)
    words = array(
        "Q", [word for each in module.datas for word in (start + each.start, each.end - each.start)]
    )
    address, _ = words.buffer_info()
    ctypes.memmove(entries, address, len(words) * words.itemsize)


def write_active(
    module: Module, entries: int, memories: Sequence[Memory], offset: Callable[[Expr, bool], int]
) -> None:
    """Writes the active segments into the memories and drops them; Trap where one does not fit.

    ``offset`` evaluates a constant expression, of 64 bits if it is told so.
    """
    start = _address(module)
    count = abi.SEGMENT_ENTRY // 8 * len(module.datas)
    dropped = memoryview((ctypes.c_uint64 * count).from_address(entries)).cast("B").cast("Q")
    words = iter(memoryview(active_data(module)).cast("q").tolist())
    for index, number, at, source, size in zip(*[words] * WORDS, strict=True):
        memory = memories[number]
        if at == NO_OFFSET:
            expr = module.datas[index].offset
            assert expr is not None
            at = offset(expr, memory.address64)
        if at + size > len(memory):
            raise errors.Trap(
                errors.TRAP_KINDS[errors.TRAP_MEMORY],
                detail=f"data segment {index} of {size} bytes at {at} "
                f"does not fit the memory of {len(memory)}",
            )
        ctypes.memmove(memory.base + at, start + source, size)
        dropped[(abi.SEGMENT_ENTRY * index + abi.SEGMENT_LENGTH) // 8] = 0


def _address(module: Module) -> int:
    return ctypes.cast(ctypes.c_char_p(module.data), ctypes.c_void_p).value or 0
