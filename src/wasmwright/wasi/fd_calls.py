"""The `fd_*` functions of preview 1: descriptors, their data and attributes."""

from __future__ import annotations

from collections.abc import Sequence

from wasmwright.wasi.abi import (
    ADVICE_LAST,
    CLOCK_REALTIME,
    DIRENT,
    FDFLAG_APPEND,
    FDFLAGS_ALL,
    FDFLAGS_SYNCHRONOUS,
    FDSTAT,
    FILESTAT,
    FSTFLAG_ATIM,
    FSTFLAG_ATIM_NOW,
    FSTFLAG_MTIM,
    FSTFLAG_MTIM_NOW,
    FSTFLAGS_ALL,
    I64_MAX,
    PREOPENTYPE_DIR,
    PRESTAT,
    RIGHT_FD_ADVISE,
    RIGHT_FD_ALLOCATE,
    RIGHT_FD_DATASYNC,
    RIGHT_FD_FDSTAT_SET_FLAGS,
    RIGHT_FD_FILESTAT_GET,
    RIGHT_FD_FILESTAT_SET_SIZE,
    RIGHT_FD_FILESTAT_SET_TIMES,
    RIGHT_FD_READ,
    RIGHT_FD_READDIR,
    RIGHT_FD_SEEK,
    RIGHT_FD_SYNC,
    RIGHT_FD_TELL,
    RIGHT_FD_WRITE,
    U16_MASK,
    U32,
    U32_MASK,
    U64,
    U64_MASK,
    WHENCE_CUR,
    WHENCE_END,
    WHENCE_SET,
    Errno,
    Filetype,
    WasiError,
)
from wasmwright.wasi.descriptors import Descriptor
from wasmwright.wasi.filesystem import Directory, DirEntry, File, Stat
from wasmwright.wasi.hostcall import (
    ERRORS,
    State,
    address,
    buffers_of,
    errno_of,
    hostcall,
    slice_of,
)
from wasmwright.wasi.waiting import read_some, write_all


