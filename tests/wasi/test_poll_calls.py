from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wasmwright.wasi import Errno, FixedClocks
from wasmwright.wasi.abi import MODULE_UNSTABLE, RIGHT_FD_READ

OUT, SUBS, EVENTS = 8, 1024, 8192


def clock(userdata: int, timeout: int, clock_id: int = 1, absolute: bool = False) -> bytes:
    return struct.pack("<QB7xI4xQQH6x", userdata, 0, clock_id, timeout, 0, int(absolute))


def fd_event(userdata: int, kind: int, fd: int) -> bytes:
    return struct.pack("<QB7xI28x", userdata, kind, fd)


def poll(guest: Any, *subscriptions: bytes) -> list[tuple[int, ...]]:
    """userdata, error, type, nbytes and flags of each event."""
    guest.put(b"".join(subscriptions), SUBS)
    guest.ok("poll_oneoff", SUBS, EVENTS, len(subscriptions), OUT)
    return [
        struct.unpack_from("<QHB5xQH6x", guest.memory, EVENTS + 32 * index)
        for index in range(guest.u32())
    ]


def test_a_clock_alone_sleeps(make_guest: Callable[..., Any]) -> None:
    guest = make_guest()
    start = time.monotonic()
    assert poll(guest, clock(77, 30_000_000)) == [(77, 0, 0, 0, 0)]
    assert time.monotonic() - start >= 0.03
    now = time.time_ns()
    assert poll(guest, clock(1, now + 10_000_000, 0, True), clock(2, 2**64 - 1)) == [
        (1, 0, 0, 0, 0)
    ]
    assert time.time_ns() >= now + 10_000_000


def test_descriptors_that_are_ready(make_guest: Callable[..., Any], root: Path) -> None:
    (root / "f").write_bytes(b"12345")
    guest = make_guest(stdin=b"x", dirs={"/": root})
    fd = guest.open("f")
    guest.read(fd, 2)
    assert poll(
        guest, clock(1, 10**12), fd_event(2, 1, 0), fd_event(3, 2, 1), fd_event(4, 1, fd)
    ) == [(2, 0, 1, 1, 0), (3, 0, 2, 1, 0), (4, 0, 1, 3, 0)]


def test_pipes_are_waited_for(make_guest: Callable[..., Any]) -> None:
    read_end, write_end = os.pipe()
    guest = make_guest(stdin=read_end)
    subscriptions = clock(1, 20_000_000), fd_event(2, 1, 0)
    assert poll(guest, *subscriptions) == [(1, 0, 0, 0, 0)]
    os.write(write_end, b"abc")
    assert poll(guest, *subscriptions) == [(2, 0, 1, 3, 0)]
    os.close(write_end)
    guest.read(0)
    assert poll(guest, *subscriptions) == [(2, 0, 1, 0, 1)]
    os.close(read_end)


def test_errors_are_events(make_guest: Callable[..., Any], root: Path) -> None:
    (root / "f").touch()
    guest = make_guest(dirs={"/": root})
    fd = guest.open("f", 0, RIGHT_FD_READ)
    assert poll(guest, fd_event(1, 1, 99), fd_event(2, 2, fd), clock(3, 0, 9)) == [
        (1, Errno.BADF, 1, 0, 0),
        (2, Errno.NOTCAPABLE, 2, 0, 0),
        (3, Errno.INVAL, 0, 0, 0),
    ]


def test_bad_arguments(make_guest: Callable[..., Any]) -> None:
    guest = make_guest()
    assert guest.call("poll_oneoff", SUBS, EVENTS, 0, OUT) is Errno.INVAL
    assert guest.call("poll_oneoff", SUBS, EVENTS, -1, OUT) is Errno.INVAL
    guest.put(struct.pack("<QB39x", 1, 9), SUBS)
    assert guest.call("poll_oneoff", SUBS, EVENTS, 1, OUT) is Errno.INVAL
    for args in ((-1, EVENTS, 1, OUT), (SUBS, -1, 1, OUT), (SUBS, EVENTS, 1, -1)):
        assert guest.call("poll_oneoff", *args) is Errno.FAULT
    assert guest.call("poll_oneoff", SUBS, EVENTS, 5000, OUT) is Errno.FAULT


def test_fixed_clocks_do_not_wait(make_guest: Callable[..., Any]) -> None:
    read_end, write_end = os.pipe()
    guest = make_guest(stdin=read_end, clocks=FixedClocks(5, 0))
    assert poll(guest, clock(1, 10**18), fd_event(2, 1, 0)) == [(1, 0, 0, 0, 0)]
    guest.ok("clock_time_get", 0, 0, OUT)
    assert guest.u64() == 10**18 + 5
    os.close(read_end)
    os.close(write_end)


def test_a_wait_can_be_ended_from_outside(make_guest: Callable[..., Any]) -> None:
    class Stop(Exception):
        pass

    def stop() -> None:
        raise Stop

    guest = make_guest()
    guest.wasi.on_wait = stop
    with pytest.raises(Stop):
        poll(guest, clock(1, 10**15))


def test_wasi_unstable_has_its_own_layouts(make_guest: Callable[..., Any], root: Path) -> None:
    (root / "f").write_bytes(b"12345")
    guest = make_guest(stdin=b"x", dirs={"/": root})
    fd = guest.open("f")
    old = guest.wasi.imports()[MODULE_UNSTABLE]
    assert old["fd_seek"](fd, -2, 1, OUT) == 0  # from the end
    assert guest.u64() == 3
    assert old["fd_seek"](fd, 1, 2, OUT) == 0  # from the start
    assert guest.u64() == 1
    assert old["fd_seek"](fd, 1, 0, OUT) == 0
    assert guest.u64() == 2
    assert old["fd_seek"](fd, 1, 3, OUT) == Errno.INVAL
    for call in (
        lambda: old["fd_filestat_get"](fd, EVENTS),
        lambda: old["path_filestat_get"](3, 0, *guest.path("f"), EVENTS),
    ):
        assert call() == 0
        filetype, nlink, size = struct.unpack_from("<16xB3xIQ", guest.memory, EVENTS)
        assert (filetype, nlink, size) == (4, 1, 5)
    guest.put(
        struct.pack("<QB7xQI4xQQH6x", 1, 0, 0, 1, 10**15, 0, 0) + struct.pack("<QB7xI36x", 2, 1, 0),
        SUBS,
    )
    assert old["poll_oneoff"](SUBS, EVENTS, 2, OUT) == 0
    assert (guest.u32(), guest.u64(EVENTS)) == (1, 2)
