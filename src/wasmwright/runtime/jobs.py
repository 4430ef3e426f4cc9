"""Compiling on several cores: tasks run in threads, each with stack enough for LLVM.

Threads, since LLVM's work holds neither the GIL nor (see ``codegen.llvm.compiler``) llvmlite's
lock. Processes would have to start Python and LLVM each, and what starts them in a user's program
would have to keep clear of its ``__main__``.
"""

from __future__ import annotations

import atexit
import functools
import gc
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from wasmwright.runtime import native

Task = Callable[[], bytes]

_pools: Final[set[Pool]] = set()


class Progress(Protocol):
    """Told how much of the work is done, in bytes of function bodies: first ``(0, total)``."""

    def __call__(self, done: int, total: int, /) -> None: ...


def no_progress(done: int, total: int, /) -> None:
    """A Progress that nobody looks at."""


def usable_cores() -> int:
    """How many CPUs this process may run on."""
    return len(os.sched_getaffinity(0))


def job_count(jobs: int | None) -> int:
    """How many jobs are meant: one a core by default; ValueError for less than one."""
    if jobs is None:
        return usable_cores()
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, not {jobs}")
    return jobs


class Pool:
    """Threads at work on tasks. Every task's outcome comes out of :meth:`outcomes`."""

    def __init__(self, tasks: Sequence[Task], order: Sequence[int], jobs: int) -> None:
        self._tasks = tasks
        self._next = iter(order)
        self._changed = threading.Condition()
        self._outcomes: list[tuple[int, bytes | BaseException]] = []
        self._stopped = False
        self._running = 0
        _pools.add(self)
        started = 0
        while started < min(jobs, len(tasks)) and self._start():
            started += 1
        if not started:
            self._running = 1
            self._work()  # here, as the system refuses threads

    def _start(self) -> bool:
        # Counted before it runs, so that nobody takes it not to be there.
        with self._changed:
            self._running += 1
        if native.get().start_compiler_thread(self._work):
            return True
        with self._changed:
            self._running -= 1
        return False

    def _work(self) -> None:
        try:
            self._take_tasks()
        finally:
            with self._changed:
                self._running -= 1
                if not self._running:
                    _pools.discard(self)
                self._changed.notify_all()

    def _take_tasks(self) -> None:
        while True:
            with self._changed:
                index = None if self._stopped else next(self._next, None)
            if index is None:
                return
            try:
                outcome: bytes | BaseException = self._tasks[index]()
            except BaseException as error:
                outcome = error
            with self._changed:
                self._outcomes.append((index, outcome))
                self._stopped = self._stopped or isinstance(outcome, BaseException)
                self._changed.notify_all()

    def outcomes(self) -> Iterator[tuple[int, bytes]]:
        """Tasks' numbers and results as they come; raises what a task raised, once all ended."""
        failed: BaseException | None = None
        while True:
            with self._changed:
                while not self._outcomes and self._running:
                    self._changed.wait()
                if not self._outcomes:
                    break
                index, outcome = self._outcomes.pop(0)
            if isinstance(outcome, BaseException):
                failed = failed or outcome
            elif failed is None:
                yield index, outcome
        if failed is not None:
            raise failed

    def stop(self) -> None:
        """No further task is begun."""
        with self._changed:
            self._stopped = True

    def wait(self) -> None:
        """Returns when no task runs any more."""
        with self._changed:
            while self._running:
                self._changed.wait()


@functools.cache
def _finish_at_exit() -> None:
    atexit.register(_finish)


def _finish() -> None:
    # LLVM must not be at work in another thread while the process ends.
    for pool in list(_pools):
        pool.stop()
        pool.wait()


def run(tasks: Sequence[Task], sizes: Sequence[int], jobs: int) -> Iterator[tuple[int, bytes]]:
    """The tasks' results with their numbers, as they come, from ``jobs`` threads.

    The largest are begun first, so that none of them is alone at the end. Raises what a task
    raised. Where that, or Ctrl-C, or closing the iterator ends it early, tasks that run end by
    themselves.
    """
    order = sorted(range(len(tasks)), key=lambda index: -sizes[index])
    _finish_at_exit()
    # A finaliser in a thread of the pool may call the instance that waits for the pool.
    collects = gc.isenabled()
    gc.disable()
    pool = None
    try:
        pool = Pool(tasks, order, jobs)
        yield from pool.outcomes()
    finally:
        if pool is not None:
            pool.stop()
        if collects:
            gc.enable()
