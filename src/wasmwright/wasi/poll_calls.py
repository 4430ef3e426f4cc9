"""`poll_oneoff`: waiting for clocks and descriptors."""

from __future__ import annotations

import fcntl
import select
import struct
import termios
from typing import NamedTuple

from wasmwright.wasi.abi import (
    EVENT,
    EVENT_CLOCK,
    EVENT_FD_READ,
    EVENT_FD_WRITE,
    EVENT_HANGUP,
    RIGHT_POLL_FD_READWRITE,
    SUBCLOCK_ABSTIME,
    SUBSCRIPTION,
    SUBSCRIPTION_FD_OFFSET,
    U32,
    U32_MASK,
    Errno,
    WasiError,
)
from wasmwright.wasi.clocks import CLOCK_IDS
from wasmwright.wasi.descriptors import Descriptor
from wasmwright.wasi.hostcall import State, address, hostcall
from wasmwright.wasi.waiting import TURN_MS

MAX_SUBSCRIPTIONS = 8_192
# Waits are cut into pieces: no host takes 2**64 ns at once, and who may end one wants a turn.
_MAX_WAIT_NS = 3_600_000_000_000


class _Event(NamedTuple):
    userdata: int
    kind: int
    error: int = 0
    nbytes: int = 0
    flags: int = 0


class _Timer(NamedTuple):
    userdata: int
    clock_id: int
    deadline: int  # ns on that clock


class _Watch(NamedTuple):
    userdata: int
    kind: int
    fd: int  # the host's


class _Wait:
    """What one call waits for, and what has happened already."""

    __slots__ = ("ready", "timers", "watches")

    def __init__(self) -> None:
        self.ready: list[_Event] = []
        self.timers: list[_Timer] = []
        self.watches: list[_Watch] = []


class PollCalls:
    """`poll_oneoff`. Returns an errno."""

    __slots__ = ("state",)

    def __init__(self, state: State) -> None:
        self.state = state

    @hostcall
    def poll_oneoff(self, in_: int, out: int, nsubscriptions: int, nevents: int) -> None:
        poll(self.state, SUBSCRIPTION, in_, out, nsubscriptions, nevents)


def poll(
    state: State, layout: struct.Struct, in_: int, out: int, nsubscriptions: int, nevents: int
) -> None:
    """`poll_oneoff` for subscriptions of the given layout: WasiError, OSError."""
    count = nsubscriptions & U32_MASK
    if count == 0 or count > MAX_SUBSCRIPTIONS:
        raise WasiError(Errno.INVAL)
    view = state.view()
    result = address(view, nevents, 4)
    out = address(view, out, count * EVENT.size)
    in_ = address(view, in_, count * layout.size)
    wait = _Wait()
    for index in range(count):
        _subscribe(state, wait, view, layout, in_ + index * layout.size)
    events = _wait(state, wait)
    # Memory may have moved while this waited, if a stream's callback let it grow.
    view = state.view()
    for index, event in enumerate(events):
        EVENT.pack_into(
            view,
            out + index * EVENT.size,
            event.userdata,
            event.error,
            event.kind,
            event.nbytes,
            event.flags,
        )
    U32.pack_into(view, result, len(events))


def _subscribe(state: State, wait: _Wait, view: memoryview, layout: struct.Struct, at: int) -> None:
    userdata, kind, clock_id, timeout, _precision, flags = layout.unpack_from(view, at)
    if kind == EVENT_CLOCK:
        if clock_id not in CLOCK_IDS:
            wait.ready.append(_Event(userdata, kind, Errno.INVAL))
            return
        start = 0 if flags & SUBCLOCK_ABSTIME else state.clocks.now(clock_id)
        wait.timers.append(_Timer(userdata, clock_id, start + timeout))
        return
    if kind not in (EVENT_FD_READ, EVENT_FD_WRITE):
        raise WasiError(Errno.INVAL)
    (fd,) = U32.unpack_from(view, at + SUBSCRIPTION_FD_OFFSET)
    descriptor = state.table.entries.get(fd)
    if descriptor is None:
        wait.ready.append(_Event(userdata, kind, Errno.BADF))
    elif not descriptor.rights & RIGHT_POLL_FD_READWRITE:
        wait.ready.append(_Event(userdata, kind, Errno.NOTCAPABLE))
    elif descriptor.stream is None or descriptor.stream.fileno() < 0:
        wait.ready.append(_Event(userdata, kind, 0, _available(descriptor)))
    else:
        wait.watches.append(_Watch(userdata, kind, descriptor.stream.fileno()))


def _available(descriptor: Descriptor) -> int:
    """Bytes that a file, which is always ready, still has; 1 for what can't be known."""
    if descriptor.file is None:
        return 1
    try:
        return max(0, descriptor.file.stat().size - descriptor.position)
    except OSError:
        return 0


def _wait(state: State, wait: _Wait) -> list[_Event]:
    clocks = state.clocks
    poller = None
    if wait.watches:
        poller = select.poll()
        wanted: dict[int, int] = {}
        for watch in wait.watches:
            event = select.POLLIN if watch.kind == EVENT_FD_READ else select.POLLOUT
            wanted[watch.fd] = wanted.get(watch.fd, 0) | event
        for fd, events in wanted.items():
            poller.register(fd, events)
    while True:
        remaining = [timer.deadline - clocks.now(timer.clock_id) for timer in wait.timers]
        ready = wait.ready + [
            _Event(timer.userdata, EVENT_CLOCK)
            for timer, left in zip(wait.timers, remaining, strict=True)
            if left <= 0
        ]
        pause = min(remaining, default=_MAX_WAIT_NS)
        if clocks.real:
            pause = min(pause, TURN_MS * 1_000_000 if state.watched else _MAX_WAIT_NS)
        if poller is None:
            if ready:
                return ready
            clocks.sleep(pause)
        else:
            # Time that is made up doesn't pass while the host waits.
            block = not ready and (clocks.real or not wait.timers)
            # Rounded up: a wait that ends before the deadline would spin.
            found = dict(poller.poll(-(-pause // 1_000_000) if block else 0))
            ready += [_fd_event(watch, found) for watch in wait.watches if _fires(watch, found)]
            if ready:
                return ready
            if not block:
                clocks.sleep(pause)
        state.turn()


def _fires(watch: _Watch, found: dict[int, int]) -> bool:
    events = found.get(watch.fd, 0)
    awaited = select.POLLIN if watch.kind == EVENT_FD_READ else select.POLLOUT
    return bool(events & (awaited | select.POLLHUP | select.POLLERR | select.POLLNVAL))


def _fd_event(watch: _Watch, found: dict[int, int]) -> _Event:
    events = found[watch.fd]
    if events & select.POLLNVAL:
        return _Event(watch.userdata, watch.kind, Errno.BADF)
    flags = EVENT_HANGUP if events & select.POLLHUP else 0
    nbytes = 1
    if watch.kind == EVENT_FD_READ:
        try:
            answer = fcntl.ioctl(watch.fd, termios.FIONREAD, b"\0\0\0\0")
            nbytes = max(0, int.from_bytes(answer, "little", signed=True))
        except OSError:  # not every kind of descriptor can tell
            pass
    return _Event(watch.userdata, watch.kind, 0, nbytes, flags)
