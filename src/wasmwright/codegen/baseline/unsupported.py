"""What the baseline tier leaves to the optimising one."""

from __future__ import annotations

from mypy_extensions import i64

from wasmwright.errors import WasmError
from wasmwright.isa import BY_SLOT


class Unsupported(WasmError):
    """There is no stencil for an instruction (or a use of it); the text names it."""


def unsupported(opcode: i64) -> Unsupported:
    """The error for an instruction that has no stencils."""
    row = BY_SLOT[opcode]
    return Unsupported("?" if row is None else row.name)
