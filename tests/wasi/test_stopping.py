"""Ending programs that run or wait: Ctrl-C, time limits, interruption from another thread."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import wasmwright as ww
from wasmwright import wasi

# In memory: at 0 an iovec of 10 bytes, at 8 one of 64 KiB; at 2048 a subscription to 18 minutes of
# sleep, at 2096 one to standard input. And a function for each way to take long.
SLOW = """(module
    (import "wasi_snapshot_preview1" "fd_read"
        (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write"
        (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff"
        (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sock_accept"
        (func $sock_accept (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sock_recv"
        (func $sock_recv (param i32 i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 2)
    (data (i32.const 0) "\\00\\04\\00\\00\\0a")
    (data (i32.const 8) "\\00\\04\\00\\00\\00\\00\\01")
    (data (i32.const 2064) "\\01") (data (i32.const 2077) "\\01")
    (data (i32.const 2104) "\\01")
    (func (export "loop") (loop (br 0)))
    (func (export "read") (drop (call $fd_read
        (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 64))))
    (func (export "write") (loop (br_if 0 (i32.eqz (call $fd_write
        (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 64))))))
    (func (export "sleep") (drop (call $poll_oneoff
        (i32.const 2048) (i32.const 4096) (i32.const 1) (i32.const 64))))
    (func (export "wait") (drop (call $poll_oneoff
        (i32.const 2096) (i32.const 4096) (i32.const 1) (i32.const 64))))
    (func (export "both") (drop (call $poll_oneoff
        (i32.const 2048) (i32.const 4096) (i32.const 2) (i32.const 64))))
    (func (export "accept") (drop (call $sock_accept
        (i32.const 3) (i32.const 0) (i32.const 64))))
    (func (export "receive") (drop (call $sock_recv
        (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 64) (i32.const 68)))))"""

WAYS = ["loop", "read", "write", "sleep", "wait", "both", "accept", "receive"]


@pytest.fixture
def slow() -> Iterator[Any]:
    """An instance whose input never comes and whose output nobody reads."""
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    ours, theirs = socket.socketpair()
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        ours,
        theirs,
        wasi.Preview1(stdin=in_read, stdout=out_write, sockets=[server, theirs]) as host,
    ):
        yield wasi.instantiate(ww.Module(SLOW), host)
    for fd in (in_read, in_write, out_read, out_write):
        os.close(fd)


def ended(call: Callable[[], object], error: type[BaseException]) -> float:
    """Expect `call` to end with `error`; gives the seconds that it took."""
    start = time.monotonic()
    with pytest.raises(error):
        call()
    return time.monotonic() - start


@pytest.mark.parametrize("way", WAYS)
def test_ctrl_c_ends_it(slow: Any, way: str) -> None:
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    assert ended(slow.exports[way], KeyboardInterrupt) < 10
    timer.join()


@pytest.mark.parametrize("way", WAYS)
def test_another_thread_interrupts_it(slow: Any, way: str) -> None:
    timer = threading.Timer(0.3, slow.interrupt)
    timer.start()
    assert ended(slow.exports[way], ww.InterruptError) < 10
    timer.join()
    # What was ended can be called again.
    timer = threading.Timer(0.1, slow.interrupt)
    timer.start()
    assert ended(slow.exports[way], ww.InterruptError) < 10
    timer.join()


@pytest.mark.parametrize("way", ["loop", "read", "write", "sleep", "wait", "both"])
def test_a_time_limit_ends_a_program(way: str) -> None:
    command = wasi.Command(SLOW.replace(f'"{way}"', '"_start"'))
    read_end, write_end = os.pipe()

    def run() -> None:
        command(stdin=read_end, stdout=write_end, timeout=0.2)

    try:
        assert ended(run, ww.InterruptError) < 10
        assert ended(run, ww.InterruptError) < 10
    finally:
        os.close(read_end)
        os.close(write_end)


def test_a_time_limit_that_is_kept_changes_nothing() -> None:
    command = wasi.Command('(module (memory (export "memory") 1) (func (export "_start")))')
    for _ in range(3):
        assert command(timeout=60).exit_code == 0
    with pytest.raises(ValueError, match="not negative"):
        command(timeout=-1)


def test_on_wait_ends_waits(slow: Any) -> None:
    class Stop(Exception):
        pass

    def stop() -> None:
        raise Stop

    read_end, write_end = os.pipe()
    with wasi.Preview1(stdin=read_end) as host:
        instance = wasi.instantiate(ww.Module(SLOW), host)
        host.on_wait = stop
        for way in ("read", "wait", "both", "sleep"):
            assert ended(instance.exports[way], Stop) < 10
    os.close(read_end)
    os.close(write_end)
