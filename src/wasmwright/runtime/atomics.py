"""Waiting on and waking at addresses of shared memories (spec: the threads proposal).

Waiters queue by the host address they wait at, so instances that share a memory meet. A waiter
compares and queues under one lock, and a notification takes the same lock, so no wake-up is lost.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Final

from wasmwright import tuning
from wasmwright.runtime import interrupts

WOKEN: Final = 0
NOT_EQUAL: Final = 1
TIMED_OUT: Final = 2

_lock: Final = threading.Lock()
_waiters: Final[dict[int, list[threading.Event]]] = {}


def wait(address: int, size: int, expected: int, timeout: int) -> int:
    """Waits until the ``size`` bytes at ``address``, if they are ``expected``, are notified.

    ``timeout`` is nanoseconds, or negative to wait without end. The caller has checked that the
    bytes are inside a memory. Gives WOKEN, NOT_EQUAL or TIMED_OUT; raises InterruptError if the
    calling code is to stop.
    """
    event = threading.Event()
    with _lock:
        value = int.from_bytes(ctypes.string_at(address, size), "little")
        if value != expected & (1 << 8 * size) - 1:
            return NOT_EQUAL
        _waiters.setdefault(address, []).append(event)
    try:
        left = float("inf") if timeout < 0 else timeout / 1e9
        # In pieces, so that whoever stops wasm code can.
        while left > 0 and not event.wait(min(left, tuning.WAIT_PIECE)):
            left -= tuning.WAIT_PIECE
            interrupts.check()
    finally:
        with _lock:
            queue = _waiters.get(address, [])
            if event in queue:
                queue.remove(event)
            if not queue:
                _waiters.pop(address, None)
    return WOKEN if event.is_set() else TIMED_OUT


def notify(address: int, count: int) -> int:
    """Wakes up to ``count`` waiters at ``address``, the longest waiting first; how many it were."""
    with _lock:
        queue = _waiters.get(address, [])
        woken, queue[:] = queue[:count], queue[count:]
        for event in woken:
            event.set()
    return len(woken)
