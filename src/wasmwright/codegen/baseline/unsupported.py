"""What the baseline tier leaves to the optimising one."""

from __future__ import annotations

from wasmwright.errors import WasmError


class Unsupported(WasmError):
    """There is no stencil for an instruction (or a use of it); the text names it."""
