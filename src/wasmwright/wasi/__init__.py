"""WASI preview 1: running programs that see a small POSIX, made of what the host hands over.

`run` and `Command` run programs; `Preview1` is the host side for who links by hand. Streams,
directories, clocks and randomness are capability objects that can be replaced one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wasmwright.wasi.abi import Errno, Filetype
from wasmwright.wasi.clocks import Clocks, FixedClocks, SystemClocks
from wasmwright.wasi.command import Command, ExitError, Result, check_imports, instantiate, run
from wasmwright.wasi.filesystem import Directory, DirEntry, File, Stat
from wasmwright.wasi.hostdir import HostDirectory
from wasmwright.wasi.preview1 import Preview1, ReadOnly
from wasmwright.wasi.process_calls import Exit
from wasmwright.wasi.random import Random, SeededRandom, SystemRandom
from wasmwright.wasi.streams import Stream

if TYPE_CHECKING:
    from wasmwright.wasi.contents import Symlink, read_tree
    from wasmwright.wasi.memdir import MemoryDirectory
    from wasmwright.wasi.overlay import OverlayDirectory
    from wasmwright.wasi.readonly import ReadOnlyDirectory, ReadOnlyFile
    from wasmwright.wasi.zipdir import ZipDirectory

# Imported on first use: most programs run without.
_MODULES = {
    "MemoryDirectory": "memdir",
    "OverlayDirectory": "overlay",
    "ReadOnlyDirectory": "readonly",
    "ReadOnlyFile": "readonly",
    "Symlink": "contents",
    "ZipDirectory": "zipdir",
    "read_tree": "contents",
}

__all__ = [
    "Clocks",
    "Command",
    "DirEntry",
    "Directory",
    "Errno",
    "Exit",
    "ExitError",
    "File",
    "Filetype",
    "FixedClocks",
    "HostDirectory",
    "MemoryDirectory",
    "OverlayDirectory",
    "Preview1",
    "Random",
    "ReadOnly",
    "ReadOnlyDirectory",
    "ReadOnlyFile",
    "Result",
    "SeededRandom",
    "Stat",
    "Stream",
    "Symlink",
    "SystemClocks",
    "SystemRandom",
    "ZipDirectory",
    "check_imports",
    "instantiate",
    "read_tree",
    "run",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        import importlib

        found = getattr(importlib.import_module(f"wasmwright.wasi.{_MODULES[name]}"), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module 'wasmwright.wasi' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
