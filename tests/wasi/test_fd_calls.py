from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wasmwright.wasi import Errno, Filetype
from wasmwright.wasi.abi import (
    FDFLAG_APPEND,
    FDFLAG_NONBLOCK,
    FDFLAG_SYNC,
    OFLAG_CREAT,
    OFLAG_DIRECTORY,
    RIGHT_FD_FDSTAT_SET_FLAGS,
    RIGHT_FD_READ,
    RIGHT_FD_TELL,
    RIGHT_FD_WRITE,
    RIGHTS_ALL,
)

OUT, IOVS, DATA, SIZE = 8, 64, 16384, 65536
FILE = RIGHTS_ALL


def test_write_read_seek_tell(guest: Any, root: Path) -> None:
    fd = guest.open("f", OFLAG_CREAT)
    assert guest.write(fd, b"hello world") == 11
    guest.ok("fd_tell", fd, OUT)
    assert guest.u64() == 11
    guest.ok("fd_seek", fd, -5, 2, OUT)
    assert guest.u64() == 6
    assert guest.read(fd) == b"world"
    guest.ok("fd_seek", fd, -9, 1, OUT)
    assert guest.read(fd, 3) == b"llo"
    assert guest.call("fd_seek", fd, -1, 0, OUT) is Errno.INVAL
    assert guest.call("fd_seek", fd, 0, 3, OUT) is Errno.INVAL
    guest.ok("fd_seek", fd, 2**63 - 1, 0, OUT)
    assert guest.call("fd_seek", fd, 1, 1, OUT) is Errno.OVERFLOW
    guest.ok("fd_seek", fd, 2**40, 0, OUT)
    assert guest.read(fd) == b""
    assert (root / "f").read_bytes() == b"hello world"


def test_several_buffers_and_empty_ones(guest: Any) -> None:
    fd = guest.open("f", OFLAG_CREAT)
    guest.put(b"abcdef", DATA)
    iovs = guest.iovs((DATA, 2), (0, 0), (DATA + 2, 4))
    guest.ok("fd_write", fd, *iovs, OUT)
    assert guest.u32() == 6
    guest.ok("fd_pread", fd, *guest.iovs((DATA + 10, 1), (DATA + 20, 3)), 1, OUT)
    assert guest.u32() == 4
    assert guest.memory[DATA + 10 : DATA + 11] == b"b"
    assert guest.memory[DATA + 20 : DATA + 23] == b"cde"
    guest.ok("fd_write", fd, IOVS, 0, OUT)
    assert guest.u32() == 0


def test_more_buffers_than_the_host_takes_are_a_partial_transfer(guest: Any) -> None:
    fd = guest.open("f", OFLAG_CREAT)
    guest.memory[DATA : DATA + 8 * 3000] = struct.pack("<II", 0, 1) * 3000
    guest.ok("fd_write", fd, DATA, 3000, OUT)
    assert guest.u32() == 1024
    assert guest.call("fd_write", fd, 0, 1 << 30, OUT) is Errno.INVAL


def test_overlapping_buffers_do_not_add_up_without_bound(guest: Any) -> None:
    memory = bytearray(8)
    for _ in range(1024):
        memory += struct.pack("<II", 0, 1 << 20)
    memory += bytes((1 << 20) - len(memory))
    guest.wasi.bind(memory)
    guest.ok("fd_write", 1, 8, 1024, 0)
    assert len(guest.wasi.stdout.data) <= guest.wasi.stdout.limit


def test_pread_and_pwrite_leave_the_position(guest: Any) -> None:
    fd = guest.open("f", OFLAG_CREAT)
    guest.write(fd, b"0123456789")
    guest.ok("fd_pwrite", fd, *guest.iovs(guest.put(b"xy", DATA)), 3, OUT)
    guest.ok("fd_tell", fd, OUT)
    assert guest.u64() == 10
    guest.ok("fd_pread", fd, *guest.iovs((DATA, 100)), 2, OUT)
    assert guest.memory[DATA : DATA + guest.u32()] == b"2xy56789"
    assert guest.call("fd_pread", fd, *guest.iovs((DATA, 1)), -1, OUT) is Errno.INVAL


