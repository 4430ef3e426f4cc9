"""The `path_*` functions of preview 1: names below a directory descriptor."""

from __future__ import annotations

import errno

from wasmwright.wasi.abi import (
    FDFLAGS_ALL,
    LOOKUP_SYMLINK_FOLLOW,
    OFLAG_CREAT,
    OFLAG_DIRECTORY,
    OFLAG_EXCL,
    OFLAG_TRUNC,
    OFLAGS_ALL,
    RIGHT_FD_ALLOCATE,
    RIGHT_FD_FILESTAT_SET_SIZE,
    RIGHT_FD_READ,
    RIGHT_FD_READDIR,
    RIGHT_FD_WRITE,
    RIGHT_PATH_CREATE_DIRECTORY,
    RIGHT_PATH_CREATE_FILE,
    RIGHT_PATH_FILESTAT_GET,
    RIGHT_PATH_FILESTAT_SET_SIZE,
    RIGHT_PATH_FILESTAT_SET_TIMES,
    RIGHT_PATH_LINK_SOURCE,
    RIGHT_PATH_LINK_TARGET,
    RIGHT_PATH_OPEN,
    RIGHT_PATH_READLINK,
    RIGHT_PATH_REMOVE_DIRECTORY,
    RIGHT_PATH_RENAME_SOURCE,
    RIGHT_PATH_RENAME_TARGET,
    RIGHT_PATH_SYMLINK,
    RIGHT_PATH_UNLINK_FILE,
    RIGHTS_ALL,
    RIGHTS_DIRECTORY,
    RIGHTS_FILE,
    RIGHTS_STREAM,
    U16_MASK,
    U32,
    Errno,
    Filetype,
    WasiError,
)
from wasmwright.wasi.descriptors import Descriptor
from wasmwright.wasi.fd_calls import new_times, pack_filestat
from wasmwright.wasi.filesystem import Directory, File, Stat, Walk, is_directory, is_file, is_stream
from wasmwright.wasi.hostcall import State, address, hostcall, slice_of
from wasmwright.wasi.streams import Stream

# Any of these means that the host's file must be open for writing.
_WRITE_ACCESS = RIGHT_FD_WRITE | RIGHT_FD_ALLOCATE | RIGHT_FD_FILESTAT_SET_SIZE


