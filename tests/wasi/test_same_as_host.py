"""The file systems in memory against the host's: the same calls give the same answers."""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from wasmwright.wasi import (
    Errno,
    MemoryDirectory,
    OverlayDirectory,
    Symlink,
    ZipDirectory,
)
from wasmwright.wasi.abi import (
    OFLAG_CREAT,
    OFLAG_DIRECTORY,
    OFLAG_EXCL,
    OFLAG_TRUNC,
    RIGHT_FD_READ,
    RIGHTS_ALL,
)

DATA, OUT, IOVS, PATH2 = 16384, 8, 64, 8192

CONTENTS: dict[str, Any] = {
    "f": b"content of f",
    "d": {"g": b"gg", "e": {"h": b""}},
    "l": Symlink("d/g"),
    "m": Symlink("d"),
    "n": Symlink("../n"),
    "empty": {},
}

NAMES = ["f", "d", "l", "m", "g", "e", "x", "empty"]
paths = st.lists(st.sampled_from([*NAMES, "..", "."]), min_size=1, max_size=3).map("/".join)
paths = st.one_of(paths, st.sampled_from(["d/g", "d/e", "d/e/h", "x", "l", "m/g", "d/", "f/"]))
fds = st.integers(3, 7)
sizes = st.integers(0, 40)
OPS = st.one_of(
    st.tuples(
        st.just("open"),
        fds,
        paths,
        st.sampled_from(
            [
                0,
                0,
                OFLAG_CREAT,
                OFLAG_CREAT | OFLAG_EXCL,
                OFLAG_CREAT | OFLAG_TRUNC,
                OFLAG_TRUNC,
                OFLAG_DIRECTORY,
            ]
        ),
        st.sampled_from([RIGHTS_ALL, RIGHT_FD_READ, RIGHTS_ALL & ~(1 << 6)]),
        st.sampled_from([0, 0, 1]),
        st.booleans(),
    ),
    st.tuples(st.just("close"), fds),
    st.tuples(st.just("read"), fds, sizes),
    st.tuples(st.just("write"), fds, sizes),
    st.tuples(st.just("pread"), fds, sizes, sizes),
    st.tuples(st.just("pwrite"), fds, sizes, sizes),
    st.tuples(st.just("seek"), fds, st.integers(-20, 40), st.integers(0, 2)),
    st.tuples(st.just("flags"), fds, st.sampled_from([0, 1])),
    st.tuples(st.just("size"), fds, sizes),
    st.tuples(st.just("allocate"), fds, sizes, sizes),
    st.tuples(st.just("times"), fds, st.integers(0, 15)),
    st.tuples(st.just("stat"), fds),
    st.tuples(st.just("readdir"), fds),
    st.tuples(st.just("path_create_directory"), fds, paths),
    st.tuples(st.just("path_remove_directory"), fds, paths),
    st.tuples(st.just("path_unlink_file"), fds, paths),
    st.tuples(st.just("path_readlink"), fds, paths),
    st.tuples(st.just("path_filestat_get"), fds, paths, st.booleans()),
    st.tuples(st.just("path_filestat_set_times"), fds, paths, st.booleans(), st.integers(0, 15)),
    st.tuples(st.just("path_rename"), fds, paths, fds, paths),
    st.tuples(st.just("path_link"), fds, paths, fds, paths),
    st.tuples(st.just("path_symlink"), paths, fds, paths),
)


def attributes(guest: Any) -> tuple[Any, ...]:
    """What file systems must agree on: type; for files number of names, size; the times set."""
    _, _, kind, links, size, atim, mtim, _ = struct.unpack_from("<QQB7xQQQQQ", guest.memory, DATA)
    was_set = tuple(time if time < 1000 else None for time in (atim, mtim))
    return (kind, size, links, *was_set) if kind == 4 else (kind, *was_set)


def names(guest: Any, fd: int) -> tuple[Any, ...]:
    errno = guest.call("fd_readdir", fd, DATA, 4096, 0, OUT)
    if errno:
        return (errno,)
    found, at, end = set(), DATA, DATA + guest.u32()
    while at < end:
        _, _, length, kind = struct.unpack_from("<QQIB3x", guest.memory, at)
        found.add((bytes(guest.memory[at + 24 : at + 24 + length]), kind))
        at += 24 + length
    return (errno, *sorted(found))


