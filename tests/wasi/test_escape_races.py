"""Ways out of a directory of the host that need help: a process swaps names while guests use them."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wasmwright.wasi import Errno
from wasmwright.wasi.abi import (
    OFLAG_CREAT,
    OFLAG_DIRECTORY,
    OFLAG_TRUNC,
    RIGHT_FD_READ,
    RIGHT_FD_WRITE,
    RIGHTS_ALL,
)

OUT, PATH, PATH2, DATA = 8, 1024, 8192, 16384
DIR = RIGHTS_ALL & ~RIGHT_FD_WRITE

Attempt = Callable[[Any], object]

pytestmark = pytest.mark.usefixtures("untouched")

# Exchanges two names without a moment at which one is missing, tens of thousands of times a second.
SWAP = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
one, two = (os.fsencode(name) for name in sys.argv[1:])
print("ready", flush=True)
while True:
    for _ in range(1000):
        if libc.renameat2(-100, one, -100, two, 2):
            sys.exit(os.strerror(ctypes.get_errno()))
    if os.getppid() != int(os.environ["PARENT"]):
        break
"""


@pytest.fixture
def swap() -> Iterator[Callable[[Path, Path], None]]:
    """Have another process exchange two names all the time."""
    children: list[subprocess.Popen[bytes]] = []

    def start(one: Path, two: Path) -> None:
        child = subprocess.Popen(
            [sys.executable, "-S", "-c", SWAP, str(one), str(two)],
            stdout=subprocess.PIPE,
            env={"PARENT": str(os.getpid())},
        )
        assert child.stdout is not None
        if child.stdout.readline() != b"ready\n":
            pytest.skip("names can't be exchanged here")
        children.append(child)

    yield start
    for child in children:
        assert child.poll() is None, "the swapping ended early"
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


def read_secret(guest: Any) -> Errno:
    errno: Errno = guest.try_open("x/secret", 0, RIGHT_FD_READ)
    if errno is Errno.SUCCESS:
        fd = guest.u32()
        assert guest.read(fd) == b"harmless"
        guest.ok("fd_close", fd)
    return errno


def truncate_secret(guest: Any) -> Errno:
    errno: Errno = guest.try_open("x/other", OFLAG_CREAT | OFLAG_TRUNC)
    if errno is Errno.SUCCESS:
        fd = guest.u32()
        guest.write(fd, b"changed")
        guest.ok("fd_close", fd)
    return errno


def stat_secret(guest: Any) -> Errno:
    errno: Errno = guest.call("path_filestat_get", 3, 1, *guest.path("x/secret"), DATA)
    if errno is Errno.SUCCESS:
        assert struct.unpack_from("<Q", guest.memory, DATA + 32) == (8,)  # the harmless one's size
    return errno


def list_directory(guest: Any) -> Errno:
    errno: Errno = guest.try_open("x", OFLAG_DIRECTORY, DIR)
    if errno is Errno.SUCCESS:
        fd = guest.u32()
        guest.ok("fd_readdir", fd, DATA, 4000, 0, OUT)
        assert b"mark" in guest.memory[DATA : DATA + guest.u32()]
        guest.ok("fd_close", fd)
    return errno


def climb(guest: Any) -> Errno:
    errno: Errno = guest.try_open("x/../outside/secret", 0, RIGHT_FD_READ)
    assert errno is not Errno.SUCCESS
    above = guest.try_open("x/../../outside/secret", 0, RIGHT_FD_READ)
    # NOTDIR: a link when it was to be entered, a directory when the link was to be read.
    assert above in (Errno.PERM, Errno.NOTDIR)
    # Whatever `x` was at that moment, its parent is this directory or nothing.
    return Errno.SUCCESS if errno is Errno.NOENT else errno


def calling(name: str, *arguments: Any) -> Attempt:
    """An attempt that is one call; text stands for a path."""

    def attempt(guest: Any) -> Errno:
        places = iter((PATH, PATH2))
        flat: list[int] = []
        for argument in arguments:
            flat += guest.path(argument, next(places)) if isinstance(argument, str) else [argument]
        return Errno(guest.call(name, *flat))

    attempt.__name__ = name
    return attempt