def test_append_writes_at_the_end_and_can_be_turned_off(guest: Any, root: Path) -> None:
    (root / "f").write_bytes(b"old")
    fd = guest.open("f", fdflags=FDFLAG_APPEND)
    assert guest.write(fd, b"+new") == 4
    guest.ok("fd_tell", fd, OUT)
    assert guest.u64() == 7
    guest.ok("fd_seek", fd, 0, 0, OUT)
    assert guest.read(fd, 3) == b"old"
    guest.write(fd, b"!")
    guest.ok("fd_fdstat_set_flags", fd, 0)
    guest.ok("fd_seek", fd, 0, 0, OUT)
    guest.write(fd, b"OLD")
    assert (root / "f").read_bytes() == b"OLD+new!"


def test_rights_gate_and_only_shrink(guest: Any) -> None:
    fd = guest.open("f", OFLAG_CREAT, RIGHT_FD_READ | RIGHT_FD_TELL)
    assert guest.call("fd_write", fd, IOVS, 0, OUT) is Errno.NOTCAPABLE
    assert guest.call("fd_seek", fd, 1, 0, OUT) is Errno.NOTCAPABLE
    guest.ok("fd_seek", fd, 0, 1, OUT)  # the same as fd_tell
    assert guest.call("fd_pread", fd, IOVS, 0, 0, OUT) is Errno.NOTCAPABLE
    assert guest.call("fd_filestat_get", fd, OUT) is Errno.NOTCAPABLE
    assert guest.call("fd_fdstat_set_rights", fd, RIGHT_FD_WRITE, 0) is Errno.NOTCAPABLE
    assert guest.call("fd_fdstat_set_rights", fd, -1, 0) is Errno.NOTCAPABLE
    guest.ok("fd_fdstat_set_rights", fd, RIGHT_FD_READ, 0)
    guest.ok("fd_fdstat_get", fd, OUT)
    assert guest.u64(OUT + 8) == RIGHT_FD_READ
    assert guest.call("fd_tell", fd, OUT) is Errno.NOTCAPABLE
    assert guest.read(fd) == b""


def test_inheriting_rights_bound_what_is_opened(guest: Any) -> None:
    directory = guest.open(
        ".", OFLAG_DIRECTORY, RIGHTS_ALL & ~RIGHT_FD_WRITE, inheriting=RIGHT_FD_READ
    )
    assert guest.try_open("f", OFLAG_CREAT, RIGHT_FD_WRITE, fd=directory, inheriting=0) is (
        Errno.NOTCAPABLE
    )
    guest.open("f", OFLAG_CREAT, RIGHT_FD_READ, fd=directory, inheriting=0)


def test_fdstat_says_type_flags_and_rights(guest: Any) -> None:
    fd = guest.open("f", OFLAG_CREAT, RIGHT_FD_READ, fdflags=FDFLAG_SYNC, inheriting=0)
    guest.ok("fd_fdstat_get", fd, OUT)
    assert struct.unpack_from("<BxHxxxxQQ", guest.memory, OUT) == (4, FDFLAG_SYNC, RIGHT_FD_READ, 0)
    guest.ok("fd_fdstat_get", 3, OUT)
    assert guest.memory[OUT] == Filetype.DIRECTORY


def test_set_flags_refuses_what_it_cannot_change(guest: Any) -> None:
    fd = guest.open("f", OFLAG_CREAT)
    guest.ok("fd_fdstat_set_flags", fd, FDFLAG_NONBLOCK)
    assert guest.call("fd_fdstat_set_flags", fd, FDFLAG_SYNC) is Errno.INVAL
    assert guest.call("fd_fdstat_set_flags", fd, 1 << 9) is Errno.INVAL
    other = guest.open("f", 0, FILE & ~RIGHT_FD_FDSTAT_SET_FLAGS)
    assert guest.call("fd_fdstat_set_flags", other, 0) is Errno.NOTCAPABLE