class FdCalls:
    """Functions on open descriptors. Each returns an errno."""

    __slots__ = ("state",)

    def __init__(self, state: State) -> None:
        self.state = state

    # Programs spend their calls on these two: what `hostcall` and `DescriptorTable.get` do for the
    # others stands here itself, which takes a quarter off their time.

    def fd_read(self, fd: int, iovs: int, iovs_len: int, nread: int) -> int:
        state = self.state
        try:
            with state.lock:
                descriptor = state.table.entries.get(fd)
                if descriptor is None:
                    return Errno.BADF
                view = memoryview(state.memory)
                nread &= U32_MASK
                if nread + 4 > len(view):
                    return Errno.FAULT
                buffers = buffers_of(view, iovs, iovs_len)
                if not descriptor.rights & RIGHT_FD_READ:
                    return _no_data_right(descriptor)
                count = 0
                if buffers:
                    if descriptor.file is not None:
                        count = descriptor.file.read_at(buffers, descriptor.position)
                        descriptor.position += count
                    elif descriptor.stream is not None:
                        if descriptor.waits:
                            count = read_some(state, descriptor, descriptor.stream, buffers)
                        else:
                            count = descriptor.stream.read_into(buffers)
                U32.pack_into(view, nread, count)
                return 0
        except ERRORS as error:
            return errno_of(error)

    def fd_write(self, fd: int, iovs: int, iovs_len: int, nwritten: int) -> int:
        state = self.state
        try:
            with state.lock:
                descriptor = state.table.entries.get(fd)
                if descriptor is None:
                    return Errno.BADF
                view = memoryview(state.memory)
                nwritten &= U32_MASK
                if nwritten + 4 > len(view):
                    return Errno.FAULT
                buffers = buffers_of(view, iovs, iovs_len)
                if not descriptor.rights & RIGHT_FD_WRITE:
                    return _no_data_right(descriptor)
                count = 0
                if buffers:
                    if descriptor.stream is not None:
                        if descriptor.waits:
                            count = write_all(state, descriptor, descriptor.stream, buffers)
                        else:
                            count = descriptor.stream.write_from(buffers)
                    elif descriptor.file is not None:
                        count = _write_file(descriptor, descriptor.file, buffers)
                U32.pack_into(view, nwritten, count)
                return 0
        except ERRORS as error:
            return errno_of(error)

    @hostcall
    def fd_pread(self, fd: int, iovs: int, iovs_len: int, offset: int, nread: int) -> None:
        _, file = self.state.table.file(fd, RIGHT_FD_READ | RIGHT_FD_SEEK)
        view = self.state.view()
        result = address(view, nread, 4)
        buffers = buffers_of(view, iovs, iovs_len)
        count = file.read_at(buffers, _offset(offset)) if buffers else 0
        U32.pack_into(view, result, count)

    @hostcall
    def fd_pwrite(self, fd: int, iovs: int, iovs_len: int, offset: int, nwritten: int) -> None:
        _, file = self.state.table.file(fd, RIGHT_FD_WRITE | RIGHT_FD_SEEK)
        view = self.state.view()
        result = address(view, nwritten, 4)
        buffers = buffers_of(view, iovs, iovs_len)
        count = file.write_at(buffers, _offset(offset)) if buffers else 0
        U32.pack_into(view, result, count)

    @hostcall
    def fd_seek(self, fd: int, offset: int, whence: int, newoffset: int) -> None:
        # Asking where one is needs less than going elsewhere.
        asking = offset == 0 and whence == WHENCE_CUR
        descriptor, file = self.state.table.file(fd)
        if not descriptor.rights & (RIGHT_FD_SEEK | (RIGHT_FD_TELL if asking else 0)):
            raise WasiError(Errno.NOTCAPABLE)
        view = self.state.view()
        result = address(view, newoffset, 8)
        if whence == WHENCE_SET:
            base = 0
        elif whence == WHENCE_CUR:
            base = descriptor.position
        elif whence == WHENCE_END:
            base = file.stat().size
        else:
            raise WasiError(Errno.INVAL)
        position = base + _signed(offset)
        if position < 0:
            raise WasiError(Errno.INVAL)
        if position > I64_MAX:
            raise WasiError(Errno.OVERFLOW)
        descriptor.position = position
        U64.pack_into(view, result, position)

    @hostcall
    def fd_tell(self, fd: int, offset: int) -> None:
        descriptor, _ = self.state.table.file(fd)
        if not descriptor.rights & (RIGHT_FD_TELL | RIGHT_FD_SEEK):
            raise WasiError(Errno.NOTCAPABLE)
        U64.pack_into(self.state.view(), offset & U32_MASK, descriptor.position)

    @hostcall
    def fd_close(self, fd: int) -> None:
        self.state.table.remove(fd).close()

    @hostcall
    def fd_renumber(self, fd: int, to: int) -> None:
        replaced = self.state.table.move(fd, to)
        if replaced is not None:
            replaced.close()

    @hostcall
    def fd_sync(self, fd: int) -> None:
        _sync(self.state.table.get(fd, RIGHT_FD_SYNC), data_only=False)

    @hostcall
    def fd_datasync(self, fd: int) -> None:
        _sync(self.state.table.get(fd, RIGHT_FD_DATASYNC), data_only=True)

    @hostcall
    def fd_advise(self, fd: int, offset: int, length: int, advice: int) -> None:
        _, file = self.state.table.file(fd, RIGHT_FD_ADVISE)
        if not 0 <= advice <= ADVICE_LAST:
            raise WasiError(Errno.INVAL)
        file.advise(_offset(offset), _offset(length), advice)

    @hostcall
    def fd_allocate(self, fd: int, offset: int, length: int) -> None:
        _, file = self.state.table.file(fd, RIGHT_FD_ALLOCATE)
        start = _offset(offset)
        size = _offset(length)
        if size == 0:
            raise WasiError(Errno.INVAL)
        if start + size > I64_MAX:
            raise WasiError(Errno.FBIG)
        file.allocate(start, size)

    @hostcall
    def fd_fdstat_get(self, fd: int, stat: int) -> None:
        descriptor = self.state.table.get(fd)
        FDSTAT.pack_into(
            self.state.view(),
            stat & U32_MASK,
            filetype_of(descriptor),
            descriptor.flags,
            descriptor.rights,
            descriptor.inheriting,
        )

    @hostcall
    def fd_fdstat_set_flags(self, fd: int, flags: int) -> None:
        descriptor = self.state.table.get(fd, RIGHT_FD_FDSTAT_SET_FLAGS)
        flags &= U16_MASK
        # No host can change how a file that is open already is synchronised.
        if flags & ~FDFLAGS_ALL or (flags ^ descriptor.flags) & FDFLAGS_SYNCHRONOUS:
            raise WasiError(Errno.INVAL)
        if descriptor.file is not None:
            descriptor.file.set_flags(flags)
        # A stream's host descriptor is left alone: others, the shell even, share its flags.
        descriptor.flags = flags

    @hostcall
    def fd_fdstat_set_rights(self, fd: int, base: int, inheriting: int) -> None:
        descriptor = self.state.table.get(fd)
        base &= U64_MASK
        inheriting &= U64_MASK
        if base & ~descriptor.rights or inheriting & ~descriptor.inheriting:
            raise WasiError(Errno.NOTCAPABLE)
        descriptor.rights = base
        descriptor.inheriting = inheriting

    @hostcall
    def fd_filestat_get(self, fd: int, buf: int) -> None:
        stat = stat_of(self.state.table.get(fd, RIGHT_FD_FILESTAT_GET))
        pack_filestat(self.state.view(), buf, stat)

    @hostcall
    def fd_filestat_set_size(self, fd: int, size: int) -> None:
        _, file = self.state.table.file(fd, RIGHT_FD_FILESTAT_SET_SIZE)
        file.set_size(_offset(size))

    @hostcall
    def fd_filestat_set_times(self, fd: int, atim: int, mtim: int, flags: int) -> None:
        descriptor = self.state.table.get(fd)
        target = descriptor.file or descriptor.directory
        if target is None:
            raise WasiError(Errno.INVAL)
        if not descriptor.rights & RIGHT_FD_FILESTAT_SET_TIMES:
            raise WasiError(Errno.NOTCAPABLE)
        target.set_times(*new_times(self.state, atim, mtim, flags))

    @hostcall
    def fd_prestat_get(self, fd: int, buf: int) -> None:
        name = _preopen_name(self.state.table.get(fd))
        PRESTAT.pack_into(self.state.view(), buf & U32_MASK, PREOPENTYPE_DIR, len(name))

    @hostcall
    def fd_prestat_dir_name(self, fd: int, path: int, path_len: int) -> None:
        name = _preopen_name(self.state.table.get(fd))
        if path_len & U32_MASK < len(name):
            raise WasiError(Errno.NAMETOOLONG)
        slice_of(self.state.view(), path, len(name))[:] = name

    @hostcall
    def fd_readdir(self, fd: int, buf: int, buf_len: int, cookie: int, bufused: int) -> None:
        descriptor, directory = self.state.table.directory(fd, RIGHT_FD_READDIR)
        view = self.state.view()
        result = address(view, bufused, 4)
        buffer = slice_of(view, buf, buf_len)
        cookie &= U64_MASK
        # Cookies count the entries of the list that was read at cookie 0: what a guest has not
        # seen yet stays where it is, though the directory changes meanwhile.
        if cookie == 0 or descriptor.entries is None:
            descriptor.entries = _list_directory(directory)
            self.state.table.limit_listings(descriptor)
        U32.pack_into(view, result, _pack_entries(buffer, descriptor.entries, cookie))


