"""Whose turn it is when several threads want into one runtime block.

A thread that finds another inside waits here, in the order of arrival. The first in the queue
writes itself into the block as the one who may enter next, so that a thread that leaves and
enters again at once does not overtake it. All of this happens with the GIL held.
"""

from __future__ import annotations

import ctypes
import time
from collections import deque
from typing import Final

from wasmwright import tuning
from wasmwright.codegen import abi
from wasmwright.runtime.native import read64, write64

# Who waits for each runtime block, by its address; and for which block each thread waits. Threads
# are the addresses of their thread states.
_queues: Final[dict[int, deque[int]]] = {}
_waiting: Final[dict[int, int]] = {}

_thread_state = ctypes.pythonapi.PyThreadState_Get
_thread_state.restype = ctypes.c_size_t
_thread_state.argtypes = []


def this_thread() -> int:
    """The address of the calling thread's state."""
    state: int = _thread_state()
    return state


def wait(block: int, thread: int) -> None:
    """Waits until the runtime block at this address is free and it is the calling thread's turn.

    The thread enters the block next, or passes its turn on. Raises RuntimeError where it would
    wait for ever: for a thread that waits for a block that this thread is in.
    """
    queue = _queues.setdefault(block, deque())
    queue.append(thread)
    turn = False
    try:
        pause = tuning.BUSY_WAIT_FIRST
        while not turn:
            # (Whatever runs while this thread sleeps, a signal handler say, may wait here too.)
            _waiting[thread] = block
            _refuse_deadlock(block, thread)
            if queue[0] == thread and read64(block + abi.RT_TURN) in (0, thread):
                write64(block + abi.RT_TURN, thread)
                turn = read64(block + abi.RT_OWNER) == 0
            if not turn:
                time.sleep(pause)
                pause = min(2 * pause, tuning.BUSY_WAIT_MOST)
    finally:
        _waiting.pop(thread, None)
        queue.remove(thread)
        if not queue and _queues.get(block) is queue:
            del _queues[block]
        if not turn and read64(block + abi.RT_TURN) == thread:
            pass_on(block)


def pass_on(block: int) -> None:
    """Gives up the calling thread's turn."""
    write64(block + abi.RT_TURN, 0)


def _refuse_deadlock(block: int, thread: int) -> None:
    """Follows who waits for whom, from the block on."""
    met = 0
    while met <= len(_waiting):
        owner = read64(block + abi.RT_OWNER)
        if owner == thread:
            raise RuntimeError(
                "two threads wait for each other: each is in an instance that the other calls"
            )
        if owner not in _waiting:
            return
        block = _waiting[owner]
        met += 1
