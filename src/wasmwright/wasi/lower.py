"""The layer below an overlay: a directory that is only read, addressed by paths from its top."""

from __future__ import annotations

import errno
from collections import OrderedDict

from wasmwright.wasi.filesystem import Directory, File, is_file, os_error

Path = tuple[str, ...]  # names from the top of the layer

# Kept open below the top; a guest that goes everywhere must not use up the host's descriptors.
_MAX_OPEN = 16


class Lower:
    """Directories of a layer by their path, the last few kept open. Not for several threads."""

    __slots__ = ("_open", "_top")

    def __init__(self, top: Directory) -> None:
        self._top = top
        self._open: OrderedDict[Path, Directory] = OrderedDict()

    def directory(self, path: Path) -> Directory:
        """The directory at `path`, to be used before the next call: OSError."""
        if not path:
            return self._top
        known = self._open.get(path)
        if known is not None:
            self._open.move_to_end(path)
            return known
        found = self._walk(path)
        self._open[path] = found
        if len(self._open) > _MAX_OPEN:
            self._open.popitem(last=False)[1].close()
        return found

    def _walk(self, path: Path) -> Directory:
        start = len(path) - 1
        while path[:start] not in self._open and start:
            start -= 1
        current = self._open[path[:start]] if start else self._top
        for depth in range(start, len(path)):
            try:
                # Single names, so that this never leaves the layer, whatever became of it.
                following = current.open_directory(path[depth])
            finally:
                if depth > start:
                    current.close()
            current = following
        return current

    def open_file(self, path: Path) -> File:
        """The regular file at `path`, for reading: OSError."""
        opened = self.directory(path[:-1]).open(
            path[-1], oflags=0, fdflags=0, read=True, write=False
        )
        if is_file(opened):
            return opened
        opened.close()  # the host put something else in its place
        raise os_error(errno.EIO)

    def has(self, path: Path) -> bool:
        """Whether something is at `path`."""
        try:
            self.directory(path[:-1]).stat_at(path[-1])
        except FileNotFoundError:
            return False
        return True

    def close(self) -> None:
        """Close all directories, the top included."""
        while self._open:
            self._open.popitem()[1].close()
        self._top.close()
