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
from collections import deque
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
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def job_count(jobs: int | None) -> int:
    """How many jobs are meant: one a core by default; ValueError for less than one."""
    if jobs is None:
        return usable_cores()
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, not {jobs}")
    return jobs


class Pool:
    """Threads that run tasks, from the first :meth:`add` until it is closed or stopped.

    Python's collector rests while a pool works: a finaliser in one of its threads might call the
    instance that waits for the pool.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._waiting: deque[tuple[int, Task]] = deque()
        self._changed = threading.Condition()
        self._outcomes: deque[tuple[int, bytes | BaseException]] = deque()
        self._closed = False
        self._stopped = False
        self._failed = False  # then no further task is begun either
        self._running = 0
        _finish_at_exit()
        _pools.add(self)
        _rest_collector(1)

    def add(self, number: int, task: Task) -> None:
        """Have a task run, whose outcome comes with its number."""
        with self._changed:
            self._waiting.append((number, task))
            self._changed.notify_all()
            wanted = self._running < self._jobs and not self._failed
            # Counted before it runs, so that nobody takes it not to be there.
            self._running += wanted
        if wanted and not native.get().start_compiler_thread(self._work):
            with self._changed:
                self._running -= 1

    def close(self) -> None:
        """No task will be added."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def stop(self) -> None:
        """No further task is begun; those that run end by themselves."""
        with self._changed:
            if not self._stopped:
                self._stopped = True
                _rest_collector(-1)
            self._changed.notify_all()
            if not self._running:
                _pools.discard(self)

    def wait(self) -> None:
        """Returns when no task runs any more."""
        with self._changed:
            while self._running:
                self._changed.wait()

    def _work(self) -> None:
        try:
            self._take_tasks()
        finally:
            with self._changed:
                self._running -= 1
                if self._stopped and not self._running:
                    _pools.discard(self)
                self._changed.notify_all()

    def _take_tasks(self) -> None:
        while True:
            with self._changed:
                while not (self._waiting or self._closed or self._stopped or self._failed):
                    self._changed.wait()
                if self._stopped or self._failed or not self._waiting:
                    return
                number, task = self._waiting.popleft()
            try:
                outcome: bytes | BaseException = task()
            except BaseException as error:
                outcome = error
            del task
            with self._changed:
                if isinstance(outcome, BaseException):
                    self._failed = True
                self._outcomes.append((number, outcome))
                self._changed.notify_all()

    def outcomes(self) -> Iterator[tuple[int, bytes]]:
        """Tasks' numbers and results as they come; raises what a task raised.

        Closes the pool, and stops it in the end, whatever that is.
        """
        self.close()
        try:
            with self._changed:
                alone = not self._running
                self._running += alone
            if alone:
                self._work()  # here, as the system refuses threads
            while True:
                with self._changed:
                    while not self._outcomes and self._running:
                        self._changed.wait()
                    if not self._outcomes:
                        return
                    number, outcome = self._outcomes.popleft()
                if isinstance(outcome, BaseException):
                    raise outcome
                yield number, outcome
        finally:
            self.stop()


_collector: Final = threading.Lock()
_resting: list[bool] = []  # of each pool at work: whether the collector was on before it


def _rest_collector(more: int) -> None:
    with _collector:
        if more > 0:
            _resting.append(gc.isenabled())
            gc.disable()
        elif len(_resting) > 1:
            _resting.pop()
        elif _resting.pop():
            gc.enable()


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
    pool = Pool(jobs)
    try:
        for number in sorted(range(len(tasks)), key=lambda number: -sizes[number]):
            pool.add(number, tasks[number])
        yield from pool.outcomes()
    finally:
        pool.stop()
