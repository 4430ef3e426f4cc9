"""The native parts by name: compiled beforehand, with a module, or from their IR.

What writes IR is imported where it is wanted: a start wants none.
"""

from __future__ import annotations

import functools
from typing import Final

from wasmwright.codegen import cpu
from wasmwright.codegen.arch import HERE, Arch
from wasmwright.codegen.prebuilt import image
from wasmwright.codegen.prebuilt.image import Image

# What the native parts are called, in the cache and in `shipped`.
CORE: Final = "core"
COLLECTOR: Final = "collector"

# Those that came with a module that was compiled ahead of time, by name.
shipped: Final[dict[str, bytes]] = {}


@functools.cache
def prebuilt() -> Image | None:
    """The native parts that came with this package, if they run here."""
    try:
        found = Image(image.path(cpu.machine()))
    except FileNotFoundError:
        return None
    return None if cpu.missing(found.cpu) else found


def core_ir(arch: Arch = HERE) -> str:
    """The IR of what is always there."""
    from wasmwright.codegen.llvm import native_core, native_throw, stop

    return native_core.core_ir(arch) + native_throw.throw_ir(arch) + stop.stop_ir(arch)


def gc_ir() -> str:
    """The IR of the collector."""
    from wasmwright.codegen.llvm import gc

    return gc.gc_ir()


def stub_ir(keys: list[str]) -> str:
    """The IR of the stubs of several signatures."""
    from wasmwright.codegen.llvm import stubs

    return stubs.stub_ir(keys)


def stubs_name(keys: list[str]) -> str:
    """The name of the stubs of several signatures in one object."""
    return " ".join(["stubs", *keys])


def shipped_stubs(key: str) -> str | None:
    """The name of a shipped object that has the stubs of a signature."""
    return next((name for name in shipped if key in name.split()[1:]), None)
