"""Directories and files of the host behind the protocols of `filesystem.py`.

Every operation is an `*at` call on an open directory descriptor and a single name, with
O_NOFOLLOW (or its like), so a name that is swapped for a symbolic link during the call is refused
by the kernel. POSIX only.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat as stat_modes
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from wasmwright.wasi.abi import (
    FDFLAG_APPEND,
    FDFLAG_DSYNC,
    FDFLAG_NONBLOCK,
    FDFLAG_RSYNC,
    FDFLAG_SYNC,
    OFLAG_CREAT,
    OFLAG_DIRECTORY,
    OFLAG_EXCL,
    OFLAG_TRUNC,
    Filetype,
)
from wasmwright.wasi.filesystem import Directory, DirEntry, File, Stat, os_error
from wasmwright.wasi.streams import HostStream, Stream

# A guest must not make a terminal the host's controlling one, nor leak descriptors to children.
_COMMON = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY
_DIRECTORY = _COMMON | os.O_DIRECTORY
# Lets a walk pass through directories that may be entered but not listed.
_PATH_ONLY: int | None = getattr(os, "O_PATH", None)

_FILETYPES = {
    stat_modes.S_IFREG: Filetype.REGULAR_FILE,
    stat_modes.S_IFDIR: Filetype.DIRECTORY,
    stat_modes.S_IFLNK: Filetype.SYMBOLIC_LINK,
    stat_modes.S_IFCHR: Filetype.CHARACTER_DEVICE,
    stat_modes.S_IFBLK: Filetype.BLOCK_DEVICE,
    stat_modes.S_IFSOCK: Filetype.SOCKET_STREAM,
}

_ADVICE = tuple(
    getattr(os, "POSIX_FADV_" + name, 0)
    for name in ("NORMAL", "SEQUENTIAL", "RANDOM", "WILLNEED", "DONTNEED", "NOREUSE")
)


def _stat(status: os.stat_result) -> Stat:
    return Stat(
        filetype=_FILETYPES.get(stat_modes.S_IFMT(status.st_mode), Filetype.UNKNOWN),
        size=status.st_size,
        device=status.st_dev,
        inode=status.st_ino,
        links=status.st_nlink,
        # Times before 1970 have no place in an unsigned timestamp.
        atime_ns=max(status.st_atime_ns, 0),
        mtime_ns=max(status.st_mtime_ns, 0),
        ctime_ns=max(status.st_ctime_ns, 0),
    )


def _encode(name: str) -> bytes:
    # Not os.fsencode: guest names are UTF-8 whatever the host's locale says. Surrogates come
    # from host names (link targets) that aren't UTF-8.
    return name.encode("utf-8", "surrogateescape")


def _decode(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


class _HostHandle:
    """Owns one host descriptor."""

    __slots__ = ("__weakref__", "_fd")

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        """The host descriptor; -1 once closed, which the host refuses with EBADF."""
        return self._fd

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        # Nobody is left to hear an error of close(2).
        with suppress(OSError):
            self.close()

    def stat(self) -> Stat:
        return _stat(os.fstat(self._fd))

    def set_times(self, atime_ns: int | None, mtime_ns: int | None) -> None:
        os.utime(self._fd, ns=_both_times(os.fstat(self._fd), atime_ns, mtime_ns))

    def sync(self, data_only: bool) -> None:
        if data_only and hasattr(os, "fdatasync"):
            os.fdatasync(self._fd)
        else:
            os.fsync(self._fd)


class HostFile(_HostHandle):
    """An open regular file (or block device) of the host. Takes over the descriptor `fd`."""

    __slots__ = ()

    def read_at(self, buffers: Sequence[memoryview], offset: int) -> int:
        return os.preadv(self._fd, buffers, offset)

    def write_at(self, buffers: Sequence[memoryview], offset: int) -> int:
        return os.pwritev(self._fd, buffers, offset)

    def append(self, buffers: Sequence[memoryview]) -> tuple[int, int]:
        # The descriptor has O_APPEND, so the kernel finds the end and leaves the offset there.
        written = os.writev(self._fd, buffers)
        return written, os.lseek(self._fd, 0, os.SEEK_CUR)

    def set_size(self, size: int) -> None:
        os.ftruncate(self._fd, size)

    def set_flags(self, fdflags: int) -> None:
        flags = fcntl.fcntl(self._fd, fcntl.F_GETFL) & ~(os.O_APPEND | os.O_NONBLOCK)
        if fdflags & FDFLAG_APPEND:
            flags |= os.O_APPEND
        if fdflags & FDFLAG_NONBLOCK:
            flags |= os.O_NONBLOCK
        fcntl.fcntl(self._fd, fcntl.F_SETFL, flags)

    def allocate(self, offset: int, length: int) -> None:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._fd, offset, length)
        elif os.fstat(self._fd).st_size < offset + length:
            os.ftruncate(self._fd, offset + length)

    def advise(self, offset: int, length: int, advice: int) -> None:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._fd, offset, length, _ADVICE[advice])


class HostDirectory(_HostHandle):
    """A directory of the host and all below it: `HostDirectory(path)`.

    Raises OSError where `path` can't be opened as a directory. `path` itself comes from the
    host's side and may be a symbolic link.
    """

    __slots__ = ()

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(-1)
        self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    @classmethod
    def from_fd(cls, fd: int) -> HostDirectory:
        """Take over the open directory descriptor `fd`."""
        self = cls.__new__(cls)
        _HostHandle.__init__(self, fd)
        return self

    def entries(self) -> Iterable[DirEntry]:
        with os.scandir(self._fd) as entries:
            # A name in another encoding than UTF-8 can't be given to a guest, whose strings are
            # UTF-8: it is shown with U+FFFD in place of the bad bytes, and can't be opened.
            return [
                DirEntry(
                    os.fsencode(entry.name).decode("utf-8", "replace"),
                    _entry_type(entry),
                    entry.inode(),
                )
                for entry in entries
            ]

    def open(
        self, name: str, *, oflags: int, fdflags: int, read: bool, write: bool
    ) -> File | Stream | Directory:
        flags = _open_flags(oflags, fdflags, read, write)
        try:
            fd = os.open(_encode(name), flags, 0o666, dir_fd=self._fd)
        except OSError as error:
            raise self._open_error(error, name) from None
        try:
            mode = os.fstat(fd).st_mode
        except BaseException:
            os.close(fd)
            raise
        if stat_modes.S_ISDIR(mode):
            return HostDirectory.from_fd(fd)
        if stat_modes.S_ISREG(mode) or stat_modes.S_ISBLK(mode):
            return HostFile(fd)
        return HostStream(fd, owned=True)

    def _open_error(self, error: OSError, name: str) -> OSError:
        # O_NOFOLLOW meets a symbolic link: ELOOP on Linux, EMLINK on FreeBSD, and ENOTDIR if
        # O_DIRECTORY is there too. Callers rely on ELOOP to follow it themselves.
        if error.errno in (errno.ENOTDIR, getattr(errno, "EMLINK", -1)):
            try:
                os.readlink(_encode(name), dir_fd=self._fd)
            except OSError:
                return error
            return os_error(errno.ELOOP)
        return error

    def open_directory(self, name: str) -> HostDirectory:
        encoded = _encode(name)
        try:
            fd = os.open(encoded, _DIRECTORY | os.O_RDONLY, dir_fd=self._fd)
        except PermissionError:
            if _PATH_ONLY is None:
                raise
            fd = os.open(encoded, _DIRECTORY | _PATH_ONLY, dir_fd=self._fd)
        return HostDirectory.from_fd(fd)

    def reopen(self) -> HostDirectory:
        return self.open_directory(".")

    def stat_at(self, name: str) -> Stat:
        return _stat(os.stat(_encode(name), dir_fd=self._fd, follow_symlinks=False))

    def set_times_at(self, name: str, atime_ns: int | None, mtime_ns: int | None) -> None:
        encoded = _encode(name)
        status = os.stat(encoded, dir_fd=self._fd, follow_symlinks=False)
        times = _both_times(status, atime_ns, mtime_ns)
        os.utime(encoded, ns=times, dir_fd=self._fd, follow_symlinks=False)

    def read_link(self, name: str) -> str:
        return _decode(os.readlink(_encode(name), dir_fd=self._fd))

    def make_directory(self, name: str) -> None:
        os.mkdir(_encode(name), dir_fd=self._fd)

    def remove_directory(self, name: str) -> None:
        os.rmdir(_encode(name), dir_fd=self._fd)

    def unlink(self, name: str) -> None:
        os.unlink(_encode(name), dir_fd=self._fd)

    def symlink(self, target: str, name: str) -> None:
        os.symlink(_encode(target), _encode(name), dir_fd=self._fd)

    def link(self, name: str, other: Directory, other_name: str) -> None:
        os.link(
            _encode(name),
            _encode(other_name),
            src_dir_fd=self._fd,
            dst_dir_fd=_same_kind(other),
            follow_symlinks=False,
        )

    def rename(self, name: str, other: Directory, other_name: str) -> None:
        os.rename(
            _encode(name),
            _encode(other_name),
            src_dir_fd=self._fd,
            dst_dir_fd=_same_kind(other),
        )


def _same_kind(other: Directory) -> int:
    if not isinstance(other, HostDirectory):
        raise os_error(errno.EXDEV)
    return other.fileno()


def _entry_type(entry: os.DirEntry[Any]) -> Filetype:
    try:
        if entry.is_file(follow_symlinks=False):
            return Filetype.REGULAR_FILE
        if entry.is_dir(follow_symlinks=False):
            return Filetype.DIRECTORY
        if entry.is_symlink():
            return Filetype.SYMBOLIC_LINK
        return _stat(entry.stat(follow_symlinks=False)).filetype
    except OSError:  # gone meanwhile
        return Filetype.UNKNOWN


def _both_times(
    status: os.stat_result, atime_ns: int | None, mtime_ns: int | None
) -> tuple[int, int]:
    # Python's utime has no "leave as it is".
    return (
        status.st_atime_ns if atime_ns is None else atime_ns,
        status.st_mtime_ns if mtime_ns is None else mtime_ns,
    )


def _open_flags(oflags: int, fdflags: int, read: bool, write: bool) -> int:
    flags = _COMMON
    if write:
        flags |= os.O_RDWR if read else os.O_WRONLY
    if oflags & OFLAG_CREAT:
        flags |= os.O_CREAT
    if oflags & OFLAG_EXCL:
        flags |= os.O_EXCL
    if oflags & OFLAG_TRUNC:
        flags |= os.O_TRUNC
    if oflags & OFLAG_DIRECTORY:
        flags |= os.O_DIRECTORY
    if fdflags & FDFLAG_APPEND:
        flags |= os.O_APPEND
    if fdflags & FDFLAG_NONBLOCK:
        flags |= os.O_NONBLOCK
    if fdflags & (FDFLAG_SYNC | FDFLAG_RSYNC):
        flags |= os.O_SYNC
    elif fdflags & FDFLAG_DSYNC:
        flags |= getattr(os, "O_DSYNC", os.O_SYNC)
    return flags
