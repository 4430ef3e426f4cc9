"""Names of compiled functions for Linux's ``perf``, which knows nothing of code made at run time.

Once enabled, writes a line for each function that is loaded to ``/tmp/perf-PID.map`` (the
format is Documentation/jit-interface.txt of perf: start and size in hexadecimal, and a name).
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable

from wasmwright.runtime.symbols import Symbols

_files: list[int] = []


def enable() -> str:
    """Begins the map of this process; its path. Code that is loaded already is not in it.

    Raises OSError if the file is not ours to write.
    """
    path = f"/tmp/perf-{os.getpid()}.map"
    if not _files:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(path, flags, 0o600)
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            os.close(file)
            raise PermissionError(1, "belongs to somebody else", path)
        # (Python itself may be writing there: its option -X perf.)
        if not getattr(sys, "is_stack_trampoline_active", bool)():
            os.ftruncate(file, 0)
        _files.append(file)
    return path


def disable() -> None:
    """Ends the map; the file stays."""
    if _files:
        os.close(_files.pop())


def loaded(symbols: Symbols, code: Iterable[tuple[int, int, int]]) -> None:
    """Tells of code that was loaded, if that is wanted: functions' indices, addresses, sizes."""
    if not _files:
        return
    module = f"{symbols.module_name}!" if symbols.module_name else ""
    lines = []
    for func, address, size in code:
        name = symbols.name(func)
        label = f"{module}{name}" if name else f"{module}wasm-function[{func}]"
        shown = "".join(each if each.isprintable() else "?" for each in label)
        lines.append(f"{address:x} {size:x} {shown}\n")
    os.write(_files[0], "".join(lines).encode())
