from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wasmwright.wasi import Errno, Filetype, OverlayDirectory, Symlink, ZipDirectory, zipdir
from wasmwright.wasi.abi import (
    OFLAG_CREAT,
    OFLAG_DIRECTORY,
    OFLAG_EXCL,
    OFLAG_TRUNC,
    RIGHT_FD_READ,
    RIGHT_FD_READDIR,
    RIGHT_FD_SEEK,
    RIGHT_FD_WRITE,
)

READ = RIGHT_FD_READ | RIGHT_FD_SEEK
OUT, DATA, PATH2 = 8, 16384, 8192

Make = Callable[..., Any]


def archive(*members: tuple[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of (name, content); a content that is text is a symbolic link."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in members:
            info = zipfile.ZipInfo(name, (2020, 1, 2, 3, 4, 6))
            info.compress_type = method
            if isinstance(content, str):
                info.create_system, info.external_attr = 3, 0o120777 << 16
            file.writestr(info, content)
    return buffer.getvalue()


SAMPLE = archive(
    ("a.txt", b"text of a"), ("d/b", b"b" * 3000), ("d/e/", b""), ("l", "d/b"), ("up", "../x")
)


@pytest.fixture
def guest(make_guest: Make) -> Any:
    return make_guest(dirs={"/": ZipDirectory(SAMPLE)})


def test_an_archive_is_a_tree() -> None:
    assert ZipDirectory(SAMPLE).tree() == {
        "d": {"e": {}, "b": b"b" * 3000},
        "a.txt": b"text of a",
        "l": Symlink("d/b"),
        "up": Symlink("../x"),
    }
    assert ZipDirectory(SAMPLE).read_bytes("l") == b"b" * 3000
    assert ZipDirectory(archive()).tree() == {}


def test_it_comes_from_paths_files_and_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(SAMPLE)
    with open(path, "rb") as file:
        for source in (path, str(path), file, io.BytesIO(SAMPLE)):
            assert ZipDirectory(source).read_bytes("a.txt") == b"text of a"


def test_guests_read_it(guest: Any) -> None:
    fd = guest.open("a.txt", 0, READ)
    assert guest.read(fd, 4) == b"text"
    guest.ok("fd_seek", fd, -1, 2, OUT)
    assert guest.read(fd) == b"a"
    assert guest.read(fd) == b""
    assert guest.stat("a.txt")[2:5] == (Filetype.REGULAR_FILE, 1, 9)
    assert guest.stat("a.txt")[5:] == (1_577_934_246_000_000_000,) * 3
    assert guest.stat("l", follow=False)[2] == Filetype.SYMBOLIC_LINK
    assert guest.stat("l")[4] == 3000
    assert guest.stat("d")[2] == Filetype.DIRECTORY
    guest.ok("path_readlink", 3, *guest.path("l"), DATA, 9, OUT)
    assert guest.memory[DATA : DATA + 3] == b"d/b"
    guest.open("d/e/../b", 0, RIGHT_FD_READ)
    assert guest.try_open("up", 0, RIGHT_FD_READ) is Errno.PERM
    assert guest.try_open("none", 0, RIGHT_FD_READ) is Errno.NOENT
    assert guest.try_open("a.txt/x", 0, RIGHT_FD_READ) is Errno.NOTDIR
    assert guest.try_open("a.txt", OFLAG_DIRECTORY, RIGHT_FD_READ) is Errno.NOTDIR
    assert guest.try_open("l", 0, RIGHT_FD_READ, follow=False) is Errno.LOOP


def test_nothing_can_be_changed(guest: Any) -> None:
    a, new = guest.path("a.txt"), guest.path("new", PATH2)
    assert guest.try_open("a.txt", 0, RIGHT_FD_WRITE) is Errno.ROFS
    assert guest.try_open("a.txt", OFLAG_TRUNC, RIGHT_FD_READ) is Errno.ROFS
    assert guest.try_open("new", OFLAG_CREAT) is Errno.ROFS
    assert guest.try_open("a.txt", OFLAG_CREAT | OFLAG_EXCL) is Errno.EXIST
    assert guest.try_open("d", OFLAG_CREAT, RIGHT_FD_READ) is Errno.ISDIR
    assert guest.try_open("d", 0, RIGHT_FD_WRITE) is Errno.ISDIR
    a = guest.path("a.txt")
    for call in (
        ("path_create_directory", 3, *new),
        ("path_remove_directory", 3, *guest.path("d", PATH2 + 50)),
        ("path_unlink_file", 3, *a),
        ("path_rename", 3, *a, 3, *new),
        ("path_link", 3, 0, *a, 3, *new),
        ("path_symlink", *a, 3, *new),
        ("path_filestat_set_times", 3, 0, *a, 1, 1, 5),
    ):
        assert guest.call(*call) is Errno.ROFS, call
    fd = guest.open("a.txt", 0, RIGHT_FD_READ | 1 << 23)
    assert guest.call("fd_filestat_set_times", fd, 1, 1, 5) is Errno.ROFS
    guest.open("a.txt", OFLAG_CREAT, RIGHT_FD_READ)
    guest.open("d", 0, RIGHT_FD_READDIR)


def test_an_overlay_makes_it_writable(make_guest: Make) -> None:
    overlay = OverlayDirectory(ZipDirectory(SAMPLE))
    guest = make_guest(dirs={"/": overlay})
    guest.write(guest.open("a.txt"), b"TEXT")
    guest.ok("path_unlink_file", 3, *guest.path("d/b"))
    assert overlay.changes() == {"a.txt": b"TEXT of a", "d/b": None}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_large_files_are_read_as_streams(
    make_guest: Make, monkeypatch: pytest.MonkeyPatch, method: int
) -> None:
    monkeypatch.setattr(zipdir, "_MAX_KEPT_FILE", 1000)
    data = b"".join(b"%07d " % index for index in range(5000))
    directory = ZipDirectory(archive(("big", data), method=method))
    guest = make_guest(dirs={"/": directory})
    fd = guest.open("big", 0, READ)
    for offset in (39_990, 0, 20_000, 19_999, 40_000, 50_000, 7):
        guest.ok("fd_pread", fd, *guest.iovs((DATA, 10), (DATA + 10, 30)), offset, OUT)
        got = guest.u32()
        assert guest.memory[DATA : DATA + got] == data[offset : offset + 40]
    assert directory.read_bytes("big") == data


def test_what_is_kept_of_contents_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipdir, "_MAX_KEPT", 2500)
    directory = ZipDirectory(archive(*((f"{index}", bytes([index]) * 1000) for index in range(9))))
    for _ in range(2):
        for index in range(9):
            assert directory.read_bytes(f"{index}") == bytes([index]) * 1000
            assert sum(map(len, directory._archive._kept.values())) <= 2500


def test_it_stays_open_for_whoever_has_it(make_guest: Make, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(SAMPLE)
    before = len(os.listdir("/proc/self/fd"))
    directory = ZipDirectory(tmp_path / "a.zip")
    first, second = (make_guest(dirs={"/": directory}) for _ in range(2))
    first.wasi.close()
    assert second.read(second.open("a.txt", 0, RIGHT_FD_READ)) == b"text of a"
    second.wasi.close()
    assert directory.read_bytes("a.txt") == b"text of a"
    del directory, first, second
    make_guest.__closure__[0].cell_contents.clear()  # type: ignore[attr-defined]
    assert len(os.listdir("/proc/self/fd")) == before


# -- hostile archives --------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "/abs",
        "//abs",
        "../up",
        "a/../../up",
        "./dot",
        "a/./b",
        "a//b",
        "..",
        "../",
        "a/..",
        "x" * 300,
        "/".join("d" * 300),
    ],
)
def test_names_that_no_directory_has_are_left_out(name: str) -> None:
    assert ZipDirectory(archive((name, b"bad"), ("good", b""))).tree() == {"good": b""}


