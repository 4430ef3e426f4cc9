"""File systems as capabilities: what a directory and a file must offer, and how paths are walked.

A `Directory` only knows single names: it has no operation that takes a path or follows a symbolic
link, so nothing that implements it can be talked out of its tree. Paths are the business of
`Walk`, which goes component by component, keeps the directories that it came through open,
answers `..` from that stack and expands symbolic links itself. However the tree is changed by
others meanwhile, a walk can only reach what can be reached by single names from its base.

Implementations raise `OSError` with a POSIX errno; the WASI calls translate it. `HostDirectory`
(`hostdir.py`) is the one on the host's file system; `MemoryDirectory`, `OverlayDirectory` and
`ZipDirectory` implement the same two protocols, and so may others.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from itertools import count
from typing import NamedTuple, Protocol, TypeGuard

from wasmwright.wasi.abi import Filetype
from wasmwright.wasi.streams import Stream

MAX_PATH = 4096  # bytes of a path that a guest passes, as PATH_MAX
MAX_LINKS = 40  # symbolic links expanded in one walk, as Linux
MAX_DEPTH = 256  # directories that one walk may hold open
MAX_NAME = 255  # bytes of a name in the file systems that are ours, as everywhere

# Beyond the numbers that hosts give their devices.
_devices = count(1 << 32)


class Stat(NamedTuple):
    """Attributes of a file (`filestat`). Size in bytes, times in nanoseconds since 1970."""

    filetype: Filetype
    size: int = 0
    device: int = 0
    inode: int = 0
    links: int = 1
    atime_ns: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0


class DirEntry(NamedTuple):
    """One name in a directory. `inode` 0 means unknown."""

    name: str
    filetype: Filetype
    inode: int = 0


class File(Protocol):
    """An open regular file. Has no position: reads and writes say where.

    Buffers are views of guest memory, valid only during the call.
    """

    def read_at(self, buffers: Sequence[memoryview], offset: int) -> int:
        """Fill `buffers` from byte `offset`; give the number of bytes, 0 at the end."""

    def write_at(self, buffers: Sequence[memoryview], offset: int) -> int:
        """Write `buffers` at byte `offset`; give the number of bytes taken."""

    def append(self, buffers: Sequence[memoryview]) -> tuple[int, int]:
        """Write `buffers` at the end; give the number of bytes taken and the new end."""

    def stat(self) -> Stat:
        """The file's attributes."""

    def set_size(self, size: int) -> None:
        """Cut or extend with zeros to `size` bytes."""

    def set_times(self, atime_ns: int | None, mtime_ns: int | None) -> None:
        """Set access and modification time (ns since 1970); None leaves one as it is."""

    def set_flags(self, fdflags: int) -> None:
        """Take the append and non-blocking bits of `fdflags`."""

    def allocate(self, offset: int, length: int) -> None:
        """Make sure that `length` bytes from `offset` exist and have space."""

    def advise(self, offset: int, length: int, advice: int) -> None:
        """Hear how the region will be used (`advice`)."""

    def sync(self, data_only: bool) -> None:
        """Bring data (and metadata) to storage."""

    def close(self) -> None:
        """Release what is behind the file; further calls fail. Closing twice is harmless."""


class Directory(Protocol):
    """An open directory. Every `name` is one component: never empty, `.`, `..`, or with a slash.

    No method follows a symbolic link that `name` denotes: opening one raises ELOOP, the others
    act on the link itself.
    """

    def stat(self) -> Stat:
        """The directory's own attributes."""

    def set_times(self, atime_ns: int | None, mtime_ns: int | None) -> None:
        """Set the directory's own times, as `File.set_times`."""

    def sync(self, data_only: bool) -> None:
        """Bring the directory to storage."""

    def entries(self) -> Iterable[DirEntry]:
        """All names but `.` and `..`, in an order that is the same if nothing changed."""

    def open(
        self, name: str, *, oflags: int, fdflags: int, read: bool, write: bool
    ) -> File | Stream | Directory:
        """Open or create `name` as `path_open` says (`oflags`, `fdflags`)."""

    def open_directory(self, name: str) -> Directory:
        """Open the directory `name`; ENOTDIR or ELOOP if it is something else."""

    def reopen(self) -> Directory:
        """Another, independent handle of this directory."""

    def stat_at(self, name: str) -> Stat:
        """The attributes of `name`."""

    def set_times_at(self, name: str, atime_ns: int | None, mtime_ns: int | None) -> None:
        """Set the times of `name`, as `File.set_times`."""

    def read_link(self, name: str) -> str:
        """What the symbolic link `name` contains; EINVAL if it is something else."""

    def make_directory(self, name: str) -> None:
        """Create a directory."""

    def remove_directory(self, name: str) -> None:
        """Remove an empty directory."""

    def unlink(self, name: str) -> None:
        """Remove a name that is not a directory; EISDIR if it is one."""

    def symlink(self, target: str, name: str) -> None:
        """Create the symbolic link `name` that contains `target`."""

    def link(self, name: str, other: Directory, other_name: str) -> None:
        """Make `other_name` in `other` another name of `name`; EXDEV across file systems."""

    def rename(self, name: str, other: Directory, other_name: str) -> None:
        """Move `name` to `other_name` in `other`, replacing it; EXDEV across file systems."""

    def close(self) -> None:
        """Release what is behind the directory. Closing twice is harmless."""


