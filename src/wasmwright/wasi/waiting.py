"""Reading and writing what may block: waiting in pieces, so that whoever ends the guest can.

A guest's blocking call must end when its host is interrupted, closes down or sets a deadline; so
no host call is made before the descriptor is ready for it, and `State.turn` is called between
waits.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from wasmwright.wasi.abi import FDFLAG_NONBLOCK, Errno, WasiError
from wasmwright.wasi.descriptors import Descriptor
from wasmwright.wasi.hostcall import State
from wasmwright.wasi.streams import Stream

T = TypeVar("T")

TURN_MS: Final = 50  # longest wait between two turns

# A pipe that is ready takes this much without blocking (PIPE_BUF).
_PIECE: Final = min(select.PIPE_BUF, 4096)


def await_ready(state: State, descriptor: Descriptor, stream: Stream, event: int) -> None:
    """Wait until `stream` is ready for `event` (POLLIN, POLLOUT); AGAIN if non-blocking."""
    fd = stream.fileno()
    if fd < 0:  # closed by the host meanwhile
        raise WasiError(Errno.BADF)
    poll = select.poll()
    poll.register(fd, event)
    if descriptor.flags & FDFLAG_NONBLOCK:
        if not poll.poll(0):
            raise WasiError(Errno.AGAIN)
        return
    while not poll.poll(TURN_MS if state.watched else None):
        state.turn()


def when_ready(
    state: State,
    descriptor: Descriptor,
    stream: Stream,
    event: int,
    operation: Callable[[], T],
    *,
    may_block: bool,
) -> T:
    """Do `operation` on `stream` as soon as that is ready for it: OSError, AGAIN.

    One that never blocks is tried before anything is waited for: its error may be that there is
    nothing to wait for.
    """
    if may_block:
        await_ready(state, descriptor, stream, event)
    while True:
        try:
            return operation()
        except BlockingIOError:  # also where somebody else was faster
            if descriptor.flags & FDFLAG_NONBLOCK:
                raise
        state.turn()
        await_ready(state, descriptor, stream, event)


def read_some(
    state: State, descriptor: Descriptor, stream: Stream, buffers: Sequence[memoryview]
) -> int:
    """Read what is there, waiting for something if nothing is: OSError, AGAIN."""
    return when_ready(
        state,
        descriptor,
        stream,
        select.POLLIN,
        lambda: stream.read_into(buffers),
        may_block=descriptor.socket is None,
    )


def write_all(
    state: State, descriptor: Descriptor, stream: Stream, buffers: Sequence[memoryview]
) -> int:
    """Write all of `buffers`, waiting where there is no room; non-blocking: what there is room for.

    An error after the first bytes ends it early, and comes again with the next call.
    """
    may_block = descriptor.socket is None
    written = 0
    for piece in _pieces(buffers) if may_block else [buffers]:
        rest = piece
        while rest:
            now = rest
            try:
                count = when_ready(
                    state,
                    descriptor,
                    stream,
                    select.POLLOUT,
                    lambda: stream.write_from(now),  # noqa: B023 - called before `now` changes
                    may_block=may_block,
                )
            except (OSError, WasiError):
                if written:
                    return written
                raise
            written += count
            rest = skip(rest, count)
            if not count:
                return written
    return written


def _pieces(buffers: Sequence[memoryview]) -> Iterable[Sequence[memoryview]]:
    """`buffers` in parts that don't block; in one where that will do, for lines to stay whole."""
    if sum(map(len, buffers)) <= _PIECE:
        return [buffers]
    return [
        [buffer[start : start + _PIECE]]
        for buffer in buffers
        for start in range(0, len(buffer), _PIECE)
    ]


def skip(buffers: Sequence[memoryview], count: int) -> Sequence[memoryview]:
    """What is left of `buffers` after the first `count` bytes."""
    for index, buffer in enumerate(buffers):
        if count < len(buffer):
            return [buffer[count:], *buffers[index + 1 :]]
        count -= len(buffer)
    return []
