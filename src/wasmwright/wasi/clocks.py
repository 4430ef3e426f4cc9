"""Clocks as capabilities: the host's, or ones that give the same times in every run."""

from __future__ import annotations

import time
from typing import Protocol

from wasmwright.wasi.abi import (
    CLOCK_MONOTONIC,
    CLOCK_PROCESS_CPUTIME,
    CLOCK_REALTIME,
    CLOCK_THREAD_CPUTIME,
)

CLOCK_IDS = (CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME, CLOCK_THREAD_CPUTIME)


_INFO = (
    time.get_clock_info("time"),
    time.get_clock_info("monotonic"),
    time.get_clock_info("process_time"),
    time.get_clock_info("thread_time"),
)


class Clocks(Protocol):
    """What a guest reads time from. `clock_id` is always one of `CLOCK_IDS`."""

    def now(self, clock_id: int) -> int:
        """Nanoseconds; since 1970 for the real-time clock, since an unnamed point for others."""

    def resolution(self, clock_id: int) -> int:
        """Nanoseconds between two different readings, at least 1."""

    def sleep(self, duration_ns: int) -> None:
        """Let `duration_ns` pass."""

    @property
    def real(self) -> bool:
        """Whether time passes by itself, so that waiting for something else makes sense."""


class SystemClocks:
    """The host's clocks."""

    __slots__ = ()

    _READERS = (time.time_ns, time.monotonic_ns, time.process_time_ns, time.thread_time_ns)

    real = True

    def now(self, clock_id: int) -> int:
        return self._READERS[clock_id]()

    def resolution(self, clock_id: int) -> int:
        return max(1, round(_INFO[clock_id].resolution * 1e9))

    def sleep(self, duration_ns: int) -> None:
        time.sleep(duration_ns / 1e9)


class FixedClocks:
    """Clocks that depend on nothing but how often they are asked, for reproducible runs.

    All four start at `start_ns` (ns since 1970); each reading moves them on by `step_ns`, each
    sleep by its duration, at once.
    """

    __slots__ = ("_now", "_step")

    real = False

    def __init__(self, start_ns: int = 946_684_800_000_000_000, step_ns: int = 1_000) -> None:
        if start_ns < 0 or step_ns < 0:
            raise ValueError("start_ns and step_ns must not be negative")
        self._now = start_ns
        self._step = step_ns

    def now(self, clock_id: int) -> int:
        now = self._now
        self._now = now + self._step
        return now

    def resolution(self, clock_id: int) -> int:
        return max(1, self._step)

    def sleep(self, duration_ns: int) -> None:
        self._now += duration_ns
