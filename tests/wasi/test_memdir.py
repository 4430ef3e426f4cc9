from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from wasmwright.wasi import Errno, MemoryDirectory, ReadOnly, Symlink
from wasmwright.wasi.abi import (
    FDFLAG_APPEND,
    OFLAG_CREAT,
    OFLAG_DIRECTORY,
    RIGHT_FD_READ,
    RIGHT_FD_WRITE,
    RIGHTS_ALL,
)

OUT, DATA, PATH2 = 8, 16384, 8192
DIR = RIGHTS_ALL & ~RIGHT_FD_WRITE

Make = Callable[..., Any]


# -- contents ----------------------------------------------------------------------------


def test_contents_go_in_and_come_back() -> None:
    contents = {"a": b"1", "d": {"b": b"2", "e": {}}, "l": Symlink("d/b")}
    directory = MemoryDirectory(contents)
    assert directory.tree() == contents
    assert MemoryDirectory(directory.tree()).tree() == contents
    assert directory.read_bytes("d/b") == directory.read_bytes("/l") == b"2"
    assert MemoryDirectory().tree() == {}


def test_contents_may_be_paths_text_and_any_bytes() -> None:
    directory = MemoryDirectory(
        {"etc/motd": "schön", "/etc/x/y": bytearray(b"y"), "etc": {"z": memoryview(b"z")}}
    )
    assert directory.tree() == {"etc": {"motd": "schön".encode(), "x": {"y": b"y"}, "z": b"z"}}
    assert directory.read_text("etc/motd") == "schön"


def test_the_host_writes_while_guests_are_there(make_guest: Make) -> None:
    directory = MemoryDirectory()
    guest = make_guest(dirs={"/": directory})
    directory.write_bytes("new/deep/f", b"from the host")
    fd = guest.open("new/deep/f")
    assert guest.read(fd) == b"from the host"
    guest.write(fd, b" and guest")
    assert directory.read_bytes("new/deep/f") == b"from the host and guest"
    directory.write_bytes("new/deep/f", b"over")
    assert directory.read_bytes("new/deep/f") == b"over"


@pytest.mark.parametrize("name", ["", "a/", "a/..", ".", "a/.", "/"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ValueError, match="not the path of a file"):
        MemoryDirectory({name: b""})


def test_contents_of_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="d/f: contents are bytes, str, Symlink or a mapping"):
        MemoryDirectory({"d": {"f": 3}})  # type: ignore[dict-item]
    with pytest.raises(PermissionError):
        MemoryDirectory({"../f": b""})
    with pytest.raises(IsADirectoryError):
        MemoryDirectory({"d": {}}).read_bytes("d")
    with pytest.raises(FileNotFoundError):
        MemoryDirectory().read_bytes("f")
    with pytest.raises(ValueError, match="negative"):
        MemoryDirectory(max_bytes=-1)


def test_it_outlives_its_guests_and_is_shared_by_them(make_guest: Make) -> None:
    directory = MemoryDirectory()
    first, second = (make_guest(dirs={"/": directory}) for _ in range(2))
    fd = first.open("f", OFLAG_CREAT)
    first.write(fd, b"seen by both")
    assert second.read(second.open("f")) == b"seen by both"
    first.wasi.close()
    second.wasi.close()
    assert directory.read_bytes("f") == b"seen by both"
    assert make_guest(dirs={"/": directory}).stat("f")[4] == 12


def test_part_of_one_can_be_handed_over(make_guest: Make) -> None:
    directory = MemoryDirectory({"in": {"f": b"x"}, "secret": b"s"})
    guest = make_guest(dirs={"/in": directory.open_directory("in")})
    assert guest.read(guest.open("f")) == b"x"
    assert guest.try_open("../secret", 0, RIGHT_FD_READ) is Errno.PERM


def test_reading_only(make_guest: Make) -> None:
    guest = make_guest(dirs={"/": ReadOnly(MemoryDirectory({"f": b"x"}))})
    assert guest.read(guest.open("f", 0, RIGHT_FD_READ, inheriting=0)) == b"x"
    assert guest.try_open("f", 0, RIGHT_FD_WRITE, inheriting=0) is Errno.NOTCAPABLE
    assert guest.call("path_unlink_file", 3, *guest.path("f")) is Errno.NOTCAPABLE


# -- bounds ------------------------------------------------------------------------------