def test_size_allocate_advise_sync(guest: Any, root: Path) -> None:
    fd = guest.open("f", OFLAG_CREAT)
    guest.ok("fd_filestat_set_size", fd, 100)
    guest.ok("fd_allocate", fd, 90, 20)
    assert (root / "f").stat().st_size == 110
    guest.ok("fd_filestat_set_size", fd, 3)
    assert (root / "f").stat().st_size == 3
    guest.ok("fd_advise", fd, 0, 3, 1)
    assert guest.call("fd_advise", fd, 0, 3, 6) is Errno.INVAL
    assert guest.call("fd_allocate", fd, 0, 0) is Errno.INVAL
    assert guest.call("fd_allocate", fd, 2**63 - 1, 2**63 - 1) is Errno.FBIG
    assert guest.call("fd_filestat_set_size", fd, -1) is Errno.INVAL
    guest.ok("fd_sync", fd)
    guest.ok("fd_datasync", fd)
    guest.ok("fd_sync", 3)
    assert guest.call("fd_allocate", 3, 0, 1) is Errno.ISDIR


def test_times(guest: Any, root: Path) -> None:
    fd = guest.open("f", OFLAG_CREAT)
    guest.ok("fd_filestat_set_times", fd, 1_000_000_001, 2_000_000_002, 1 | 4)
    status = (root / "f").stat()
    assert (status.st_atime_ns, status.st_mtime_ns) == (1_000_000_001, 2_000_000_002)
    guest.ok("fd_filestat_set_times", fd, 5, 5, 8)
    assert (root / "f").stat().st_atime_ns == 1_000_000_001
    assert (root / "f").stat().st_mtime_ns > 10**18
    assert guest.call("fd_filestat_set_times", fd, 0, 0, 3) is Errno.INVAL
    assert guest.call("fd_filestat_set_times", fd, 0, 0, 12) is Errno.INVAL
    assert guest.call("fd_filestat_set_times", fd, 0, 0, 16) is Errno.INVAL
    assert guest.call("fd_filestat_set_times", fd, -1, 0, 1) is Errno.INVAL


def test_filestat_of_a_file(guest: Any, root: Path) -> None:
    fd = guest.open("f", OFLAG_CREAT)
    guest.write(fd, b"abc")
    guest.ok("fd_filestat_get", fd, OUT)
    status = (root / "f").stat()
    dev, ino, filetype, nlink, size, *times = struct.unpack_from("<QQB7xQQQQQ", guest.memory, OUT)
    assert (dev, ino, filetype, nlink, size) == (status.st_dev, status.st_ino, 4, 1, 3)
    assert times == [status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns]


def test_prestat_lists_the_preopens(make_guest: Callable[..., Any], root: Path) -> None:
    guest = make_guest(dirs={"/": root, "/höme": root})
    guest.ok("fd_prestat_get", 4, OUT)
    assert (guest.memory[OUT], guest.u32(OUT + 4)) == (0, 6)
    assert guest.call("fd_prestat_dir_name", 4, DATA, 5) is Errno.NAMETOOLONG
    guest.memory[DATA : DATA + 9] = b"." * 9
    guest.ok("fd_prestat_dir_name", 4, DATA, 9)
    assert guest.memory[DATA : DATA + 9] == "/höme".encode() + b"..."
    assert guest.call("fd_prestat_get", 5, OUT) is Errno.BADF
    assert guest.call("fd_prestat_get", 0, OUT) is Errno.BADF
    fd = guest.open(".", OFLAG_DIRECTORY, 0)
    assert guest.call("fd_prestat_get", fd, OUT) is Errno.BADF


def test_renumber_replaces_and_closes(guest: Any, root: Path) -> None:
    (root / "a").write_text("a")
    (root / "b").write_text("b")
    first, second = guest.open("a", 0, FILE), guest.open("b", 0, FILE)
    guest.ok("fd_renumber", first, second)
    assert guest.read(second) == b"a"
    assert guest.call("fd_close", first) is Errno.BADF
    assert guest.call("fd_renumber", second, first) is Errno.BADF
    guest.ok("fd_renumber", second, second)
    guest.ok("fd_renumber", second, 1)
    assert guest.call("fd_read", second, IOVS, 0, OUT) is Errno.BADF


def test_the_lowest_free_number_is_given(guest: Any) -> None:
    numbers = [guest.open("f", OFLAG_CREAT) for _ in range(4)]
    assert numbers == [4, 5, 6, 7]
    guest.ok("fd_close", 6)
    guest.ok("fd_close", 4)
    assert guest.open("f") == 4
    assert guest.open("f") == 6


