from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wasmwright.wasi import Errno, Filetype, MemoryDirectory, OverlayDirectory, ReadOnly, Symlink
from wasmwright.wasi.abi import (
    FDFLAG_APPEND,
    OFLAG_CREAT,
    OFLAG_DIRECTORY,
    OFLAG_TRUNC,
    RIGHT_FD_READ,
    RIGHT_FD_WRITE,
    RIGHTS_ALL,
)

OUT, DATA, PATH2 = 8, 16384, 8192
DIR = RIGHTS_ALL & ~RIGHT_FD_WRITE

Make = Callable[..., Any]


@pytest.fixture
def site(root: Path) -> Path:
    """A directory of the host, to compare with afterwards."""
    (root / "d" / "e").mkdir(parents=True)
    (root / "f").write_bytes(b"content of f")
    (root / "d" / "g").write_bytes(b"gg")
    (root / "d" / "e" / "h").write_bytes(b"h" * 5000)
    (root / "l").symlink_to("d/g")
    return root


def snapshot(folder: Path) -> dict[str, Any]:
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else path.is_dir(),
        )
        for path in sorted(folder.rglob("*"))
    }


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_reading_takes_no_memory(make_guest: Make, site: Path) -> None:
    overlay = OverlayDirectory(site)
    guest = make_guest(dirs={"/": overlay})
    assert guest.read(guest.open("d/e/h"), 8000) == b"h" * 5000
    assert guest.read(guest.open("l")) == b"gg"
    guest.ok("fd_readdir", 3, DATA, 4096, 0, OUT)
    assert (overlay.size, overlay._node.store.names, overlay.changes()) == (0, 0, {})
    assert overlay.tree() == {
        "f": b"content of f",
        "d": {"g": b"gg", "e": {"h": b"h" * 5000}},
        "l": Symlink("d/g"),
    }


def test_all_changes_stay_in_memory(make_guest: Make, site: Path) -> None:
    before = snapshot(site)
    overlay = OverlayDirectory(site)
    guest = make_guest(dirs={"/": overlay})
    guest.write(guest.open("f", fdflags=FDFLAG_APPEND), b"+")
    guest.write(guest.open("d/e/h"), b"changed")
    guest.write(guest.open("new", OFLAG_CREAT), b"new")
    guest.ok("path_create_directory", 3, *guest.path("made"))
    guest.ok("path_symlink", *guest.path("f", PATH2), 3, *guest.path("made/link"))
    guest.ok("path_unlink_file", 3, *guest.path("l"))
    guest.ok("path_rename", 3, *guest.path("d/g"), 3, *guest.path("moved", PATH2))
    guest.ok("path_filestat_set_times", 3, 0, *guest.path("d"), 5, 6, 1 | 4)
    guest.wasi.close()
    assert overlay.changes() == {
        "f": b"content of f+",
        "d/e/h": b"changed" + b"h" * 4993,
        "new": b"new",
        "made": {},
        "made/link": Symlink("f"),
        "l": None,
        "d/g": None,
        "moved": b"gg",
    }
    assert make_guest(dirs={"/": overlay}).stat("d")[5:7] == (5, 6)
    assert snapshot(site) == before
    assert OverlayDirectory(site).changes() == {}


def test_removed_names_are_gone_and_can_come_back(make_guest: Make, site: Path) -> None:
    overlay = OverlayDirectory(site)
    guest = make_guest(dirs={"/": overlay})
    assert guest.call("path_remove_directory", 3, *guest.path("d")) is Errno.NOTEMPTY
    for call, path in (
        ("path_unlink_file", "d/e/h"),
        ("path_remove_directory", "d/e"),
        ("path_unlink_file", "d/g"),
        ("path_remove_directory", "d"),
        ("path_unlink_file", "f"),
    ):
        guest.ok(call, 3, *guest.path(path))
    assert guest.try_open("d/g") is Errno.NOENT
    assert guest.try_open("f") is Errno.NOENT
    guest.ok("path_create_directory", 3, *guest.path("d"))
    assert overlay.tree() == {"d": {}, "l": Symlink("d/g")}  # nothing shines through
    guest.write(guest.open("f", OFLAG_CREAT), b"another")
    assert overlay.changes() == {"d": {}, "f": b"another"}
    guest.ok("path_unlink_file", 3, *guest.path("f"))
    assert overlay.changes() == {"d": {}, "f": None}


def test_a_directory_moves_with_all_that_is_in_it(make_guest: Make, site: Path) -> None:
    overlay = OverlayDirectory(site)
    guest = make_guest(dirs={"/": overlay})
    fd = guest.open("d/e", OFLAG_DIRECTORY, DIR)
    guest.ok("path_rename", 3, *guest.path("d"), 3, *guest.path("n", PATH2))
    assert guest.read(guest.open("n/g")) == b"gg"
    guest.write(guest.open("h", fdflags=FDFLAG_APPEND, fd=fd), b"!")
    assert guest.try_open("d/g") is Errno.NOENT
    assert overlay.changes() == {
        "d": None,
        "n": {},
        "n/g": b"gg",
        "n/e": {},
        "n/e/h": b"h" * 5000 + b"!",
    }
    assert (
        guest.call("path_rename", 3, *guest.path("n"), 3, *guest.path("n/e/x", PATH2))
        is Errno.INVAL
    )


def test_open_files_see_the_change_of_another_descriptor(make_guest: Make, site: Path) -> None:
    guest = make_guest(dirs={"/": OverlayDirectory(site)})
    reading = guest.open("f", 0, RIGHT_FD_READ)
    before = guest.stat("f")[:2]
    assert guest.read(reading, 7) == b"content"
    guest.ok("fd_filestat_set_size", guest.open("f"), 9)
    assert guest.read(reading) == b" o"
    assert guest.stat("f")[:2] == before


