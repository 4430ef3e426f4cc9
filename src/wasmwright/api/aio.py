"""Wasm in asyncio: calls that the event loop does not wait for, and host functions that await.

A call runs in a worker thread. An ``async def`` host function is a task of the loop that the call
came from; meanwhile the worker waits in the host function, with wasm's frames on its stack, and
runs what the task in turn calls in the same instance. A call that is cancelled is stopped as by
``Instance.interrupt``, and its host function's task is cancelled.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
import time
from asyncio import AbstractEventLoop, CancelledError
from collections.abc import Callable, Coroutine
from queue import Empty, SimpleQueue
from typing import Any, Final
from weakref import WeakKeyDictionary

from wasmwright import errors, tuning
from wasmwright.codegen import abi
from wasmwright.runtime import interrupts, native, native_types, references, turns
from wasmwright.runtime.block import Block

# The call that the running code is part of: in its worker, and in its host functions' tasks.
_current: contextvars.ContextVar[_Call | None] = contextvars.ContextVar("call", default=None)


async def aio(
    function: Callable[..., Any], /, *args: Any, timeout: float | None = None, **named: Any
) -> Any:
    """``function(*args, **named)`` in a worker thread: for what calls wasm, and may take long.

    ``await ww.aio(ww.Instance, module, imports)`` and ``await ww.aio(wasi.run, "prog.wasm")`` are
    examples; for a wasm function, ``f.aio(...)`` is short. Async host functions run as tasks of
    this event loop. Cancelling, and the end of ``timeout`` (in seconds), stop the wasm code: the
    latter raises InterruptError. Host functions that are not async are waited for.
    """
    loop = asyncio.get_running_loop()
    outer = _current.get()
    if outer is not None and not outer.serves(loop):
        outer = None
    call = _Call(loop, lambda: function(*args, **named))
    if type(function) is not native_types.func_type:
        return await call.on(outer.worker if outer else _worker(), timeout, None)
    block = references.block_of(function)
    if outer is not None and native.read64(block.address + abi.RT_OWNER) == outer.thread:
        return await call.on(outer.worker, timeout, None)
    lock = _lock(loop, block)
    left = await _acquire(lock, timeout)
    try:
        return await call.on(_worker(), left, outer)
    finally:
        lock.release()


def suspending(function: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """What wasm calls for an async host function: it waits for its coroutine."""

    def call(*args: Any) -> Any:
        inside = _current.get()
        if inside is None or inside.worker.ident != threading.get_ident():
            name = getattr(function, "__name__", repr(function))
            raise RuntimeError(
                f"{name}() is async: await the wasm function that calls it, by f.aio(...)"
            )
        return _Suspension(inside, function(*args)).wait()

    call.__name__ = getattr(function, "__name__", "async host function")
    return call


# --- calls ----------------------------------------------------------------------------------------


class _Call:
    """One call, from the loop's side (`on`) and its worker's (`execute`)."""

    worker: _Worker

    def __init__(self, loop: AbstractEventLoop, function: Callable[[], Any]) -> None:
        self.loop = loop
        self.loop_thread = turns.this_thread()
        self.thread = 0
        self.suspended = 0  # how many of its host functions wait
        self._function = function
        self._ended = loop.create_future()
        self._result: Any = None
        self._error: BaseException | None = None
        self._cancelled = False
        self._outer: _Call | None = None

    def serves(self, loop: AbstractEventLoop) -> bool:
        """Whether its worker waits for a task of this loop, and so can do something for it."""
        return self.loop is loop and self.suspended > 0

    async def on(self, worker: _Worker, timeout: float | None, outer: _Call | None) -> Any:
        """Its outcome, from this worker; ``outer`` waits for it meanwhile."""
        self.worker = worker
        self._outer = outer
        self._stop = interrupts.Deadline(timeout)
        self._context = contextvars.copy_context()
        self._context.run(_current.set, self)
        worker.messages.put(self)
        cancelled: CancelledError | None = None
        while not self._ended.done():
            try:
                await asyncio.shield(self._ended)
            except CancelledError as error:
                cancelled = error
                self._cancelled = True
                self._stop.expire("the task was cancelled")
        del self._context  # which has this as its call
        failure, self._error = cancelled or self._error, None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure, cancelled  # the traceback has this frame
        return self._result

    def execute(self) -> None:
        """Runs it, in its worker."""
        self.thread = turns.this_thread()
        if self._outer is not None:
            turns.serving[self.thread] = self._outer.thread
        try:
            with self._stop as stop:
                if self._cancelled:  # before there was something to stop
                    stop.expire("the task was cancelled")
                self._result = self._context.run(self._function)
        except BaseException as error:
            self._error = error
        if self._outer is not None:
            turns.serving.pop(self.thread, None)
        _tell(self.loop, self._end)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)


class _Suspension:
    """A host function's coroutine as a task, and the worker that waits for it."""

    def __init__(self, call: _Call, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._call = call
        self._coroutine = coroutine
        self._context = contextvars.copy_context()
        self._task: asyncio.Task[Any] | None = None
        self._finished = False

    def wait(self) -> Any:
        """What the coroutine returns, or raises; InterruptError if the call is stopped."""
        call, messages = self._call, self._call.worker.messages
        stopped: errors.InterruptError | None = None
        interrupts.sleepers[call.worker.ident] = call.worker.wake
        call.suspended += 1
        try:
            if not _tell(call.loop, self._start):
                self._coroutine.close()
                raise RuntimeError("the event loop of an async host function is closed")
            while not self._finished:
                if stopped is None:
                    try:
                        interrupts.check()
                    except errors.InterruptError as error:
                        stopped = error
                        _tell(call.loop, self._cancel)
                turns.suspended[call.thread] = call.loop_thread
                try:
                    message = messages.get()
                finally:
                    turns.suspended.pop(call.thread, None)
                if message is not None:
                    message.execute()
                    interrupts.sleepers[call.worker.ident] = call.worker.wake
        finally:
            call.suspended -= 1
            interrupts.sleepers.pop(call.worker.ident, None)
        task, self._task = self._task, None
        try:
            if stopped is not None:
                raise stopped
            assert task is not None
            return task.result()
        finally:
            del stopped, task  # the traceback has this frame

    def _start(self) -> None:
        self._task = self._call.loop.create_task(self._coroutine, context=self._context)
        self._task.add_done_callback(self._finish)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _finish(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled():
            task.exception()  # seen, should nobody ask for the result
        self._finished = True
        self._call.worker.wake()


def _tell(loop: AbstractEventLoop, callback: Callable[[], None]) -> bool:
    """Has a loop call something; False if it is closed."""
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:
        return False
    return True


# --- one call at a time in instances that are linked ----------------------------------------------

# Calls wait here and not in a thread each.
_locks: Final[WeakKeyDictionary[Block, dict[AbstractEventLoop, asyncio.Lock]]] = WeakKeyDictionary()


def _lock(loop: AbstractEventLoop, block: Block) -> asyncio.Lock:
    locks = _locks.setdefault(block, {})
    found = locks.get(loop)
    if found is None:
        for other in [each for each in locks if each.is_closed()]:
            del locks[other]
        found = locks[loop] = asyncio.Lock()
    return found


async def _acquire(lock: asyncio.Lock, timeout: float | None) -> float | None:
    """What is left of the timeout then; InterruptError if that is nothing."""
    if not lock.locked() or timeout is None:
        await lock.acquire()
        return timeout
    began = time.monotonic()
    try:
        async with asyncio.timeout(timeout):
            await lock.acquire()
    except TimeoutError:
        why = f"the deadline of {timeout:g} s has passed"
        kind = errors.TRAP_KINDS[errors.TRAP_INTERRUPT]
        raise errors.InterruptError(kind, (), why) from None
    return max(0.0, timeout - (time.monotonic() - began))


# --- threads --------------------------------------------------------------------------------------


class _Worker:
    """A thread that runs calls, one after the other or one inside the other."""

    def __init__(self) -> None:
        # A call to run, or None: there is news.
        self.messages: SimpleQueue[_Call | None] = SimpleQueue()
        # A daemon: a call whose loop has gone must not keep the process.
        thread = threading.Thread(target=self._run, name="wasmwright call", daemon=True)
        thread.start()
        assert thread.ident is not None
        self.ident = thread.ident

    def wake(self) -> None:
        """Has it look whether something has happened."""
        self.messages.put(None)

    def _run(self) -> None:
        while True:
            try:
                message = self.messages.get(timeout=tuning.WORKER_IDLE)
            except Empty:
                try:
                    _idle.remove(self)
                except ValueError:  # just taken
                    continue
                return
            if message is not None:
                message.execute()
                message = None
                _idle.append(self)


_idle: Final[list[_Worker]] = []


def _worker() -> _Worker:
    try:
        return _idle.pop()
    except IndexError:
        return _Worker()


os.register_at_fork(after_in_child=_idle.clear)
