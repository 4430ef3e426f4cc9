"""The file of native parts that are linked already: its layout, and placing it in memory.

Ten parts follow the header, which has their sizes in bytes: a ``WORD`` for each symbol of others,
where a pointer to it goes; a ``PAIR`` for each pointer to a place in the image, where it goes and
that place; a ``PAIR`` for each symbol, its offset and size; the offset and size of the frames'
description (``.eh_frame``); a hash of the IR that all of it was made of; the names of the symbols
of others; those of the symbols; the CPU that it is for; the version of LLVM that compiled it; and
the image, which runs at any address.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable
from typing import Final

from wasmwright.codegen import vm
from wasmwright.codegen.digest import blake2b
from wasmwright.codegen.objects import Arena, LoadedObject

MAGIC: Final = b"WWNAT\x00\x00\x02"
PARTS: Final = 10
HEAD: Final = struct.Struct(f"<8s{PARTS}I")
WORD: Final = struct.Struct("<I")
PAIR: Final = struct.Struct("<II")
FRAMES: Final = ".eh_frame"


class Image:
    """What is in a file; OSError if there is none."""

    def __init__(self, file: str) -> None:
        with open(file, "rb") as content:
            magic, *sizes = HEAD.unpack(content.read(HEAD.size))
            if magic != MAGIC:
                raise ValueError("the native parts are not of this version")
            parts = [content.read(size) for size in sizes[:-1]]
            self._at = content.tell()
        self._file = file
        self._size: int = sizes[-1]
        slots, pointers, symbols, frames, digest, needed, names, cpu, llvm = parts
        self._slots = [place for (place,) in WORD.iter_unpack(slots)]
        self._pointers = list(PAIR.iter_unpack(pointers))
        self._frames = PAIR.unpack(frames)
        self._needed = needed.decode().split("\n")
        # By name, offset and size.
        self.symbols: dict[str, tuple[int, int]] = dict(
            zip(names.decode().split("\n"), PAIR.iter_unpack(symbols), strict=True)
        )
        self.digest: bytes = digest
        self.cpu: str = cpu.decode()
        self.llvm: str = llvm.decode()

    def place(self, arena: Arena, resolve: Callable[[str], int]) -> LoadedObject:
        """The image in memory; ``resolve`` gives the address of each symbol that others have."""
        size = self._size
        base = arena.allocate(size)
        code = vm.view(base, size)
        with open(self._file, "rb", buffering=0) as content:
            content.seek(self._at)
            if content.readinto(code) != size:
                raise OSError(f"{self._file} is truncated")
        pack = struct.Struct("<Q").pack_into
        for at, name in zip(self._slots, self._needed, strict=True):
            pack(code, at, resolve(name))
        for at, offset in self._pointers:
            pack(code, at, base + offset)
        vm.make_executable(base, size)
        symbols: dict[str, int] = {}
        sizes: dict[str, int] = {}
        for name, (offset, extent) in self.symbols.items():
            symbols[name] = base + offset
            sizes[name] = extent
        offset, extent = self._frames
        return LoadedObject(arena, base, size, symbols, sizes, {FRAMES: (base + offset, extent)})


def digest(texts: Iterable[str]) -> bytes:
    """The hash of the IR that a file is made of."""
    found = blake2b(digest_size=16)
    for text in texts:
        found.update(text.encode())
    return found.digest()


def path(arch: str) -> str:
    """Where the file for an architecture is, if there is one."""
    return os.path.join(os.path.dirname(__file__), f"native_{arch}.bin")