def test_other_systems_separators_are_no_separators() -> None:
    tree = ZipDirectory(archive(("..\\..\\up", b"1"), ("c:\\x", b"2"))).tree()
    assert tree == {"..\\..\\up": b"1", "c:\\x": b"2"}


def test_of_entries_that_contradict_each_other_one_wins() -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = archive(("a", b"1"), ("a", b"2"), ("b", b"file"), ("b/c", b"3"), ("d/e", b""))
    with pytest.warns(UserWarning, match="Duplicate name"):
        more = archive(("d/e", b""), ("d", b"file"), ("l", "d"), ("l/x", b"4"), ("d/e", b"5"))
    assert ZipDirectory(data).tree() == {"a": b"2", "b": {"c": b"3"}, "d": {"e": b""}}
    assert ZipDirectory(more).tree() == {"d": {"e": b"5"}, "l": {"x": b"4"}}


def patched(data: bytes, offset: int, value: bytes) -> bytes:
    """`data` with the one central directory entry changed at `offset`."""
    at = data.index(b"PK\1\2") + offset
    return data[:at] + value + data[at + len(value) :]


@pytest.mark.parametrize(
    ("offset", "value", "errno"),
    [
        (8, struct.pack("<H", 1), Errno.ACCES),  # encrypted
        (10, struct.pack("<H", zipfile.ZIP_BZIP2), Errno.NOTSUP),
        (10, struct.pack("<H", zipfile.ZIP_LZMA), Errno.NOTSUP),
        (10, struct.pack("<H", 99), Errno.NOTSUP),
        (16, b"\0\0\0\0", Errno.IO),  # wrong CRC
        (24, struct.pack("<I", zipdir.MAX_FILE + 1), Errno.FBIG),
        (42, struct.pack("<I", 5), Errno.IO),  # no local header there
        (42, struct.pack("<I", 1 << 30), Errno.IO),
    ],
)
def test_what_cannot_be_read_is_an_errno(
    make_guest: Make, offset: int, value: bytes, errno: Errno
) -> None:
    data = patched(archive(("f", b"content" * 100)), offset, value)
    guest = make_guest(dirs={"/": ZipDirectory(data)})
    assert guest.try_open("f", 0, RIGHT_FD_READ) is errno