def test_bytes_are_bounded(make_guest: Make) -> None:
    directory = MemoryDirectory({"old": b"12345"}, max_bytes=20)
    guest = make_guest(dirs={"/": directory})
    fd = guest.open("f", OFLAG_CREAT)
    assert guest.write(fd, b"x" * 10) == 10
    assert guest.write(fd, b"y" * 10) == 5  # as much as there is room for
    assert guest.call("fd_write", fd, *guest.iovs((DATA, 1)), OUT) is Errno.NOSPC
    assert guest.call("fd_filestat_set_size", fd, 16) is Errno.NOSPC
    assert guest.call("fd_allocate", fd, 10, 6) is Errno.NOSPC
    assert guest.call("path_symlink", *guest.path("t", PATH2), 3, *guest.path("l")) is Errno.NOSPC
    assert directory.size == 20
    guest.ok("path_unlink_file", 3, *guest.path("old"))
    assert directory.size == 15
    guest.ok("fd_filestat_set_size", fd, 3)
    guest.ok("path_symlink", *guest.path("target", PATH2), 3, *guest.path("l"))
    assert (directory.size, directory.read_bytes("f")) == (9, b"xxx")


def test_files_with_holes_are_bounded_before_memory_is_taken(make_guest: Make) -> None:
    directory = MemoryDirectory(max_bytes=1000)
    guest = make_guest(dirs={"/": directory})
    fd = guest.open("f", OFLAG_CREAT)
    iovs = guest.iovs(guest.put(b"x", DATA))
    for offset in (1000, 1 << 40, (1 << 63) - 1):
        assert guest.call("fd_pwrite", fd, *iovs, offset, OUT) is Errno.NOSPC
        assert guest.call("fd_filestat_set_size", fd, max(offset, 1001)) is Errno.NOSPC
    guest.ok("fd_pwrite", fd, *iovs, 999, OUT)
    assert directory.read_bytes("f") == bytes(999) + b"x"


def test_the_space_of_an_unlinked_file_is_free_when_it_is_closed(make_guest: Make) -> None:
    directory = MemoryDirectory({"f": b"x" * 100}, max_bytes=100)
    guest = make_guest(dirs={"/": directory})
    fd, again = guest.open("f"), guest.open("f")
    guest.ok("path_unlink_file", 3, *guest.path("f"))
    assert guest.read(fd) == b"x" * 100
    guest.ok("fd_close", fd)
    assert directory.size == 100
    assert guest.stat(".") is not None
    guest.ok("fd_close", again)
    assert directory.size == 0
    assert guest.try_open("f") is Errno.NOENT


def test_names_are_bounded_and_given_back(make_guest: Make) -> None:
    guest = make_guest(dirs={"/": MemoryDirectory({"a": b""}, max_names=4)})
    guest.ok("path_create_directory", 3, *guest.path("b"))
    guest.ok("path_symlink", *guest.path("x", PATH2), 3, *guest.path("c"))
    guest.ok("path_link", 3, 0, *guest.path("a"), 3, *guest.path("d", PATH2))
    full = [
        guest.try_open("e", OFLAG_CREAT),
        guest.call("path_create_directory", 3, *guest.path("e")),
        guest.call("path_symlink", *guest.path("x", PATH2), 3, *guest.path("e")),
        guest.call("path_link", 3, 0, *guest.path("a"), 3, *guest.path("e", PATH2)),
    ]
    assert full == [Errno.NOSPC] * 4
    guest.ok("path_rename", 3, *guest.path("a"), 3, *guest.path("e", PATH2))
    for name in ("path_unlink_file c", "path_remove_directory b", "path_unlink_file d"):
        call, path = name.split()
        guest.ok(call, 3, *guest.path(path))
    for name in "xyz":
        guest.open(name, OFLAG_CREAT)
    assert guest.try_open("w", OFLAG_CREAT) is Errno.NOSPC


def test_names_are_at_most_255_bytes(make_guest: Make) -> None:
    guest = make_guest(dirs={"/": MemoryDirectory()})
    guest.open("ä" * 127 + "x", OFLAG_CREAT)
    for call in ("path_create_directory", "path_unlink_file", "path_remove_directory"):
        assert guest.call(call, 3, *guest.path("ä" * 128)) is Errno.NAMETOOLONG
    assert guest.try_open("y" * 256, OFLAG_CREAT) is Errno.NAMETOOLONG


def test_the_hosts_own_contents_are_bounded_too() -> None:
    with pytest.raises(OSError, match="file system in memory full \\(10 bytes\\)"):
        MemoryDirectory({"f": b"x" * 11}, max_bytes=10)
    with pytest.raises(OSError, match="full \\(1 names\\)"):
        MemoryDirectory({"f": b"", "g": b""}, max_names=1)


# -- POSIX -------------------------------------------------------------------------------


