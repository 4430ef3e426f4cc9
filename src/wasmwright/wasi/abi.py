"""The binary interface of WASI preview 1: numbers, struct layouts and function types.

Everything here restates the `.witx` files of WebAssembly/WASI (`legacy/preview1/witx`), and
nothing else in the package does. All integers are little-endian; sizes are in bytes and times in
nanoseconds. `SIGNATURES` is the one table of the interface's functions.
"""

from __future__ import annotations

import errno as host_errno
from enum import IntEnum
from struct import Struct
from typing import Final

MODULE: Final = "wasi_snapshot_preview1"
MODULE_UNSTABLE: Final = "wasi_unstable"

U16_MASK: Final = 0xFFFF
U32_MASK: Final = 0xFFFF_FFFF
U64_MASK: Final = 0xFFFF_FFFF_FFFF_FFFF
I64_MAX: Final = 0x7FFF_FFFF_FFFF_FFFF


class Errno(IntEnum):
    """`errno` (u16). Names are POSIX's without the E; `TOOBIG` is E2BIG."""

    SUCCESS = 0
    TOOBIG = 1
    ACCES = 2
    ADDRINUSE = 3
    ADDRNOTAVAIL = 4
    AFNOSUPPORT = 5
    AGAIN = 6
    ALREADY = 7
    BADF = 8
    BADMSG = 9
    BUSY = 10
    CANCELED = 11
    CHILD = 12
    CONNABORTED = 13
    CONNREFUSED = 14
    CONNRESET = 15
    DEADLK = 16
    DESTADDRREQ = 17
    DOM = 18
    DQUOT = 19
    EXIST = 20
    FAULT = 21
    FBIG = 22
    HOSTUNREACH = 23
    IDRM = 24
    ILSEQ = 25
    INPROGRESS = 26
    INTR = 27
    INVAL = 28
    IO = 29
    ISCONN = 30
    ISDIR = 31
    LOOP = 32
    MFILE = 33
    MLINK = 34
    MSGSIZE = 35
    MULTIHOP = 36
    NAMETOOLONG = 37
    NETDOWN = 38
    NETRESET = 39
    NETUNREACH = 40
    NFILE = 41
    NOBUFS = 42
    NODEV = 43
    NOENT = 44
    NOEXEC = 45
    NOLCK = 46
    NOLINK = 47
    NOMEM = 48
    NOMSG = 49
    NOPROTOOPT = 50
    NOSPC = 51
    NOSYS = 52
    NOTCONN = 53
    NOTDIR = 54
    NOTEMPTY = 55
    NOTRECOVERABLE = 56
    NOTSOCK = 57
    NOTSUP = 58
    NOTTY = 59
    NXIO = 60
    OVERFLOW = 61
    OWNERDEAD = 62
    PERM = 63
    PIPE = 64
    PROTO = 65
    PROTONOSUPPORT = 66
    PROTOTYPE = 67
    RANGE = 68
    ROFS = 69
    SPIPE = 70
    SRCH = 71
    STALE = 72
    TIMEDOUT = 73
    TXTBSY = 74
    XDEV = 75
    NOTCAPABLE = 76


class WasiError(Exception):
    """A WASI call ends with this errno. Never leaves the package: the call returns the number."""

    def __init__(self, errno: Errno) -> None:
        super().__init__(errno.name)
        self.errno = errno


_FROM_HOST: Final[dict[int, Errno]] = {
    getattr(host_errno, "E" + code.name): code
    for code in Errno
    if hasattr(host_errno, "E" + code.name)
} | {host_errno.E2BIG: Errno.TOOBIG, host_errno.EOPNOTSUPP: Errno.NOTSUP}


def errno_from_host(number: int | None) -> Errno:
    """The errno for a host's `OSError.errno`; `IO` where WASI has no such code."""
    return _FROM_HOST.get(number or 0, Errno.IO)


class Filetype(IntEnum):
    """`filetype` (u8)."""

    UNKNOWN = 0
    BLOCK_DEVICE = 1
    CHARACTER_DEVICE = 2
    DIRECTORY = 3
    REGULAR_FILE = 4
    SOCKET_DGRAM = 5
    SOCKET_STREAM = 6
    SYMBOLIC_LINK = 7