# isinstance of a protocol asks for every method, 20 microseconds; one that only it has will do.
def is_directory(opened: object) -> TypeGuard[Directory]:
    """Whether something opened is a `Directory`."""
    return hasattr(opened, "open_directory")


def is_file(opened: object) -> TypeGuard[File]:
    """Whether something opened is a `File`."""
    return hasattr(opened, "read_at")


def is_stream(opened: object) -> TypeGuard[Stream]:
    """Whether something opened is a `Stream`."""
    return hasattr(opened, "read_into")


def os_error(number: int) -> OSError:
    """`OSError` for an errno, with the system's message."""
    return OSError(number, os.strerror(number))


def new_device() -> int:
    """A device number that no other file system has."""
    return next(_devices)


class Walk:
    """A path resolved below `base` up to its last component; a context manager.

    `directory` is the open directory that holds the last component and `name` that component, or
    "" where the path names `directory` itself (`.`, `a/..`). `needs_directory` says that the path
    ended in a slash. The last component is not looked at; if it turns out to be a symbolic link
    that should be followed, `follow_link` goes on from there.

    Raises OSError: EPERM when the path leads out of `base` (absolute, or too many `..`), ENOENT
    for an empty path, ELOOP after `MAX_LINKS` links, ENAMETOOLONG for more than `MAX_DEPTH`
    directories, and what the directories raise.
    """

    __slots__ = ("_base", "_links", "_pending", "_stack", "name", "needs_directory")

    def __init__(self, base: Directory, path: str) -> None:
        self._base = base
        self._stack: list[Directory] = []
        self._pending: list[str] = []
        self._links = 0
        self.name = ""
        self.needs_directory = False
        self._push_path(path)

    @property
    def directory(self) -> Directory:
        return self._stack[-1] if self._stack else self._base

    def __enter__(self) -> Walk:
        try:
            self._advance()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the directories that the walk opened."""
        while self._stack:
            self._stack.pop().close()

    def follow_link(self) -> None:
        """Replace the last component, a symbolic link, by where it leads; EINVAL if it is none."""
        self._expand(self.name)
        self._advance()

    def follow_links(self) -> Stat | None:
        """Follow while the last component is a symbolic link; give the attributes of where it ends.

        None if nothing has that name, or the path names `directory` itself.
        """
        while self.name:
            try:
                stat = self.directory.stat_at(self.name)
            except FileNotFoundError:
                return None
            if stat.filetype is not Filetype.SYMBOLIC_LINK:
                return stat
            self.follow_link()
        return None

    def _push_path(self, path: str) -> None:
        if not path:
            raise os_error(errno.ENOENT)
        if path.startswith("/"):
            raise os_error(errno.EPERM)
        components = path.split("/")
        if not self._pending:
            self.needs_directory = self.needs_directory or components[-1] == ""
        components = [part for part in components if part]
        components.reverse()
        self._pending += components

    def _expand(self, link: str) -> None:
        self._links += 1
        if self._links > MAX_LINKS:
            raise os_error(errno.ELOOP)
        self._push_path(self.directory.read_link(link))

    def _advance(self) -> None:
        pending = self._pending
        self.name = ""
        while pending:
            component = pending.pop()
            if component == ".":
                continue
            if component == "..":
                if not self._stack:
                    raise os_error(errno.EPERM)
                self._stack.pop().close()
                continue
            if not pending:
                self.name = component
                return
            self._enter_directory(component)

    def _enter_directory(self, name: str) -> None:
        try:
            child = self.directory.open_directory(name)
        except OSError as error:
            # A symbolic link is ENOTDIR or ELOOP depending on the system.
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            try:
                self._expand(name)
            except OSError as not_a_link:
                if not_a_link.errno == errno.EINVAL:
                    raise os_error(errno.ENOTDIR) from None
                raise
            return
        self._stack.append(child)
        if len(self._stack) > MAX_DEPTH:
            raise os_error(errno.ENAMETOOLONG)