class PathCalls:
    """Functions on paths. Each returns an errno."""

    __slots__ = ("state",)

    def __init__(self, state: State) -> None:
        self.state = state

    def _walk(self, fd: int, right: int, path: int, path_len: int) -> Walk:
        _, directory = self.state.table.directory(fd, right)
        return Walk(directory, self.state.string(path, path_len))

    @hostcall
    def path_open(
        self,
        fd: int,
        dirflags: int,
        path: int,
        path_len: int,
        oflags: int,
        rights_base: int,
        rights_inheriting: int,
        fdflags: int,
        opened_fd: int,
    ) -> None:
        table = self.state.table
        oflags &= U16_MASK
        fdflags &= U16_MASK
        needed = RIGHT_PATH_OPEN
        if oflags & OFLAG_CREAT:
            needed |= RIGHT_PATH_CREATE_FILE
        if oflags & OFLAG_TRUNC:
            needed |= RIGHT_PATH_FILESTAT_SET_SIZE
        parent, directory = table.directory(fd, needed)
        # Bits that no right has are ignored: Go's runtime sets them.
        base = rights_base & RIGHTS_ALL
        inheriting = rights_inheriting & RIGHTS_ALL
        if (base | inheriting) & ~parent.inheriting:
            raise WasiError(Errno.NOTCAPABLE)
        if oflags & ~OFLAGS_ALL or fdflags & ~FDFLAGS_ALL:
            raise WasiError(Errno.INVAL)
        if oflags & OFLAG_CREAT and oflags & OFLAG_DIRECTORY:
            raise WasiError(Errno.INVAL)
        table.check_room()
        view = self.state.view()
        result = address(view, opened_fd, 4)
        follow = bool(dirflags & LOOKUP_SYMLINK_FOLLOW)
        with Walk(directory, self.state.string(path, path_len)) as walk:
            opened = _open(walk, follow, oflags, fdflags, base)
        U32.pack_into(view, result, table.add(_descriptor(opened, base, inheriting, fdflags)))

    @hostcall
    def path_create_directory(self, fd: int, path: int, path_len: int) -> None:
        with self._walk(fd, RIGHT_PATH_CREATE_DIRECTORY, path, path_len) as walk:
            if not walk.name:
                raise WasiError(Errno.EXIST)
            walk.directory.make_directory(walk.name)

    @hostcall
    def path_filestat_get(self, fd: int, flags: int, path: int, path_len: int, buf: int) -> None:
        stat = self.stat_path(fd, flags, path, path_len)
        pack_filestat(self.state.view(), buf, stat)

    def stat_path(self, fd: int, flags: int, path: int, path_len: int) -> Stat:
        """The attributes of a path: OSError, WasiError."""
        with self._walk(fd, RIGHT_PATH_FILESTAT_GET, path, path_len) as walk:
            if flags & LOOKUP_SYMLINK_FOLLOW or walk.needs_directory:
                stat = walk.follow_links()
                if stat is None:
                    stat = _stat(walk)
            else:
                stat = _stat(walk)
            if walk.needs_directory and stat.filetype is not Filetype.DIRECTORY:
                raise WasiError(Errno.NOTDIR)
            return stat

    @hostcall
    def path_filestat_set_times(
        self, fd: int, flags: int, path: int, path_len: int, atim: int, mtim: int, fst_flags: int
    ) -> None:
        with self._walk(fd, RIGHT_PATH_FILESTAT_SET_TIMES, path, path_len) as walk:
            times = new_times(self.state, atim, mtim, fst_flags)
            if flags & LOOKUP_SYMLINK_FOLLOW or walk.needs_directory:
                walk.follow_links()
            if not walk.name:
                walk.directory.set_times(*times)
                return
            if walk.needs_directory and _stat(walk).filetype is not Filetype.DIRECTORY:
                raise WasiError(Errno.NOTDIR)
            walk.directory.set_times_at(walk.name, *times)

    @hostcall
    def path_link(
        self,
        old_fd: int,
        old_flags: int,
        old_path: int,
        old_path_len: int,
        new_fd: int,
        new_path: int,
        new_path_len: int,
    ) -> None:
        if old_flags & LOOKUP_SYMLINK_FOLLOW:
            raise WasiError(Errno.INVAL)
        with (
            self._walk(old_fd, RIGHT_PATH_LINK_SOURCE, old_path, old_path_len) as old,
            self._walk(new_fd, RIGHT_PATH_LINK_TARGET, new_path, new_path_len) as new,
        ):
            if not old.name:
                raise WasiError(Errno.PERM)  # a directory, as link(2)
            if old.needs_directory and _stat(old).filetype is not Filetype.DIRECTORY:
                raise WasiError(Errno.NOTDIR)
            _check_new_name(new)
            old.directory.link(old.name, new.directory, new.name)

    @hostcall
    def path_readlink(
        self, fd: int, path: int, path_len: int, buf: int, buf_len: int, bufused: int
    ) -> None:
        view = self.state.view()
        result = address(view, bufused, 4)
        buffer = slice_of(view, buf, buf_len)
        with self._walk(fd, RIGHT_PATH_READLINK, path, path_len) as walk:
            if not walk.name or walk.needs_directory:
                raise WasiError(Errno.INVAL)
            target = walk.directory.read_link(walk.name)
        try:
            data = target.encode()[: len(buffer)]
        except UnicodeEncodeError:  # the host's link is not UTF-8
            raise WasiError(Errno.ILSEQ) from None
        buffer[: len(data)] = data
        U32.pack_into(view, result, len(data))

    @hostcall
    def path_remove_directory(self, fd: int, path: int, path_len: int) -> None:
        with self._walk(fd, RIGHT_PATH_REMOVE_DIRECTORY, path, path_len) as walk:
            if not walk.name:
                raise WasiError(Errno.INVAL)
            walk.directory.remove_directory(walk.name)

    @hostcall
    def path_rename(
        self,
        fd: int,
        old_path: int,
        old_path_len: int,
        new_fd: int,
        new_path: int,
        new_path_len: int,
    ) -> None:
        with (
            self._walk(fd, RIGHT_PATH_RENAME_SOURCE, old_path, old_path_len) as old,
            self._walk(new_fd, RIGHT_PATH_RENAME_TARGET, new_path, new_path_len) as new,
        ):
            if not old.name or not new.name:
                raise WasiError(Errno.BUSY)
            slash = old.needs_directory or new.needs_directory
            if slash and _stat(old).filetype is not Filetype.DIRECTORY:
                raise WasiError(Errno.NOTDIR)
            old.directory.rename(old.name, new.directory, new.name)

    @hostcall
    def path_symlink(
        self, old_path: int, old_path_len: int, fd: int, new_path: int, new_path_len: int
    ) -> None:
        target = self.state.string(old_path, old_path_len)
        # Refused although no walk would follow it: the host's own programs may.
        if target.startswith("/"):
            raise WasiError(Errno.PERM)
        if not target:
            raise WasiError(Errno.NOENT)
        with self._walk(fd, RIGHT_PATH_SYMLINK, new_path, new_path_len) as walk:
            _check_new_name(walk)
            walk.directory.symlink(target, walk.name)

    @hostcall
    def path_unlink_file(self, fd: int, path: int, path_len: int) -> None:
        with self._walk(fd, RIGHT_PATH_UNLINK_FILE, path, path_len) as walk:
            if not walk.name:
                raise WasiError(Errno.ISDIR)
            if walk.needs_directory:
                found = _stat(walk).filetype
                raise WasiError(Errno.ISDIR if found is Filetype.DIRECTORY else Errno.NOTDIR)
            walk.directory.unlink(walk.name)


