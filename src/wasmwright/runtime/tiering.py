"""From baseline code to optimised code, while it runs.

Baseline code counts how often its functions and loops are entered, and writes the number of what
is hot into a pipe. A thread waits at its other end, has LLVM compile the function and those that it
calls, and publishes the code: in the records that calls go through, and for a loop in the cell that
baseline code looks into when it has counted on for a while. Nobody waits for that thread.
"""

from __future__ import annotations

import atexit
import bisect
import contextlib
import os
import threading
import weakref
from typing import TYPE_CHECKING, Final, Protocol

from wasmwright.errors import WasmError
from wasmwright.runtime import llvm
from wasmwright.runtime.baseline import BaselineUnit

if TYPE_CHECKING:
    from logging import Logger

_NUMBER_SIZE: Final = 8  # bytes of a message
_BATCH: Final = 512
_FEW: Final = 16


class Optimiser(Protocol):
    """The code of a module, which can be made better."""

    def optimise(self, unit: BaselineUnit, site: int) -> None:
        """Compiles what the site of a unit is the head of, and publishes it."""


class Tiers:
    """The pipe, its reader, and which site a number means."""

    def __init__(self) -> None:
        self.announcing = threading.Lock()  # to be held from `start` to `add`
        self._lock = threading.Lock()
        self._firsts: list[int] = []
        self._owners: list[tuple[weakref.ref[Optimiser], weakref.ref[BaselineUnit]]] = []
        self._crowded = _FEW  # units from which on those are dropped that are gone
        self._next = 1
        self._thread: threading.Thread | None = None
        self._off = False
        self.busy = False  # whether something is being compiled
        self._working = threading.Lock()
        atexit.register(self._finish)
        self._read, self._write = -1, -1

    def start(self) -> tuple[int, int] | None:
        """What code that is about to be compiled tells of what is hot: the file, and from which
        number on; None where there is no optimising.
        """
        with self._lock:
            if self._off:
                return None
            if self._read < 0:
                self._read, self._write = os.pipe()
                os.set_blocking(self._write, False)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wasmwright", daemon=True)
                self._thread.start()
            return self._write, self._next

    def add(self, owner: Optimiser, unit: BaselineUnit) -> None:
        """Announces code whose first number ``start`` gave."""
        with self._lock:
            if len(self._owners) > self._crowded:
                alive = [
                    (first, pair)
                    for first, pair in zip(self._firsts, self._owners, strict=True)
                    if pair[1]() is not None
                ]
                self._firsts = [first for first, _ in alive]
                self._owners = [pair for _, pair in alive]
                self._crowded = 2 * len(alive) + _FEW
            self._firsts.append(self._next)
            self._owners.append((weakref.ref(owner), weakref.ref(unit)))
            self._next += len(unit.sites)

    def abandon(self) -> None:
        """Has the process's end not wait for a compilation; it must not run the C library's."""
        self._off, self._working = True, threading.Lock()

    def _finish(self) -> None:
        # LLVM must not be at work in another thread while the process ends.
        self._off = True
        with self._working:
            pass

    def after_fork(self) -> None:
        """In a child process: nobody reads there, and its code still writes to the same number."""
        self.announcing, self._working = threading.Lock(), threading.Lock()
        self._lock = threading.Lock()
        self._thread = None
        if self._read < 0:
            return
        read, write = os.pipe()
        os.dup2(read, self._read)
        os.dup2(write, self._write, inheritable=False)
        os.close(read)
        os.close(write)
        os.set_blocking(self._write, False)

    def _run(self) -> None:
        while True:
            data = os.read(self._read, _NUMBER_SIZE * _BATCH)
            for at in range(0, len(data), _NUMBER_SIZE):
                self._handle(int.from_bytes(data[at : at + _NUMBER_SIZE], "little"))

    def _handle(self, number: int) -> None:
        with self._lock:
            at = bisect.bisect_right(self._firsts, number) - 1
            if at < 0:
                return
            first, (one, other) = self._firsts[at], self._owners[at]
        owner, unit = one(), other()
        if owner is None or unit is None or self._off or number - first >= len(unit.sites):
            return
        self.busy = True
        try:
            with self._working:
                if llvm.available():  # or says in the log that it is not
                    owner.optimise(unit, number - first)
                else:
                    self._off = True
        except WasmError as error:
            _log().warning("no optimised code from here on: %s", error)
            self._off = True
        except Exception:
            # The program goes on as it is.
            _log().exception("optimising failed")
        finally:
            self.busy = False


def _log() -> Logger:
    import logging  # rarely needed, and not cheap

    return logging.getLogger("wasmwright")


_tiers: Final = Tiers()


def get() -> Tiers:
    """The process's."""
    return _tiers


with contextlib.suppress(AttributeError):
    os.register_at_fork(after_in_child=_tiers.after_fork)