# `rights` (u64 flags). Plain ints: IntFlag costs a microsecond an operation.
RIGHT_FD_DATASYNC: Final = 1 << 0
RIGHT_FD_READ: Final = 1 << 1
RIGHT_FD_SEEK: Final = 1 << 2
RIGHT_FD_FDSTAT_SET_FLAGS: Final = 1 << 3
RIGHT_FD_SYNC: Final = 1 << 4
RIGHT_FD_TELL: Final = 1 << 5
RIGHT_FD_WRITE: Final = 1 << 6
RIGHT_FD_ADVISE: Final = 1 << 7
RIGHT_FD_ALLOCATE: Final = 1 << 8
RIGHT_PATH_CREATE_DIRECTORY: Final = 1 << 9
RIGHT_PATH_CREATE_FILE: Final = 1 << 10
RIGHT_PATH_LINK_SOURCE: Final = 1 << 11
RIGHT_PATH_LINK_TARGET: Final = 1 << 12
RIGHT_PATH_OPEN: Final = 1 << 13
RIGHT_FD_READDIR: Final = 1 << 14
RIGHT_PATH_READLINK: Final = 1 << 15
RIGHT_PATH_RENAME_SOURCE: Final = 1 << 16
RIGHT_PATH_RENAME_TARGET: Final = 1 << 17
RIGHT_PATH_FILESTAT_GET: Final = 1 << 18
RIGHT_PATH_FILESTAT_SET_SIZE: Final = 1 << 19
RIGHT_PATH_FILESTAT_SET_TIMES: Final = 1 << 20
RIGHT_FD_FILESTAT_GET: Final = 1 << 21
RIGHT_FD_FILESTAT_SET_SIZE: Final = 1 << 22
RIGHT_FD_FILESTAT_SET_TIMES: Final = 1 << 23
RIGHT_PATH_SYMLINK: Final = 1 << 24
RIGHT_PATH_REMOVE_DIRECTORY: Final = 1 << 25
RIGHT_PATH_UNLINK_FILE: Final = 1 << 26
RIGHT_POLL_FD_READWRITE: Final = 1 << 27
RIGHT_SOCK_SHUTDOWN: Final = 1 << 28
RIGHT_SOCK_ACCEPT: Final = 1 << 29

RIGHTS_ALL: Final = (1 << 30) - 1
# What applies to each kind of descriptor; `path_open` drops the rest from what was asked for.
RIGHTS_STREAM: Final = (
    RIGHT_FD_READ
    | RIGHT_FD_WRITE
    | RIGHT_FD_FDSTAT_SET_FLAGS
    | RIGHT_FD_SYNC
    | RIGHT_FD_DATASYNC
    | RIGHT_FD_FILESTAT_GET
    | RIGHT_POLL_FD_READWRITE
)
RIGHTS_FILE: Final = (
    RIGHTS_STREAM
    | RIGHT_FD_SEEK
    | RIGHT_FD_TELL
    | RIGHT_FD_ADVISE
    | RIGHT_FD_ALLOCATE
    | RIGHT_FD_FILESTAT_SET_SIZE
    | RIGHT_FD_FILESTAT_SET_TIMES
)
RIGHTS_SOCKET: Final = RIGHTS_STREAM | RIGHT_SOCK_SHUTDOWN
RIGHTS_DIRECTORY: Final = (
    RIGHT_FD_FDSTAT_SET_FLAGS
    | RIGHT_FD_SYNC
    | RIGHT_FD_DATASYNC
    | RIGHT_PATH_CREATE_DIRECTORY
    | RIGHT_PATH_CREATE_FILE
    | RIGHT_PATH_LINK_SOURCE
    | RIGHT_PATH_LINK_TARGET
    | RIGHT_PATH_OPEN
    | RIGHT_FD_READDIR
    | RIGHT_PATH_READLINK
    | RIGHT_PATH_RENAME_SOURCE
    | RIGHT_PATH_RENAME_TARGET
    | RIGHT_PATH_FILESTAT_GET
    | RIGHT_PATH_FILESTAT_SET_SIZE
    | RIGHT_PATH_FILESTAT_SET_TIMES
    | RIGHT_FD_FILESTAT_GET
    | RIGHT_FD_FILESTAT_SET_TIMES
    | RIGHT_PATH_SYMLINK
    | RIGHT_PATH_REMOVE_DIRECTORY
    | RIGHT_PATH_UNLINK_FILE
)
# Linking out of a read-only directory counts as writing: the new name may lie where the guest
# may write, and would be the same file.
RIGHTS_WRITING: Final = (
    RIGHT_FD_WRITE
    | RIGHT_FD_ALLOCATE
    | RIGHT_PATH_CREATE_DIRECTORY
    | RIGHT_PATH_CREATE_FILE
    | RIGHT_PATH_LINK_SOURCE
    | RIGHT_PATH_LINK_TARGET
    | RIGHT_PATH_RENAME_SOURCE
    | RIGHT_PATH_RENAME_TARGET
    | RIGHT_PATH_FILESTAT_SET_SIZE
    | RIGHT_PATH_FILESTAT_SET_TIMES
    | RIGHT_FD_FILESTAT_SET_SIZE
    | RIGHT_FD_FILESTAT_SET_TIMES
    | RIGHT_PATH_SYMLINK
    | RIGHT_PATH_REMOVE_DIRECTORY
    | RIGHT_PATH_UNLINK_FILE
)