def _no_data_right(descriptor: Descriptor) -> int:
    return Errno.NOTCAPABLE if descriptor.directory is None else Errno.ISDIR


def _write_file(descriptor: Descriptor, file: File, buffers: list[memoryview]) -> int:
    """Write at the descriptor's position or, if it appends, at the end; move the position."""
    if descriptor.flags & FDFLAG_APPEND:
        count, descriptor.position = file.append(buffers)
    else:
        count = file.write_at(buffers, descriptor.position)
        descriptor.position += count
    return count


def _offset(value: int) -> int:
    """A file size or offset, a u64 that hosts only have 63 bits for: INVAL."""
    value &= U64_MASK
    if value > I64_MAX:
        raise WasiError(Errno.INVAL)
    return value


def _signed(value: int) -> int:
    value &= U64_MASK
    return value - (1 << 64) if value > I64_MAX else value


def _sync(descriptor: Descriptor, data_only: bool) -> None:
    if descriptor.file is not None:
        descriptor.file.sync(data_only)
    elif descriptor.directory is not None:
        descriptor.directory.sync(data_only)
    else:
        raise WasiError(Errno.INVAL)  # as fsync on a pipe


def _preopen_name(descriptor: Descriptor) -> bytes:
    if descriptor.preopen is None:
        raise WasiError(Errno.BADF)  # what wasi-libc takes as the end of the list
    return descriptor.preopen


