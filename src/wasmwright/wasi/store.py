"""What the nodes of one file system in memory share: bounds, clock, lock, the layer below."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from itertools import count
from threading import RLock

from wasmwright.wasi.filesystem import new_device
from wasmwright.wasi.lower import Lower

DEFAULT_MAX_BYTES = 64 << 20
DEFAULT_MAX_NAMES = 65_536


class Store:
    """One file system: how much it may hold and holds, its clock, its lock.

    Content of files and links counts as bytes; each entry of a directory as a name, and so does
    an entry of the layer below that was removed.
    """

    __slots__ = (
        "_inodes",
        "bytes",
        "device",
        "lock",
        "lower",
        "max_bytes",
        "max_names",
        "names",
        "now",
    )

    def __init__(
        self,
        max_bytes: int,
        max_names: int,
        now: Callable[[], int] = time.time_ns,
        lower: Lower | None = None,
    ) -> None:
        if max_bytes < 0 or max_names < 0:
            raise ValueError("max_bytes and max_names must not be negative")
        self.max_bytes = max_bytes
        self.max_names = max_names
        self.now = now
        self.lower = lower
        self.bytes = 0
        self.names = 0
        self.device = new_device()
        self.lock = RLock()
        self._inodes = count(1)

    def new_inode(self) -> int:
        """A number that no other node of this file system has."""
        return next(self._inodes)

    @property
    def room(self) -> int:
        """Bytes that are left."""
        return self.max_bytes - self.bytes

    def take(self, size: int = 0, names: int = 0) -> None:
        """Count what is added: ENOSPC."""
        if self.bytes + size > self.max_bytes:
            raise OSError(errno.ENOSPC, f"file system in memory full ({self.max_bytes} bytes)")
        if self.names + names > self.max_names:
            raise OSError(errno.ENOSPC, f"file system in memory full ({self.max_names} names)")
        self.bytes += size
        self.names += names

    def give(self, size: int = 0, names: int = 0) -> None:
        """Count what is taken away."""
        self.bytes -= size
        self.names -= names
