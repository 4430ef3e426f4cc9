"""The nodes of file systems in memory: files, links and directories, with POSIX's rules.

A node of an overlay may stand for something in the layer below: it has an `origin`, and
until it is changed, only whoever uses it holds it; its directory finds it again in `seen`. A change
makes its directories hold it (`keep`), so memory is used for what is changed or open, and for
nothing else of the layer.

Whoever calls methods of nodes holds `Store.lock`.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from weakref import WeakValueDictionary, ref

from wasmwright.wasi.abi import Filetype
from wasmwright.wasi.filesystem import MAX_NAME, DirEntry, File, Stat, os_error
from wasmwright.wasi.lower import Path
from wasmwright.wasi.store import Store

_CHUNK = 1 << 20  # bytes that are copied or zeroed at once


class Node:
    """Attributes; as it stands something that is neither file, directory nor link.

    `place` is the directory and name by which the layer below has it, as long as its directory
    does not hold it.
    """

    __slots__ = (
        "__weakref__",
        "atime",
        "ctime",
        "device",
        "filetype",
        "inode",
        "links",
        "mtime",
        "origin",
        "place",
        "store",
    )

    def __init__(self, store: Store, filetype: Filetype, below: Stat | None = None) -> None:
        self.store = store
        self.filetype = filetype
        self.links = 1
        self.origin: Path | None = None
        self.place: tuple[DirectoryNode, str] | None = None
        if below is None:
            self.device = store.device
            self.inode = store.new_inode()
            self.atime = self.mtime = self.ctime = store.now()
        else:
            self.device, self.inode = below.device, below.inode
            self.atime, self.mtime, self.ctime = below.atime_ns, below.mtime_ns, below.ctime_ns

    def size(self) -> int:
        """In bytes."""
        return 0

    def stat(self) -> Stat:
        return Stat(
            self.filetype,
            self.size(),
            self.device,
            self.inode,
            self.links,
            self.atime,
            self.mtime,
            self.ctime,
        )

    def set_times(self, atime: int | None, mtime: int | None) -> None:
        """Set times in ns since 1970, None leaves one as it is: ENOSPC."""
        self.keep()
        if atime is not None:
            self.atime = atime
        if mtime is not None:
            self.mtime = mtime
        self.ctime = self.store.now()

    def touch(self) -> None:
        """Note that the content changed now."""
        self.mtime = self.ctime = self.store.now()

    def keep(self) -> None:
        """Have the directories above hold this node, so that a change to it stays: ENOSPC."""
        chain = []
        node: Node = self
        while node.place is not None:
            chain.append(node)
            node = node.place[0]
        # From the top down: a directory that nobody holds must not hold changes.
        for node in reversed(chain):
            if node.place is not None:
                directory, name = node.place
                directory.hold(name, node)
                node.place = None

    def unlinked(self) -> None:
        """Note that a name of this node is gone; the last one takes the content with it."""
        self.links -= 1
        self.place = None
        self.ctime = self.store.now()
        if not self.links:
            self.release()

    def release(self) -> None:
        """Give back the space of the content, if nobody can reach it any more."""


class LinkNode(Node):
    """A symbolic link."""

    __slots__ = ("_paid", "target")

    def __init__(self, store: Store, target: str, below: Stat | None = None) -> None:
        super().__init__(store, Filetype.SYMBOLIC_LINK, below)
        self.target = target
        self._paid = 0
        if below is None:
            store.take(self.size())
            self._paid = self.size()

    def size(self) -> int:
        return len(self.target.encode("utf-8", "surrogateescape"))

    def release(self) -> None:
        self.store.give(self._paid)
        self._paid = 0


class FileNode(Node):
    """A regular file. Its content is `data`, or the layer's while it has an `origin`."""

    __slots__ = ("_below_size", "_opens", "_source", "data")

    def __init__(self, store: Store, below: Stat | None = None) -> None:
        super().__init__(store, Filetype.REGULAR_FILE, below)
        self.data = bytearray()
        self._opens = 0
        self._source: File | None = None  # the layer's file, while this one is open
        self._below_size = below.size if below is not None else 0

    def opened(self) -> None:
        """Note one more user of the content: OSError."""
        if self.origin is not None and self._source is None:
            assert self.store.lower is not None
            self._source = self.store.lower.open_file(self.origin)
        self._opens += 1

    def closed(self) -> None:
        """Note one user less."""
        self._opens -= 1
        if not self._opens:
            self._leave_layer()
            self.release()

    def _leave_layer(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def release(self) -> None:
        if not self.links and not self._opens:
            self.store.give(len(self.data))
            self.data = bytearray()

    def size(self) -> int:
        if self.origin is None:
            return len(self.data)
        return self._below_size if self._source is None else self._source.stat().size

    def read_at(self, buffers: Sequence[memoryview], offset: int) -> int:
        """As `File.read_at`."""
        if self._source is not None:
            return self._source.read_at(buffers, offset)
        data = self.data
        start = offset
        for buffer in buffers:
            part = min(len(buffer), len(data) - offset)
            if part <= 0:
                break
            with memoryview(data) as view:
                buffer[:part] = view[offset : offset + part]
            offset += part
        return offset - start

    def write_at(self, buffers: Sequence[memoryview], offset: int) -> int:
        """As `File.write_at`; takes as much as there is space for: ENOSPC for none."""
        wanted = sum(map(len, buffers))
        if not wanted:
            return 0
        self.bring_up()
        data = self.data
        end = min(offset + wanted, len(data) + self.store.room)
        if end <= offset:
            self.store.take(offset + wanted - len(data))
        if end > len(data):
            self._extend(end)
        with memoryview(data) as view:
            at = offset
            for buffer in buffers:
                part = min(len(buffer), end - at)
                view[at : at + part] = buffer[:part]
                at += part
        self.touch()
        return end - offset

    def set_size(self, size: int) -> None:
        """Cut or extend with zeros: ENOSPC."""
        self.bring_up(size)
        if size > len(self.data):
            self._extend(size)
        elif size < len(self.data):
            self.store.give(len(self.data) - size)
            del self.data[size:]
        self.touch()

    def _extend(self, size: int) -> None:
        data = self.data
        before = len(data)
        self.store.take(size - before)
        try:
            while len(data) < size:
                data += bytes(min(size - len(data), _CHUNK))
        except MemoryError:
            del data[before:]
            self.store.give(size - before)
            raise

    def bring_up(self, most: int | None = None) -> None:
        """Have the content, or its first `most` bytes, in memory, to be changed: OSError."""
        self.keep()
        if self.origin is None:
            return
        if self._source is None:
            self.opened()
            try:
                self._copy(most)
            finally:
                self.closed()
        else:
            self._copy(most)

    def _copy(self, most: int | None) -> None:
        assert self._source is not None
        size = self.size() if most is None else min(most, self.size())
        self.store.take(size)
        data = bytearray()
        try:
            while len(data) < size:
                chunk = bytearray(min(size - len(data), _CHUNK))
                with memoryview(chunk) as view:
                    read = self._source.read_at([view], len(data))
                if not read:
                    break  # the layer's file was cut meanwhile
                data += chunk[:read]
        except BaseException:
            self.store.give(size)
            raise
        self.store.give(size - len(data))
        self.data = data
        self.origin = None
        self._leave_layer()


class DirectoryNode(Node):
    """A directory. In `children`, None stands for an entry of the layer that was removed."""

    __slots__ = ("_parent", "_seen", "children", "removed")

    def __init__(self, store: Store, below: Stat | None = None) -> None:
        super().__init__(store, Filetype.DIRECTORY, below)
        self.children: dict[str, Node | None] = {}
        self.removed = False
        # Weak: a tree without circles is freed when its last user goes.
        self._parent: ref[DirectoryNode] | None = None
        self._seen: WeakValueDictionary[str, Node] = WeakValueDictionary()

    @property
    def above(self) -> DirectoryNode | None:
        """The directory that this one is in."""
        if self.place is not None:
            return self.place[0]
        return self._parent() if self._parent is not None else None

    def find(self, name: str) -> Node:
        """What has this name: ENOENT, ENAMETOOLONG, and what the layer raises."""
        node = self.children.get(name)
        if node is None:
            check_name(name)
            if self.origin is None or name in self.children:
                raise os_error(errno.ENOENT)
            node = self._seen.get(name)
            if node is None:
                node = self._find_below(self.origin, name)
                self._seen[name] = node
        return node

    def get(self, name: str) -> Node | None:
        """What has this name, or None."""
        try:
            return self.find(name)
        except FileNotFoundError:
            return None

    def _find_below(self, origin: Path, name: str) -> Node:
        store = self.store
        assert store.lower is not None
        directory = store.lower.directory(origin)
        stat = directory.stat_at(name)
        node: Node
        if stat.filetype is Filetype.REGULAR_FILE:
            node = FileNode(store, stat)
        elif stat.filetype is Filetype.DIRECTORY:
            node = DirectoryNode(store, stat)
        elif stat.filetype is Filetype.SYMBOLIC_LINK:
            node = LinkNode(store, directory.read_link(name), stat)
        else:
            node = Node(store, stat.filetype, stat)
        node.origin = (*origin, name)
        node.place = (self, name)
        return node

    def entries(self) -> Iterator[DirEntry]:
        """All entries: OSError of the layer."""
        children = self.children
        for name, node in children.items():
            if node is not None:
                yield DirEntry(name, node.filetype, node.inode)
        if self.origin is not None:
            assert self.store.lower is not None
            for entry in self.store.lower.directory(self.origin).entries():
                if entry.name not in children:
                    yield entry

    def hold(self, name: str, node: Node) -> None:
        """Hold the node that the layer has under this name: ENOSPC."""
        self.store.take(names=1)
        self._set(name, node)

    def _set(self, name: str, node: Node) -> None:
        self.children[name] = node
        if isinstance(node, DirectoryNode):
            node._parent = ref(self)

    def insert(self, name: str, node: Node) -> None:
        """Enter a node under a name that is free, or replace its entry: ENOENT, ENOSPC."""
        check_name(name)
        if self.removed:
            raise os_error(errno.ENOENT)
        self.keep()
        if name not in self.children:
            self.store.take(names=1)
        self._set(name, node)
        self.touch()

    def take_out(self, name: str) -> None:
        """Remove the entry `name`, which there is; hiding one of the layer takes a name: ENOSPC."""
        self.keep()
        if self._is_below(name):
            if name not in self.children:
                self.store.take(names=1)
            self.children[name] = None
        elif self.children.pop(name, None) is not None:  # else the host removed it from the layer
            self.store.give(names=1)
        self.touch()

    def _is_below(self, name: str) -> bool:
        """Whether the layer has the name: OSError of the layer."""
        if self.origin is None:
            return False
        assert self.store.lower is not None
        return self.store.lower.has((*self.origin, name))

    def check_empty(self) -> None:
        """Raise ENOTEMPTY if something is inside."""
        for _ in self.entries():
            raise os_error(errno.ENOTEMPTY)

    def vanish(self) -> None:
        """Note that this directory, an empty one, has no name any more."""
        self.store.give(names=len(self.children))
        self.children.clear()
        self.removed = True
        self.place = None
        self.origin = None
        self._parent = None
        self.links = 0

    def is_inside(self, other: Node) -> bool:
        """Whether this directory is `other` or below it."""
        node: DirectoryNode | None = self
        while node is not None and node is not other:
            node = node.above
        return node is not None

    def rename(self, name: str, other: DirectoryNode, other_name: str) -> None:
        """Move an entry, with the rules of POSIX: OSError."""
        node = self.find(name)
        check_name(other_name)
        if other.removed:
            raise os_error(errno.ENOENT)
        target = other.get(other_name)
        if target is node:
            return  # also where they are two names of one file
        if isinstance(node, DirectoryNode):
            if other.is_inside(node):
                raise os_error(errno.EINVAL)
            if isinstance(target, DirectoryNode):
                target.check_empty()
            elif target is not None:
                raise os_error(errno.ENOTDIR)
        elif isinstance(target, DirectoryNode):
            raise os_error(errno.ENOTEMPTY if self.is_inside(target) else errno.EISDIR)
        # What may fail for want of space comes first, and what it did by then does no harm.
        node.keep()
        other.keep()
        # The old name pays for the new one, unless it goes on hiding one of the layer.
        freed = 0 if self._is_below(name) else 1
        self.store.give(names=freed)
        try:
            other.insert(other_name, node)
        finally:
            self.store.give(names=-freed)
        self.take_out(name)
        node.ctime = self.store.now()
        if isinstance(target, DirectoryNode):
            target.vanish()
        elif target is not None:
            target.unlinked()


def check_name(name: str) -> None:
    """Raise ENAMETOOLONG for a name over `MAX_NAME` bytes."""
    if len(name) > MAX_NAME // 4 and len(name.encode("utf-8", "surrogateescape")) > MAX_NAME:
        raise os_error(errno.ENAMETOOLONG)
