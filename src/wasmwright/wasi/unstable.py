"""`wasi_unstable` (snapshot 0), what binaries from 2019 import: where it differs from preview 1."""

from __future__ import annotations

from wasmwright.wasi.abi import (
    FILESTAT_UNSTABLE,
    RIGHT_FD_FILESTAT_GET,
    SUBSCRIPTION_UNSTABLE,
    U32_MASK,
    U64_MASK,
    WHENCE_CUR,
    WHENCE_END,
    WHENCE_SET,
    Errno,
)
from wasmwright.wasi.fd_calls import FdCalls, stat_of
from wasmwright.wasi.filesystem import Stat
from wasmwright.wasi.hostcall import State, hostcall
from wasmwright.wasi.path_calls import PathCalls
from wasmwright.wasi.poll_calls import poll

_WHENCE = (WHENCE_CUR, WHENCE_END, WHENCE_SET)  # by its number in snapshot 0


class UnstableCalls:
    """The functions with another layout than preview 1's. Each returns an errno."""

    __slots__ = ("_fds", "_paths", "state")

    def __init__(self, state: State, fds: FdCalls, paths: PathCalls) -> None:
        self.state = state
        self._fds = fds
        self._paths = paths

    def fd_seek(self, fd: int, offset: int, whence: int, newoffset: int) -> int:
        if not 0 <= whence < len(_WHENCE):
            return Errno.INVAL
        return self._fds.fd_seek(fd, offset, _WHENCE[whence], newoffset)

    @hostcall
    def fd_filestat_get(self, fd: int, buf: int) -> None:
        stat = stat_of(self.state.table.get(fd, RIGHT_FD_FILESTAT_GET))
        _pack_filestat(self.state.view(), buf, stat)

    @hostcall
    def path_filestat_get(self, fd: int, flags: int, path: int, path_len: int, buf: int) -> None:
        stat = self._paths.stat_path(fd, flags, path, path_len)
        _pack_filestat(self.state.view(), buf, stat)

    @hostcall
    def poll_oneoff(self, in_: int, out: int, nsubscriptions: int, nevents: int) -> None:
        poll(self.state, SUBSCRIPTION_UNSTABLE, in_, out, nsubscriptions, nevents)


def _pack_filestat(view: memoryview, pointer: int, stat: Stat) -> None:
    FILESTAT_UNSTABLE.pack_into(
        view,
        pointer & U32_MASK,
        stat.device & U64_MASK,
        stat.inode & U64_MASK,
        stat.filetype,
        stat.links & U32_MASK,
        stat.size & U64_MASK,
        stat.atime_ns & U64_MASK,
        stat.mtime_ns & U64_MASK,
        stat.ctime_ns & U64_MASK,
    )
