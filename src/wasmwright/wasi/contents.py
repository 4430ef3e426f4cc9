"""The content of directories as Python values: nested dicts, written into or read out of any.

Works on the `Directory` protocol. Paths are resolved as a guest's are; a slash in front of one
means the directory itself.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from wasmwright.wasi.abi import OFLAG_CREAT, OFLAG_TRUNC, Filetype
from wasmwright.wasi.filesystem import Directory, File, Walk, is_file, os_error

_CHUNK = 1 << 20


class Symlink(NamedTuple):
    """A symbolic link among contents."""

    target: str


# What a directory is filled with: names (or paths with slashes) to bytes, text (as UTF-8), links
# and further directories.
Contents: TypeAlias = Mapping[str, "bytes | bytearray | memoryview | str | Symlink | Contents"]
# What it is read back as.
Tree: TypeAlias = "dict[str, bytes | Symlink | Tree]"


def add_contents(directory: Directory, contents: Contents) -> None:
    """Write `contents` into `directory`, over what is there: OSError, ValueError, TypeError."""
    pending: list[tuple[str, Contents]] = [("", contents)]
    while pending:
        prefix, names = pending.pop()
        for name, value in names.items():
            path = prefix + name
            if isinstance(value, Symlink):
                with _parent(directory, path) as walk:
                    walk.directory.symlink(value.target, walk.name)
            elif isinstance(value, Mapping):
                make_directories(directory, path)
                pending.append((path + "/", value))
            else:
                write_file(directory, path, value)


def write_file(directory: Directory, path: str, data: bytes | bytearray | memoryview | str) -> None:
    """Write a file, made with the directories above it where there is none: OSError."""
    if not isinstance(data, bytes | bytearray | memoryview | str):
        raise TypeError(
            f"{path}: contents are bytes, str, Symlink or a mapping, not {type(data).__name__}"
        )
    raw = memoryview(data.encode() if isinstance(data, str) else data).cast("B")
    with _parent(directory, path) as walk:
        walk.follow_links()
        file = _open(walk, OFLAG_CREAT | OFLAG_TRUNC, write=True)
    try:
        done = 0
        while done < len(raw):
            done += file.write_at([raw[done:]], done)
    finally:
        file.close()


def read_file(directory: Directory, path: str) -> bytes:
    """The content of a file; symbolic links are followed: OSError."""
    with Walk(directory, path.lstrip("/")) as walk:
        walk.follow_links()
        file = _open(walk, 0, write=False)
    return read_opened(file)


def read_tree(directory: Directory) -> Tree:
    """Everything in a directory, read into memory; devices and the like are left out: OSError."""
    top: Tree = {}
    pending = [(directory.reopen(), top)]
    try:
        while pending:
            current, tree = pending.pop()
            try:
                for entry in current.entries():
                    if entry.filetype is Filetype.DIRECTORY:
                        inner: Tree = {}
                        tree[entry.name] = inner
                        pending.append((current.open_directory(entry.name), inner))
                    elif entry.filetype is Filetype.SYMBOLIC_LINK:
                        tree[entry.name] = Symlink(current.read_link(entry.name))
                    elif entry.filetype is Filetype.REGULAR_FILE:
                        opened = current.open(
                            entry.name, oflags=0, fdflags=0, read=True, write=False
                        )
                        if is_file(opened):
                            tree[entry.name] = read_opened(opened)
            finally:
                current.close()
    finally:
        for current, _ in pending:
            current.close()
    return top


def make_directories(directory: Directory, path: str) -> None:
    """Make a directory and those above it, where they are not there yet: OSError."""
    done = ""
    for name in path.split("/"):
        if name:
            done += name + "/"
            with Walk(directory, done) as walk:
                if walk.follow_links() is None and walk.name:
                    walk.directory.make_directory(walk.name)


def _parent(directory: Directory, path: str) -> Walk:
    head, slash, name = path.rpartition("/")
    if name in ("", ".", ".."):
        raise ValueError(f"not the path of a file: {path!r:.80}")
    if slash:
        make_directories(directory, head)
    return Walk(directory, path.lstrip("/"))


def _open(walk: Walk, oflags: int, *, write: bool) -> File:
    if not walk.name:
        raise os_error(errno.EISDIR)
    opened = walk.directory.open(walk.name, oflags=oflags, fdflags=0, read=not write, write=write)
    if is_file(opened):
        return opened
    opened.close()
    raise os_error(errno.EISDIR)


def read_opened(file: File) -> bytes:
    """All of an open file, which is closed then: OSError."""
    data = bytearray()
    chunk = bytearray(_CHUNK)
    try:
        with memoryview(chunk) as view:
            while count := file.read_at([view], len(data)):
                data += view[:count]
    finally:
        file.close()
    return bytes(data)
