"""Traps as Python exceptions.

Reads the activation that native code filled (``codegen.llvm.native`` has its layout); produces
exceptions from :mod:`wasmwright.errors`.
"""

from __future__ import annotations

from wasmwright import errors
from wasmwright.codegen.llvm import native as ir
from wasmwright.runtime import backtraces, interrupts, native


def exception(activation: int) -> errors.Trap:
    """The exception for the trap that the activation recorded."""
    kind = native.read32(activation + ir.ACT_KIND)
    message = errors.TRAP_KINDS.get(kind, f"trap {kind}")
    if kind == errors.TRAP_INTERRUPT:
        why = interrupts.reason(native.read64(activation + ir.ACT_BLOCK))
        return errors.InterruptError(message, backtraces.of_activation(activation, True), why)
    trace = backtraces.of_activation(activation)
    if kind in (errors.TRAP_STACK, errors.TRAP_HEAP, errors.TRAP_FUEL):
        return errors.ExhaustionError(message, trace)
    return errors.Trap(message, trace)
