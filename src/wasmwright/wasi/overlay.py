"""Overlays: a directory that is only read, with a guest's changes to it kept in memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeAlias

from wasmwright.wasi.contents import Symlink, read_opened
from wasmwright.wasi.filesystem import Directory
from wasmwright.wasi.hostdir import HostDirectory
from wasmwright.wasi.lower import Lower
from wasmwright.wasi.memdir import NodeDirectory, NodeFile
from wasmwright.wasi.nodes import (
    DirectoryNode,
    FileNode,
    LinkNode,
    Node,
)
from wasmwright.wasi.store import DEFAULT_MAX_BYTES, DEFAULT_MAX_NAMES, Store

# By path from the top: new content, None for what was removed, {} for a new directory.
Changes: TypeAlias = "dict[str, bytes | Symlink | dict[str, bytes] | None]"


class OverlayDirectory(NodeDirectory):
    """`lower` as guests may change it for themselves: `OverlayDirectory("site")`.

    lower: a host path, or any `Directory` (a `ZipDirectory`, say). It is never written to: the
    first change to a file copies its content into memory, removing something hides it. Changes
    take at most `max_bytes` bytes and `max_names` names, then guests get ENOSPC. What is not
    changed is read from `lower` each time and takes no memory. Hard links in `lower` are separate
    files here, and its devices, pipes and sockets can be seen but not opened.

    Guests that use the object one after another, or at once, see the same changes; a fresh
    `OverlayDirectory` of the same `lower` has none. now: as in `MemoryDirectory`.
    """

    __slots__ = ()

    def __init__(
        self,
        lower: str | os.PathLike[str] | Directory,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        max_names: int = DEFAULT_MAX_NAMES,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        if isinstance(lower, str | os.PathLike):
            top: Directory = HostDirectory(lower)
        else:
            top = lower.reopen()
        node = DirectoryNode(Store(max_bytes, max_names, now, Lower(top)), top.stat())
        node.origin = ()
        super().__init__(node)

    def changes(self) -> Changes:
        """What differs from `lower`, by path: new content, `Symlink`, {} (a directory) or None.

        None is for what is not there any more. What was moved counts as removed and as new, with
        all that it contains. Changed times alone are no change.
        """
        found: Changes = {}
        pending: list[tuple[str, DirectoryNode]] = [("", self._node)]
        with self._lock:
            while pending:
                prefix, directory = pending.pop()
                moved = directory.origin != _parts(prefix)
                names = (
                    [entry.name for entry in directory.entries()]
                    if moved
                    else list(directory.children)
                )
                for name in names:
                    path = prefix + name
                    node = directory.get(name)
                    if node is None:
                        found[path] = None
                    elif isinstance(node, DirectoryNode):
                        if node.origin != _parts(path):
                            found[path] = {}
                        pending.append((path + "/", node))
                    elif node.origin != _parts(path):
                        _add(found, path, node)
        return found

    def __repr__(self) -> str:
        return f"<wasi.OverlayDirectory {self.size} bytes changed>"


def _parts(path: str) -> tuple[str, ...]:
    return tuple(name for name in path.split("/") if name)


def _add(found: Changes, path: str, node: Node) -> None:
    if isinstance(node, LinkNode):
        found[path] = Symlink(node.target)
    elif isinstance(node, FileNode):
        found[path] = read_opened(NodeFile(node))
