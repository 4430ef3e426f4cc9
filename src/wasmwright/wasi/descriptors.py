"""The guest's descriptor table: what each number stands for, with its rights and position.

Rights are preview 1's: `rights` says what may be done with a descriptor, `inheriting` bounds the
rights of what is opened through it, and both can only shrink.
"""

from __future__ import annotations

from contextlib import suppress
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from wasmwright.wasi.abi import (
    RIGHT_FD_READ,
    RIGHT_FD_WRITE,
    RIGHT_SOCK_ACCEPT,
    RIGHTS_ALL,
    RIGHTS_DIRECTORY,
    RIGHTS_SOCKET,
    RIGHTS_STREAM,
    RIGHTS_WRITING,
    Errno,
    WasiError,
)
from wasmwright.wasi.filesystem import Directory, DirEntry, File
from wasmwright.wasi.streams import Stream

if TYPE_CHECKING:
    from wasmwright.wasi.sockets import SocketStream  # costs milliseconds that few guests need

MAX_DESCRIPTORS = 1024
MAX_LISTED = 1 << 18  # names that are remembered of directories being read
_SMALL_LISTING = 256


class Descriptor:
    """One entry: exactly one of `stream`, `file` and `directory` is set.

    `socket` is `stream` again, where that is one.
    """

    __slots__ = (
        "directory",
        "entries",
        "file",
        "flags",
        "inheriting",
        "position",
        "preopen",
        "rights",
        "socket",
        "stream",
        "waits",
    )

    def __init__(
        self,
        rights: int,
        inheriting: int = 0,
        *,
        flags: int = 0,
        stream: Stream | None = None,
        socket: SocketStream | None = None,
        file: File | None = None,
        directory: Directory | None = None,
        preopen: bytes | None = None,
    ) -> None:
        self.rights = rights
        self.inheriting = inheriting
        self.flags = flags
        self.socket = socket
        self.stream: Stream | None = stream if socket is None else socket
        self.file = file
        self.directory = directory
        self.preopen = preopen  # the name under which a directory was handed over
        self.waits = (
            self.stream is not None and self.stream.fileno() >= 0
        )  # reading or writing may block
        self.position = 0  # bytes from the start of `file`
        self.entries: list[DirEntry] | None = None  # what fd_readdir's cookies count

    def close(self) -> None:
        """Release what the entry stands for. Raises OSError."""
        for resource in (self.stream, self.file, self.directory):
            if resource is not None:
                resource.close()


class DescriptorTable:
    """Guest descriptor numbers, lowest free number first; at most `limit` of them."""

    __slots__ = ("_free", "_next", "entries", "limit")

    def __init__(self, limit: int = MAX_DESCRIPTORS) -> None:
        self.entries: dict[int, Descriptor] = {}
        self.limit = limit
        self._free: list[int] = []
        self._next = 0

    def check_room(self) -> None:
        """Raise WasiError(MFILE) if `add` would."""
        if len(self.entries) >= self.limit:
            raise WasiError(Errno.MFILE)

    def add(self, descriptor: Descriptor) -> int:
        """Enter a descriptor and give its number."""
        self.check_room()
        if self._free:
            number = heappop(self._free)
        else:
            number = self._next
            self._next += 1
        self.entries[number] = descriptor
        return number

    def get(self, number: int, rights: int = 0) -> Descriptor:
        """The descriptor, which must have all of `rights`: BADF, NOTCAPABLE."""
        descriptor = self.entries.get(number)
        if descriptor is None:
            raise WasiError(Errno.BADF)
        if rights & ~descriptor.rights:
            raise WasiError(Errno.NOTCAPABLE)
        return descriptor

    def file(self, number: int, rights: int = 0) -> tuple[Descriptor, File]:
        """A descriptor of a regular file: BADF, ISDIR, SPIPE, NOTCAPABLE."""
        descriptor = self.get(number)
        if descriptor.file is None:
            raise WasiError(Errno.SPIPE if descriptor.directory is None else Errno.ISDIR)
        if rights & ~descriptor.rights:
            raise WasiError(Errno.NOTCAPABLE)
        return descriptor, descriptor.file

    def directory(self, number: int, rights: int = 0) -> tuple[Descriptor, Directory]:
        """A descriptor of a directory: BADF, NOTDIR, NOTCAPABLE."""
        descriptor = self.get(number)
        if descriptor.directory is None:
            raise WasiError(Errno.NOTDIR)
        if rights & ~descriptor.rights:
            raise WasiError(Errno.NOTCAPABLE)
        return descriptor, descriptor.directory

    def remove(self, number: int) -> Descriptor:
        """Take a descriptor out, without closing it: BADF."""
        descriptor = self.entries.pop(number, None)
        if descriptor is None:
            raise WasiError(Errno.BADF)
        heappush(self._free, number)
        return descriptor

    def move(self, source: int, target: int) -> Descriptor | None:
        """Give `source` the number `target`; gives what had it, not closed: BADF."""
        if target not in self.entries or source not in self.entries:
            raise WasiError(Errno.BADF)
        if source == target:
            return None
        replaced = self.entries[target]
        self.entries[target] = self.remove(source)
        return replaced

    def limit_listings(self, latest: Descriptor) -> None:
        """Forget what other descriptors listed, if it is more than MAX_LISTED names together."""
        listed = len(latest.entries or ())
        if listed <= _SMALL_LISTING:
            return  # a thousand descriptors with as many names each are bearable
        for descriptor in self.entries.values():
            if descriptor is not latest and descriptor.entries is not None:
                listed += len(descriptor.entries)
                if listed > MAX_LISTED:
                    listed -= len(descriptor.entries)
                    descriptor.entries = None

    def close(self) -> None:
        """Close all, even where closing one fails."""
        while self.entries:
            _, descriptor = self.entries.popitem()
            # The guest is gone, and nobody else asked for this descriptor.
            with suppress(OSError):
                descriptor.close()


def stdio(stream: Stream, right: int) -> Descriptor:
    """A descriptor for one of the three standard streams, `right` being to read or to write.

    No right to seek: with it, wasi-libc's isatty says no.
    """
    return Descriptor(right | (RIGHTS_STREAM & ~(RIGHT_FD_READ | RIGHT_FD_WRITE)), stream=stream)


def preopened_socket(socket: SocketStream) -> Descriptor:
    """A descriptor for a socket that the host hands over; accepted ones accept no more."""
    return Descriptor(RIGHTS_SOCKET | RIGHT_SOCK_ACCEPT, RIGHTS_SOCKET, socket=socket)


def preopened(directory: Directory, name: str, read_only: bool) -> Descriptor:
    """A descriptor for a directory that the host hands over under the guest path `name`."""
    withheld = RIGHTS_WRITING if read_only else 0
    return Descriptor(
        RIGHTS_DIRECTORY & ~withheld,
        RIGHTS_ALL & ~withheld,
        directory=directory,
        preopen=name.encode(),
    )