def test_appending_goes_to_the_end_wherever_that_is(make_guest: Make) -> None:
    directory = MemoryDirectory({"f": b"12"})
    guest = make_guest(dirs={"/": directory})
    appending, other = guest.open("f", fdflags=FDFLAG_APPEND), guest.open("f")
    guest.write(appending, b"34")
    guest.ok("fd_seek", other, 10, 0, OUT)
    guest.write(other, b"x")
    guest.ok("fd_seek", appending, 0, 0, OUT)
    guest.write(appending, b"56")
    guest.ok("fd_tell", appending, OUT)
    assert guest.u64() == 13
    assert directory.read_bytes("f") == b"1234" + bytes(6) + b"x56"


def test_truncation_is_seen_by_all_and_growth_reads_as_zeros(make_guest: Make) -> None:
    guest = make_guest(dirs={"/": MemoryDirectory({"f": b"123456"})})
    first, second = guest.open("f"), guest.open("f")
    guest.read(second, 4)
    guest.ok("fd_filestat_set_size", first, 2)
    assert guest.read(second) == b""
    guest.ok("fd_filestat_set_size", first, 8)
    assert guest.read(second) == bytes(4)
    assert guest.stat("f")[4] == 8


def test_renaming_keeps_what_is_open_and_who_it_is(make_guest: Make) -> None:
    guest = make_guest(dirs={"/": MemoryDirectory({"a": b"a", "d": {"b": b"b"}})})
    old, before = guest.open("a"), guest.stat("d/b")[:2]
    guest.ok("path_rename", 3, *guest.path("d/b"), 3, *guest.path("a", PATH2))
    assert guest.read(old) == b"a"
    assert guest.read(guest.open("a")) == b"b"
    assert guest.stat("a")[:2] == before
    guest.ok("path_rename", 3, *guest.path("d"), 3, *guest.path("e", PATH2))
    assert guest.stat("e/../e")[2] == 3


def test_a_directory_does_not_go_into_itself(make_guest: Make) -> None:
    guest = make_guest(dirs={"/": MemoryDirectory({"a": {"b": {"c": {}}}})})
    for target in ("a/x", "a/b/x", "a/b/c/x", "a/b/c"):
        assert (
            guest.call("path_rename", 3, *guest.path("a"), 3, *guest.path(target, PATH2))
            is Errno.INVAL
        )
    guest.ok("path_rename", 3, *guest.path("a/b/c"), 3, *guest.path("c", PATH2))
    guest.ok("path_rename", 3, *guest.path("a"), 3, *guest.path("c/a", PATH2))
    assert (
        guest.call("path_rename", 3, *guest.path("c"), 3, *guest.path("c/a/b/c", PATH2))
        is Errno.INVAL
    )


def test_a_removed_directory_takes_nothing_in(make_guest: Make) -> None:
    guest = make_guest(dirs={"/": MemoryDirectory({"d": {}, "f": b""})})
    fd = guest.open("d", OFLAG_DIRECTORY, DIR)
    guest.ok("path_remove_directory", 3, *guest.path("d"))
    assert guest.try_open("x", OFLAG_CREAT, fd=fd) is Errno.NOENT
    assert guest.call("path_create_directory", fd, *guest.path("x")) is Errno.NOENT
    f, x = guest.path("f"), guest.path("x", PATH2)
    assert guest.call("path_rename", 3, *f, fd, *x) is Errno.NOENT
    assert guest.call("path_link", 3, 0, *f, fd, *x) is Errno.NOENT
    assert guest.call("path_symlink", *f, fd, *x) is Errno.NOENT
    guest.ok("fd_filestat_get", fd, DATA)


def test_links_are_one_file(make_guest: Make) -> None:
    directory = MemoryDirectory({"f": b"x"})
    guest = make_guest(dirs={"/": directory})
    guest.ok("path_link", 3, 0, *guest.path("f"), 3, *guest.path("g", PATH2))
    assert guest.stat("f")[:5] == guest.stat("g")[:5]
    assert guest.stat("g")[3] == 2
    guest.write(guest.open("g"), b"same")
    assert directory.read_bytes("f") == b"same"
    guest.ok("path_unlink_file", 3, *guest.path("f"))
    assert (guest.stat("g")[3], directory.size) == (1, 4)


def test_nothing_moves_between_file_systems(make_guest: Make) -> None:
    guest = make_guest(dirs={"/a": MemoryDirectory({"f": b""}), "/b": MemoryDirectory()})
    f, g = guest.path("f"), guest.path("g", PATH2)
    assert guest.call("path_rename", 3, *f, 4, *g) is Errno.XDEV
    assert guest.call("path_link", 3, 0, *f, 4, *g) is Errno.XDEV
    guest.ok("path_filestat_get", 3, 0, *guest.path("."), DATA)
    first = guest.u64(DATA)
    guest.ok("path_filestat_get", 4, 0, *guest.path("."), DATA)
    assert guest.u64(DATA) != first


