from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wasmwright.wasi import Errno, Filetype, ReadOnly
from wasmwright.wasi.abi import (
    OFLAG_CREAT,
    OFLAG_DIRECTORY,
    OFLAG_EXCL,
    OFLAG_TRUNC,
    RIGHT_FD_ALLOCATE,
    RIGHT_FD_READ,
    RIGHT_FD_READDIR,
    RIGHT_FD_WRITE,
    RIGHT_PATH_CREATE_FILE,
    RIGHT_PATH_FILESTAT_SET_SIZE,
    RIGHT_PATH_OPEN,
    RIGHTS_ALL,
)

OUT, PATH, PATH2, DATA, SIZE = 8, 1024, 8192, 16384, 65536
DIR = RIGHTS_ALL & ~RIGHT_FD_WRITE


def test_open_creates_truncates_and_excludes(guest: Any, root: Path) -> None:
    assert guest.try_open("f") is Errno.NOENT
    fd = guest.open("f", OFLAG_CREAT | OFLAG_EXCL)
    guest.write(fd, b"data")
    assert guest.try_open("f", OFLAG_CREAT | OFLAG_EXCL) is Errno.EXIST
    assert guest.read(guest.open("f", OFLAG_CREAT)) == b"data"
    guest.open("f", OFLAG_TRUNC, RIGHT_FD_READ)
    assert (root / "f").read_bytes() == b""
    guest.open("f", OFLAG_TRUNC, 0)


def test_open_directories(guest: Any, root: Path) -> None:
    (root / "d").mkdir()
    (root / "f").touch()
    assert guest.try_open("f", OFLAG_DIRECTORY, 0) is Errno.NOTDIR
    assert guest.try_open("d", 0, RIGHT_FD_WRITE) is Errno.ISDIR
    assert guest.try_open("d", OFLAG_CREAT, 0) is Errno.ISDIR
    assert guest.try_open("d", OFLAG_CREAT | OFLAG_DIRECTORY, 0) is Errno.INVAL
    # Rights that mean nothing for a directory are dropped.
    fd = guest.open("d", 0, RIGHT_FD_ALLOCATE | RIGHT_FD_READDIR)
    guest.ok("fd_fdstat_get", fd, OUT)
    assert (guest.memory[OUT], guest.u64(OUT + 8)) == (3, RIGHT_FD_READDIR)
    for same in (".", "./", "d/..", "d/../.", ".//d/.././"):
        guest.ok("fd_filestat_get", guest.open(same, OFLAG_DIRECTORY, DIR), OUT)
        assert guest.u64(OUT + 8) == root.stat().st_ino
    assert guest.try_open("d/..", OFLAG_CREAT, 0) is Errno.ISDIR


@pytest.mark.parametrize("path", ["f/", "f//", "f/.", "f/..", "f/x"])
def test_a_file_is_no_directory(guest: Any, root: Path, path: str) -> None:
    (root / "f").touch()
    assert guest.try_open(path, 0, 0) is Errno.NOTDIR
    assert guest.call("path_filestat_get", 3, 1, *guest.path(path), DATA) is Errno.NOTDIR


def test_rights_of_the_directory_gate_oflags(guest: Any) -> None:
    guest.open("f", OFLAG_CREAT)
    for withheld, oflags in (
        (RIGHT_PATH_OPEN, 0),
        (RIGHT_PATH_CREATE_FILE, OFLAG_CREAT),
        (RIGHT_PATH_FILESTAT_SET_SIZE, OFLAG_TRUNC),
    ):
        fd = guest.open(".", OFLAG_DIRECTORY, DIR & ~withheld)
        assert guest.try_open("f", oflags, 0, fd=fd) is Errno.NOTCAPABLE
    assert guest.try_open("f", 1 << 4) is Errno.INVAL
    assert guest.try_open("f", fdflags=1 << 5) is Errno.INVAL
    file = guest.open("f", 0, 0)
    assert guest.try_open("x", 0, 0, fd=file) is Errno.NOTDIR
    assert guest.try_open("x", 0, 0, fd=99) is Errno.BADF


def test_read_only_directories_cannot_be_changed(
    make_guest: Callable[..., Any], root: Path
) -> None:
    (root / "rw").mkdir()
    (root / "ro").mkdir()
    (root / "ro" / "f").write_text("keep")
    guest = make_guest(dirs={"/ro": ReadOnly(root / "ro"), "/rw": root / "rw"})
    assert guest.read(guest.open("f", 0, RIGHT_FD_READ, inheriting=0)) == b"keep"
    assert guest.try_open("f", 0, RIGHT_FD_WRITE, inheriting=0) is Errno.NOTCAPABLE
    assert guest.try_open("f", OFLAG_TRUNC, 0, inheriting=0) is Errno.NOTCAPABLE
    assert guest.try_open("g", OFLAG_CREAT, 0, inheriting=0) is Errno.NOTCAPABLE
    f = guest.path("f")
    assert guest.call("path_unlink_file", 3, *f) is Errno.NOTCAPABLE
    assert guest.call("path_create_directory", 3, *f) is Errno.NOTCAPABLE
    assert guest.call("path_rename", 3, *f, 4, *f) is Errno.NOTCAPABLE
    assert guest.call("path_link", 3, 0, *f, 4, *f) is Errno.NOTCAPABLE
    assert guest.call("path_symlink", *f, 3, *f) is Errno.NOTCAPABLE
    assert guest.call("path_filestat_set_times", 3, 0, *f, 0, 0, 1) is Errno.NOTCAPABLE


