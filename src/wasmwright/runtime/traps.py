"""Traps as Python exceptions, with the wasm backtrace.

Reads the activation that native code filled (``codegen.llvm.native`` has its layout) and the
registry of loaded code; produces exceptions from :mod:`wasmwright.errors`.
"""

from __future__ import annotations

import bisect
import threading
from typing import Protocol

from wasmwright import errors
from wasmwright.codegen.llvm import native as ir
from wasmwright.runtime import native


class CodeMap(Protocol):
    """Loaded code that can tell the frame of an address."""

    def frame_at(self, address: int) -> errors.Frame | None:
        """The frame of the function whose code holds ``address``."""


# Loaded units of code, sorted by address; parallel lists for bisection.
_starts: list[int] = []
_units: list[tuple[int, CodeMap]] = []
_lock = threading.Lock()


def register(start: int, end: int, code: CodeMap) -> None:
    """Announces code in ``[start, end)``."""
    with _lock:
        at = bisect.bisect_left(_starts, start)
        _starts.insert(at, start)
        _units.insert(at, (end, code))


def unregister(start: int) -> None:
    """Takes back what ``register`` announced."""
    with _lock:
        at = bisect.bisect_left(_starts, start)
        if at < len(_starts) and _starts[at] == start:
            del _starts[at]
            del _units[at]


def _frame_at(address: int) -> errors.Frame | None:
    at = bisect.bisect_right(_starts, address) - 1
    if at < 0:
        return None
    end, code = _units[at]
    return code.frame_at(address) if address < end else None


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
    if kind == errors.TRAP_STACK:
        return errors.ExhaustionError(message, trace)
    if kind == errors.TRAP_INTERRUPT:
        return errors.InterruptError(message, trace)
    return errors.Trap(message, trace)


def attach(error: BaseException, activation: int) -> None:
    """Adds the wasm frames that ``error`` passed through to its notes."""
    trace = frames(activation)
    if trace:
        error.add_note("  through wasm:" + "".join(f"\n    {frame}" for frame in trace))