# Each acts on something below `x`, which is a directory at one moment and a link to the directory
# outside at the next.
RACES: dict[str, Attempt] = {
    "open": read_secret,
    "create and truncate": truncate_secret,
    "stat": stat_secret,
    "set times": calling("path_filestat_set_times", 3, 1, "x/secret", 1, 1, 5),
    "list": list_directory,
    "climb": climb,
    "make a directory": calling("path_create_directory", 3, "x/new"),
    "remove a directory": calling("path_remove_directory", 3, "x/new"),
    "unlink": calling("path_unlink_file", 3, "x/other"),
    "link into": calling("path_link", 3, 0, "f", 3, "x/hard"),
    "link out of": calling("path_link", 3, 0, "x/secret", 3, "stolen"),
    "rename into": calling("path_rename", 3, "f", 3, "x/moved"),
    "rename out of": calling("path_rename", 3, "x/secret", 3, "stolen"),
    "symlink into": calling("path_symlink", "f", 3, "x/soft"),
    "read a link": calling("path_readlink", 3, "x/link", DATA, 100, OUT),
}


@pytest.mark.parametrize("name", RACES)
def test_a_directory_swapped_for_a_link_is_no_way_out(
    make_guest: Callable[..., Any], root: Path, swap: Callable[[Path, Path], None], name: str
) -> None:
    (root / "x").mkdir()
    (root / "x" / "mark").touch()
    (root / "x" / "secret").write_bytes(b"harmless")
    (root / "x" / "link").symlink_to("inside")
    (root / "y").symlink_to("../outside")
    (root / "f").touch()
    guest = make_guest(dirs={"/": root})
    swap(root / "x", root / "y")
    seen: set[Errno] = set()
    for round_ in range(6000):
        errno = RACES[name](guest)
        assert isinstance(errno, Errno)
        seen.add(errno)
        if round_ >= 600 and Errno.PERM in seen and len(seen) > 1:
            break
    guest.wasi.close()
    # Both states were met, so that what lies between them had its chance.
    assert Errno.PERM in seen
    assert len(seen) > 1, seen


def use_file(guest: Any) -> Errno:
    errno: Errno = guest.try_open("x", 0, RIGHTS_ALL)
    if errno is Errno.SUCCESS:
        fd = guest.u32()
        assert guest.read(fd) in (b"harmless", b"changed!")
        guest.ok("fd_seek", fd, 0, 0, OUT)
        guest.write(fd, b"changed!")
        guest.ok("fd_close", fd)
    return errno


def empty_file(guest: Any) -> Errno:
    errno: Errno = guest.try_open("x", OFLAG_CREAT | OFLAG_TRUNC)
    if errno is Errno.SUCCESS:
        fd = guest.u32()
        guest.write(fd, b"changed!")
        guest.ok("fd_close", fd)
    return errno


FILE_RACES: dict[str, Attempt] = {
    "open": use_file,
    "truncate": empty_file,
    "set times": calling("path_filestat_set_times", 3, 1, "x", 1, 1, 5),
    "set times without following": calling("path_filestat_set_times", 3, 0, "x", 1, 1, 5),
    "link": calling("path_link", 3, 0, "x", 3, "hard"),
}


@pytest.mark.parametrize("name", FILE_RACES)
def test_a_file_swapped_for_a_link_is_no_way_out(
    make_guest: Callable[..., Any], root: Path, swap: Callable[[Path, Path], None], name: str
) -> None:
    (root / "x").write_bytes(b"harmless")
    (root / "y").symlink_to("../outside/secret")
    guest = make_guest(dirs={"/": root})
    swap(root / "x", root / "y")
    for _ in range(1500):
        FILE_RACES[name](guest)
        if (root / "hard").is_symlink() or (root / "hard").exists():
            (root / "hard").unlink()
    guest.wasi.close()


def test_directories_swapped_for_each_other_while_climbing_are_no_way_out(
    make_guest: Callable[..., Any], root: Path, swap: Callable[[Path, Path], None]
) -> None:
    """`a/b` and a directory outside change places, so that its parent is not always inside."""
    (root / "a" / "b" / "c").mkdir(parents=True)
    elsewhere = root.parent / "elsewhere"
    (elsewhere / "b" / "c").mkdir(parents=True)
    (elsewhere / "secret").write_text("secret")
    guest = make_guest(dirs={"/": root})
    swap(root / "a" / "b", elsewhere / "b")
    for _ in range(1000):
        for path in ("a/b/../secret", "a/b/c/../../secret", "a/b/c/../../../secret"):
            assert guest.try_open(path, 0, RIGHT_FD_READ) is Errno.NOENT
        assert guest.try_open("a/b/../../../elsewhere", 0, RIGHT_FD_READ) is Errno.PERM
    guest.wasi.close()
