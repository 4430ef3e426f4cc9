"""Directories and files in memory behind the protocols of `filesystem.py`."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from wasmwright.wasi.abi import OFLAG_CREAT, OFLAG_DIRECTORY, OFLAG_EXCL, OFLAG_TRUNC
from wasmwright.wasi.contents import Contents, Tree, add_contents, read_file, read_tree, write_file
from wasmwright.wasi.filesystem import Directory, DirEntry, Stat, os_error
from wasmwright.wasi.nodes import (
    DirectoryNode,
    FileNode,
    LinkNode,
    Node,
)
from wasmwright.wasi.store import DEFAULT_MAX_BYTES, DEFAULT_MAX_NAMES, Store


class NodeFile:
    """An open file node."""

    __slots__ = ("__weakref__", "_closed", "_lock", "_node")

    def __init__(self, node: FileNode) -> None:
        self._closed = True
        self._node = node
        self._lock = node.store.lock
        node.opened()
        self._closed = False

    def _open_node(self) -> FileNode:
        if self._closed:
            raise os_error(errno.EBADF)
        return self._node

    def read_at(self, buffers: Sequence[memoryview], offset: int) -> int:
        with self._lock:
            return self._open_node().read_at(buffers, offset)

    def write_at(self, buffers: Sequence[memoryview], offset: int) -> int:
        with self._lock:
            return self._open_node().write_at(buffers, offset)

    def append(self, buffers: Sequence[memoryview]) -> tuple[int, int]:
        with self._lock:
            node = self._open_node()
            written = node.write_at(buffers, node.size())
            return written, node.size()

    def stat(self) -> Stat:
        with self._lock:
            return self._open_node().stat()

    def set_size(self, size: int) -> None:
        with self._lock:
            self._open_node().set_size(size)

    def set_times(self, atime_ns: int | None, mtime_ns: int | None) -> None:
        with self._lock:
            self._open_node().set_times(atime_ns, mtime_ns)

    def set_flags(self, fdflags: int) -> None:
        self._open_node()

    def allocate(self, offset: int, length: int) -> None:
        with self._lock:
            node = self._open_node()
            if node.size() < offset + length:
                node.set_size(offset + length)

    def advise(self, offset: int, length: int, advice: int) -> None:
        self._open_node()

    def sync(self, data_only: bool) -> None:
        self._open_node()

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                self._node.closed()

    def __del__(self) -> None:
        with suppress(OSError):
            self.close()


class NodeDirectory:
    """A directory node, as long as somebody has it open."""

    __slots__ = ("__weakref__", "_lock", "_node")

    def __init__(self, node: DirectoryNode) -> None:
        self._node = node
        self._lock = node.store.lock

    def stat(self) -> Stat:
        with self._lock:
            return self._node.stat()

    def set_times(self, atime_ns: int | None, mtime_ns: int | None) -> None:
        with self._lock:
            self._node.set_times(atime_ns, mtime_ns)

    def sync(self, data_only: bool) -> None:
        pass

    def entries(self) -> Iterable[DirEntry]:
        with self._lock:
            return list(self._node.entries())

    def open(
        self, name: str, *, oflags: int, fdflags: int, read: bool, write: bool
    ) -> NodeFile | NodeDirectory:
        with self._lock:
            node = self._node.get(name)
            if node is None:
                return self._create(name, oflags)
            if oflags & OFLAG_CREAT and oflags & OFLAG_EXCL:
                raise os_error(errno.EEXIST)
            if isinstance(node, LinkNode):
                raise os_error(errno.ELOOP)
            if isinstance(node, DirectoryNode):
                if write or oflags & (OFLAG_CREAT | OFLAG_TRUNC):
                    raise os_error(errno.EISDIR)
                return NodeDirectory(node)
            if oflags & OFLAG_DIRECTORY:
                raise os_error(errno.ENOTDIR)
            if not isinstance(node, FileNode):
                raise os_error(errno.EACCES)  # a device of the layer below: using it changes it
            if oflags & OFLAG_TRUNC:
                node.set_size(0)
            return NodeFile(node)

    def _create(self, name: str, oflags: int) -> NodeFile:
        if not oflags & OFLAG_CREAT:
            raise os_error(errno.ENOENT)
        file = FileNode(self._node.store)
        self._node.insert(name, file)
        return NodeFile(file)

    def open_directory(self, name: str) -> NodeDirectory:
        with self._lock:
            node = self._node.find(name)
            if isinstance(node, DirectoryNode):
                return NodeDirectory(node)
            raise os_error(errno.ELOOP if isinstance(node, LinkNode) else errno.ENOTDIR)

    def reopen(self) -> NodeDirectory:
        return NodeDirectory(self._node)

    def stat_at(self, name: str) -> Stat:
        with self._lock:
            return self._node.find(name).stat()

    def set_times_at(self, name: str, atime_ns: int | None, mtime_ns: int | None) -> None:
        with self._lock:
            self._node.find(name).set_times(atime_ns, mtime_ns)

    def read_link(self, name: str) -> str:
        with self._lock:
            node = self._node.find(name)
            if not isinstance(node, LinkNode):
                raise os_error(errno.EINVAL)
            return node.target

    def make_directory(self, name: str) -> None:
        with self._lock:
            self._insert_new(name, lambda store: DirectoryNode(store))

    def remove_directory(self, name: str) -> None:
        with self._lock:
            node = self._node.find(name)
            if not isinstance(node, DirectoryNode):
                raise os_error(errno.ENOTDIR)
            node.check_empty()
            self._node.take_out(name)
            node.vanish()

    def unlink(self, name: str) -> None:
        with self._lock:
            node = self._node.find(name)
            if isinstance(node, DirectoryNode):
                raise os_error(errno.EISDIR)
            self._node.take_out(name)
            node.unlinked()

    def symlink(self, target: str, name: str) -> None:
        with self._lock:
            self._insert_new(name, lambda store: LinkNode(store, target))

    def _insert_new(self, name: str, make: Callable[[Store], Node]) -> None:
        if self._node.get(name) is not None:
            raise os_error(errno.EEXIST)
        node = make(self._node.store)
        try:
            self._node.insert(name, node)
        except OSError:
            node.release()
            raise

    def link(self, name: str, other: Directory, other_name: str) -> None:
        with self._lock:
            target = self._same_store(other)
            node = self._node.find(name)
            if target.get(other_name) is not None:
                raise os_error(errno.EEXIST)
            if isinstance(node, DirectoryNode):
                raise os_error(errno.ENOENT if target.removed else errno.EPERM)
            node.keep()
            target.insert(other_name, node)
            node.links += 1
            node.ctime = node.store.now()

    def rename(self, name: str, other: Directory, other_name: str) -> None:
        with self._lock:
            self._node.rename(name, self._same_store(other), other_name)

    def _same_store(self, other: Directory) -> DirectoryNode:
        if isinstance(other, NodeDirectory) and other._node.store is self._node.store:
            return other._node
        raise os_error(errno.EXDEV)

    def close(self) -> None:
        """Nothing: what is in memory stays as long as somebody can reach it."""

    # For the host: content by path, resolved as a guest's paths are.

    def read_bytes(self, path: str) -> bytes:
        """The content of a file: OSError."""
        return read_file(self, path)

    def read_text(self, path: str) -> str:
        """The content of a file as UTF-8: OSError, UnicodeDecodeError."""
        return read_file(self, path).decode()

    def write_bytes(self, path: str, data: bytes | bytearray | memoryview) -> None:
        """Write a file, made with the directories above it where there is none: OSError."""
        write_file(self, path, data)

    def tree(self) -> Tree:
        """Everything in it as nested dicts of bytes and `Symlink`, as `MemoryDirectory` takes."""
        return read_tree(self)

    @property
    def size(self) -> int:
        """Bytes that the whole file system holds, of `max_bytes`."""
        return self._node.store.bytes


class MemoryDirectory(NodeDirectory):
    """A new file system in memory: `MemoryDirectory({"in.txt": b"data", "out": {}})`.

    contents: names (or paths with slashes) to bytes, text, `Symlink` or nested mappings. It holds
    at most `max_bytes` bytes of content and `max_names` names, `contents` included; guests get
    ENOSPC for more, and so does the host: OSError. now: gives the time for new time stamps, in ns
    since 1970.

    The object stays usable when guests are done: `tree` and `read_bytes` tell what they left, and
    further guests, also at the same time, find it as it is.
    """

    __slots__ = ()

    def __init__(
        self,
        contents: Contents | None = None,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        max_names: int = DEFAULT_MAX_NAMES,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__(DirectoryNode(Store(max_bytes, max_names, now)))
        add_contents(self, contents or {})

    def __repr__(self) -> str:
        return f"<wasi.MemoryDirectory {self.size} bytes>"
