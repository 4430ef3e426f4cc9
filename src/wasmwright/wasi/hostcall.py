"""What every WASI call shares: guest memory with bounds, and errors that become errnos."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import wraps
from threading import RLock
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from wasmwright.wasi.abi import (
    CIOVEC,
    U32_MASK,
    Errno,
    WasiError,
    errno_from_host,
)
from wasmwright.wasi.clocks import Clocks
from wasmwright.wasi.descriptors import DescriptorTable
from wasmwright.wasi.filesystem import MAX_PATH
from wasmwright.wasi.random import Random

MAX_IOVECS = 65_536  # more are refused: looking at each would take the host seconds
MAX_BUFFERS = 1_024  # handed to one host call, as IOV_MAX; the guest asks again for the rest
MAX_TRANSFER = 0x7FFF_F000  # bytes in one call, as Linux


class State:
    """What the calls of one guest share."""

    __slots__ = (
        "args",
        "clocks",
        "env",
        "interrupted",
        "lock",
        "memory",
        "on_wait",
        "random",
        "table",
    )

    def __init__(
        self,
        args: list[bytes],
        env: list[bytes],
        table: DescriptorTable,
        clocks: Clocks,
        random: Random,
    ) -> None:
        self.args = args
        self.env = env
        self.table = table
        self.clocks = clocks
        self.random = random
        self.memory: Any = b""  # anything with the buffer protocol; every pointer faults in this
        # Called now and then while a call waits, to raise if it is to end: the host's and the
        # engine's.
        self.on_wait: Callable[[], object] | None = None
        self.interrupted: Callable[[], object] | None = None
        # Without it a thread could close a descriptor whose host number another thread is about
        # to use, and the host may have given that number to something else. Reentrant: a stream's
        # callback may call the guest.
        self.lock = RLock()

    def view(self) -> memoryview:
        """Guest memory as it is now: made afresh for each call, because it may have grown."""
        return memoryview(self.memory)

    @property
    def watched(self) -> bool:
        """Whether `turn` does anything, so that it must be called while a call waits."""
        return self.on_wait is not None or self.interrupted is not None

    def turn(self) -> None:
        """Let those who may want to end a wait have their turn: what they raise."""
        for callback in (self.on_wait, self.interrupted):
            if callback is not None:
                callback()

    def string(self, pointer: int, length: int) -> str:
        """A path: FAULT, NAMETOOLONG, ILSEQ if it is not UTF-8, INVAL for a NUL in it."""
        data = bytes(slice_of(self.view(), pointer, length, MAX_PATH))
        if b"\0" in data:
            raise WasiError(Errno.INVAL)
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise WasiError(Errno.ILSEQ) from None


class Calls(Protocol):
    """A group of WASI functions as methods named like them."""

    state: State


# struct.error: a pointer out of bounds; OverflowError: an offset or time past what the host can
# express.
ERRORS: Final = (WasiError, OSError, struct.error, OverflowError, MemoryError)

Self = TypeVar("Self", bound=Calls)
Params = ParamSpec("Params")


def hostcall(
    function: Callable[Concatenate[Self, Params], None],
) -> Callable[Concatenate[Self, Params], int]:
    """Make a WASI function of a method: its errno is 0, or what the exception says.

    Exceptions of Python objects that the host handed in (streams, say) other than OSError are the
    host's bugs, and go through the guest to the host.
    """

    @wraps(function)
    def call(self: Self, /, *args: Params.args, **kwargs: Params.kwargs) -> int:
        try:
            with self.state.lock:
                function(self, *args, **kwargs)
            return 0
        except ERRORS as error:
            return errno_of(error)

    return call


def errno_of(error: Exception) -> int:
    """The errno for one of `ERRORS`."""
    if isinstance(error, WasiError):
        return int(error.errno)
    if isinstance(error, OSError):
        return int(errno_from_host(error.errno))
    if isinstance(error, struct.error):
        return int(Errno.FAULT)
    if isinstance(error, MemoryError):
        return int(Errno.NOMEM)
    return int(Errno.INVAL)


def slice_of(view: memoryview, pointer: int, length: int, limit: int = U32_MASK) -> memoryview:
    """`length` bytes of guest memory at `pointer`: FAULT out of bounds, NAMETOOLONG over `limit`.

    Both are taken as the unsigned integers that they are in the guest.
    """
    pointer &= U32_MASK
    length &= U32_MASK
    if pointer + length > len(view):
        raise WasiError(Errno.FAULT)
    if length > limit:
        raise WasiError(Errno.NAMETOOLONG)
    return view[pointer : pointer + length]


def address(view: memoryview, pointer: int, size: int) -> int:
    """`pointer`, unsigned, after a check that `size` bytes are there: FAULT.

    Called for every result before the operation, so that nothing is done whose result is lost.
    """
    pointer &= U32_MASK
    if pointer + size > len(view):
        raise WasiError(Errno.FAULT)
    return pointer


def buffers_of(view: memoryview, pointer: int, count: int) -> list[memoryview]:
    """The non-empty buffers of an `iovec` or `ciovec` array, at most what one host call takes.

    FAULT where the array or a buffer is out of bounds, INVAL for more than MAX_IOVECS.
    """
    pointer &= U32_MASK
    count &= U32_MASK
    size = len(view)
    if count == 1:
        start, length = CIOVEC.unpack_from(view, pointer)
        if start + length > size:
            raise WasiError(Errno.FAULT)
        return [view[start : start + min(length, MAX_TRANSFER)]] if length else []
    if count > MAX_IOVECS:
        raise WasiError(Errno.INVAL)
    if pointer + count * 8 > size:
        raise WasiError(Errno.FAULT)
    buffers: list[memoryview] = []
    room = MAX_TRANSFER
    for start, length in CIOVEC.iter_unpack(view[pointer : pointer + count * 8]):
        if not length:
            continue
        if start + length > size:
            raise WasiError(Errno.FAULT)
        if length >= room or len(buffers) == MAX_BUFFERS - 1:
            buffers.append(view[start : start + min(length, room)])
            break
        room -= length
        buffers.append(view[start : start + length])
    return buffers