# `fdflags` (u16)
FDFLAG_APPEND: Final = 1
FDFLAG_DSYNC: Final = 2
FDFLAG_NONBLOCK: Final = 4
FDFLAG_RSYNC: Final = 8
FDFLAG_SYNC: Final = 16
FDFLAGS_SYNCHRONOUS: Final = FDFLAG_DSYNC | FDFLAG_RSYNC | FDFLAG_SYNC
FDFLAGS_ALL: Final = 31

# `oflags` (u16)
OFLAG_CREAT: Final = 1
OFLAG_DIRECTORY: Final = 2
OFLAG_EXCL: Final = 4
OFLAG_TRUNC: Final = 8
OFLAGS_ALL: Final = 15

LOOKUP_SYMLINK_FOLLOW: Final = 1  # `lookupflags` (u32)

# `fstflags` (u16)
FSTFLAG_ATIM: Final = 1
FSTFLAG_ATIM_NOW: Final = 2
FSTFLAG_MTIM: Final = 4
FSTFLAG_MTIM_NOW: Final = 8
FSTFLAGS_ALL: Final = 15

# `whence` (u8)
WHENCE_SET: Final = 0
WHENCE_CUR: Final = 1
WHENCE_END: Final = 2

# `clockid` (u32)
CLOCK_REALTIME: Final = 0
CLOCK_MONOTONIC: Final = 1
CLOCK_PROCESS_CPUTIME: Final = 2
CLOCK_THREAD_CPUTIME: Final = 3

# `eventtype` (u8), `eventrwflags` and `subclockflags` (u16)
EVENT_CLOCK: Final = 0
EVENT_FD_READ: Final = 1
EVENT_FD_WRITE: Final = 2
EVENT_HANGUP: Final = 1
SUBCLOCK_ABSTIME: Final = 1

# `riflags` and `roflags` (u16), `sdflags` (u8)
RECV_PEEK: Final = 1
RECV_WAITALL: Final = 2
RECV_DATA_TRUNCATED: Final = 1
SHUTDOWN_RECEIVE: Final = 1
SHUTDOWN_SEND: Final = 2

ADVICE_LAST: Final = 5  # `advice` (u8): normal, sequential, random, willneed, dontneed, noreuse

PREOPENTYPE_DIR: Final = 0

# `signal` (u8): those whose default action is to do nothing, those that stop, and the last.
SIGNALS_IGNORED: Final = frozenset({0, 13, 16, 17, 22, 27})  # none, pipe, chld, cont, urg, winch
SIGNALS_STOPPING: Final = frozenset({18, 19, 20, 21})  # stop, tstp, ttin, ttou
SIGNAL_LAST: Final = 30