def perform(guest: Any, op: tuple[Any, ...]) -> tuple[Any, ...]:
    """Do one operation; give all that a guest sees of it."""
    name, *args = op
    call = guest.call
    if name == "open":
        fd, path, oflags, rights, fdflags, follow = args
        errno = guest.try_open(path, oflags, rights, fd=fd, fdflags=fdflags, follow=follow)
        return (errno, guest.u32()) if errno is Errno.SUCCESS else (errno,)
    if name == "close":
        # The directory that was handed over stays, or nothing much would happen.
        return (call("fd_close", args[0]),) if args[0] != 3 else ()
    if name in ("read", "pread"):
        fd, size, *offset = args
        errno = call(
            "fd_" + name, fd, *guest.iovs((DATA, size // 2), (DATA + 50, size)), *offset, OUT
        )
        got = guest.u32() if errno is Errno.SUCCESS else 0
        return errno, got, bytes(guest.memory[DATA : DATA + min(got, size // 2)])
    if name in ("write", "pwrite"):
        fd, size, *offset = args
        data = bytes(range(65, 65 + size))
        pieces = guest.put(data[:7], DATA), guest.put(data[7:], DATA + 50)
        errno = call("fd_" + name, fd, *guest.iovs(*pieces), *offset, OUT)
        return errno, guest.u32() if errno is Errno.SUCCESS else 0
    if name == "seek":
        errno = call("fd_seek", *args, OUT)
        return errno, guest.u64() if errno is Errno.SUCCESS else 0
    if name == "stat":
        errno = call("fd_filestat_get", args[0], DATA)
        return (errno, *attributes(guest)) if errno is Errno.SUCCESS else (errno,)
    if name == "readdir":
        return names(guest, args[0])
    if name == "flags":
        return (call("fd_fdstat_set_flags", *args),)
    if name == "size":
        return (call("fd_filestat_set_size", *args),)
    if name == "allocate":
        return (call("fd_allocate", *args),)
    if name == "times":
        return (call("fd_filestat_set_times", args[0], 7, 9, args[1]),)
    if name == "path_readlink":
        errno = call(name, args[0], *guest.path(args[1]), DATA, 100, OUT)
        return errno, bytes(guest.memory[DATA : DATA + guest.u32()]) if not errno else b""
    if name == "path_filestat_get":
        errno = call(name, args[0], args[2], *guest.path(args[1]), DATA)
        return (errno, *attributes(guest)) if errno is Errno.SUCCESS else (errno,)
    if name == "path_filestat_set_times":
        return (call(name, args[0], args[2], *guest.path(args[1]), 7, 9, args[3]),)
    if name == "path_rename":
        return (call(name, args[0], *guest.path(args[1]), args[2], *guest.path(args[3], PATH2)),)
    if name == "path_link":
        return (call(name, args[0], 0, *guest.path(args[1]), args[2], *guest.path(args[3], PATH2)),)
    if name == "path_symlink":
        return (call(name, *guest.path(args[0], PATH2), args[1], *guest.path(args[2])),)
    return (call(name, args[0], *guest.path(args[1])),)


def fill(folder: Path, contents: dict[str, Any]) -> None:
    for name, value in contents.items():
        if isinstance(value, Symlink):
            (folder / name).symlink_to(value.target)
        elif isinstance(value, dict):
            (folder / name).mkdir()
            fill(folder / name, value)
        else:
            (folder / name).write_bytes(value)


def zipped(contents: dict[str, Any], prefix: str = "", file: Any = None) -> bytes:
    buffer = BytesIO()
    archive = file or zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED)
    for name, value in contents.items():
        info = zipfile.ZipInfo(prefix + name)
        if isinstance(value, Symlink):
            info.create_system, info.external_attr = 3, 0o120777 << 16
            archive.writestr(info, value.target)
        elif isinstance(value, dict):
            archive.writestr(prefix + name + "/", b"")
            zipped(value, prefix + name + "/", archive)
        else:
            archive.writestr(info, value)
    if file is None:
        archive.close()
    return buffer.getvalue()


def tree(folder: Path) -> dict[str, Any]:
    return {
        item.name: Symlink(os.readlink(item))
        if item.is_symlink()
        else tree(item)
        if item.is_dir()
        else item.read_bytes()
        for item in folder.iterdir()
    }


def check_counts(directory: Any) -> None:
    """What a file system believes to hold is what it holds."""
    store = directory._node.store
    seen, pending = {}, [directory._node]
    names = 0
    while pending:
        for node in pending.pop().children.values():
            names += 1
            if node is not None and hasattr(node, "children"):
                pending.append(node)
            elif node is not None:
                paid = len(node.data) if hasattr(node, "data") else getattr(node, "_paid", 0)
                seen[id(node)] = paid
    assert (store.names, store.bytes) == (names, sum(seen.values()))


@settings(max_examples=100, deadline=None)
@given(st.lists(OPS, min_size=1, max_size=40))
def test_calls_have_the_same_results(guest_type: Any, ops: list[tuple[Any, ...]]) -> None:
    run(guest_type, ops)


def run(make: Callable[..., Any], ops: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        host, below = Path(name, "host"), Path(name, "below")
        for folder in (host, below):
            folder.mkdir()
            fill(folder, CONTENTS)
        others = {
            "memory": MemoryDirectory(CONTENTS),
            "overlay of host": OverlayDirectory(below),
            "overlay of zip": OverlayDirectory(ZipDirectory(zipped(CONTENTS))),
            "overlay of overlay": OverlayDirectory(OverlayDirectory(MemoryDirectory(CONTENTS))),
        }
        guests = {kind: make(dirs={"/": other}) for kind, other in others.items()}
        reference = make(dirs={"/": host})
        for op in ops:
            expected = perform(reference, op)
            for kind, guest in guests.items():
                assert perform(guest, op) == expected, (kind, op)
        reference.wasi.close()
        for kind, guest in guests.items():
            guest.wasi.close()
            assert others[kind].tree() == tree(host), kind
            check_counts(others[kind])
        assert tree(below) == CONTENTS
        shutil.rmtree(below)
