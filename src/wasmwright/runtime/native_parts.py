"""The native parts by name: their IR, and those that came compiled with a module.

What writes IR is imported where it is wanted: a start from the cache wants none.
"""

from __future__ import annotations

from typing import Final

# What the native parts are called, in the cache and in `shipped`.
CORE: Final = "core"
COLLECTOR: Final = "collector"

# Those that came with a module that was compiled ahead of time, by name.
shipped: Final[dict[str, bytes]] = {}


def core_ir() -> str:
    """The IR of what is always there."""
    from wasmwright.codegen.llvm import native_core, native_throw, stop

    return native_core.core_ir() + native_throw.throw_ir() + stop.stop_ir()


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


def shipped_stubs(wanted: list[str]) -> list[str]:
    """The names of objects that together have the stubs of these signatures."""
    names = [name for name in shipped if not {*name.split()[1:]}.isdisjoint(wanted)]
    found = {key for name in names for key in name.split()[1:]}
    missing = [key for key in wanted if key not in found]
    return names + ([stubs_name(missing)] if missing else [])
