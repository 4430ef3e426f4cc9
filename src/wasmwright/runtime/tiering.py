"""From baseline code to optimised code, while it runs.

Baseline code counts how often its functions and loops are entered, and writes the number of what
is hot into a pipe. A thread waits at its other end, has LLVM compile the function and those that it
calls, and publishes the code: in the records that calls go through, and for a loop in the cell that
baseline code looks into when it has counted on for a while. Nobody waits for that thread.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import ctypes
import itertools
import os
import select
import threading
import time
import weakref
from typing import Final, Protocol

from wasmwright import tuning
from wasmwright.codegen.baseline.sites import BLOCK
from wasmwright.runtime import fallback, llvm
from wasmwright.runtime.baseline import BaselineUnit

_NUMBER_SIZE: Final = 8  # bytes of a message
_BATCH: Final = 512
_PATIENCE: Final = 1.0  # seconds that a fork waits for


class Optimiser(Protocol):
    """The code of a module, which can be made better."""

    def optimise(self, unit: BaselineUnit, site: int) -> None:
        """Compiles what the site of a unit is the head of, and publishes it."""

    def is_optimised(self, func: int) -> bool:
        """Whether a function has been compiled so."""

    def name(self, func: int) -> str:
        """What a function is called."""


class Tiers:
    """The pipe, its reader, and which site a number means."""

    # No lock around the units: what compiles may be interrupted by a signal's handler that compiles
    # too, in the same thread. Each step is atomic under the GIL.

    def __init__(self) -> None:
        self._units: dict[int, tuple[weakref.ref[Optimiser], weakref.ref[BaselineUnit]]] = {}
        self._blocks = itertools.count()
        self._free: list[int] = []  # blocks of units that are gone
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._off = False
        self.busy = False  # whether something is being compiled
        self._working = threading.Lock()
        self._held = False  # by a fork
        self.publishing = threading.Lock()  # while others get to see what was compiled
        atexit.register(self._finish)
        self._read, self._write = -1, -1

    def start(self) -> int | None:
        """The file that code tells of what is hot; None where there is no optimising."""
        with self._lock:
            if self._off:
                return None
            try:
                if self._read < 0:
                    read, self._write = os.pipe()
                    os.set_blocking(self._write, False)
                    self._read = read
                if self._thread is None:
                    thread = threading.Thread(target=self._run, name="wasmwright", daemon=True)
                    thread.start()
                    self._thread = thread
            except (OSError, RuntimeError) as error:  # no more files or threads
                fallback.note("the start of its thread", error)
                self._off = True
                return None
            return self._write

    def block(self) -> int:
        """The number of the first of BLOCK sites, which nobody else has."""
        try:
            return self._free.pop() * BLOCK
        except IndexError:
            return next(self._blocks) * BLOCK

    def add(self, first: int, owner: Optimiser, unit: BaselineUnit) -> None:
        """Announces code whose sites have the numbers from ``first`` on."""
        block = first // BLOCK

        def gone(_: object) -> None:
            self._units.pop(block, None)
            self._free.append(block)

        self._units[block] = weakref.ref(owner), weakref.ref(unit, gone)

    def abandon(self) -> None:
        """Has the process's end not wait for a compilation; it must not run the C library's."""
        self._off, self._working = True, threading.Lock()

    def _finish(self) -> None:
        # LLVM must not be at work in another thread while the process ends: the C library takes
        # apart what it uses.
        self._off = True
        if self._working.acquire(timeout=tuning.EXIT_PATIENCE):
            self._working.release()
            return
        # A large function may take half a minute. Handlers run last first: with the status that it
        # is to have, the process ends before anything else is taken apart.
        library = ctypes.CDLL(None)
        if not hasattr(library, "on_exit"):  # it is glibc's
            with self._working:
                return
        library.fflush(None)
        library.on_exit(ctypes.cast(library._exit, ctypes.c_void_p), None)

    def before_fork(self) -> None:
        """Has no lock of a module's code be held by the thread that a child will not have."""
        # (A signal's handler may fork where the thread waits for what its own thread holds.)
        self._held = self.publishing.acquire(timeout=_PATIENCE)

    def after_fork_here(self) -> None:
        """In the parent process."""
        if self._held:
            self.publishing.release()

    def after_fork(self) -> None:
        """In a child process: nobody reads there, and its code still writes to the same number."""
        self._lock, self._working = threading.RLock(), threading.Lock()
        self.publishing = threading.Lock()
        self._thread = None
        # LLVM stays as the fork found it: if it was at work, it is of no use here.
        self._off, self.busy = self._off or self.busy, False
        if self._read < 0:
            return
        read, write = os.pipe()
        os.dup2(read, self._read, inheritable=False)
        os.dup2(write, self._write, inheritable=False)
        os.close(read)
        os.close(write)
        os.set_blocking(self._write, False)

    def _run(self) -> None:
        soon = tuning.OPTIMISE_AFTER
        waiting = select.poll()
        waiting.register(self._read, select.POLLIN)
        late: collections.deque[int] = collections.deque()
        while True:
            if late and not waiting.poll(0):
                self._handle(late.popleft())
                continue
            data = os.read(self._read, _NUMBER_SIZE * _BATCH)
            time.sleep(soon)
            soon = 0.0
            for at in range(0, len(data), _NUMBER_SIZE):
                number = int.from_bytes(data[at : at + _NUMBER_SIZE], "little")
                if self._can_wait(number):
                    late.append(number)
                else:
                    self._handle(number)

    def _can_wait(self, number: int) -> bool:
        """Whether the function of a site has better code, which its next call will run."""
        # A loop may run in the code of before, but more often it does no longer.
        found = self._site(number)
        if found is None:
            return False
        owner, unit, site = found
        return owner.is_optimised(unit.sites[site].func)

    def _site(self, number: int) -> tuple[Optimiser, BaselineUnit, int] | None:
        """The site of a number: whose it is, in which unit, and which there; None if it is gone."""
        found = self._units.get(number // BLOCK)
        if found is None:
            return None
        owner, unit, site = found[0](), found[1](), number % BLOCK
        if owner is None or unit is None or site >= len(unit.sites):
            return None
        return owner, unit, site

    def _handle(self, number: int) -> None:
        found = self._site(number)
        if found is None or self._off:
            return
        owner, unit, site = found
        self.busy = True
        try:
            with self._working:
                if llvm.available():  # or says in the log that it is not
                    owner.optimise(unit, site)
                else:
                    self._off = True
        except Exception as error:
            # The program goes on as it is.
            fallback.note(owner.name(unit.sites[site].func), error)
        finally:
            self.busy = False


_tiers: Final = Tiers()


def get() -> Tiers:
    """The process's."""
    return _tiers


with contextlib.suppress(AttributeError):
    os.register_at_fork(
        before=_tiers.before_fork,
        after_in_parent=_tiers.after_fork_here,
        after_in_child=_tiers.after_fork,
    )
