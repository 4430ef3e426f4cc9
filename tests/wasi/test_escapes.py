"""Ways out of a directory, all of which must end in an errno and leave the outside alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wasmwright.wasi import Errno
from wasmwright.wasi.abi import OFLAG_CREAT, OFLAG_TRUNC, RIGHT_FD_READ, RIGHTS_ALL

OUT, PATH2, DATA = 8, 8192, 16384
OUTSIDE = {Errno.PERM, Errno.NOTCAPABLE}

PATHS = [
    "..",
    "../",
    "../.",
    "./..",
    "../outside/secret",
    "../inside/f",
    "../../../../../../etc/passwd",
    "/etc/passwd",
    "/",
    "//",
    "d/../../outside/secret",
    "d/e/../../../outside/secret",
    "d/./e/.././../../outside/secret",
    "d//..//..//outside/secret",
    "up",
    "up/secret",
    "up/../outside/secret",
    "absolute",
    "absolute/secret",
    "root/etc/passwd",
    "secret-link",
    "secret-absolute",
    "chain",
    "chain/secret",
    "d/deep/secret",
    "d/e/climb/outside/secret",
    "d/dotdot/../outside/secret",
    "proc/self/root/etc/passwd",
    "proc/self/cwd",
    "inner-link/../../outside/secret",
    "slash-link/secret",
]


@pytest.fixture
def maze(root: Path) -> Path:
    outside = root.parent / "outside"
    (root / "d" / "e").mkdir(parents=True)
    (root / "f").write_text("inside")
    for link, target in {
        "up": "../outside",
        "absolute": str(outside),
        "root": "/",
        "secret-link": "../outside/secret",
        "secret-absolute": str(outside / "secret"),
        "chain": "chain2",
        "chain2": "d/../chain3",
        "chain3": "d/e/../../../outside",
        "d/deep": "../up",
        "d/e/climb": "../../..",
        "d/dotdot": "..",
        "proc": "/proc",
        "inner-link": "d",
        "slash-link": "../outside/",
        "new": "../outside/new",
        "self": "self",
        "a": "b",
        "b": "a",
    }.items():
        (root / link).symlink_to(target)
    return root


def untouched(root: Path) -> bool:
    outside = root.parent / "outside"
    return os.listdir(outside) == ["secret"] and (outside / "secret").read_text() == "secret"


@pytest.mark.parametrize("path", PATHS)
def test_no_function_gets_out(guest: Any, maze: Path, path: str) -> None:
    for oflags in (0, OFLAG_CREAT, OFLAG_TRUNC):
        assert guest.try_open(path, oflags, RIGHT_FD_READ) in OUTSIDE
    assert guest.call("path_filestat_get", 3, 1, *guest.path(path), DATA) in OUTSIDE
    assert guest.call("path_filestat_set_times", 3, 1, *guest.path(path), 1, 1, 5) in OUTSIDE
    inside = guest.path("f", PATH2)
    # Whether the last link is followed differs; that nothing outside changes does not.
    for name, *args in (
        ("path_create_directory", 3, *guest.path(path + "/made")),
        ("path_unlink_file", 3, *guest.path(path + "/secret")),
        ("path_remove_directory", 3, *guest.path(path + "/../outside")),
        ("path_link", 3, 0, *inside, 3, *guest.path(path + "/linked")),
        ("path_rename", 3, *inside, 3, *guest.path(path + "/moved")),
        ("path_symlink", *inside, 3, *guest.path(path + "/symlinked")),
        ("path_readlink", 3, *guest.path(path + "/x"), DATA, 100, OUT),
    ):
        assert guest.call(name, *args) in OUTSIDE | {Errno.NOTDIR}
    assert untouched(maze)
    assert (maze / "f").read_text() == "inside"


def test_creating_through_a_link_to_outside(guest: Any, maze: Path) -> None:
    assert guest.try_open("new", OFLAG_CREAT) is Errno.PERM
    assert guest.try_open("new", OFLAG_CREAT, follow=False) is Errno.LOOP
    assert untouched(maze)


def test_absolute_link_targets_cannot_be_made(guest: Any, maze: Path) -> None:
    assert guest.call("path_symlink", *guest.path("/etc", PATH2), 3, *guest.path("n")) is Errno.PERM


def test_links_that_go_in_circles(guest: Any, maze: Path) -> None:
    for path in ("self", "self/x", "a", "a/x", "b/"):
        assert guest.try_open(path, 0, 0) is Errno.LOOP
        assert guest.call("path_filestat_get", 3, 1, *guest.path(path), DATA) is Errno.LOOP


def test_links_up_to_the_limit_are_followed(guest: Any, maze: Path) -> None:
    (maze / "l0").symlink_to("f")
    for index in range(60):
        (maze / f"l{index + 1}").symlink_to(f"l{index}")
    guest.open("l39", 0, RIGHT_FD_READ)
    assert guest.try_open("l40", 0, RIGHT_FD_READ) is Errno.LOOP


def test_links_that_explode_end(guest: Any, root: Path) -> None:
    previous = "."
    for index in range(12):
        (root / f"x{index}").symlink_to("/".join([previous] * 30))
        previous = f"x{index}"
    assert guest.try_open("x11", 0, 0) is Errno.LOOP


def test_depth_is_bounded_and_nothing_leaks(guest: Any, root: Path) -> None:
    fd = os.open(root, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=fd)
        inner = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)
    before = len(os.listdir("/proc/self/fd"))
    assert guest.try_open("d/" * 299 + "f", OFLAG_CREAT) is Errno.NAMETOOLONG
    assert len(os.listdir("/proc/self/fd")) == before
    guest.open("d/" * 200 + "f", OFLAG_CREAT)
    guest.open("d/../" * 200 + "f", OFLAG_CREAT)


def test_a_directory_moved_out_is_no_way_out(guest: Any, maze: Path) -> None:
    """`..` is answered by where the walk came from, not by where a directory is now."""
    fd = guest.open("d/e", 0, RIGHTS_ALL & ~(1 << 6))
    (maze / "d" / "e").rename(maze.parent / "outside" / "e")
    assert guest.try_open("..", 0, 0, fd=fd) in OUTSIDE
    assert guest.try_open("../secret", 0, 0, fd=fd) in OUTSIDE


@pytest.fixture
def swapping() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Run a function over and over in a thread, until the test ends."""
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def start(function: Callable[[], None]) -> None:
        def loop() -> None:
            while not stop.is_set():
                function()

        threads.append(threading.Thread(target=loop))
        threads[-1].start()

    yield start
    stop.set()
    for thread in threads:
        thread.join()