U16 = Struct("<H")
U32 = Struct("<I")
U64 = Struct("<Q")
CIOVEC = Struct("<II")  # buf, buf_len; `iovec` is the same
FDSTAT = Struct("<BxHxxxxQQ")  # filetype, flags, rights base, rights inheriting
FILESTAT = Struct("<QQB7xQQQQQ")  # dev, ino, filetype, nlink, size, atim, mtim, ctim
FILESTAT_UNSTABLE = Struct("<QQB3xIQQQQ")  # the same, nlink a u32
PRESTAT = Struct("<B3xI")  # tag, pr_name_len
DIRENT = Struct("<QQIB3x")  # d_next, d_ino, d_namlen, d_type; the name follows
EVENT = Struct("<QHB5xQH6x")  # userdata, error, type, nbytes, flags
# userdata, tag, then the union: clock (id, timeout, precision, flags) or fd in place of id.
SUBSCRIPTION = Struct("<QB7xI4xQQH6x")
# `wasi_unstable` has one more u64 (identifier) at the front of the clock.
SUBSCRIPTION_UNSTABLE = Struct("<QB7x8xI4xQQH6x")
# Where the descriptor stands in the union of a subscription, in either layout.
SUBSCRIPTION_FD_OFFSET: Final = 16

assert (FDSTAT.size, FILESTAT.size, PRESTAT.size, DIRENT.size) == (24, 64, 8, 24)
assert (EVENT.size, SUBSCRIPTION.size, SUBSCRIPTION_UNSTABLE.size) == (32, 48, 56)
assert FILESTAT_UNSTABLE.size == 56

Signature = tuple[tuple[str, ...], tuple[str, ...]]


def _signature(params: str, results: str = "i32") -> Signature:
    return tuple(params.split()), tuple(results.split())


SIGNATURES: Final[dict[str, Signature]] = {
    "args_get": _signature("i32 i32"),
    "args_sizes_get": _signature("i32 i32"),
    "environ_get": _signature("i32 i32"),
    "environ_sizes_get": _signature("i32 i32"),
    "clock_res_get": _signature("i32 i32"),
    "clock_time_get": _signature("i32 i64 i32"),
    "fd_advise": _signature("i32 i64 i64 i32"),
    "fd_allocate": _signature("i32 i64 i64"),
    "fd_close": _signature("i32"),
    "fd_datasync": _signature("i32"),
    "fd_fdstat_get": _signature("i32 i32"),
    "fd_fdstat_set_flags": _signature("i32 i32"),
    "fd_fdstat_set_rights": _signature("i32 i64 i64"),
    "fd_filestat_get": _signature("i32 i32"),
    "fd_filestat_set_size": _signature("i32 i64"),
    "fd_filestat_set_times": _signature("i32 i64 i64 i32"),
    "fd_pread": _signature("i32 i32 i32 i64 i32"),
    "fd_prestat_get": _signature("i32 i32"),
    "fd_prestat_dir_name": _signature("i32 i32 i32"),
    "fd_pwrite": _signature("i32 i32 i32 i64 i32"),
    "fd_read": _signature("i32 i32 i32 i32"),
    "fd_readdir": _signature("i32 i32 i32 i64 i32"),
    "fd_renumber": _signature("i32 i32"),
    "fd_seek": _signature("i32 i64 i32 i32"),
    "fd_sync": _signature("i32"),
    "fd_tell": _signature("i32 i32"),
    "fd_write": _signature("i32 i32 i32 i32"),
    "path_create_directory": _signature("i32 i32 i32"),
    "path_filestat_get": _signature("i32 i32 i32 i32 i32"),
    "path_filestat_set_times": _signature("i32 i32 i32 i32 i64 i64 i32"),
    "path_link": _signature("i32 i32 i32 i32 i32 i32 i32"),
    "path_open": _signature("i32 i32 i32 i32 i32 i64 i64 i32 i32"),
    "path_readlink": _signature("i32 i32 i32 i32 i32 i32"),
    "path_remove_directory": _signature("i32 i32 i32"),
    "path_rename": _signature("i32 i32 i32 i32 i32 i32"),
    "path_symlink": _signature("i32 i32 i32 i32 i32"),
    "path_unlink_file": _signature("i32 i32 i32"),
    "poll_oneoff": _signature("i32 i32 i32 i32"),
    "proc_exit": _signature("i32", ""),
    "proc_raise": _signature("i32"),
    "sched_yield": _signature(""),
    "random_get": _signature("i32 i32"),
    "sock_accept": _signature("i32 i32 i32"),
    "sock_recv": _signature("i32 i32 i32 i32 i32 i32"),
    "sock_send": _signature("i32 i32 i32 i32 i32"),
    "sock_shutdown": _signature("i32 i32"),
}
