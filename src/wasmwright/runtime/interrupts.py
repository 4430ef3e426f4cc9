"""Stopping wasm code from outside: requests, deadlines, and the thread that sees them through.

``codegen.llvm.stop`` says how code is stopped. One signal may come while the thread is in a host
call or in a helper, so a daemon thread repeats it every millisecond or so until the call is over;
it starts when there is something to do and ends when there is not.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import heapq
import itertools
import os
import threading
import time
from collections.abc import Callable
from typing import Final

from wasmwright import errors, tuning
from wasmwright.codegen import abi
from wasmwright.runtime import block, native, turns
from wasmwright.runtime.block import Block

# Asked again and again until it says that nothing is left to stop.
Tick = Callable[[], bool]

# Why a block's calls are stopped, by its address, for the message.
_reasons: Final[dict[int, str]] = {}
# Wakes a thread that waits in a host function, by `threading.get_ident`: it then calls `check`.
sleepers: Final[dict[int, Callable[[], None]]] = {}


class _Calls:
    """The native functions. Called with the GIL held, so that no thread enters or leaves a block
    meanwhile.
    """

    def __init__(self) -> None:
        core = native.get()
        self._signal = core.stop_signal
        pointer, word, number = ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int
        self._request = ctypes.PYFUNCTYPE(number, pointer, word, word, number)(
            core.core_symbol("ww_stop_request")
        )
        self._spread = ctypes.PYFUNCTYPE(number, pointer, pointer, number)(
            core.core_symbol("ww_stop_spread")
        )
        self.pending = ctypes.PYFUNCTYPE(ctypes.c_size_t)(core.core_symbol("ww_stop_pending"))
        self.here = ctypes.PYFUNCTYPE(word)(core.core_symbol("ww_stop_here"))

    def request(self, address: int, thread: int, word: int) -> bool:
        """Ends the activations of a block below ``word``, if ``thread`` (0: any) is in them."""
        found = bool(self._request(address, thread, word, self._signal))
        if found:
            _wake(address)
        return found

    def spread(self, address: int, other: int) -> int:
        """Sees a request for a block through to ``other``; 0 if it is done with, 2 if so."""
        found = int(self._spread(address, other, self._signal))
        if found == 2 and other != address:
            _wake(other)
        return found


_calls = functools.cache(_Calls)


def _wake(address: int) -> None:
    wake = sleepers.get(native.read64(address + abi.RT_PTHREAD)) if sleepers else None
    if wake is not None:
        wake()


def interrupt(target: Block, reason: str = "") -> bool:
    """Stops the call in progress in ``target`` with InterruptError; from any thread.

    What that call has called in other blocks is stopped with it. Gives whether there was one:
    a call that begins later is not meant.
    """
    root = target.root
    with _lock:
        if not _calls().request(root.address, 0, abi.STOP_EVERYTHING):
            return False
        _reasons[root.address] = reason
        # One tick a block will do, however often it is asked for.
        if root not in _stopping:
            _stopping.add(root)
            watch(lambda: _spread(root, reason))
    return True


# Blocks for which there is a tick, and what keeps that true.
_stopping: Final[set[Block]] = set()
_lock = threading.RLock()


def _spread(root: Block, reason: str) -> bool:
    calls = _calls()
    with _lock:
        if not calls.spread(root.address, root.address):
            _stopping.discard(root)
            return False
    for other in _running():
        if other is not root and calls.spread(root.address, other.address) == 2:
            _reasons[other.address] = reason
    return True


def _running() -> list[Block]:
    while True:
        try:
            return [each for each in block.live if each.running]
        except RuntimeError:  # another thread made one meanwhile
            continue


def reason(address: int) -> str:
    """Why the calls of the block at this address were stopped; forgotten with that."""
    return _reasons.pop(address, "")


def check() -> None:
    """Raises InterruptError if the wasm code that called this thread's host function is to stop.

    For host functions that wait: they are not interrupted themselves.
    """
    address = _calls().pending()
    if address:
        kind = errors.TRAP_KINDS[errors.TRAP_INTERRUPT]
        raise errors.InterruptError(kind, (), _reasons.get(address, ""))


class Deadline:
    """``with Deadline(seconds):`` stops the wasm calls of this thread that last beyond it.

    They raise InterruptError, as do calls that begin later inside the ``with``. Host code is not
    stopped, nor is what was running before. With None for the seconds, only ``expire`` does it.
    """

    __slots__ = ("_done", "_lock", "_outer", "_reason", "_seconds", "_thread", "_timer")

    def __init__(self, seconds: float | None) -> None:
        if seconds is not None:
            if not isinstance(seconds, (int, float)):
                raise TypeError(f"a deadline is a number of seconds, not {seconds!r:.60}")
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
        self._outer = _calls().here()
        native.get().watch_signals()
        self._reason = ""
        self._timer: Timer | None = None
        with self._lock:
            self._done = False
            if self._seconds is not None:
                self._reason = f"the deadline of {self._seconds:g} s has passed"
                self._timer = watch(self._tick, self._seconds)
        return self

    def __exit__(self, *_: object) -> None:
        # The lock: once this is over, nothing that begins later may be stopped.
        with self._lock:
            self._done = True
            turns.impatient.pop(self._thread, None)
            timer = self._timer
        if timer is not None:
            forget(timer)

    def expire(self, reason: str) -> None:
        """Stops the calls now; from any thread. Nothing happens where the ``with`` is over."""
        with self._lock:
            if self._done:
                return
            timer = self._timer
            self._reason = reason
            self._timer = watch(self._tick)
        if timer is not None:
            forget(timer)

    def _tick(self) -> bool:
        calls = _calls()
        with self._lock:
            if self._done:
                return False
            turns.impatient[self._thread] = self._reason
            for each in _running():
                if calls.request(each.address, self._thread, self._outer):
                    _reasons[each.address] = self._reason
        return True


class Timer:
    """A tick with the time at which it begins."""

    __slots__ = ("number", "tick", "when")

    def __init__(self, when: float, number: int, tick: Tick) -> None:
        self.when = when
        self.number = number
        self.tick: Tick | None = tick

    def __lt__(self, other: Timer) -> bool:
        return (self.when, self.number) < (other.when, other.number)


class _Watchdog:
    """The daemon thread and what it has to do."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._timers: list[Timer] = []
        self._cancelled = 0
        self._ticks: list[Tick] = []
        self._tries = 0
        self._numbers = itertools.count()

    def add(self, tick: Tick, delay: float) -> Timer:
        """Has ``tick`` called after ``delay`` seconds, and again while it says so."""
        with self._changed:
            timer = Timer(time.monotonic() + delay, next(self._numbers), tick)
            heapq.heappush(self._timers, timer)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="wasmwright interrupts", daemon=True
                )
                self._thread.start()
            elif self._timers[0] is timer:
                self._changed.notify()
        return timer

    def cancel(self, timer: Timer) -> None:
        """Forgets a timer. Many may be cancelled long before their time, so they do not stay."""
        with self._changed:
            timer.tick = None
            self._cancelled += 1
            if self._cancelled > 64 and 2 * self._cancelled > len(self._timers):
                self._timers = [each for each in self._timers if each.tick is not None]
                heapq.heapify(self._timers)
                self._cancelled = 0

    def _run(self) -> None:
        while self._next():
            self._ticks = [tick for tick in self._ticks if _goes_on(tick)]

    def _next(self) -> bool:
        """Waits until there are ticks to call; False if there were none for long."""
        with self._changed:
            if self._ticks:
                # What does not end soon is in a host function, which looks when it returns.
                self._tries += 1
                often = self._tries < tuning.STOP_TRIES
                self._changed.wait(tuning.STOP_AGAIN if often else tuning.STOP_LATER)
            while True:
                now = time.monotonic()
                while self._timers and self._timers[0].when <= now:
                    timer = heapq.heappop(self._timers)
                    if timer.tick is not None:
                        self._ticks.append(timer.tick)
                        self._tries = 0
                    else:
                        self._cancelled -= 1
                if self._ticks:
                    return True
                if self._timers:
                    self._changed.wait(min(self._timers[0].when - now, threading.TIMEOUT_MAX))
                elif not self._changed.wait(tuning.WATCHDOG_IDLE) and not self._timers:
                    self._thread = None
                    return False


def _goes_on(tick: Tick) -> bool:
    # One that fails is a bug of ours; the others go on.
    with contextlib.suppress(Exception):
        return tick()
    return False


_watchdog = _Watchdog()


def watch(tick: Tick, delay: float = 0.0) -> Timer:
    """Has ``tick`` called after ``delay`` seconds, and every millisecond or so while it is true."""
    return _watchdog.add(tick, delay)


def forget(timer: Timer) -> None:
    """Takes back a `watch` whose time has not come."""
    _watchdog.cancel(timer)


def _after_fork() -> None:
    # The child has no watchdog thread, and the lock may have been held.
    global _lock, _watchdog
    _lock = threading.RLock()
    _stopping.clear()
    _watchdog = _Watchdog()


os.register_at_fork(after_in_child=_after_fork)
