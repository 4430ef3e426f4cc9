"""What directories and files that can only be read have in common: every change is EROFS."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import NoReturn

from wasmwright.wasi.abi import OFLAG_CREAT, OFLAG_DIRECTORY, OFLAG_EXCL, OFLAG_TRUNC, Filetype
from wasmwright.wasi.filesystem import Directory, os_error


def _refuse() -> NoReturn:
    raise os_error(errno.EROFS)


class ReadOnlyFile:
    """The changing half of the `File` protocol, refused; derive and add `read_at` and `stat`."""

    __slots__ = ("__weakref__",)

    def write_at(self, buffers: Sequence[memoryview], offset: int) -> int:
        _refuse()

    def append(self, buffers: Sequence[memoryview]) -> tuple[int, int]:
        _refuse()

    def set_size(self, size: int) -> None:
        _refuse()

    def set_times(self, atime_ns: int | None, mtime_ns: int | None) -> None:
        _refuse()

    def set_flags(self, fdflags: int) -> None:
        pass

    def allocate(self, offset: int, length: int) -> None:
        _refuse()

    def advise(self, offset: int, length: int, advice: int) -> None:
        pass

    def sync(self, data_only: bool) -> None:
        pass

    def close(self) -> None:
        pass


class ReadOnlyDirectory:
    """The changing half of the `Directory` protocol, refused.

    Derive and add `stat`, `entries`, `open`, `open_directory`, `reopen`, `stat_at` and
    `read_link`; `open` begins with `check_open`.
    """

    __slots__ = ("__weakref__",)

    def check_open(self, filetype: Filetype | None, oflags: int, write: bool) -> None:
        """What `open` must refuse where `name` is of this type, or is not there: OSError."""
        if filetype is None:
            raise os_error(errno.EROFS if oflags & OFLAG_CREAT else errno.ENOENT)
        if oflags & OFLAG_CREAT and oflags & OFLAG_EXCL:
            raise os_error(errno.EEXIST)
        if filetype is Filetype.SYMBOLIC_LINK:
            raise os_error(errno.ELOOP)
        changes = write or oflags & OFLAG_TRUNC
        if filetype is Filetype.DIRECTORY:
            if changes or oflags & OFLAG_CREAT:
                raise os_error(errno.EISDIR)
        elif oflags & OFLAG_DIRECTORY:
            raise os_error(errno.ENOTDIR)
        elif changes:
            _refuse()

    def set_times(self, atime_ns: int | None, mtime_ns: int | None) -> None:
        _refuse()

    def sync(self, data_only: bool) -> None:
        pass

    def set_times_at(self, name: str, atime_ns: int | None, mtime_ns: int | None) -> None:
        _refuse()

    def make_directory(self, name: str) -> None:
        _refuse()

    def remove_directory(self, name: str) -> None:
        _refuse()

    def unlink(self, name: str) -> None:
        _refuse()

    def symlink(self, target: str, name: str) -> None:
        _refuse()

    def link(self, name: str, other: Directory, other_name: str) -> None:
        _refuse()

    def rename(self, name: str, other: Directory, other_name: str) -> None:
        _refuse()

    def close(self) -> None:
        pass
