"""Stopping wasm code from outside: requests, deadlines, and the thread that sees them through.

``codegen.llvm.stop`` says how code is stopped. One signal may come while the thread is in a host
call or in a helper, so a daemon thread repeats it every millisecond or so until the call is over;
it starts when there is something to do and ends when there is not.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import threading
import time
from collections.abc import Callable
from typing import Final

from wasmwright import errors, tuning
from wasmwright.codegen.llvm.stop import EVERYTHING
from wasmwright.runtime import block, native
from wasmwright.runtime.block import Block

# Asked again and again until it says that nothing is left to stop.
Tick = Callable[[], bool]

# Why a block's calls are stopped, by its address, for the message.
_reasons: Final[dict[int, str]] = {}


def interrupt(target: Block, reason: str = "") -> bool:
    """Stops the call in progress in ``target`` with InterruptError; from any thread.

    What that call has called in other blocks is stopped with it. Gives whether there was one:
    a call that begins later is not meant.
    """
    root = target.root
    core = native.get()
    if not core.stop_request(root.address, 0, EVERYTHING):
        return False
    _reasons[root.address] = reason
    watch(lambda: _spread(root, reason))
    return True


def _spread(root: Block, reason: str) -> bool:
    core = native.get()
    going = core.stop_spread(root.address, root.address)
    if going:
        for other in _running():
            if other is not root:
                core.stop_spread(root.address, other.address)
                _reasons.setdefault(other.address, reason)
    return going


def _running() -> list[Block]:
    return [each for each in list(block.live) if each.running]


def reason(address: int) -> str:
    """Why the calls of the block at this address were stopped; forgotten with that."""
    return _reasons.pop(address, "")


def check() -> None:
    """Raises InterruptError if the wasm code that called this thread's host function is to stop.

    For host functions that wait: they are not interrupted themselves.
    """
    if native.get().stop_pending():
        raise errors.InterruptError(errors.TRAP_KINDS[errors.TRAP_INTERRUPT])


class Deadline:
    """``with Deadline(seconds):`` stops the wasm calls of this thread that last beyond it.

    They raise InterruptError, as do calls that begin later inside the ``with``. Host code is not
    stopped, nor is what was running before.
    """

    __slots__ = ("_done", "_lock", "_outer", "_seconds", "_thread")

    def __init__(self, seconds: float) -> None:
        if not seconds >= 0:
            raise ValueError("a deadline is a number of seconds, not negative")
        self._seconds = seconds
        self._lock = threading.Lock()
        self._done = True
        self._thread = 0
        self._outer = 0

    def __enter__(self) -> Deadline:
        if not self._done:
            raise RuntimeError("a deadline is for one block at a time")
        self._thread = threading.get_ident()
        # Activations inside the block are at lower addresses of the stack than this.
        self._outer = native.get().stack_pointer()
        self._done = False
        watch(self._tick, self._seconds)
        return self

    def __exit__(self, *_: object) -> None:
        # The lock: once this is over, nothing that begins later may be stopped.
        with self._lock:
            self._done = True

    def _tick(self) -> bool:
        core = native.get()
        with self._lock:
            if self._done:
                return False
            for each in _running():
                if core.stop_request(each.address, self._thread, self._outer):
                    _reasons[each.address] = f"the deadline of {self._seconds:g} s has passed"
        return True


class _Watchdog:
    """The daemon thread and what it has to do."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._timers: list[tuple[float, int, Tick]] = []
        self._ticks: list[Tick] = []
        self._numbers = itertools.count()

    def add(self, tick: Tick, delay: float) -> None:
        """Has ``tick`` called after ``delay`` seconds, and again while it says so."""
        with self._changed:
            when = time.monotonic() + delay
            timer = (when, next(self._numbers), tick)
            heapq.heappush(self._timers, timer)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="wasmwright interrupts", daemon=True
                )
                self._thread.start()
            elif self._timers[0] is timer:
                self._changed.notify()

    def _run(self) -> None:
        while self._wait():
            # One that fails is a bug of ours; the others go on.
            done = []
            for tick in self._ticks:
                going = False
                with contextlib.suppress(Exception):
                    going = tick()
                if not going:
                    done.append(tick)
            self._ticks = [tick for tick in self._ticks if tick not in done]

    def _wait(self) -> bool:
        """Waits for something to do; False if there was nothing for long."""
        with self._changed:
            idle = 0
            while True:
                now = time.monotonic()
                while self._timers and self._timers[0][0] <= now:
                    self._ticks.append(heapq.heappop(self._timers)[2])
                    idle = -1
                if idle < 0:
                    return True
                if self._ticks and idle:
                    return True
                pause = tuning.WATCHDOG_IDLE
                if self._timers:
                    pause = min(pause, self._timers[0][0] - now)
                if self._ticks:
                    pause = min(pause, tuning.STOP_AGAIN)
                elif not self._timers and idle:
                    self._thread = None
                    return False
                self._changed.wait(pause)
                idle += 1


_watchdog = _Watchdog()


def watch(tick: Tick, delay: float = 0.0) -> None:
    """Has ``tick`` called after ``delay`` seconds, and every millisecond or so while it is true."""
    _watchdog.add(tick, delay)


def _after_fork() -> None:
    # The child has no watchdog thread, and the lock may have been held.
    global _watchdog
    _watchdog = _Watchdog()


os.register_at_fork(after_in_child=_after_fork)