def filetype_of(descriptor: Descriptor) -> Filetype:
    """What `fd_fdstat_get` says; costs no system call but for streams."""
    if descriptor.file is not None:
        return Filetype.REGULAR_FILE
    if descriptor.directory is not None:
        return Filetype.DIRECTORY
    if descriptor.socket is not None:
        return descriptor.socket.filetype
    # Programs take a character device for a terminal, and turn off buffering for it.
    is_terminal = descriptor.stream is not None and descriptor.stream.isatty()
    return Filetype.CHARACTER_DEVICE if is_terminal else Filetype.UNKNOWN


def stat_of(descriptor: Descriptor) -> Stat:
    """The attributes of what a descriptor stands for; a stream has none but its type."""
    target = descriptor.file or descriptor.directory
    return target.stat() if target is not None else Stat(filetype_of(descriptor))


def pack_filestat(view: memoryview, pointer: int, stat: Stat) -> None:
    """Write a `filestat`: FAULT."""
    FILESTAT.pack_into(
        view,
        pointer & U32_MASK,
        stat.device & U64_MASK,
        stat.inode & U64_MASK,
        stat.filetype,
        stat.links & U64_MASK,
        stat.size & U64_MASK,
        stat.atime_ns & U64_MASK,
        stat.mtime_ns & U64_MASK,
        stat.ctime_ns & U64_MASK,
    )


def new_times(state: State, atim: int, mtim: int, flags: int) -> tuple[int | None, int | None]:
    """Access and modification time that `fstflags` ask for, None for unchanged: INVAL."""
    flags &= U16_MASK
    both_atim = FSTFLAG_ATIM | FSTFLAG_ATIM_NOW
    both_mtim = FSTFLAG_MTIM | FSTFLAG_MTIM_NOW
    if flags & ~FSTFLAGS_ALL or flags & both_atim == both_atim or flags & both_mtim == both_mtim:
        raise WasiError(Errno.INVAL)
    now = state.clocks.now(CLOCK_REALTIME) if flags & (FSTFLAG_ATIM_NOW | FSTFLAG_MTIM_NOW) else 0
    access = _offset(atim) if flags & FSTFLAG_ATIM else now if flags & FSTFLAG_ATIM_NOW else None
    change = _offset(mtim) if flags & FSTFLAG_MTIM else now if flags & FSTFLAG_MTIM_NOW else None
    return access, change


def _list_directory(directory: Directory) -> list[DirEntry]:
    # The parent's inode is none of the guest's business where the parent is outside; wasi-libc
    # asks no questions about that of `..`.
    inode = directory.stat().inode
    entries = [DirEntry(".", Filetype.DIRECTORY, inode), DirEntry("..", Filetype.DIRECTORY, inode)]
    entries += directory.entries()
    return entries


def _pack_entries(buffer: memoryview, entries: Sequence[DirEntry], cookie: int) -> int:
    """Write entries from `cookie` on, the last one cut off where the buffer ends.

    A full buffer tells the guest that there is more; what is cut off is asked for again.
    """
    used = 0
    while cookie < len(entries) and used < len(buffer):
        entry = entries[cookie]
        cookie += 1
        name = entry.name.encode("utf-8", "replace")
        record = DIRENT.pack(cookie, entry.inode & U64_MASK, len(name), entry.filetype) + name
        part = record[: len(buffer) - used]
        buffer[used : used + len(part)] = part
        used += len(part)
    return used