def test_unlinked_files_of_the_layer_stay_open(make_guest: Make, site: Path) -> None:
    overlay = OverlayDirectory(site)
    guest = make_guest(dirs={"/": overlay})
    fd = guest.open("f")
    guest.ok("path_unlink_file", 3, *guest.path("f"))
    assert guest.read(fd) == b"content of f"
    guest.write(fd, b" and more")
    guest.ok("fd_seek", fd, 0, 0, OUT)
    assert guest.read(fd) == b"content of f and more"
    guest.ok("fd_close", fd)
    assert (overlay.size, overlay.changes()) == (0, {"f": None})


def test_emptying_a_file_reads_nothing_of_it(make_guest: Make, site: Path) -> None:
    with open(site / "huge", "wb") as file:
        file.truncate(1 << 40)
    overlay = OverlayDirectory(site, max_bytes=100)
    guest = make_guest(dirs={"/": overlay})
    fd = guest.open("huge", 0)
    assert guest.call("fd_write", fd, *guest.iovs((DATA, 1)), OUT) is Errno.NOSPC
    guest.ok("fd_pread", fd, *guest.iovs((DATA, 10)), 1 << 39, OUT)
    guest.open("huge", OFLAG_TRUNC)
    guest.write(fd, b"small")
    assert overlay.read_bytes("huge") == b"small"


def test_changes_are_bounded(make_guest: Make, site: Path) -> None:
    overlay = OverlayDirectory(site, max_bytes=4000, max_names=3)
    guest = make_guest(dirs={"/": overlay})
    fd = guest.open("d/e/h")
    assert guest.call("fd_write", fd, *guest.iovs((DATA, 1)), OUT) is Errno.NOSPC
    assert guest.read(fd, 10) == b"h" * 10
    guest.ok("fd_filestat_set_size", fd, 4000)  # its first bytes have room
    assert guest.call("path_unlink_file", 3, *guest.path("f")) is Errno.NOSPC  # d, d/e, d/e/h
    assert guest.read(guest.open("f", 0, RIGHT_FD_READ)) == b"content of f"


def test_nothing_is_opened_that_reading_would_change(make_guest: Make, site: Path) -> None:
    os.mkfifo(site / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(site / "s"))
        guest = make_guest(dirs={"/": OverlayDirectory(site)})
        for name, kind in (("pipe", Filetype.UNKNOWN), ("s", Filetype.SOCKET_STREAM)):
            assert guest.stat(name)[2] == kind
            assert guest.try_open(name, 0, RIGHT_FD_READ) is Errno.ACCES
            assert guest.try_open(name, 0, RIGHT_FD_WRITE) is Errno.ACCES
        guest.ok("path_unlink_file", 3, *guest.path("pipe"))
    assert (site / "pipe").exists()


def test_there_is_no_way_out_through_it(make_guest: Make, site: Path) -> None:
    (site / "up").symlink_to("../outside")
    (site / "abs").symlink_to(site.parent / "outside")
    guest = make_guest(dirs={"/": OverlayDirectory(site)})
    for path in ("up/secret", "abs/secret", "../outside/secret", "d/../../outside/secret"):
        assert guest.try_open(path, 0, RIGHT_FD_READ) is Errno.PERM
        assert guest.try_open(path, OFLAG_CREAT | OFLAG_TRUNC) is Errno.PERM
    guest.ok("path_rename", 3, *guest.path("up"), 3, *guest.path("d/up", PATH2))
    assert guest.try_open("d/up/secret", 0, RIGHT_FD_READ) is Errno.NOENT
    assert (site.parent / "outside" / "secret").read_text() == "secret"


def test_names_that_the_host_swaps_for_links_are_not_followed(make_guest: Make, site: Path) -> None:
    guest = make_guest(dirs={"/": OverlayDirectory(site)})
    fd = guest.open("d/e", OFLAG_DIRECTORY, DIR)
    (site / "d" / "e" / "h").unlink()
    (site / "d" / "e").rmdir()
    (site / "d" / "e").symlink_to(site.parent / "outside")
    assert guest.try_open("secret", 0, RIGHT_FD_READ, fd=fd) in (Errno.LOOP, Errno.NOTDIR)
    assert guest.try_open("d/e/secret", 0, RIGHT_FD_READ) is not Errno.SUCCESS


def test_few_host_descriptors_are_open_whatever_the_guest_does(
    make_guest: Make, site: Path
) -> None:
    for index in range(100):
        (site / f"dir{index}" / "in").mkdir(parents=True)
        (site / f"dir{index}" / "in" / "f").write_bytes(b"x")
    before = open_descriptors()
    overlay = OverlayDirectory(site)
    guest = make_guest(dirs={"/": overlay})
    for index in range(100):
        fd = guest.open(f"dir{index}/in/f")
        guest.write(fd, b"y")
        guest.open(f"dir{index}/in", OFLAG_DIRECTORY, DIR)
    assert open_descriptors() - before <= 20
    assert len(overlay.changes()) == 100
    guest.wasi.close()
    del overlay, guest
    assert open_descriptors() == before


def test_any_directory_can_be_below(make_guest: Make) -> None:
    memory = MemoryDirectory({"f": b"memory"})
    overlay = OverlayDirectory(OverlayDirectory(memory))
    guest = make_guest(dirs={"/": overlay, "/ro": ReadOnly(overlay)})
    guest.write(guest.open("f", OFLAG_TRUNC), b"over")
    assert guest.read(guest.open("f", 0, RIGHT_FD_READ, fd=4, inheriting=0)) == b"over"
    assert memory.read_bytes("f") == b"memory"


def test_a_missing_directory_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        OverlayDirectory(tmp_path / "none")
