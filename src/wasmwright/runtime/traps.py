"""Traps as Python exceptions, with the wasm backtrace.

Reads the activation that native code filled (``codegen.llvm.native`` has its layout) and the
registry of loaded code; produces exceptions from :mod:`wasmwright.errors`.
"""

from __future__ import annotations

import bisect
from typing import Protocol

from wasmwright import errors
from wasmwright.codegen.llvm import native as ir
from wasmwright.runtime import interrupts, native


class CodeMap(Protocol):
    """Loaded code that can tell the frame of an address."""

    def frame_at(self, address: int) -> errors.Frame | None:
        """The frame of the function whose code holds ``address``."""


class _Registry:
    """Loaded units of code by address.

    No lock: finalisers unregister, and may interrupt the very thread that would hold it. Each
    step is atomic under the GIL, and the sorted starts are made anew after a change.
    """

    def __init__(self) -> None:
        self._units: dict[int, tuple[int, CodeMap]] = {}
        self._changes = 0
        self._sorted: tuple[int, list[int]] = (0, [])

    def add(self, start: int, end: int, code: CodeMap) -> None:
        self._units[start] = end, code
        self._changes += 1

    def remove(self, start: int) -> None:
        self._units.pop(start, None)
        self._changes += 1

    def find(self, address: int) -> CodeMap | None:
        changes = self._changes
        known, starts = self._sorted
        if known != changes:
            starts = sorted(self._units)
            self._sorted = changes, starts
        at = bisect.bisect_right(starts, address) - 1
        end, code = self._units.get(starts[at], (0, None)) if at >= 0 else (0, None)
        return code if address < end else None


_registry = _Registry()


def register(start: int, end: int, code: CodeMap) -> None:
    """Announces code in ``[start, end)``."""
    _registry.add(start, end, code)


def unregister(start: int) -> None:
    """Takes back what ``register`` announced."""
    _registry.remove(start)


def _frame_at(address: int) -> errors.Frame | None:
    code = _registry.find(address)
    return code.frame_at(address) if code is not None else None


def frames(activation: int) -> tuple[errors.Frame, ...]:
    """The wasm frames that the activation recorded, innermost first."""
    found = []
    for i in range(native.read64(activation + ir.ACT_COUNT)):
        address = native.read64(activation + ir.ACT_TRACE + 8 * i)
        # Return addresses: that of a call at the very end is the first byte after its function.
        frame = _frame_at(address - 1)
        if frame is not None:
            found.append(frame)
    return tuple(found)


def exception(activation: int) -> errors.Trap:
    """The exception for the trap that the activation recorded."""
    kind = native.read32(activation + ir.ACT_KIND)
    trace = frames(activation)
    offset = native.read32(activation + ir.ACT_OFFSET)
    if trace and offset != 0xFFFFFFFF:
        trace[0].offset = offset
    message = errors.TRAP_KINDS.get(kind, f"trap {kind}")
    if kind in (errors.TRAP_STACK, errors.TRAP_HEAP, errors.TRAP_FUEL):
        return errors.ExhaustionError(message, trace)
    if kind == errors.TRAP_INTERRUPT:
        why = interrupts.reason(native.read64(activation + ir.ACT_BLOCK))
        return errors.InterruptError(message, trace, why)
    return errors.Trap(message, trace)


def attach(error: BaseException, activation: int) -> None:
    """Adds the wasm frames that ``error`` passed through to its notes."""
    trace = frames(activation)
    if trace:
        error.add_note("  through wasm:" + "".join(f"\n    {frame}" for frame in trace))