def test_make_and_remove_directories(guest: Any, root: Path) -> None:
    guest.ok("path_create_directory", 3, *guest.path("d"))
    guest.ok("path_create_directory", 3, *guest.path("d/e/"))
    assert (root / "d" / "e").is_dir()
    assert guest.call("path_create_directory", 3, *guest.path("d")) is Errno.EXIST
    assert guest.call("path_create_directory", 3, *guest.path(".")) is Errno.EXIST
    assert guest.call("path_create_directory", 3, *guest.path("x/y")) is Errno.NOENT
    assert guest.call("path_remove_directory", 3, *guest.path("d")) is Errno.NOTEMPTY
    assert guest.call("path_remove_directory", 3, *guest.path("d/.")) is Errno.INVAL
    guest.ok("path_remove_directory", 3, *guest.path("d/e/"))
    guest.ok("path_remove_directory", 3, *guest.path("d"))
    assert list(root.iterdir()) == []


def test_filestat_follows_links_only_when_asked(guest: Any, root: Path) -> None:
    (root / "f").write_text("abc")
    (root / "l").symlink_to("f")
    assert guest.stat("f")[2:5] == (Filetype.REGULAR_FILE, 1, 3)
    assert guest.stat("l")[2:5] == (Filetype.REGULAR_FILE, 1, 3)
    assert guest.stat("l", follow=False)[2] == Filetype.SYMBOLIC_LINK
    assert guest.stat(".")[1:3] == (root.stat().st_ino, Filetype.DIRECTORY)


def test_set_times_by_path(guest: Any, root: Path) -> None:
    (root / "f").write_text("abc")
    (root / "l").symlink_to("f")
    guest.ok("path_filestat_set_times", 3, 1, *guest.path("l"), 7, 9, 1 | 4)
    assert (root / "f").stat().st_mtime_ns == 9
    guest.ok("path_filestat_set_times", 3, 0, *guest.path("l"), 7, 11, 4)
    assert (root / "f").stat().st_mtime_ns == 9
    assert (root / "l").lstat().st_mtime_ns == 11
    guest.ok("path_filestat_set_times", 3, 0, *guest.path("."), 0, 13, 4)
    assert root.stat().st_mtime_ns == 13
    assert guest.call("path_filestat_set_times", 3, 0, *guest.path("f"), 0, 0, 3) is Errno.INVAL


def test_link_rename_unlink(guest: Any, root: Path) -> None:
    (root / "f").write_text("f")
    (root / "d").mkdir()
    guest.ok("path_link", 3, 0, *guest.path("f"), 3, *guest.path("d/g", PATH2))
    assert (root / "d" / "g").stat().st_nlink == 2
    assert guest.call("path_link", 3, 0, *guest.path("f"), 3, *guest.path("d/g", PATH2)) is (
        Errno.EXIST
    )
    assert guest.call("path_link", 3, 1, *guest.path("f"), 3, *guest.path("h", PATH2)) is (
        Errno.INVAL
    )
    assert guest.call("path_link", 3, 0, *guest.path("d"), 3, *guest.path("h", PATH2)) is (
        Errno.PERM
    )
    fd = guest.open("d", OFLAG_DIRECTORY, DIR)
    guest.ok("path_rename", fd, *guest.path("g"), 3, *guest.path("h", PATH2))
    assert (root / "h").read_text() == "f"
    assert guest.call("path_rename", 3, *guest.path("f/"), 3, *guest.path("k", PATH2)) is (
        Errno.NOTDIR
    )
    assert guest.call("path_rename", 3, *guest.path("."), 3, *guest.path("k", PATH2)) is Errno.BUSY
    assert guest.call("path_unlink_file", 3, *guest.path("d")) is Errno.ISDIR
    assert guest.call("path_unlink_file", 3, *guest.path("f/")) is Errno.NOTDIR
    guest.ok("path_unlink_file", 3, *guest.path("f"))
    guest.ok("path_unlink_file", 3, *guest.path("h"))
    assert guest.call("path_unlink_file", 3, *guest.path("h")) is Errno.NOENT