def test_damage_inside_a_stream_is_an_errno(
    make_guest: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipdir, "_MAX_KEPT_FILE", 10)
    data = bytearray(archive(("f", os.urandom(50_000))))
    data[20_000:30_000] = bytes(10_000)
    guest = make_guest(dirs={"/": ZipDirectory(bytes(data))})
    fd = guest.open("f", 0, READ)
    assert guest.call("fd_pread", fd, *guest.iovs((DATA, 9)), 49_000, OUT) is Errno.IO


def test_a_size_that_lies_bounds_what_is_decompressed(make_guest: Make) -> None:
    data = patched(archive(("f", bytes(1 << 24))), 24, struct.pack("<I", 1000))
    directory = ZipDirectory(data)
    guest = make_guest(dirs={"/": directory})
    assert guest.try_open("f", 0, RIGHT_FD_READ) is Errno.IO  # the CRC is of another 1000 bytes


def test_too_many_entries_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipdir, "MAX_ENTRIES", 100)
    with pytest.raises(ValueError, match="more than 100"):
        ZipDirectory(archive(*((f"{index}/" * 50 + "f", b"") for index in range(60, 63))))


@pytest.mark.parametrize("data", [b"", b"no archive", SAMPLE[:-30], SAMPLE[50:60]])
def test_what_is_no_archive_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a zip archive"):
        ZipDirectory(data)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ZipDirectory(tmp_path / "none.zip")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), max_size=4))
@example([(SAMPLE.rindex(b"PK\1\2") + 46, 0)])  # the name of the last entry is empty
def test_damaged_archives_raise_nothing_else(changes: list[tuple[int, int]]) -> None:
    data = bytearray(SAMPLE)
    for at, value in changes:
        data[at] = value
    try:
        ZipDirectory(bytes(data)).tree()
    except (OSError, ValueError):
        pass