def test_swapping_a_directory_for_a_link_does_not_win(
    guest: Any, root: Path, swapping: Callable[[Callable[[], None]], None]
) -> None:
    (root / "real").mkdir()
    (root / "real" / "secret").write_text("harmless")
    (root / "bad").symlink_to("../outside")

    def swap() -> None:
        os.rename(root / "real", root / "target")
        os.rename(root / "target", root / "real")
        os.rename(root / "bad", root / "target")
        os.rename(root / "target", root / "bad")

    swapping(swap)
    seen = set()
    for _ in range(1500):
        errno = guest.try_open("target/secret", 0, RIGHT_FD_READ)
        seen.add(errno)
        if errno is Errno.SUCCESS:
            fd = guest.u32()
            assert guest.read(fd) == b"harmless"
            guest.ok("fd_close", fd)
        guest.call("path_unlink_file", 3, *guest.path("target/none"))
        guest.call("path_create_directory", 3, *guest.path("target/none"))
        guest.call("path_remove_directory", 3, *guest.path("target/none"))
    assert seen <= {Errno.SUCCESS, Errno.NOENT, Errno.PERM, Errno.NOTDIR}
    assert untouched(root)


def test_swapping_a_file_for_a_link_does_not_win(
    guest: Any, root: Path, swapping: Callable[[Callable[[], None]], None]
) -> None:
    (root / "real").write_text("harmless")
    (root / "bad").symlink_to("../outside/secret")

    def swap() -> None:
        os.replace(root / "real", root / "f")
        os.rename(root / "f", root / "real")
        os.replace(root / "bad", root / "f")
        os.rename(root / "f", root / "bad")

    swapping(swap)
    for _ in range(1500):
        if guest.try_open("f", 0, RIGHT_FD_READ) is Errno.SUCCESS:
            fd = guest.u32()
            assert guest.read(fd) in (b"harmless", b"")
            guest.ok("fd_close", fd)
        guest.try_open("f", OFLAG_TRUNC, 0)
        guest.call("path_filestat_set_times", 3, 1, *guest.path("f"), 0, 1, 4)
        for number in range(4, 8):
            guest.call("fd_close", number)
    assert untouched(root)
    assert (root.parent / "outside" / "secret").stat().st_mtime_ns > 1


def test_moving_directories_about_while_climbing_does_not_win(
    guest: Any, root: Path, swapping: Callable[[Callable[[], None]], None]
) -> None:
    (root / "a" / "b" / "c").mkdir(parents=True)
    elsewhere = root.parent / "outside2"
    elsewhere.mkdir()
    (root.parent / "secret").write_text("secret")

    def swap() -> None:
        os.rename(root / "a" / "b", elsewhere / "b")
        os.rename(elsewhere / "b", root / "a" / "b")

    swapping(swap)
    for _ in range(1500):
        for path in ("a/b/c/../../../secret", "a/b/../../../secret", "a/b/c/../../secret"):
            assert guest.try_open(path, 0, RIGHT_FD_READ) is not Errno.SUCCESS
