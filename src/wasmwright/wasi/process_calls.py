"""The rest of preview 1: arguments, environment, time, randomness, the process."""

from __future__ import annotations

import time
from collections.abc import Sequence

from wasmwright.wasi.abi import (
    SIGNAL_LAST,
    SIGNALS_IGNORED,
    SIGNALS_STOPPING,
    U32,
    U32_MASK,
    U64,
    Errno,
    WasiError,
)
from wasmwright.wasi.clocks import CLOCK_IDS
from wasmwright.wasi.hostcall import State, address, hostcall, slice_of


class Exit(Exception):
    """The guest ended itself: `proc_exit`, or a signal that it raised.

    `code` is the exit code, a u32; 128 + n for signal n, as shells say it.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"WASI program exited with code {code}")
        self.code = code


class ProcessCalls:
    """Functions about the guest as a process. Each returns an errno."""

    __slots__ = ("state",)

    def __init__(self, state: State) -> None:
        self.state = state

    @hostcall
    def args_sizes_get(self, argc: int, argv_buf_size: int) -> None:
        _write_sizes(self.state, self.state.args, argc, argv_buf_size)

    @hostcall
    def args_get(self, argv: int, argv_buf: int) -> None:
        _write_strings(self.state, self.state.args, argv, argv_buf)

    @hostcall
    def environ_sizes_get(self, count: int, size: int) -> None:
        _write_sizes(self.state, self.state.env, count, size)

    @hostcall
    def environ_get(self, environ: int, environ_buf: int) -> None:
        _write_strings(self.state, self.state.env, environ, environ_buf)

    @hostcall
    def clock_res_get(self, clock_id: int, resolution: int) -> None:
        _check_clock(clock_id)
        value = self.state.clocks.resolution(clock_id)
        U64.pack_into(self.state.view(), resolution & U32_MASK, value)

    @hostcall
    def clock_time_get(self, clock_id: int, precision: int, timestamp: int) -> None:
        _check_clock(clock_id)
        view = self.state.view()
        U64.pack_into(view, timestamp & U32_MASK, self.state.clocks.now(clock_id))

    @hostcall
    def random_get(self, buf: int, buf_len: int) -> None:
        self.state.random.fill(slice_of(self.state.view(), buf, buf_len))

    @hostcall
    def sched_yield(self) -> None:
        time.sleep(0)

    @hostcall
    def proc_exit(self, code: int) -> None:
        raise Exit(code & U32_MASK)

    @hostcall
    def proc_raise(self, signal: int) -> None:
        if not 0 <= signal <= SIGNAL_LAST:
            raise WasiError(Errno.INVAL)
        if signal in SIGNALS_STOPPING:
            raise WasiError(Errno.NOTSUP)
        if signal not in SIGNALS_IGNORED:
            raise Exit(128 + signal)


def _check_clock(clock_id: int) -> None:
    if clock_id not in CLOCK_IDS:
        raise WasiError(Errno.INVAL)


def _write_sizes(state: State, strings: Sequence[bytes], count: int, size: int) -> None:
    view = state.view()
    count = address(view, count, 4)
    U32.pack_into(view, size & U32_MASK, sum(len(item) + 1 for item in strings))
    U32.pack_into(view, count, len(strings))


def _write_strings(state: State, strings: Sequence[bytes], table: int, buffer: int) -> None:
    """Write the strings, each with a NUL, and the table of pointers to them."""
    view = state.view()
    table = address(view, table, 4 * len(strings))
    data = b"".join(item + b"\0" for item in strings)
    buffer &= U32_MASK
    slice_of(view, buffer, len(data))[:] = data
    for index, item in enumerate(strings):
        U32.pack_into(view, table + 4 * index, buffer)
        buffer += len(item) + 1