def test_times_come_from_the_clock_given(make_guest: Make) -> None:
    ticks = iter(range(1, 100))
    guest = make_guest(dirs={"/": MemoryDirectory({"f": b"x"}, now=lambda: next(ticks))})
    made = guest.stat("f")[5:]
    fd = guest.open("f")
    guest.read(fd)
    assert guest.stat("f")[5:] == made  # reading leaves no trace
    guest.write(fd, b"y")
    _, mtim, ctim = guest.stat("f")[5:]
    assert mtim == ctim > made[1]
    guest.ok("fd_filestat_set_times", fd, 1000, 2000, 1 | 4)
    assert guest.stat("f")[5:7] == (1000, 2000)
    directory_time = guest.stat(".")[6]
    guest.ok("path_unlink_file", 3, *guest.path("f"))
    assert guest.stat(".")[6] > directory_time


def names_of(data: bytes) -> list[tuple[bytes, int]]:
    found, at = [], 0
    while at + 24 <= len(data):
        size = int.from_bytes(data[at + 16 : at + 20], "little")
        if at + 24 + size <= len(data):
            found.append(
                (data[at + 24 : at + 24 + size], int.from_bytes(data[at : at + 8], "little"))
            )
        at += 24 + size
    return found


def test_reading_a_directory_that_shrinks_skips_nothing(make_guest: Make) -> None:
    """The loop of `rm -r`: read some, remove them, go on from the last cookie."""
    names = {f"file{index:03}" for index in range(200)}
    directory = MemoryDirectory(dict.fromkeys(names, b""))
    guest = make_guest(dirs={"/": directory})
    cookie, removed = 0, set()
    while True:
        guest.ok("fd_readdir", 3, DATA, 500, cookie, OUT)
        found = names_of(bytes(guest.memory[DATA : DATA + guest.u32()]))
        if not found:
            break
        cookie = found[-1][1]
        for name, _ in found:
            if name not in (b".", b".."):
                guest.ok("path_unlink_file", 3, *guest.path(name))
                removed.add(name.decode())
    assert removed == names
    assert directory.tree() == {}


def test_listings_that_are_remembered_are_bounded(make_guest: Make) -> None:
    directory = MemoryDirectory({f"{index}": b"" for index in range(60_000)})
    guest = make_guest(dirs={"/": directory})
    fds = [guest.open(".", OFLAG_DIRECTORY, DIR) for _ in range(12)]
    for fd in fds:
        guest.ok("fd_readdir", fd, DATA, 100, 0, OUT)
    table = guest.wasi._table
    assert sum(len(entry.entries or ()) for entry in table.entries.values()) <= 1 << 18
    guest.ok("fd_readdir", fds[0], DATA, 100, 3, OUT)  # read again from the directory
    assert names_of(bytes(guest.memory[DATA : DATA + guest.u32()]))[0] == (b"1", 4)


# -- memory ------------------------------------------------------------------------------


def test_it_is_freed_at_once_when_the_last_user_goes(make_guest: Make) -> None:
    gc.disable()
    try:
        directory = MemoryDirectory({"d": {"e": {"f": b"x" * 1000}}})
        node = weakref.ref(directory._node.find("d"))
        guest = make_guest(dirs={"/": directory})
        guest.open("d/e/f")
        del directory
        assert node() is not None
        guest.wasi.close()
        assert node() is None
    finally:
        gc.enable()


def test_depth_is_no_danger(make_guest: Make) -> None:
    directory = MemoryDirectory()
    guest = make_guest(dirs={"/": directory})
    fd = 3
    for _ in range(50_000):
        guest.ok("path_create_directory", fd, *guest.path("d"))
        inner = guest.open("d", OFLAG_DIRECTORY, DIR, fd=fd)
        if fd != 3:
            guest.ok("fd_close", fd)
        fd = inner
    guest.ok("path_create_directory", 3, *guest.path("e"))
    path = guest.path("x", PATH2)
    assert guest.call("path_rename", 3, *guest.path("d"), fd, *path) is Errno.INVAL
    assert guest.call("path_rename", 3, *guest.path("d"), 3, *guest.path("e/d", PATH2)) == 0
    tree = directory.tree()
    while tree:  # not recursively, as Python would
        tree = tree.popitem()[1]  # type: ignore[assignment]
    guest.wasi.close()
    del directory