def test_symlink_and_readlink(guest: Any, root: Path) -> None:
    guest.ok("path_symlink", *guest.path("tärget", PATH2), 3, *guest.path("l"))
    assert os.readlink(root / "l") == "tärget"
    guest.memory[DATA : DATA + 10] = b"." * 10
    guest.ok("path_readlink", 3, *guest.path("l"), DATA, 10, OUT)
    assert (guest.u32(), guest.memory[DATA : DATA + 10]) == (7, "tärget...".encode())
    guest.ok("path_readlink", 3, *guest.path("l"), DATA, 1, OUT)
    assert guest.u32() == 1
    assert guest.call("path_readlink", 3, *guest.path("."), DATA, 9, OUT) is Errno.INVAL
    assert guest.call("path_symlink", *guest.path("", PATH2), 3, *guest.path("m")) is Errno.NOENT
    assert guest.call("path_symlink", *guest.path("x", PATH2), 3, *guest.path("m/")) is Errno.NOENT
    assert guest.call("path_symlink", *guest.path("x", PATH2), 3, *guest.path("l")) is Errno.EXIST


def test_creating_through_a_dangling_link_creates_its_target(guest: Any, root: Path) -> None:
    (root / "l").symlink_to("d/target")
    (root / "d").mkdir()
    assert guest.try_open("l", OFLAG_CREAT | OFLAG_EXCL) is Errno.EXIST
    assert guest.try_open("l", OFLAG_CREAT, follow=False) is Errno.LOOP
    guest.open("l", OFLAG_CREAT)
    assert (root / "d" / "target").exists()


@pytest.mark.parametrize(
    ("path", "errno"),
    [
        (b"", Errno.NOENT),
        (b"a\0b", Errno.INVAL),
        (b"f\0", Errno.INVAL),
        (b"\xff\xfe", Errno.ILSEQ),
        (b"\xed\xa0\x80", Errno.ILSEQ),
        (b"a" * 5000, Errno.NAMETOOLONG),
        (b"a" * 300, Errno.NAMETOOLONG),
    ],
)
def test_paths_that_are_none(guest: Any, path: bytes, errno: Errno) -> None:
    assert guest.try_open(path, OFLAG_CREAT) is errno
    assert guest.call("path_create_directory", 3, *guest.path(path)) is errno
    assert guest.call("path_filestat_get", 3, 0, *guest.path(path), DATA) is errno
    assert guest.call("path_unlink_file", 3, *guest.path(path)) is errno


def test_links_with_other_encodings_work_but_cannot_be_read(guest: Any, root: Path) -> None:
    raw = os.fsencode(root)
    os.mkdir(raw + b"/d\xff")
    os.symlink(b"d\xff", raw + b"/l")
    (root / "l" / "f").write_text("x")
    assert guest.read(guest.open("l/f", 0, RIGHT_FD_READ)) == b"x"
    assert guest.call("path_readlink", 3, *guest.path("l"), DATA, 9, OUT) is Errno.ILSEQ


@pytest.mark.parametrize("pointer", [SIZE - 3, SIZE, -1, -(1 << 31)])
def test_bad_pointers_fault_and_change_nothing(guest: Any, root: Path, pointer: int) -> None:
    path = guest.path("new")
    assert guest.call("path_open", 3, 0, *path, OFLAG_CREAT, 0, 0, 0, pointer) is Errno.FAULT
    assert guest.call("path_open", 3, 0, pointer, 4, OFLAG_CREAT, 0, 0, 0, OUT) is Errno.FAULT
    assert guest.call("path_open", 3, 0, 0, -1, OFLAG_CREAT, 0, 0, 0, OUT) is Errno.FAULT
    assert guest.call("path_create_directory", 3, pointer, 4) is Errno.FAULT
    assert guest.call("path_symlink", pointer, 4, 3, *path) is Errno.FAULT
    assert guest.call("path_filestat_get", 3, 0, *guest.path("."), pointer) is Errno.FAULT
    (root / "l").symlink_to("x")
    assert guest.call("path_readlink", 3, *guest.path("l"), pointer, 4, OUT) is Errno.FAULT
    assert guest.call("path_readlink", 3, *guest.path("l"), DATA, 4, pointer) is Errno.FAULT
    (root / "l").unlink()
    assert list(root.iterdir()) == []
    assert guest.open(".", 0, 0) == 4


def test_devices_and_pipes_are_streams(make_guest: Callable[..., Any]) -> None:
    guest = make_guest(dirs={"/dev": "/dev"})
    fd = guest.open("zero", 0, RIGHT_FD_READ)
    assert guest.read(fd, 5) == bytes(5)
    guest.ok("fd_fdstat_get", fd, OUT)
    assert guest.memory[OUT] == Filetype.UNKNOWN
    assert guest.call("fd_seek", fd, 0, 0, OUT) is Errno.SPIPE
