"""Zip archives as directories that can be read: `ZipDirectory("lib.zip")`.

The archive may be hostile. Names are only ever single components of a tree that is built from the
archive's list, so none leads anywhere else; what is decompressed is bounded in size; damage shows
as EIO where it is read.
"""

from __future__ import annotations

import calendar
import errno
import io
import os
import stat as stat_modes
import struct
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import IO, Final

from wasmwright.wasi.abi import Filetype
from wasmwright.wasi.contents import Tree, read_file, read_tree
from wasmwright.wasi.filesystem import (
    MAX_DEPTH,
    MAX_NAME,
    MAX_PATH,
    DirEntry,
    Stat,
    new_device,
    os_error,
)
from wasmwright.wasi.readonly import ReadOnlyDirectory, ReadOnlyFile

MAX_FILE: Final = 1 << 30  # bytes of one file, decompressed: seeking may mean to read it again
MAX_ENTRIES: Final = 1 << 20  # files and directories of one archive

# Files up to this size are decompressed once and kept for a while, larger ones read as a stream.
_MAX_KEPT_FILE: Final = 8 << 20
_MAX_KEPT: Final = 64 << 20

_EPOCH_NS: Final = 315_532_800 * 10**9  # 1980, where the format's times begin
_ENCRYPTED: Final = 1  # of `flag_bits`
_UNIX: Final = 3  # `create_system` of archives whose upper attribute bits are a Unix mode


# What a damaged archive makes `zipfile` raise, its own error aside.
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    ValueError,
)


class _Entry:
    """A file or link (`info`), or a directory (`children`), of an archive."""

    __slots__ = ("children", "filetype", "info", "inode", "size", "time_ns")

    def __init__(self, inode: int, info: zipfile.ZipInfo | None) -> None:
        self.inode = inode
        self.info = info
        self.children: dict[str, _Entry] = {}
        self.filetype = Filetype.DIRECTORY if info is None else _filetype(info)
        self.size = 0 if info is None else info.file_size
        self.time_ns = _EPOCH_NS if info is None else _time_ns(info)


class _Archive:
    """An open archive: its tree, and its files' content, one thread at a time."""

    __slots__ = ("_file", "_kept", "_kept_size", "_lock", "device", "top")

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self._lock = RLock()
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._kept_size = 0
        self.device = new_device()
        self.top = _tree(file)

    def stat(self, entry: _Entry) -> Stat:
        time_ns = entry.time_ns
        return Stat(
            entry.filetype, entry.size, self.device, entry.inode, 1, time_ns, time_ns, time_ns
        )

    def content(self, entry: _Entry) -> bytes | None:
        """All of a file; None for one that is too large to be kept: OSError."""
        assert entry.info is not None
        if entry.size > _MAX_KEPT_FILE:
            return None
        with self._lock:
            data = self._kept.get(entry.inode)
            if data is None:
                with self.stream(entry) as stream, _errors():
                    data = stream.read()
                self._keep(entry.inode, data)
            else:
                self._kept.move_to_end(entry.inode)
            return data

    def _keep(self, inode: int, data: bytes) -> None:
        self._kept[inode] = data
        self._kept_size += len(data)
        while self._kept_size > _MAX_KEPT:
            self._kept_size -= len(self._kept.popitem(last=False)[1])

    def stream(self, entry: _Entry) -> IO[bytes]:
        """A file to be read and sought in: OSError."""
        assert entry.info is not None
        # The other methods are rare, and let a few bytes take gigabytes to decompress.
        if entry.info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise os_error(errno.ENOTSUP)
        if entry.info.flag_bits & _ENCRYPTED:
            raise os_error(errno.EACCES)
        with self._lock, _errors():
            return self._file.open(entry.info)


class _ZipFile(ReadOnlyFile):
    """An open file of an archive."""

    __slots__ = ("_archive", "_data", "_entry", "_lock", "_stream")

    def __init__(self, archive: _Archive, entry: _Entry) -> None:
        if entry.size > MAX_FILE:
            raise os_error(errno.EFBIG)
        self._archive = archive
        self._entry = entry
        self._lock = RLock()
        self._data = archive.content(entry)
        self._stream = archive.stream(entry) if self._data is None else None

    def stat(self) -> Stat:
        return self._archive.stat(self._entry)

    def read_at(self, buffers: Sequence[memoryview], offset: int) -> int:
        done = 0
        with self._lock:
            for buffer in buffers:
                count = self._read(buffer, offset + done)
                done += count
                if count < len(buffer):
                    break
        return done

    def _read(self, buffer: memoryview, offset: int) -> int:
        if self._data is not None:
            part = self._data[offset : offset + len(buffer)]
            buffer[: len(part)] = part
            return len(part)
        stream = self._stream
        if stream is None:
            raise os_error(errno.EBADF)
        done = 0
        with _errors():
            if offset >= self._entry.size:
                return 0
            if stream.tell() != offset:
                stream.seek(offset)
            while done < len(buffer):
                part = stream.read(min(len(buffer) - done, 1 << 20))
                if not part:
                    break
                buffer[done : done + len(part)] = part
                done += len(part)
        return done

    def close(self) -> None:
        stream, self._stream, self._data = self._stream, None, None
        if stream is not None:
            stream.close()


