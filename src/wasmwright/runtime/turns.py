"""Whose turn it is when several threads want into one runtime block.

A thread that finds another inside waits here, in the order of arrival. The first in the queue
writes itself into the block as the one who may enter next, so that a thread that leaves and
enters again at once does not overtake it. All of this happens with the GIL held.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections import deque
from typing import Final

from wasmwright import errors, tuning
from wasmwright.codegen import abi
from wasmwright.runtime.native import read64, write64

# Who waits for each runtime block, by its address; and for which block each thread waits. Threads
# are the addresses of their thread states.
_queues: Final[dict[int, deque[int]]] = {}
_waiting: Final[dict[int, int]] = {}
# Threads in whose calls a host function waits for another thread, which is the value.
suspended: Final[dict[int, int]] = {}
# Threads that work for a host function which another thread, the value, waits for.
serving: Final[dict[int, int]] = {}
# Why a thread is to wait no longer, by `threading.get_ident`.
impatient: Final[dict[int, str]] = {}

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
    wait for ever: for a thread that waits for a block that this thread is in, or for this thread.
    Raises InterruptError if it is stopped while it waits.
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
            if impatient and threading.get_ident() in impatient:
                why = impatient[threading.get_ident()]
                raise errors.InterruptError(errors.TRAP_KINDS[errors.TRAP_INTERRUPT], (), why)
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
    while met <= len(_waiting) + len(suspended):
        owner = read64(block + abi.RT_OWNER)
        if owner == thread:
            raise RuntimeError(
                "two threads wait for each other: each is in an instance that the other calls"
            )
        if owner in suspended:
            _refuse_suspended(owner, thread)
            owner = suspended[owner]
        if owner not in _waiting:
            return
        block = _waiting[owner]
        met += 1


def _refuse_suspended(owner: int, thread: int) -> None:
    if suspended[owner] == thread:
        raise RuntimeError(
            "the instance waits for an async host function, which cannot go on while this thread "
            "waits for the instance: use `await f.aio(...)` in coroutines"
        )
    while thread in serving:
        thread = serving[thread]
        if thread == owner:
            raise RuntimeError(
                "the instance waits for an async host function, which waits for this call: "
                "call its functions there by `await f.aio(...)`"
            )