def _stat(walk: Walk) -> Stat:
    return walk.directory.stat_at(walk.name) if walk.name else walk.directory.stat()


def _check_new_name(walk: Walk) -> None:
    """Refuse to create something other than a directory at `.` or at a name with a slash."""
    if not walk.name:
        raise WasiError(Errno.EXIST)
    if walk.needs_directory:
        found = _stat(walk).filetype  # ENOENT if nothing is there
        raise WasiError(Errno.EXIST if found is Filetype.DIRECTORY else Errno.NOTDIR)


def _open(
    walk: Walk, follow: bool, oflags: int, fdflags: int, rights: int
) -> File | Stream | Directory:
    """Open where `walk` stands, following links if `follow` says so or the path's slash does."""
    if oflags & OFLAG_EXCL and oflags & OFLAG_CREAT:
        follow = False
    elif walk.needs_directory:
        follow = True
    # Read access as well for whoever asked for none of both: hosts have no third mode.
    write = bool(rights & _WRITE_ACCESS or oflags & OFLAG_TRUNC)
    read = bool(rights & (RIGHT_FD_READ | RIGHT_FD_READDIR)) or not write
    wants_file = bool(rights & RIGHT_FD_WRITE or oflags & (OFLAG_CREAT | OFLAG_TRUNC))
    while walk.name:
        if walk.needs_directory:
            if oflags & OFLAG_CREAT:
                raise WasiError(Errno.ISDIR)
            oflags |= OFLAG_DIRECTORY
        try:
            return walk.directory.open(
                walk.name, oflags=oflags, fdflags=fdflags, read=read, write=write
            )
        except OSError as error:
            if error.errno == errno.EISDIR and write and not wants_file:
                # Rights that say nothing about a directory don't make it a file to write to.
                write, read = False, True
                continue
            if error.errno != errno.ELOOP or not follow:
                raise
        walk.follow_link()
    if wants_file:
        raise WasiError(Errno.EXIST if oflags & OFLAG_EXCL else Errno.ISDIR)
    return walk.directory.reopen()


def _descriptor(
    opened: File | Stream | Directory, base: int, inheriting: int, fdflags: int
) -> Descriptor:
    if is_directory(opened):
        return Descriptor(base & RIGHTS_DIRECTORY, inheriting, directory=opened)
    if is_stream(opened):
        return Descriptor(base & RIGHTS_STREAM, inheriting, flags=fdflags, stream=opened)
    if is_file(opened):
        return Descriptor(base & RIGHTS_FILE, inheriting, flags=fdflags, file=opened)
    raise TypeError(f"Directory.open gave {type(opened).__name__}: no file, stream or directory")