class ZipDirectory(ReadOnlyDirectory):
    """A zip archive as a directory: `ZipDirectory(path)`, or a binary file object, or bytes.

    Changing anything is EROFS; `OverlayDirectory(ZipDirectory(path))` can be changed. Symbolic
    links that the archive has from Unix are links. Left out are names that no directory could
    have (absolute, with `..` or NUL), and files where another entry needs a directory; of several
    entries with one name the last counts. Times are taken as UTC.

    Raises OSError where the archive can't be opened, ValueError where it is none or has more than
    `MAX_ENTRIES` entries. Encrypted files are EACCES, damaged ones EIO, those over `MAX_FILE`
    bytes EFBIG, and those compressed otherwise than by deflate ENOTSUP.
    """

    __slots__ = ("_archive", "_entry")

    def __init__(self, source: str | os.PathLike[str] | IO[bytes] | bytes) -> None:
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        try:
            archive = zipfile.ZipFile(file)
        except _DAMAGE as error:
            raise ValueError(f"not a zip archive: {error}") from error
        self._archive = _Archive(archive)
        self._entry = self._archive.top

    def _at(self, entry: _Entry) -> ZipDirectory:
        """A handle of another directory of the archive."""
        other = ZipDirectory.__new__(ZipDirectory)
        other._archive = self._archive
        other._entry = entry
        return other

    def stat(self) -> Stat:
        return self._archive.stat(self._entry)

    def entries(self) -> Iterable[DirEntry]:
        return [
            DirEntry(name, entry.filetype, entry.inode)
            for name, entry in self._entry.children.items()
        ]

    def _find(self, name: str) -> _Entry:
        entry = self._entry.children.get(name)
        if entry is None:
            raise os_error(errno.ENOENT)
        return entry

    def open(
        self, name: str, *, oflags: int, fdflags: int, read: bool, write: bool
    ) -> _ZipFile | ZipDirectory:
        entry = self._entry.children.get(name)
        self.check_open(None if entry is None else entry.filetype, oflags, write)
        assert entry is not None
        if entry.filetype is Filetype.DIRECTORY:
            return self._at(entry)
        return _ZipFile(self._archive, entry)

    def open_directory(self, name: str) -> ZipDirectory:
        entry = self._find(name)
        if entry.filetype is not Filetype.DIRECTORY:
            is_link = entry.filetype is Filetype.SYMBOLIC_LINK
            raise os_error(errno.ELOOP if is_link else errno.ENOTDIR)
        return self._at(entry)

    def reopen(self) -> ZipDirectory:
        return self._at(self._entry)

    def stat_at(self, name: str) -> Stat:
        return self._archive.stat(self._find(name))

    def read_link(self, name: str) -> str:
        entry = self._find(name)
        if entry.filetype is not Filetype.SYMBOLIC_LINK:
            raise os_error(errno.EINVAL)
        target = self._archive.content(entry)
        assert target is not None  # `_filetype` bounds the size
        return target.decode("utf-8", "surrogateescape")

    def read_bytes(self, path: str) -> bytes:
        """The content of a file, by path: OSError."""
        return read_file(self, path)

    def tree(self) -> Tree:
        """Everything in it as nested dicts of bytes and `Symlink`: OSError."""
        return read_tree(self)

    def __repr__(self) -> str:
        return f"<wasi.ZipDirectory of {len(self._entry.children)} entries>"


def _tree(file: zipfile.ZipFile) -> _Entry:
    top = _Entry(1, None)
    made = 1
    for info in file.infolist():
        names = _names(info.filename)
        current = top
        # (ZipInfo.is_dir fails where a damaged archive has an empty name.)
        directory = info.filename.endswith("/")
        for name in names if directory else names[:-1]:
            below = current.children.get(name)
            if below is None or below.info is not None:
                made += 1
                below = current.children[name] = _Entry(made, None)
            current = below
        if not names:
            continue
        if directory:
            current.time_ns = _time_ns(info)
        elif not _is_directory(current.children.get(names[-1])):
            made += 1
            current.children[names[-1]] = _Entry(made, info)
        if made > MAX_ENTRIES:
            raise ValueError(f"zip archive with more than {MAX_ENTRIES} files and directories")
    return top


def _names(path: str) -> list[str]:
    """The components of an archive's name; none if it can't be a path below a directory."""
    names = path.removesuffix("/").split("/")
    if len(names) > MAX_DEPTH or any(
        name in ("", ".", "..") or len(name) > MAX_NAME or "\0" in name for name in names
    ):
        return []
    return names


def _is_directory(entry: _Entry | None) -> bool:
    return entry is not None and entry.info is None


def _filetype(info: zipfile.ZipInfo) -> Filetype:
    mode = info.external_attr >> 16 if info.create_system == _UNIX else 0
    if stat_modes.S_ISLNK(mode) and 0 < info.file_size <= MAX_PATH:
        return Filetype.SYMBOLIC_LINK
    return Filetype.REGULAR_FILE


def _time_ns(info: zipfile.ZipInfo) -> int:
    try:
        return calendar.timegm((*info.date_time, 0, 0, 0)) * 1_000_000_000
    except ValueError:  # month 0, and such
        return _EPOCH_NS


@contextmanager
def _errors() -> Iterator[None]:
    """What is wrong with an archive as OSError."""
    try:
        yield
    except _DAMAGE as error:
        raise OSError(errno.EIO, f"damaged zip archive: {error}") from error
