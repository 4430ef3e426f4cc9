"""Virtual memory from the C library: reserve, protect, give back.

Addresses and sizes are bytes. Every function raises OSError where the system refuses.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
from collections.abc import Callable
from typing import Final

from wasmwright.codegen.arch import HERE

PAGE: Final = mmap.PAGESIZE
NOTHING: Final = 0
READ: Final = 1
WRITE: Final = 2
EXECUTE: Final = 4

_MAP_PRIVATE: Final = 0x02
_MAP_ANONYMOUS: Final = 0x20
_MAP_NORESERVE: Final = 0x4000
_MAP_FIXED: Final = 0x10
_FAILED: Final = ctypes.c_size_t(-1).value

_libc: Final = ctypes.CDLL(None, use_errno=True)
_mmap: Final = _libc.mmap
_mmap.restype = ctypes.c_size_t
_mmap.argtypes = [
    ctypes.c_size_t,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
]
_munmap: Final = _libc.munmap
_munmap.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
_madvise: Final = _libc.madvise
_madvise.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]
_DONTNEED: Final = 4
_mprotect: Final = _libc.mprotect
_mprotect.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]


def round_up(size: int) -> int:
    """``size`` rounded up to whole pages."""
    return (size + PAGE - 1) & -PAGE


def _check(failed: bool) -> None:
    if failed:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def reserve(size: int) -> int:
    """The address of ``size`` bytes of inaccessible address space."""
    flags = _MAP_PRIVATE | _MAP_ANONYMOUS | _MAP_NORESERVE
    address = int(_mmap(0, size, NOTHING, flags, -1, 0))
    _check(address == _FAILED)
    return address


def protect(address: int, size: int, access: int) -> None:
    """Sets the access rights of whole pages."""
    _check(_mprotect(address, size, access) != 0)


@functools.cache
def _instruction_cache() -> Callable[[int, int], None] | None:
    return HERE.instruction_cache()


def make_executable(address: int, size: int) -> None:
    """Lets code that was written run, and no longer be written: the pages that it is in."""
    _check(_mprotect(address, round_up(size), READ | EXECUTE) != 0)
    see = _instruction_cache()
    if see is not None:
        see(address, size)


def decommit(address: int, size: int) -> None:
    """Drops the content of whole pages and makes them inaccessible; they stay reserved."""
    flags = _MAP_PRIVATE | _MAP_ANONYMOUS | _MAP_NORESERVE | _MAP_FIXED
    _check(int(_mmap(address, size, NOTHING, flags, -1, 0)) == _FAILED)


def map_private(address: int, size: int, descriptor: int) -> None:
    """Makes the first ``size`` bytes of a file the content of reserved pages, copied on write."""
    flags = _MAP_PRIVATE | _MAP_NORESERVE | _MAP_FIXED
    _check(int(_mmap(address, size, READ | WRITE, flags, descriptor, 0)) == _FAILED)


def release(address: int, size: int) -> None:
    """Unmaps what ``reserve`` gave."""
    _check(_munmap(address, size) != 0)


def write(address: int, data: bytes) -> None:
    """Copies ``data`` to writable memory at ``address``."""
    ctypes.memmove(address, data, len(data))


def view(address: int, size: int) -> memoryview:
    """Writable memory at ``address``, as long as it is mapped."""
    return memoryview((ctypes.c_ubyte * size).from_address(address)).cast("B")


def _hex(digits: str) -> int:
    return int(digits, 16)


def unchanged_mappings(name: str) -> list[tuple[int, int]]:
    """Address and size of what is mapped, and not written to, of files with ``name`` in their path.

    Empty where the system does not tell.
    """
    try:
        with open("/proc/self/smaps", encoding="utf-8", errors="replace") as maps:
            lines = maps.readlines()
    except OSError:
        return []
    found = []
    first, last = 0, 0
    for line in lines:
        words = line.split()
        if not words[0].endswith(":"):
            # address range, rights, offset, device, inode, path
            wanted = len(words) > 5 and name in words[5] and "w" not in words[1]
            first, last = map(_hex, words[0].split("-")) if wanted else (0, 0)
        elif words[0] == "Anonymous:" and words[1] == "0" and last:
            found.append((first, last - first))
    return found


def drop_pages(address: int, size: int) -> None:
    """Gives back the memory of unchanged pages of a file; they are read again when needed."""
    _madvise(address, size, _DONTNEED)


def resident() -> int:
    """Bytes of memory that the process has now; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * PAGE
    except OSError:
        return 0