def test_descriptors_run_out_without_a_trace(make_guest: Callable[..., Any], root: Path) -> None:
    guest = make_guest(dirs={"/": root}, max_descriptors=6)
    guest.open("a", OFLAG_CREAT)
    guest.open("a")
    assert guest.try_open("new", OFLAG_CREAT) is Errno.MFILE
    assert not (root / "new").exists()


def test_close_releases_all_host_descriptors(make_guest: Callable[..., Any], root: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    (root / "d" / "e").mkdir(parents=True)
    guest = make_guest(dirs={"/": root})
    for _ in range(10):
        guest.open("d/e/f", OFLAG_CREAT)
        guest.try_open("d/e/missing")
        guest.try_open("d/e/../../../x")
    guest.open("d/e", OFLAG_DIRECTORY, 0)
    guest.wasi.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert guest.call("fd_close", 3) is Errno.BADF


@pytest.mark.parametrize("fd", [-1, 99, -(1 << 31)])
@pytest.mark.parametrize("name", ["fd_close", "fd_sync", "fd_datasync"])
def test_bad_descriptors(guest: Any, name: str, fd: int) -> None:
    assert guest.call(name, fd) is Errno.BADF


def entries(guest: Any, fd: int, size: int, cookie: int = 0) -> tuple[list[tuple[int, str]], int]:
    """(d_next, name) of the whole entries in one answer, and the number of bytes used."""
    guest.ok("fd_readdir", fd, DATA, size, cookie, OUT)
    used = guest.u32()
    found, at = [], DATA
    while at + 24 <= DATA + used:
        following, _, length, _ = struct.unpack_from("<QQIB3x", guest.memory, at)
        if at + 24 + length > DATA + used:
            break
        found.append((following, bytes(guest.memory[at + 24 : at + 24 + length]).decode()))
        at += 24 + length
    return found, used


def test_readdir_gives_dot_and_dotdot_first(guest: Any, root: Path) -> None:
    (root / "f").touch()
    found, used = entries(guest, 3, 4096)
    assert [name for _, name in found] == [".", "..", "f"]
    assert used == 3 * 24 + 4
    ino, filetype = struct.unpack_from("<QxxxxB", guest.memory, DATA + 24 + 1 + 24 + 2 + 8)
    assert (ino, filetype) == ((root / "f").stat().st_ino, Filetype.REGULAR_FILE)


@pytest.mark.parametrize("size", [24 + 12, 40, 61, 100, 257])
def test_readdir_continues_from_cookies_in_small_buffers(guest: Any, root: Path, size: int) -> None:
    names = {f"file{index:03}" for index in range(50)}
    for name in names:
        (root / name).touch()
    seen: list[str] = []
    cookie = 0
    while True:
        found, used = entries(guest, 3, size, cookie)
        seen += [name for _, name in found]
        assert used <= size
        if used < size:
            break
        cookie = found[-1][0]
    assert sorted(seen) == sorted(names | {".", ".."})


def test_readdir_cuts_off_an_entry_that_does_not_fit(guest: Any, root: Path) -> None:
    (root / ("n" * 100)).touch()
    found, used = entries(guest, 3, 60)
    assert ([name for _, name in found], used) == ([".", ".."], 60)
    found, used = entries(guest, 3, 50, 2)
    assert (found, used) == ([], 50)
    found, used = entries(guest, 3, 500, 2)
    assert [name for _, name in found] == ["n" * 100]
    assert entries(guest, 3, 100, 77) == ([], 0)
    assert entries(guest, 3, 0) == ([], 0)


def test_readdir_is_stable_while_files_go_and_starts_anew_at_cookie_0(
    guest: Any, root: Path
) -> None:
    for index in range(20):
        (root / f"f{index:02}").touch()
    found, _ = entries(guest, 3, 100)
    seen = [name for _, name in found]
    for path in root.iterdir():
        path.unlink()
    rest, _ = entries(guest, 3, 4096, found[-1][0])
    assert len(seen) + len(rest) == 22
    assert len(entries(guest, 3, 4096)[0]) == 2


def test_readdir_shows_names_that_are_not_utf8(guest: Any, root: Path) -> None:
    with open(os.path.join(os.fsencode(root), b"bad\xff"), "wb"):
        pass
    found, _ = entries(guest, 3, 4096)
    assert [name for _, name in found][2:] == ["bad\ufffd"]


def test_data_functions_on_a_directory_say_so(guest: Any) -> None:
    iovs = guest.iovs((DATA, 4))
    assert guest.call("fd_read", 3, *iovs, OUT) is Errno.ISDIR
    assert guest.call("fd_write", 3, *iovs, OUT) is Errno.ISDIR
    assert guest.call("fd_pread", 3, *iovs, 0, OUT) is Errno.ISDIR
    assert guest.call("fd_seek", 3, 0, 1, OUT) is Errno.ISDIR
    assert guest.call("fd_readdir", 0, DATA, 10, 0, OUT) is Errno.NOTDIR


def test_seeking_a_stream_is_spipe(guest: Any) -> None:
    assert guest.call("fd_seek", 1, 0, 1, OUT) is Errno.SPIPE
    assert guest.call("fd_tell", 0, OUT) is Errno.SPIPE


BAD_POINTERS = [SIZE - 3, SIZE, -1, -(1 << 31), -4]


@pytest.mark.parametrize("pointer", BAD_POINTERS)
def test_bad_result_pointers_fault_before_anything_happens(
    guest: Any, root: Path, pointer: int
) -> None:
    (root / "f").write_text("abc")
    fd = guest.open("f")
    iovs = guest.iovs(guest.put(b"xyz", DATA))
    assert guest.call("fd_write", fd, *iovs, pointer) is Errno.FAULT
    assert guest.call("fd_pwrite", fd, *iovs, 0, pointer) is Errno.FAULT
    assert (root / "f").read_text() == "abc"
    assert guest.call("fd_read", fd, *iovs, pointer) is Errno.FAULT
    assert guest.read(fd) == b"abc"
    for name in ("fd_tell", "fd_filestat_get", "fd_fdstat_get"):
        assert guest.call(name, fd, pointer) is Errno.FAULT
    assert guest.call("fd_seek", fd, 1, 0, pointer) is Errno.FAULT
    assert guest.call("fd_prestat_get", 3, pointer) is Errno.FAULT
    assert guest.call("fd_prestat_dir_name", 3, pointer | 0x1_0000, 1) is Errno.FAULT
    assert guest.call("fd_readdir", 3, DATA, 100, 0, pointer) is Errno.FAULT
    assert guest.call("fd_readdir", 3, pointer, 100, 0, OUT) is Errno.FAULT
    for name in ("args_sizes_get", "environ_sizes_get"):
        assert guest.call(name, OUT, pointer) is Errno.FAULT
        assert guest.call(name, pointer, OUT) is Errno.FAULT


@pytest.mark.parametrize("pointer", BAD_POINTERS)
def test_bad_buffers_fault(guest: Any, pointer: int) -> None:
    fd = guest.open("f", OFLAG_CREAT)
    unsigned = pointer & 0xFFFF_FFFF
    for iovs in (
        (pointer, 1),
        (pointer, 2),
        guest.iovs((unsigned, 4)),
        guest.iovs((0, 4), (unsigned, 4)),
        guest.iovs((0, 0xFFFF_FFFF)),
        guest.iovs((0xFFFF_FFFF, 0xFFFF_FFFF)),
    ):
        assert guest.call("fd_write", fd, *iovs, OUT) is Errno.FAULT
        assert guest.call("fd_read", fd, *iovs, OUT) is Errno.FAULT
    guest.ok("fd_filestat_get", fd, DATA)
    assert guest.u64(DATA + 32) == 0


def test_without_memory_calls_fault(make_guest: Callable[..., Any]) -> None:
    guest = make_guest()
    guest.wasi.bind(None)
    assert guest.call("fd_write", 1, IOVS, 1, OUT) is Errno.FAULT
    assert guest.call("random_get", 0, 10) is Errno.FAULT
    assert guest.call("args_sizes_get", 0, 4) is Errno.FAULT


def test_memory_may_be_another_after_growing(guest: Any) -> None:
    guest.memory = bytearray(2 * SIZE)
    guest.wasi.bind(guest.memory)
    guest.ok("random_get", SIZE + 5, 100)
    assert any(guest.memory[SIZE + 5 :])
