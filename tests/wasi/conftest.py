"""A guest made of a bytearray: calls WASI functions as compiled code would."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wasmwright.wasi import Errno, Preview1
from wasmwright.wasi.abi import MODULE, RIGHTS_ALL

OUT = 8  # where results go
IOVS = 64
PATH = 1024
PATH2 = 8192
DATA = 16384
SIZE = 65536

I32 = 1 << 31


class Guest:
    """Memory with fixed places for arguments, and one method for each way to call."""

    def __init__(self, **options: Any) -> None:
        self.wasi = Preview1(**options)
        self.memory = bytearray(SIZE)
        self.wasi.bind(self.memory)
        self.functions = self.wasi.imports()[MODULE]

    def call(self, name: str, *args: int) -> Errno:
        """Call with arguments as wasm passes them (signed), give the errno."""
        return Errno(self.functions[name](*args))

    def ok(self, name: str, *args: int) -> None:
        assert self.call(name, *args) is Errno.SUCCESS

    def u32(self, at: int = OUT) -> int:
        return int(struct.unpack_from("<I", self.memory, at)[0])

    def u64(self, at: int = OUT) -> int:
        return int(struct.unpack_from("<Q", self.memory, at)[0])

    def put(self, data: bytes, at: int) -> tuple[int, int]:
        self.memory[at : at + len(data)] = data
        return at, len(data)

    def path(self, path: str | bytes, at: int = PATH) -> tuple[int, int]:
        return self.put(path.encode() if isinstance(path, str) else path, at)

    def iovs(self, *buffers: tuple[int, int]) -> tuple[int, int]:
        self.put(b"".join(struct.pack("<II", *item) for item in buffers), IOVS)
        return IOVS, len(buffers)

    def try_open(
        self,
        path: str | bytes,
        oflags: int = 0,
        rights: int = RIGHTS_ALL,
        *,
        fdflags: int = 0,
        follow: bool = True,
        fd: int = 3,
        inheriting: int = RIGHTS_ALL,
    ) -> Errno:
        pointer = self.path(path)
        return self.call(
            "path_open", fd, int(follow), *pointer, oflags, rights, inheriting, fdflags, OUT
        )

    def open(
        self, path: str | bytes, oflags: int = 0, rights: int = RIGHTS_ALL, **more: Any
    ) -> int:
        assert self.try_open(path, oflags, rights, **more) is Errno.SUCCESS
        return self.u32()

    def write(self, fd: int, data: bytes) -> int:
        self.ok("fd_write", fd, *self.iovs(self.put(data, DATA)), OUT)
        return self.u32()

    def read(self, fd: int, size: int = 4096) -> bytes:
        self.ok("fd_read", fd, *self.iovs((DATA, size)), OUT)
        return bytes(self.memory[DATA : DATA + self.u32()])

    def stat(self, path: str, follow: bool = True, fd: int = 3) -> tuple[int, ...]:
        """dev, ino, filetype, nlink, size, atim, mtim, ctim."""
        self.ok("path_filestat_get", fd, int(follow), *self.path(path), DATA)
        return struct.unpack_from("<QQB7xQQQQQ", self.memory, DATA)


@pytest.fixture
def make_guest() -> Iterator[Callable[..., Guest]]:
    """Make guests with the options of Preview1; all are closed at the end."""
    guests: list[Guest] = []

    def make(**options: Any) -> Guest:
        guests.append(Guest(**options))
        return guests[-1]

    yield make
    for guest in guests:
        guest.wasi.close()


@pytest.fixture(scope="session")
def guest_type() -> type[Guest]:
    """For tests that make many guests: each must be closed."""
    return Guest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory that guests get, beside one with a secret that they don't."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    inside = tmp_path / "inside"
    inside.mkdir()
    return inside


@pytest.fixture
def guest(make_guest: Callable[..., Guest], root: Path) -> Guest:
    """A guest with `root` as its directory /, descriptor 3."""
    return make_guest(dirs={"/": root})


@pytest.fixture
def untouched(root: Path) -> Iterator[None]:
    """Nothing outside changes, whatever the guest does, and no descriptor is left open."""
    outside = root.parent / "outside"
    paths = outside, outside / "secret"

    def facts() -> list[tuple[int, int]]:
        return [(path.lstat().st_mtime_ns, path.lstat().st_nlink) for path in paths]

    before, descriptors = facts(), len(os.listdir("/proc/self/fd"))
    yield
    assert facts() == before
    assert os.listdir(outside) == ["secret"]
    assert (outside / "secret").read_text() == "secret"
    assert len(os.listdir("/proc/self/fd")) == descriptors
